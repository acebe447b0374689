"""What the grid operator charges in a slot: fees of trades and shares of the losses, booked into the bills.

Channels carry energy and price only, so fees and losses are charged with the supplier's bill, and the supplier passes
them on to the grid operator: what all connections are charged is what the operator receives, to the micro-unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from grid.assets import SLOTS_PER_HOUR
from grid.fees import NO_FEES, DistanceFees, FlatFees, PairFees, SensitivityFees
from grid.gate.nominations import nominated
from grid.losses import allocate_marginal, allocate_pro_rata, loss_sensitivities
from grid.metering import SlotSettlement, SupplierBill, TradeSettlement, amount, to_wh
from grid.simulation import Simulation, SlotOutcome, SlotPlan


@dataclass(frozen=True, slots=True)
class TradeFee:
    """What the two sides of a trade pay the operator for what was delivered, micro-units."""

    trade: str
    seller: int
    buyer: int


@dataclass(frozen=True, slots=True)
class GridCharges:
    """A slot's charges.

    Attributes:
        fees: per trade, in the settlement's order.
        losses_wh: per connection its share of the feeder's losses, signed; empty where losses are not charged.
        losses_charge: per connection the share at the retail price, micro-units, signed.
    """

    fees: tuple[TradeFee, ...] = ()
    losses_wh: tuple[int, ...] = ()
    losses_charge: tuple[int, ...] = ()

    @property
    def operator_income(self) -> int:
        """What the grid operator receives in all, micro-units."""
        return sum(fee.seller + fee.buyer for fee in self.fees) + sum(self.losses_charge)


class GridOperator:
    """The operator's price list for one simulation; keeps what does not change from slot to slot."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation, self._section = simulation, simulation.scenario.fees
        self._constant = self._slotless()
        size = len(simulation.homes)
        self._no_load_wh = (
            to_wh(float(simulation.power_flow.run(np.zeros((1, size)), np.zeros((1, size))).losses_kw[0]))
            if self._section.losses == "marginal"
            else 0
        )

    def fees(self, plan: SlotPlan) -> PairFees:
        """The fees of a slot's trades, known before it is traded."""
        if self._constant is not None:
            return self._constant
        needs = zip(self._simulation.homes, plan.expected, strict=True)
        net = [nominated(home, need, 0, 0).net_import_wh for home, need in needs]
        retail = plan.tariff.retail_per_kwh
        return SensitivityFees(self._sensitivities(plan.slot_start, net), self._section, retail)

    def charge(
        self, outcome: SlotOutcome, settlement: SlotSettlement, fees: PairFees
    ) -> tuple[SlotSettlement, GridCharges]:
        """The settlement with the operator's charges in its bills, and the charges by themselves."""
        shares = self._loss_shares(outcome, settlement)
        retail = self._simulation.scenario.tariff.retail_per_kwh
        charges = GridCharges(
            fees=tuple(_fee(item, fees) for item in settlement.trades) if fees is not NO_FEES else (),
            losses_wh=shares,
            losses_charge=tuple(amount(wh, retail) for wh in shares),
        )
        return replace(settlement, bills=_booked(settlement, charges)), charges

    def _slotless(self) -> PairFees | None:
        """Fees that are the same in every slot; None where they follow the flows."""
        section = self._section
        if section.model == "none":
            return NO_FEES
        if section.model == "flat":
            return FlatFees(section.per_kwh, section.seller_permille)
        return DistanceFees(self._simulation.feeder, section) if section.model == "distance" else None

    def _loss_shares(self, outcome: SlotOutcome, settlement: SlotSettlement) -> tuple[int, ...]:
        """By what the meters say: it is all that the operator knows."""
        net = [reading.import_wh - reading.export_wh for reading in settlement.readings]
        if self._section.losses == "none":
            return ()
        if self._section.losses == "pro-rata":
            return allocate_pro_rata(outcome.losses_wh, [abs(wh) for wh in net])
        ppm = self._sensitivities(outcome.slot_start, net)
        return allocate_marginal(outcome.losses_wh, self._no_load_wh, ppm, net)

    def _sensitivities(self, slot_start: int, net_wh: Sequence[int]) -> tuple[int, ...]:
        p_kw = np.array(net_wh, dtype=np.float64) * (SLOTS_PER_HOUR / 1000)
        simulation = self._simulation
        return loss_sensitivities(simulation.power_flow, p_kw, simulation.reactive_kvar(slot_start))


def _fee(item: TradeSettlement, fees: PairFees) -> TradeFee:
    of_seller, of_buyer = fees.ends(item.trade.seller, item.trade.buyer)
    return TradeFee(item.trade.id, amount(item.delivered_wh, of_seller), amount(item.delivered_wh, of_buyer))


def _booked(settlement: SlotSettlement, charges: GridCharges) -> tuple[SupplierBill, ...]:
    """Each bill with what its connection owes the operator; what the operator owes it is a credit."""
    owed = dict.fromkeys((bill.connection for bill in settlement.bills), 0)
    for item, fee in zip(settlement.trades, charges.fees, strict=bool(charges.fees)):
        owed[item.trade.seller] += fee.seller
        owed[item.trade.buyer] += fee.buyer
    for bill, charge in zip(settlement.bills, charges.losses_charge, strict=bool(charges.losses_charge)):
        owed[bill.connection] += charge
    return tuple(
        replace(
            bill,
            charge=bill.charge + max(0, owed[bill.connection]),
            credit=bill.credit + max(0, -owed[bill.connection]),
        )
        for bill in settlement.bills
    )
