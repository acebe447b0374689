"""What a reader wants to know first: were the limits held, and what did the market bring? Then every key figure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from grid import kpis
from grid.results.collection import Collection

FloatGrid = npt.NDArray[np.float64]
SLOT_HOURS = 0.25
HEAVY_PERCENT = 80.0
SHOWN_ELEMENTS = 12
VOLTAGE_SLACK_PU = 1.1e-5
LOADING_SLACK_PERCENT = 0.0055
"""Half a step of the packed values: a value at its limit is none beyond it."""

LUTHANDER = "Luthander et al. 2015"
SIMULATORS = "gsy-e, HAMLET"
Unit = Literal["share", "percent", "wh", "kw", "money", "price", "count", "pu"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A key figure with and without the market; None where there is none. `better` is the direction that is good."""

    name: str
    unit: Unit
    market: float | None
    alone: float | None
    formula: str
    source: str
    better: Literal["higher", "lower", ""] = ""


@dataclass(frozen=True, slots=True)
class Extreme:
    """The farthest value of a kind, where and when."""

    value: float
    place: str
    slot_start: int


def extremes(run: Collection) -> dict[str, Extreme]:
    """Lowest and highest voltage, fullest line and transformer; kinds that the feeder has none of are left out."""
    feeder = run.setting.feeder
    buses = [feeder["nodes"][i]["name"] for i in run.buses]
    low, high = (part.array()[:, run.buses] for part in (run.vm, run.high))
    found = {
        "vm_min": _extreme(run, np.where(np.isnan(low), -np.inf, -low), buses, low),
        "vm_max": _extreme(run, np.where(np.isnan(high), -np.inf, high), buses, high),
    }
    for key, part, kind in (("line", run.lines, "line"), ("transformer", run.transformers, "transformer")):
        values = part.array()
        if values.size:
            found[key] = _extreme(run, values, element_names(feeder, kind), values)
    return found


def element_names(feeder: dict[str, Any], kind: str) -> list[str]:
    """Names of the feeder's lines or transformers, by index."""
    edges = sorted((edge["index"], edge["name"]) for edge in feeder["edges"] if edge["kind"] == kind)
    return [name for _, name in edges]


def _extreme(run: Collection, by: FloatGrid, names: Sequence[str], values: FloatGrid) -> Extreme:
    row, column = np.unravel_index(int(by.argmax()), by.shape)
    return Extreme(round(float(values[row, column]), 5), names[int(column)], run.starts[int(row)])


def outside(run: Collection) -> frozenset[int]:
    """Starts of the quarter-hours in which some limit of the setting was exceeded."""
    limits = run.setting.limits
    beyond = _off_band(run).any(1)
    for part, limit in ((run.lines, limits.line_percent), (run.transformers, limits.transformer_percent)):
        beyond |= (part.array() > limit + LOADING_SLACK_PERCENT).any(1)
    return frozenset(np.array(run.starts)[beyond].tolist()) | run.breached


def _off_band(run: Collection) -> npt.NDArray[np.bool_]:
    """(slots, buses) where a voltage lies beyond a limit."""
    limits = run.setting.limits
    too_high = run.high.array() > limits.vm_max_pu + VOLTAGE_SLACK_PU
    off: npt.NDArray[np.bool_] = too_high | (run.vm.array() < limits.vm_min_pu - VOLTAGE_SLACK_PU)
    return off


def _excess(run: Collection) -> dict[str, float]:
    """By how much limits were exceeded at worst; only what was exceeded."""
    limits, found = run.setting.limits, extremes(run)
    beyond = {
        "voltage_pu": max(
            found["vm_max"].value - limits.vm_max_pu,
            limits.vm_min_pu - found["vm_min"].value,
        ),
        "line_percent": found["line"].value - limits.line_percent if "line" in found else 0.0,
        "transformer_percent": (
            found["transformer"].value - limits.transformer_percent if "transformer" in found else 0.0
        ),
    }
    return {key: round(value, 5) for key, value in beyond.items() if value > VOLTAGE_SLACK_PU}


def headline(run: Collection, alone: Collection) -> dict[str, Any]:
    """The answers: limits, money, energy. Money in micro-units, energy in Wh."""
    after, before = _owed(run), _owed(alone)
    saved = [b - a for b, a in zip(before, after, strict=True)]
    traded = run.tally.energy["delivered_wh"]
    return {
        "outside": len(outside(run)),
        "outside_alone": len(outside(alone)),
        "outside_by_market": len(outside(run) - outside(alone)),
        "outside_spared": len(outside(alone) - outside(run)),
        "excess": _excess(run),
        "slots": run.tally.slots,
        "extremes": {key: asdict(extreme) for key, extreme in extremes(run).items()},
        "extremes_alone": {key: asdict(extreme) for key, extreme in extremes(alone).items()},
        "saved": sum(saved),
        "saved_percent": kpis.saving_percent(sum(before), sum(after)),
        "better_off": sum(value > 0 for value in saved),
        "worse_off": sum(value < 0 for value in saved),
        "households": len(saved),
        "traded_wh": traded,
        "traded_share": kpis.share(traded, run.tally.energy["consumption_wh"]),
        "curtailed_less_wh": alone.tally.energy["curtailed_wh"] - run.tally.energy["curtailed_wh"],
        "unserved_wh": run.tally.energy["unserved_wh"],
        "hidden_wh": run.tally.energy["hidden_wh"],
        "refused": run.tally.refused,
        "refused_wh": sum(run.refused_wh.values()),
        "trades": run.tally.summary()["trades"],
    }


def _owed(run: Collection) -> list[int]:
    return [row["bill_after"] for row in run.tally.summary()["bills"]]


def households(run: Collection, alone: Collection) -> list[dict[str, Any]]:
    """Each household's bill without and with the market, and what it traded. Negative bills are income."""
    equipment = {home["index"]: home for home in run.setting.feeder["connections"]}
    rows = []
    for i, (row, before) in enumerate(zip(run.tally.summary()["bills"], _owed(alone), strict=True)):
        more = {"before": before, "after": row["bill_after"], "saved": before - row["bill_after"]}
        has = equipment[i]
        traded = {"sold_wh": row["sold_wh"], "bought_wh": row["bought_wh"]}
        own = {"pv_kw": has["pv_kw"], "battery_kwh": has["battery_kwh"]}
        rows.append({"name": row["name"], **own, **traded, **more})
    return rows


def busiest(run: Collection, alone: Collection) -> dict[str, list[dict[str, Any]]]:
    """The elements nearest to their limits: name, value with and without the market, hours beyond a mark."""
    limits, feeder = run.setting.limits, run.setting.feeder
    (low, high), (low_alone, high_alone) = _span(run), _span(alone)
    rows: dict[str, list[dict[str, Any]]] = {"buses": []}
    room = np.minimum(limits.vm_max_pu - high, low - limits.vm_min_pu)
    over = _off_band(run)
    for i in np.argsort(room)[:SHOWN_ELEMENTS].tolist():
        rows["buses"].append(
            {
                "name": feeder["nodes"][i]["name"],
                "low": float(low[i]),
                "high": float(high[i]),
                "low_alone": float(low_alone[i]),
                "high_alone": float(high_alone[i]),
                "hours": float(over[:, i].sum()) * SLOT_HOURS,
            }
        )
    for key, kind in (("lines", "line"), ("transformers", "transformer")):
        rows[key] = _fullest(
            getattr(run, key).array(), getattr(alone, key).array(), element_names(feeder, kind)
        )
    return rows


def _span(run: Collection) -> tuple[FloatGrid, FloatGrid]:
    """Each bus's lowest and highest voltage; 1 pu where it never had supply."""
    low, high = run.vm.array(), run.high.array()
    dark = np.isnan(low)
    never = dark.all(0)
    least, most = np.where(dark, np.inf, low).min(0), np.where(dark, -np.inf, high).max(0)
    return np.where(never, 1.0, least), np.where(never, 1.0, most)


def _fullest(with_it: FloatGrid, alone: FloatGrid, names: Sequence[str]) -> list[dict[str, Any]]:
    if not with_it.size:
        return []
    order = np.argsort(-with_it.max(0), kind="stable")[:SHOWN_ELEMENTS].tolist()
    return [
        {
            "name": names[i],
            "index": i,
            "high": float(with_it[:, i].max()),
            "high_alone": float(alone[:, i].max()),
            "hours": float((with_it[:, i] >= HEAVY_PERCENT).sum()) * SLOT_HOURS,
        }
        for i in order
    ]


def figures(run: Collection, alone: Collection) -> list[Figure]:
    """All key figures side by side, each with formula and source."""
    one, other = run.tally.summary(), alone.tally.summary()
    kpi = {key: (value, other["kpis"][key]) for key, value in one["kpis"].items()}
    wh = {key: (value, other["energy"][key]) for key, value in one["energy"].items()}
    return [
        *_sharing(kpi),
        *_money(one, sum(_owed(run)), sum(_owed(alone))),
        *_flows(wh, kpi),
        *_peaks(kpi, run.peak_wh(), alone.peak_wh()),
        *_quality(run, alone, one["metering"]["readings"], wh),
    ]


Two = tuple[float | None, float | None]


def _sharing(kpi: dict[str, Two]) -> list[Figure]:
    used = "self-consumed / {}; self-consumed is demand less what came through the source, per quarter-hour"
    return [
        Figure("Self-sufficiency", "share", *kpi["self_sufficiency"], used.format("demand"), LUTHANDER, "higher"),
        Figure("Self-consumption", "share", *kpi["self_consumption"], used.format("produced"), LUTHANDER, "higher"),
    ]  # fmt: skip


def _money(one: dict[str, Any], paid: int, owed: int) -> list[Figure]:
    kpi, sold = one["kpis"], one["energy"]["traded_wh"]
    possible = "delivered / sum over slots of min(metered import, metered export)"
    return [
        Figure("All bills together", "money", paid, owed, "sum of supplier's charges, credits and trades", SIMULATORS, "lower"),
        Figure("Saved", "money", owed - paid, None, "bills without less bills with the market; negative is a loss", SIMULATORS, "higher"),
        Figure("Saved in percent", "percent", kpis.saving_percent(owed, paid), None, "saved / size of the bills without", SIMULATORS, "higher"),
        Figure("Gains from trade", "money", kpi["gains_from_trade"], None, "delivered * (retail - feed-in)", "Smith 1962", "higher"),
        Figure("Allocative efficiency", "share", kpi["allocative_efficiency"], None, possible, "Gode and Sunder 1993", "higher"),
        Figure("Mean price", "price", one["prices"]["mean"], None, "paid / sold, by energy", "", ""),
        Figure("Sold", "wh", sold, None, "sum of all trades", "", "higher"),
        Figure("Delivered", "share", kpi["delivered_share"], None, "metered / sold", "", "higher"),
    ]  # fmt: skip


def _flows(wh: dict[str, Two], kpi: dict[str, Two]) -> list[Figure]:
    return [
        Figure("Consumed", "wh", *wh["consumption_wh"], "all loads", "", ""),
        Figure("Produced", "wh", *wh["production_wh"], "all plants, after curtailment", "", "higher"),
        Figure("Curtailed", "wh", *wh["curtailed_wh"], "could have been produced and was not", "", "lower"),
        Figure("Curtailed share", "share", *kpi["curtailed_share"], "curtailed / (produced + curtailed)", "", "lower"),
        Figure("From the grid above", "wh", *wh["import_wh"], "at the feeder's source", "", "lower"),
        Figure("To the grid above", "wh", *wh["export_wh"], "at the feeder's source", "", ""),
        Figure("Losses", "wh", *wh["losses_wh"], "in lines and transformers", "", "lower"),
        Figure("Losses share", "share", *kpi["losses_share"], "losses / demand", "", "lower"),
    ]  # fmt: skip


def _peaks(kpi: dict[str, Two], peak_wh: int, peak_alone_wh: int) -> list[Figure]:
    percent = kpis.peak_percent(peak_wh, peak_alone_wh)
    return [
        Figure("Peak from above", "kw", *kpi["peak_import_kw"], "highest quarter-hour mean", "", "lower"),
        Figure("Peak to above", "kw", *kpi["peak_export_kw"], "highest quarter-hour mean", "", "lower"),
        Figure(
            "Peak in percent", "percent", percent, None, "peak / peak without the market", "gsy-e", "lower"
        ),
    ]


def _quality(
    run: Collection, alone: Collection, readings: dict[str, int], wh: dict[str, Two]
) -> list[Figure]:
    beyond = (len(outside(run)), len(outside(alone)))
    return [
        Figure("Stored at the end", "wh", run.stored_wh, alone.stored_wh, "in all batteries after the last slot", "", ""),
        Figure("Not supplied", "wh", *wh["unserved_wh"], "asked for where an outage had cut off", "", "lower"),
        Figure("Readings estimated", "count", readings["estimated"], None, "meters that told nothing in time, or nonsense", "", ""),
        Figure("Readings corrected", "count", readings["corrected"], None, "estimated first, settled again when they came", "", ""),
        Figure("Slots outside limits", "count", *beyond, "some voltage or loading beyond its limit", "EN 50160", "lower"),
    ]  # fmt: skip
