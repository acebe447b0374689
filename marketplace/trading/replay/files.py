"""What a finished replay is written to: JSON, report, tables. Slots come from the database one after the other."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from grid.models import ReplayRun
from grid.network import feeder_map
from grid.results.export import export_all
from grid.results.tables import Places
from marketplace.trading.replay.report import render_report
from marketplace.trading.replay.run import Replay

SLOTS_AT_ONCE = 48


def slots_of(run: ReplayRun) -> Iterator[dict[str, Any]]:
    """A run's stored slots in order, a few in memory at a time."""
    return run.slots.values_list("data", flat=True).iterator(chunk_size=SLOTS_AT_ONCE)


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


def write_report(replay: Replay, summary: dict[str, Any], path: Path) -> None:
    """The report as one HTML file."""
    simulation = replay.simulation
    slots = list(slots_of(replay.run))
    html = render_report(summary, slots, feeder_map(simulation.feeder), simulation.scenario.limits)
    path.write_text(html, encoding="utf-8")


def write_tables(replay: Replay, summary: dict[str, Any], folder: Path, kind: str) -> None:
    """Every table in a folder. Raises ExportError for a format that there is none of."""
    names = [row["name"] for row in summary["bills"]]
    export_all(slots_of(replay.run), summary, folder, kind, Places.of(replay.simulation.feeder, names))
