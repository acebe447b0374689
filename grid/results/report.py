"""A report's data: everything that its page shows, JSON-able. No page is made here (marketplace/trading/replay/report)."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from grid.results.baseline import without_market
from grid.results.collection import Collection, Setting, collect
from grid.results.findings import busiest, element_names, figures, headline, households
from grid.simulation import Simulation
from grid.study import Study

FRAME_BYTES = 1_500_000
"""Of the map's frames in all, before base64 makes 4 of 3: a report stays a file that can be mailed."""
SHOWN_PAIRS = 4_000


class EmptyRunError(ValueError):
    """A run without slots has no report."""


def report_of(run: Collection, alone: Collection, ledger: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The report of a run.

    Args:
        run: as it was traded.
        alone: the same setting without a market (`grid.results.baseline`).
        ledger: what a replay over channels adds: `transactions`, `money`, `funding`; None for a study.

    Raises:
        EmptyRunError: nothing was played.
    """
    if not run.starts or len(run.starts) != len(alone.starts):
        raise EmptyRunError("There is no slot to report on; play at least one.")
    every = _every(run)
    setting = run.setting
    return {
        "about": _about(setting),
        "limits": asdict(setting.limits),
        "tariff": {key: getattr(setting.tariff, key) for key in setting.tariff.__struct_fields__},
        "map": _map(setting.feeder),
        "slots": len(run.starts),
        "first": run.starts[0],
        "every": every,
        "market": {"series": run.series(), "frames": run.frames(every)},
        "alone": {"series": alone.series(), "frames": alone.frames(every)},
        "headline": headline(run, alone),
        "figures": [asdict(figure) for figure in figures(run, alone)],
        "busiest": busiest(run, alone),
        "households": households(run, alone),
        "trading": _trading(run),
        "gate": _gate(run),
        "events": [
            {"kind": kind, "first": first, "last": last, "slots": slots}
            for kind, (first, last, slots) in run.events.items()
        ],
        "breaches": {"market": run.breaches, "alone": alone.breaches},
        "ledger": dict(ledger) if ledger is not None else None,
    }


def _about(setting: Setting) -> dict[str, Any]:
    words = ("title", "description", "start", "end", "offset_s", "mechanism", "strategy", "seed")
    feeder = setting.feeder
    return {
        **{key: getattr(setting, key) for key in words},
        "homes": len(setting.names),
        "buses": len(feeder["nodes"]),
        "feeder": feeder["name"],
        "attribution": feeder["attribution"],
    }


def study_report(simulation: Simulation) -> dict[str, Any]:
    """A scenario played in memory twice, with its own mechanism and without a market, as a report's data."""
    study = Study(simulation)
    return report_of(collect(Setting.of(simulation, study.names), study.slots()), baseline(simulation))


def baseline(simulation: Simulation) -> Collection:
    """The scenario without a market, played now."""
    study = without_market(simulation)
    return collect(Setting.of(simulation, study.names), study.slots())


def _every(run: Collection) -> int:
    size = 2 * sum(len(part.data) for part in (run.vm, run.lines, run.transformers))
    return max(1, math.ceil(size / FRAME_BYTES))


def _map(feeder: dict[str, Any]) -> dict[str, Any]:
    index = {node["id"]: i for i, node in enumerate(feeder["nodes"])}
    solar = {home["bus"] for home in feeder["connections"] if home["pv_kw"] > 0}
    return {
        "nodes": [
            {
                "name": node["name"],
                "x": node["x"],
                "y": node["y"],
                "homes": node["connections"],
                "source": node["source"],
                "solar": node["id"] in solar,
            }
            for node in feeder["nodes"]
        ],
        "edges": [
            [edge["kind"], edge["index"], index[edge["source"]], index[edge["target"]], edge["closed"]]
            for edge in feeder["edges"]
        ],
        "lines": element_names(feeder, "line"),
        "transformers": element_names(feeder, "transformer"),
    }


def _trading(run: Collection) -> dict[str, Any]:
    """Pairs [seller, buyer, Wh, micro-units, trades], the largest first."""
    pairs = sorted(([*pair, *row] for pair, row in run.pairs.items()), key=lambda row: (-row[2], row[:2]))
    prices = run.tally.summary()["prices"]
    return {"pairs": pairs[:SHOWN_PAIRS], "pairs_in_all": len(pairs), "prices": prices}


def _gate(run: Collection) -> dict[str, Any]:
    places = [
        {"kind": kind, "place": place, "refused": count, "wh": run.refused_wh[kind, place]}
        for (kind, place), count in run.places.most_common()
    ]
    return {"places": places, "refusals": run.refusals, "refused": run.tally.refused}
