"""What a later reading changes about a slot that is settled: differences in integers, never a new bill in silence.

Money moves between the partners of a trade, and between a prosumer and its supplier; both sums are zero by the way
they are written down, and are checked all the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grid.metering.readings import Reading
from grid.metering.settlement import (
    SettlementError,
    SlotSettlement,
    SupplierBill,
    settle,
)


@dataclass(frozen=True, slots=True)
class TradeCorrection:
    """What changes for a trade: `refund` (micro-units) goes from seller to buyer, or back where negative.

    Where the partners' own settlement is done for good (`with_supplier`), the supplier takes it from the one and gives
    it to the other.
    """

    trade: str
    seller: int
    buyer: int
    delivered_wh: int
    refund: int
    with_supplier: bool = False


@dataclass(frozen=True, slots=True)
class BillCorrection:
    """What changes between a prosumer and its supplier.

    Attributes:
        import_wh, export_wh: the reading's change.
        residual_import_wh: change of what is paid at the retail price.
        surplus_wh: change of what is credited at the feed-in price (residual export and unused energy).
        charge, credit: micro-units that the prosumer owes more, and is owed more.
    """

    connection: int
    import_wh: int
    export_wh: int
    residual_import_wh: int
    surplus_wh: int
    charge: int
    credit: int


@dataclass(frozen=True, slots=True)
class Correction:
    """A settled slot, settled again.

    Attributes:
        slot_start: of the original.
        trades, bills: what changes; nothing is listed that stays.
        replaced: how many readings are new.
        settlement: the slot as it stands now: the original of the next correction.
    """

    slot_start: int
    trades: tuple[TradeCorrection, ...]
    bills: tuple[BillCorrection, ...]
    replaced: int
    settlement: SlotSettlement

    @property
    def net_import_wh(self) -> int:
        """Change of what all meters drew less what they fed in."""
        return sum(bill.import_wh - bill.export_wh for bill in self.bills)

    @property
    def delivered_wh(self) -> int:
        """Change of what trades delivered."""
        return sum(trade.delivered_wh for trade in self.trades)

    @property
    def refund(self) -> int:
        """Change of all refunds, micro-units."""
        return sum(trade.refund for trade in self.trades)

    @property
    def supplier(self) -> int:
        """Micro-units that the supplier gets more, all prosumers together."""
        return sum(bill.charge - bill.credit for bill in self.bills)

    def balances(self) -> Mapping[int, int]:
        """Micro-units that each connection gets (negative: pays); with `supplier` they sum to zero."""
        found: dict[int, int] = {}
        for trade in self.trades:
            found[trade.seller] = found.get(trade.seller, 0) - trade.refund
            found[trade.buyer] = found.get(trade.buyer, 0) + trade.refund
        for bill in self.bills:
            found[bill.connection] = found.get(bill.connection, 0) + bill.credit - bill.charge
        return found

    def check(self) -> None:
        """Raise SettlementError unless what everybody gets and the supplier gets sums to zero, and energy likewise."""
        if sum(self.balances().values()) + self.supplier:
            raise SettlementError(f"slot {self.slot_start}: a correction makes or loses money; it is void")
        supplied = sum(bill.residual_import_wh - bill.surplus_wh for bill in self.bills)
        if supplied != self.net_import_wh:
            raise SettlementError(
                f"slot {self.slot_start}: corrected meters changed by {self.net_import_wh} Wh, bills by {supplied} Wh"
            )


def correct(
    original: SlotSettlement, readings: Sequence[Reading], *, with_supplier: bool = False
) -> Correction:
    """The difference that new readings make to a settled slot, at the slot's own prices.

    Args:
        original: The slot as it was settled, or as the last correction left it.
        readings: Those that change; the others stay as they were settled.
        with_supplier: The trades are settled for good, what changes is booked with the supplier.

    Raises:
        SettlementError: A reading of another slot or connection, or sums that don't add up.
    """
    places = {reading.connection: i for i, reading in enumerate(original.readings)}
    now, slot_start = list(original.readings), original.readings[0].slot_start
    for reading in readings:
        if reading.connection not in places or reading.slot_start != slot_start:
            raise SettlementError(
                f"connection {reading.connection} was not settled in slot {slot_start}; correct the slot it belongs to"
            )
        now[places[reading.connection]] = reading
    settled = settle(
        [item.trade for item in original.trades],
        now,
        retail_per_kwh=original.retail_per_kwh,
        feed_in_per_kwh=original.feed_in_per_kwh,
    )
    correction = Correction(
        slot_start,
        _trades(original, settled, with_supplier=with_supplier),
        _bills(original, settled),
        len(readings),
        settled,
    )
    correction.check()
    return correction


def _trades(
    before: SlotSettlement, after: SlotSettlement, *, with_supplier: bool
) -> tuple[TradeCorrection, ...]:
    return tuple(
        TradeCorrection(
            trade=new.trade.id,
            seller=new.trade.seller,
            buyer=new.trade.buyer,
            delivered_wh=new.delivered_wh - old.delivered_wh,
            refund=new.refund - old.refund,
            with_supplier=with_supplier,
        )
        for old, new in zip(before.trades, after.trades, strict=True)
        if old.delivered_wh != new.delivered_wh
    )


def _bills(before: SlotSettlement, after: SlotSettlement) -> tuple[BillCorrection, ...]:
    pairs = zip(before.readings, after.readings, before.bills, after.bills, strict=True)
    found = (_bill(*four) for four in pairs)
    return tuple(
        bill
        for bill in found
        if any((bill.import_wh, bill.export_wh, bill.residual_import_wh, bill.surplus_wh))
    )


def _bill(was: Reading, now: Reading, old: SupplierBill, new: SupplierBill) -> BillCorrection:
    return BillCorrection(
        connection=now.connection,
        import_wh=now.import_wh - was.import_wh,
        export_wh=now.export_wh - was.export_wh,
        residual_import_wh=new.residual_import_wh - old.residual_import_wh,
        surplus_wh=_surplus(new) - _surplus(old),
        charge=new.charge - old.charge,
        credit=new.credit - old.credit,
    )


def _surplus(bill: SupplierBill) -> int:
    return bill.residual_export_wh + bill.unused_wh
