"""The one writer of `benchmarks/results.json`: rows are merged by name, machine and commit stand at the head.

A row holds both sides of a comparison made in one run. `ratio` is held against `goal` in the direction of `better`.
"""

import datetime as dt
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results.json"
Better = Literal["higher", "lower"]


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        model = next(
            (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model
        )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def commit() -> str:
    """The checked-out commit; `+` where the work tree differs from it."""
    changed = _git("status", "--porcelain", "-uno")
    return (_git("rev-parse", "--short=12", "HEAD") or "unknown") + ("+" if changed else "")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  fixed argv, no shell
    return done.stdout.strip()


def record(
    name: str,
    *,
    ours: float,
    reference: float,
    ratio: float,
    goal: float,
    unit: str,
    better: Better,
    command: str,
    path: Path = RESULTS,
) -> None:
    """Merge one row into the results file and print it with both sides.

    Args:
        name: row's name; an older row of that name is replaced.
        ours: our figure, in `unit`.
        reference: the other side's, in the same unit and from the same run.
        ratio: what is compared with the goal.
        goal: the ratio to reach.
        unit: of `ours` and `reference`.
        better: whether a higher or a lower ratio is better.
        command: how to measure it again.
        path: the results file.
    """
    row = {
        "name": name, "ours": _short(ours), "reference": _short(reference), "ratio": _short(ratio),
        "goal": goal, "unit": unit, "better": better, "command": command,
    }  # fmt: skip
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    rows = sorted([old for old in rows if old["name"] != name] + [row], key=lambda item: str(item["name"]))
    measured = dt.datetime.now(dt.UTC).date().isoformat()
    head = {"machine": machine(), "commit": commit(), "measured": measured, "rows": rows}
    path.write_text(json.dumps(head, indent=1) + "\n", encoding="utf-8")
    print_row(row)


def _short(value: float) -> float:
    """Four figures: more would pretend to a precision that no timing has. Whole numbers stay whole."""
    return value if isinstance(value, int) else float(f"{value:.4g}")


def reached(row: dict[str, Any]) -> bool:
    """Whether the row's ratio meets its goal."""
    return bool(row["ratio"] >= row["goal"] if row["better"] == "higher" else row["ratio"] <= row["goal"])


def print_row(row: dict[str, Any]) -> None:
    """One line of the table: name, ours, reference, ratio against goal."""
    sign = ">=" if row["better"] == "higher" else "<="
    verdict = "reached" if reached(row) else "MISSED"
    print(
        f"{row['name']:<32} ours {row['ours']:>12} reference {row['reference']:>12} {row['unit']:<12}"
        f" ratio {row['ratio']:>9} goal {sign} {row['goal']:<7} {verdict}",
        flush=True,
    )


def print_table(path: Path = RESULTS) -> None:
    """The whole table as last measured."""
    for row in json.loads(path.read_text(encoding="utf-8"))["rows"]:
        print_row(row)


if __name__ == "__main__":
    print_table()
