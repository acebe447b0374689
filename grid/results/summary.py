"""The figures that a scenario ends with. Energy in Wh, money in micro-units, prices in micro-units per kWh.

Slots are added one by one and not kept, so that a year needs no more memory than its figures.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from grid import kpis
from grid.metering import amount
from grid.results.metering import MeteringTally
from grid.scenarios.sections import Tariff

SlotData = dict[str, Any]
ENERGY = (
    "traded_wh",
    "delivered_wh",
    "import_wh",
    "export_wh",
    "production_wh",
    "wind_wh",
    "consumption_wh",
    "ev_wh",
    "heat_pump_wh",
    "unmet_ev_wh",
    "unmet_heat_wh",
    "losses_wh",
    "curtailed_wh",
    "unserved_wh",
    "hidden_wh",
)


def summarise(names: Sequence[str], tariff: Tariff, slots: Iterable[SlotData]) -> dict[str, Any]:
    """What trades and meters say, whoever made the trades; `names` are the connections'."""
    tally = Tally(names, tariff)
    for slot in slots:
        tally.add(slot)
    return tally.summary()


class Tally:
    """Sums over slots, in whatever order they come.

    Args:
        names: of the connections, as trades name them.
        tariff: the supplier's.
    """

    def __init__(self, names: Sequence[str], tariff: Tariff) -> None:
        self.tariff = tariff
        self.energy = dict.fromkeys(ENERGY, 0)
        self.slots = self.refused = self.refund = self.with_breaches = 0
        self._used_wh = self._tradable_wh = 0
        self._peak_import_wh = self._peak_export_wh = 0
        self.fees = self.losses_charged = self.welfare = self.welfare_possible = 0
        self._prices = _Prices()
        self._bills = _Bills(names, tariff)
        self._metering = MeteringTally()

    def add(self, slot: SlotData) -> None:
        """One slot more, as `grid.results.record.slot_data` gives it."""
        self.slots += 1
        self.refused += len(slot["refused"])
        self.refund += slot["refund"]
        self.with_breaches += bool(slot["breaches"])
        self.fees += slot["fees"]
        self.losses_charged += sum(slot["losses_charges"])
        self.welfare += slot["welfare"]
        self.welfare_possible += slot["welfare_possible"]
        for key in ENERGY:
            self.energy[key] += slot[key]
        for correction in slot["corrections"]:
            self.energy["delivered_wh"] += correction["delivered_wh"]
            self.refund += correction["refund"]
        self._used_wh += kpis.slot_self_consumed_wh(
            slot["consumption_wh"], slot["import_wh"], slot["losses_wh"]
        )
        self._tradable_wh += min(sum(column) for column in zip(*slot["meters"], strict=True))
        self._peak_import_wh = max(self._peak_import_wh, slot["import_wh"])
        self._peak_export_wh = max(self._peak_export_wh, slot["export_wh"])
        self._prices.add(slot["trades"])
        self._bills.add(slot)
        self._metering.add(slot)

    def summary(self) -> dict[str, Any]:
        """All figures, JSON-able."""
        return {
            "slots": self.slots,
            "households": len(self._bills.rows),
            "trades": self._prices.trades,
            "refused": self.refused,
            "slots_with_breaches": self.with_breaches,
            "energy": dict(self.energy),
            "prices": self._prices.summary(self.tariff),
            "kpis": self._key_figures(),
            "settlement": self._settlement(),
            "metering": self._metering.summary(),
            "grid_charges": self._grid_charges(),
            "welfare": self._welfare(),
            "bills": self._bills.summary(),
        }

    def _key_figures(self) -> dict[str, float | int | None]:
        """By the formulae of grid/kpis.py; None instead of a division by zero."""
        energy = self.energy
        spread = self.tariff.retail_per_kwh - self.tariff.feed_in_per_kwh
        return {
            "self_sufficiency": kpis.self_sufficiency(self._used_wh, energy["consumption_wh"]),
            "self_consumption": kpis.self_consumption(self._used_wh, energy["production_wh"]),
            "curtailed_share": kpis.share(
                energy["curtailed_wh"], energy["production_wh"] + energy["curtailed_wh"]
            ),
            "losses_share": kpis.share(energy["losses_wh"], energy["consumption_wh"]),
            "delivered_share": kpis.share(energy["delivered_wh"], energy["traded_wh"]),
            "allocative_efficiency": kpis.allocative_efficiency(energy["delivered_wh"], self._tradable_wh),
            "gains_from_trade": kpis.gains_from_trade(energy["delivered_wh"], spread),
            "peak_import_kw": kpis.mean_kw(self._peak_import_wh),
            "peak_export_kw": kpis.mean_kw(self._peak_export_wh),
        }

    def _settlement(self) -> dict[str, int]:
        sold, delivered = self.energy["traded_wh"], self.energy["delivered_wh"]
        return {
            "sold_wh": sold,
            "delivered_wh": delivered,
            "shortfall_wh": sold - delivered,
            "refund": self.refund,
        }

    def _grid_charges(self) -> dict[str, int]:
        """What the grid operator received, by its reason; every micro-unit of it is in somebody's bill."""
        fees, losses = self.fees, self.losses_charged
        return {"fees": fees, "losses": losses, "operator_income": fees + losses}

    def _welfare(self) -> dict[str, int | float | None]:
        """Gains from trade, the most possible, and their ratio (`grid.market.welfare`)."""
        gained, possible = self.welfare, self.welfare_possible
        return {"gained": gained, "possible": possible, "efficiency": kpis.share(gained, possible)}


class _Prices:
    """Energy-weighted mean, lowest and highest price."""

    def __init__(self) -> None:
        self.trades = self._traded_wh = self._weighted = 0
        self._lowest: int | None = None
        self._highest: int | None = None

    def add(self, trades: Sequence[SlotData]) -> None:
        if not trades:
            return
        paid = [trade["price_per_kwh"] for trade in trades]
        self.trades += len(trades)
        self._traded_wh += sum(trade["quantity_wh"] for trade in trades)
        self._weighted += sum(trade["price_per_kwh"] * trade["quantity_wh"] for trade in trades)
        self._lowest = min(paid) if self._lowest is None else min(self._lowest, *paid)
        self._highest = max(paid) if self._highest is None else max(self._highest, *paid)

    def summary(self, tariff: Tariff) -> dict[str, int | None]:
        return {
            "mean": self._weighted // self._traded_wh if self._traded_wh else None,
            "lowest": self._lowest,
            "highest": self._highest,
            "feed_in": tariff.feed_in_per_kwh,
            "retail": tariff.retail_per_kwh,
            "imbalance": tariff.imbalance_per_kwh,
        }


class _Bills:
    """What each household owes with the supplier alone for what its meter counted, and with the market.

    Negative amounts are income. Shares of the losses are due either way, fees of trades only with the market.
    """

    def __init__(self, names: Sequence[str], tariff: Tariff) -> None:
        self._tariff = tariff
        keys = ("sold_wh", "bought_wh", "bill_before", "bill_after")
        self.rows: list[dict[str, Any]] = [{"name": name, **dict.fromkeys(keys, 0)} for name in names]
        self._row_of = dict(zip(names, self.rows, strict=True))

    def add(self, slot: SlotData) -> None:
        for row, (imported, exported), bill in zip(self.rows, slot["meters"], slot["bills"], strict=True):
            row["bill_before"] += amount(imported, self._tariff.retail_per_kwh)
            row["bill_before"] -= amount(exported, self._tariff.feed_in_per_kwh)
            row["bill_after"] += bill[2] - bill[3]
        for row, charge in zip(self.rows, slot["losses_charges"], strict=bool(slot["losses_charges"])):
            row["bill_before"] += charge
        for trade in slot["trades"]:
            seller, buyer = self._row_of[trade["seller"]], self._row_of[trade["buyer"]]
            seller["sold_wh"] += trade["delivered_wh"]
            buyer["bought_wh"] += trade["delivered_wh"]
            paid = trade["amount"] - trade["refund"]
            seller["bill_after"] -= paid
            buyer["bill_after"] += paid
        for correction in slot["corrections"]:
            self._correct(correction)

    def _correct(self, correction: SlotData) -> None:
        for trade in correction["trades"]:
            seller, buyer = self._row_of[trade["seller"]], self._row_of[trade["buyer"]]
            seller["sold_wh"] += trade["delivered_wh"]
            buyer["bought_wh"] += trade["delivered_wh"]
            seller["bill_after"] += trade["refund"]
            buyer["bill_after"] -= trade["refund"]
        for name, _, _, charge, credit in correction["bills"]:
            self._row_of[name]["bill_after"] += charge - credit

    def summary(self) -> list[dict[str, Any]]:
        return [{**row, "saved": row["bill_before"] - row["bill_after"]} for row in self.rows]
