"""A replay whose trades are settled in books: auctions match anybody with anybody, and no two of them share a channel."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grid.results.collection import Setting, collect
from grid.results.export import export_all
from grid.results.report import baseline, report_of
from grid.results.tables import Places
from grid.scenarios.scenario import Scenario
from grid.simulation import open_simulation
from grid.study import Study
from marketplace.trading.replay.report import render_report

FUNDING = "books"


class BookReplay:
    """A scenario played in memory, with the same results as a replay over channels but for ledger and money."""

    def __init__(self, scenario: Scenario, watch: Callable[[dict[str, Any]], None]) -> None:
        self._simulation = open_simulation(scenario)
        study = Study(self._simulation)
        self.slots: list[dict[str, Any]] = []

        def keep(slot: dict[str, Any]) -> None:
            self.slots.append(slot)
            watch(slot)

        figures = study.run(keep)
        self.summary: dict[str, Any] = {
            "scenario": scenario.name,
            "mechanism": scenario.market.mechanism,
            "funding": FUNDING,
            "starts_at": scenario.start,
            "ends_at": scenario.end,
            **figures,
        }
        self._names = study.names

    def write(self, *, to: Path | None, report: Path | None, tables: Path | None, kind: str) -> None:
        """JSON, report and tables, where a path is given for them."""
        if to:
            content = {"run": None, "summary": self.summary, "slots": self.slots}
            to.write_text(json.dumps(content, indent=1), encoding="utf-8")
        if report:
            setting = Setting.of(self._simulation, self._names)
            data = report_of(collect(setting, self.slots), baseline(self._simulation))
            report.write_text(render_report(data), encoding="utf-8")
        if tables:
            places = Places.of(self._simulation.feeder, self._names)
            export_all(iter(self.slots), self.summary, tables, kind, places)
