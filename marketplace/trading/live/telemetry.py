"""What everybody may see of the live market: the feeder, and its newest slot with the last day's series."""

from dataclasses import asdict
from functools import lru_cache
from typing import Any

from grid.models import ReplayRun, SlotResult
from grid.networks.feeder import feeder_map
from marketplace.trading.live.control import Hand, hand
from marketplace.trading.live.view import live_run, simulation_of
from marketplace.trading.replay.cast import house_title

SERIES_SLOTS = 96
Mark = tuple[str, int, str, Hand]
_SERIES = {
    "slot_start": "slot_start",
    "traded_wh": "traded_wh",
    "import_wh": "import_wh",
    "export_wh": "export_wh",
}


@lru_cache(maxsize=4)
def feeder_of(scenario: str) -> dict[str, Any]:
    """The feeder's map (`grid.networks.feeder.feeder_map`), its connections under their public names, and its limits."""
    simulation = simulation_of(scenario)
    drawn = feeder_map(simulation.feeder)
    homes = [home | {"name": house_title(home["index"])} for home in drawn["connections"]]
    return drawn | {"connections": homes, "limits": asdict(simulation.scenario.limits)}


def mark(run: ReplayRun | None) -> Mark:
    """Changes whenever `telemetry` does."""
    return ("", 0, "", Hand()) if run is None else (str(run.id), run.next_slot, run.status, hand())


def telemetry() -> dict[str, Any]:
    """The newest slot; `run` is None while nothing was ever played."""
    run = live_run()
    if run is None:
        return {"run": None}
    return _telemetry(*mark(run))


@lru_cache(maxsize=2)
def _telemetry(run_id: str, next_slot: int, status: str, control: Hand) -> dict[str, Any]:
    run = ReplayRun.objects.get(pk=run_id)
    about = {"id": run_id, "scenario": run.scenario, "status": status}
    head = {"run": about | {"paused": control.paused, "speed": control.speed}}
    rows = SlotResult.objects.filter(run=run, index__lt=next_slot).order_by("-index")[:SERIES_SLOTS]
    slots = [row.data for row in reversed(rows)]
    if not slots:
        return head
    newest = slots[-1]
    names = ("slot_start", "vm_pu", "line_loading_percent", "trafo_loading_percent", "traded_wh", "trades")
    return {
        **head,
        "slot_index": next_slot - 1,
        "slots_total": (run.ends_at - run.starts_at) // 900,
        **{name: newest[name] for name in names},
        "trades": [_trade(trade) for trade in newest["trades"]],
        "price_mean": None if newest["price_mean"] is None else str(newest["price_mean"]),
        "refused": len(newest["refused"]),
        "series": {name: [slot[key] for slot in slots] for name, key in _SERIES.items()}
        | {"price": [slot["price_mean"] for slot in slots]},
    }


def _trade(trade: dict[str, Any]) -> dict[str, Any]:
    shown = ("id", "seller", "buyer", "quantity_wh", "channel")
    money = ("price_per_kwh", "amount")
    return {name: trade[name] for name in shown} | {name: str(trade[name]) for name in money}
