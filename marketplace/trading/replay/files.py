"""What a finished replay is written to: JSON, report, tables. Slots come from the database one after the other."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from grid.results.collection import Setting, collect
from grid.results.export import export_all
from grid.results.report import baseline, report_of
from grid.results.tables import Places
from marketplace.trading.replay.report import render_report
from marketplace.trading.replay.run import Replay
from marketplace.trading.runs import slots_of

COLLATERAL = "Households' collateral"


def report_data(replay: Replay, summary: dict[str, Any]) -> dict[str, Any]:
    """A replay's report, with the same scenario played without a market beside it."""
    setting = Setting.of(replay.simulation, [row["name"] for row in summary["bills"]])
    played = collect(setting, slots_of(replay.run))
    return report_of(played, baseline(replay.simulation), _ledger(replay, summary))


def _ledger(replay: Replay, summary: dict[str, Any]) -> dict[str, Any]:
    """Transactions, collateral against what deposits would lock, and the audit; micro-units."""
    money, channels = summary["money"], len(replay.cast.couples)
    deposits = 2 * channels * replay.simulation.scenario.funding.channel_funding
    notes = summary["funding"] == "notes"
    locked = money["accounts"].get(COLLATERAL, 0) if notes else money["put_in"]
    return {
        "transactions": summary["ledger"]["transactions"],
        "funding": summary["funding"],
        "channels": channels,
        "locked": locked,
        "deposits": deposits,
        "share": locked / deposits if deposits else None,
        "accounts": list(money["accounts"].items()),
        "difference": money["difference"],
        "conserved": money["conserved"],
    }


def write_json(replay: Replay, summary: dict[str, Any], path: Path) -> None:
    """`{"run", "summary", "slots"}` as docs/replay.md has it."""
    with path.open("w", encoding="utf-8") as file:
        file.write(f'{{\n "run": {json.dumps(str(replay.run.id))},\n')
        file.write(f' "summary": {json.dumps(summary, indent=1)},\n "slots": [')
        _write_slots(slots_of(replay.run), file)
        file.write("\n ]\n}\n")


def _write_slots(slots: Iterator[dict[str, Any]], file: IO[str]) -> None:
    before = "\n"
    for slot in slots:
        file.write(f"{before}  {json.dumps(slot)}")
        before = ",\n"


def write_report(data: dict[str, Any], path: Path) -> None:
    """The report as one HTML file."""
    path.write_text(render_report(data), encoding="utf-8")


def write_tables(replay: Replay, summary: dict[str, Any], folder: Path, kind: str) -> None:
    """Every table in a folder. Raises ExportError for a format that there is none of."""
    names = [row["name"] for row in summary["bills"]]
    export_all(slots_of(replay.run), summary, folder, kind, Places.of(replay.simulation.feeder, names))
