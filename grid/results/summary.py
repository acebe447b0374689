"""The figures that a scenario ends with. Energy in Wh, money in micro-units, prices in micro-units per kWh."""

from collections.abc import Sequence
from typing import Any

from grid import kpis
from grid.metering import amount
from grid.sections import Tariff

SlotData = dict[str, Any]
_ENERGY = (
    "traded_wh",
    "delivered_wh",
    "import_wh",
    "export_wh",
    "production_wh",
    "consumption_wh",
    "losses_wh",
    "curtailed_wh",
)


def summarise(names: Sequence[str], tariff: Tariff, slots: Sequence[SlotData]) -> dict[str, Any]:
    """What trades and meters say, whoever made the trades; `names` are the connections'."""
    return {
        "slots": len(slots),
        "households": len(names),
        "trades": sum(len(slot["trades"]) for slot in slots),
        "refused": sum(len(slot["refused"]) for slot in slots),
        "energy": {key: sum(slot[key] for slot in slots) for key in _ENERGY},
        "prices": prices(slots, tariff),
        "kpis": key_figures(slots),
        "settlement": settlement(slots),
        "bills": bills(names, slots, tariff),
    }


def prices(slots: Sequence[SlotData], tariff: Tariff) -> dict[str, int | None]:
    """Energy-weighted mean, lowest and highest price, between the supplier's two."""
    trades = [trade for slot in slots for trade in slot["trades"]]
    traded = sum(trade["quantity_wh"] for trade in trades)
    paid = [trade["price_per_kwh"] for trade in trades]
    weighted = sum(trade["price_per_kwh"] * trade["quantity_wh"] for trade in trades)
    return {
        "mean": weighted // traded if traded else None,
        "lowest": min(paid, default=None),
        "highest": max(paid, default=None),
        "feed_in": tariff.feed_in_per_kwh,
        "retail": tariff.retail_per_kwh,
        "imbalance": tariff.imbalance_per_kwh,
    }


def key_figures(slots: Sequence[SlotData]) -> dict[str, float | None]:
    """Self-sufficiency, self-consumption and shares of losses and curtailment (grid/kpis.py)."""
    demand = [slot["consumption_wh"] for slot in slots]
    produced = sum(slot["production_wh"] for slot in slots)
    used = kpis.self_consumed_wh(
        demand, [slot["import_wh"] for slot in slots], [slot["losses_wh"] for slot in slots]
    )
    curtailed = sum(slot["curtailed_wh"] for slot in slots)
    return {
        "self_sufficiency": kpis.self_sufficiency(used, sum(demand)),
        "self_consumption": kpis.self_consumption(used, produced),
        "curtailed_share": kpis.share(curtailed, produced + curtailed),
        "losses_share": kpis.share(sum(slot["losses_wh"] for slot in slots), sum(demand)),
    }


def settlement(slots: Sequence[SlotData]) -> dict[str, int]:
    """What was sold, delivered, missing and refunded."""
    traded = sum(slot["traded_wh"] for slot in slots)
    delivered = sum(slot["delivered_wh"] for slot in slots)
    return {
        "sold_wh": traded,
        "delivered_wh": delivered,
        "shortfall_wh": traded - delivered,
        "refund": sum(slot["refund"] for slot in slots),
    }


def bills(names: Sequence[str], slots: Sequence[SlotData], tariff: Tariff) -> list[dict[str, Any]]:
    """What each household owes with the supplier alone, and with the market; negative amounts are income."""
    rows: list[dict[str, Any]] = [
        {"name": name, "sold_wh": 0, "bought_wh": 0, "bill_before": 0, "bill_after": 0} for name in names
    ]
    row_of = dict(zip(names, rows, strict=True))
    for slot in slots:
        for row, meter, bill in zip(rows, slot["meters"], slot["bills"], strict=True):
            imported, exported = meter
            row["bill_before"] += amount(imported, tariff.retail_per_kwh) - amount(
                exported, tariff.feed_in_per_kwh
            )
            row["bill_after"] += bill[2] - bill[3]
        for trade in slot["trades"]:
            seller, buyer, paid = (
                row_of[trade["seller"]],
                row_of[trade["buyer"]],
                trade["amount"] - trade["refund"],
            )
            seller["sold_wh"] += trade["delivered_wh"]
            buyer["bought_wh"] += trade["delivered_wh"]
            seller["bill_after"] -= paid
            buyer["bill_after"] += paid
    for row in rows:
        row["saved"] = row["bill_before"] - row["bill_after"]
    return rows
