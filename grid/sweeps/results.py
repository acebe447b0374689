"""The results of a sweep on disk: a file for each run, whole or not at all, and one table over all of them."""

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from grid.sweeps.plan import Run, Sweep

Row = dict[str, Any]
_COUNTS = ("slots", "households", "trades", "refused", "slots_with_breaches")
_BILLS = ("bill_before", "bill_after", "saved")


class SweepError(RuntimeError):
    """A sweep that can't go on; the message says what to do."""


class ResultFolder:
    """`runs/ID.json` of every finished run; `results.csv`, `.json` and `.parquet` once all are there."""

    def __init__(self, folder: Path, *, resume: bool) -> None:
        """Open or make it.

        Raises:
            SweepError: it holds results already and `resume` is not asked for.
        """
        self.folder, self._runs = folder, folder / "runs"
        if not resume and any(self._runs.glob("*.json")):
            raise SweepError(f"{folder} holds results already: add --resume to go on, or give another --out.")
        self._runs.mkdir(parents=True, exist_ok=True)

    def has(self, run: Run) -> bool:
        """Whether the run was finished, and without a fault: one with a fault is tried again."""
        try:
            return "summary" in msgspec.json.decode(self._path(run.id).read_bytes())
        except (OSError, msgspec.DecodeError):
            return False

    def keep(self, result: Mapping[str, Any]) -> None:
        """Store a result of `run_one`: tables first, so that a run that counts as finished has them."""
        for name, content in result.get("tables", {}).items():
            (self._runs / result["id"]).mkdir(exist_ok=True)
            _replace(self._runs / result["id"] / name, content)
        stored = {key: value for key, value in result.items() if key != "tables"}
        _replace(self._path(result["id"]), canonical(stored))

    def load(self, runs: Iterable[Run]) -> list[dict[str, Any]]:
        """Results of the runs that are there, in the order asked for."""
        return [
            msgspec.json.decode(self._path(run.id).read_bytes())
            for run in runs
            if self._path(run.id).exists()
        ]

    def tabulate(self, sweep: Sweep) -> list[Row]:
        """Write the table over all runs, in three formats; its rows."""
        rows = [row_of(result) for result in self.load(sweep.runs)]
        columns = list(dict.fromkeys(key for row in rows for key in row))
        full = [{column: row.get(column) for column in columns} for row in rows]
        _replace(self.folder / "results.json", msgspec.json.format(msgspec.json.encode(full), indent=1))
        _replace(self.folder / "results.csv", _csv(columns, full))
        _replace(self.folder / "results.parquet", _parquet(columns, full))
        return full

    def _path(self, identity: str) -> Path:
        return self._runs / f"{identity}.json"


def canonical(result: Mapping[str, Any]) -> bytes:
    """The one text of a result: keys in order, no spaces."""
    return msgspec.json.encode(result, order="deterministic")


def row_of(result: Mapping[str, Any]) -> Row:
    """A run in one row: its id, its parameters, an error if there was one, and every figure of its summary.

    Energy in Wh, money in micro-units; names as `kpis.self_sufficiency`, so that none is taken for a parameter.
    """
    row: Row = {"run": result["id"], **result["parameters"], "error": result.get("error")}
    summary = result.get("summary")
    if summary is None:
        return row
    row |= {key: summary[key] for key in _COUNTS}
    for section, figures in summary.items():
        if isinstance(figures, dict):
            row |= {f"{section}.{key}": value for key, value in figures.items() if not _is_more(value)}
    row |= {f"bills.{key}": sum(bill[key] for bill in summary["bills"]) for key in _BILLS}
    for group, figures in summary["groups"].items():
        row |= {f"groups.{group}.{key}": figure for key, figure in figures.items()}
    return row


def _is_more(value: object) -> bool:
    return isinstance(value, dict | list)


def _csv(columns: Sequence[str], rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _parquet(columns: Sequence[str], rows: Sequence[Row]) -> bytes:
    """A parameter that is no number, or not always, is text."""
    import pyarrow as pa  # noqa: PLC0415  half a second that only the end of a sweep needs
    import pyarrow.parquet as pq  # noqa: PLC0415  as above

    arrays = [pa.array(_alike([row[column] for row in rows])) for column in columns]
    file = io.BytesIO()
    pq.write_table(pa.table(arrays, names=list(columns)), file)
    return file.getvalue()


def _alike(values: Sequence[Any]) -> list[Any]:
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    if len(kinds) <= 1 and not kinds & {dict, list}:
        return list(values)
    return [None if value is None else msgspec.json.encode(value).decode() for value in values]


def _replace(path: Path, content: bytes) -> None:
    """All or nothing, and durable: a driver that is killed leaves no half result."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
