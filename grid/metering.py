"""From power to metered watt-hours, and from metered watt-hours to what every trade and the supplier owe.

`register_wh` and `to_wh` are the only places where floats become integers: everything after them is exact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grid.assets import SLOTS_PER_HOUR
from grid.losses import apportion

WH_PER_KWH = 1000


class SettlementError(RuntimeError):
    """Energy or money of a settlement does not add up; an error of ours."""


def register_wh(p_kw: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Power (slots, columns) in kW -> Wh per slot, as a meter with a whole-Wh register shows them.

    The register is the rounded (half to even) running sum, a slot the difference of two readings: a slot is off by
    less than 1 Wh, a period by less than 1 Wh altogether.
    """
    register = np.rint(np.cumsum(p_kw, axis=0) * (1000 / SLOTS_PER_HOUR)).astype(np.int64)
    return np.diff(register, axis=0, prepend=0)


def to_wh(p_kw: float) -> int:
    """A constant power over one slot in Wh, rounded half to even."""
    return round(p_kw * 1000 / SLOTS_PER_HOUR)


def amount(quantity_wh: int, price_per_kwh: int) -> int:
    """Micro-units for a quantity: ceil(Wh * price / 1000), the same formula as in contracts and browser."""
    return -(-quantity_wh * price_per_kwh // WH_PER_KWH)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter counted in a slot: two registers, Wh."""

    connection: int
    slot_start: int
    import_wh: int
    export_wh: int


@dataclass(frozen=True, slots=True)
class TradeTerms:
    """A co-signed trade as settlement sees it."""

    id: str
    seller: int
    buyer: int
    quantity_wh: int
    price_per_kwh: int
    imbalance_per_kwh: int


@dataclass(frozen=True, slots=True)
class TradeSettlement:
    """What became of a trade. `refund` (micro-units) goes from seller to buyer: shortfall at the higher price."""

    trade: TradeTerms
    delivered_wh: int
    shortfall_wh: int
    refund: int


@dataclass(frozen=True, slots=True)
class SupplierBill:
    """One prosumer and its supplier in one slot.

    Attributes:
        residual_import_wh: drawn beyond what trades delivered, at the retail price.
        residual_export_wh: fed in beyond what was sold, at the feed-in price.
        unused_wh: bought and delivered, but not consumed; returned to the supplier at the feed-in price.
        shortfall_wh: sold but not fed in (information: the refunds of the trades settle it).
        charge: micro-units owed to the supplier.
        credit: micro-units owed by the supplier.
    """

    connection: int
    residual_import_wh: int
    residual_export_wh: int
    unused_wh: int
    shortfall_wh: int
    charge: int
    credit: int

    @property
    def imbalance_wh(self) -> int:
        """Deviation from what was traded, whichever way."""
        return self.shortfall_wh + self.unused_wh


@dataclass(frozen=True, slots=True)
class SlotSettlement:
    """All trades and all prosumers of one slot."""

    trades: tuple[TradeSettlement, ...]
    bills: tuple[SupplierBill, ...]

    @property
    def delivered_wh(self) -> int:
        """Energy that trades delivered."""
        return sum(trade.delivered_wh for trade in self.trades)


def settle(
    trades: Sequence[TradeTerms], readings: Sequence[Reading], *, retail_per_kwh: int, feed_in_per_kwh: int
) -> SlotSettlement:
    """Settle the difference between traded and metered energy of one slot.

    A seller's metered export is shared over its trades pro rata to their quantities (largest remainder); what is
    missing is refunded at the higher of trade and imbalance price. Then, per prosumer, what trades leave over is
    settled with the supplier.

    Raises:
        SettlementError: a trade without a reading, or sums that don't add up.
    """
    meters = {reading.connection: reading for reading in readings}
    for trade in trades:
        if trade.seller not in meters or trade.buyer not in meters:
            raise SettlementError(f"trade {trade.id}: seller or buyer has no reading; read both meters first")
    delivered = _deliveries(trades, meters)
    settled = tuple(_trade_settlement(trade, delivered[trade.id]) for trade in trades)
    bills = tuple(_bill(reading, settled, retail_per_kwh, feed_in_per_kwh) for reading in readings)
    _check(settled, bills, readings)
    return SlotSettlement(settled, bills)


def _deliveries(trades: Sequence[TradeTerms], meters: Mapping[int, Reading]) -> dict[str, int]:
    by_seller: dict[int, list[TradeTerms]] = {}
    for trade in trades:
        by_seller.setdefault(trade.seller, []).append(trade)
    delivered: dict[str, int] = {}
    for seller, sales in by_seller.items():
        quantities = [trade.quantity_wh for trade in sales]
        total = min(sum(quantities), meters[seller].export_wh)
        delivered.update(zip((trade.id for trade in sales), apportion(total, quantities), strict=True))
    if len(delivered) != len(trades):
        raise SettlementError("two trades of the slot share an id; settle each trade once")
    return delivered


def _trade_settlement(trade: TradeTerms, delivered_wh: int) -> TradeSettlement:
    shortfall = trade.quantity_wh - delivered_wh
    refund = amount(shortfall, max(trade.price_per_kwh, trade.imbalance_per_kwh))
    return TradeSettlement(trade, delivered_wh, shortfall, refund)


def _bill(reading: Reading, settled: Sequence[TradeSettlement], retail: int, feed_in: int) -> SupplierBill:
    me = reading.connection
    sold = sum(item.delivered_wh for item in settled if item.trade.seller == me)
    received = sum(item.delivered_wh for item in settled if item.trade.buyer == me)
    residual_import = max(0, reading.import_wh - received)
    unused = max(0, received - reading.import_wh)
    residual_export = reading.export_wh - sold
    return SupplierBill(
        connection=me,
        residual_import_wh=residual_import,
        residual_export_wh=residual_export,
        unused_wh=unused,
        shortfall_wh=sum(item.shortfall_wh for item in settled if item.trade.seller == me),
        charge=amount(residual_import, retail),
        credit=amount(residual_export + unused, feed_in),
    )


def _check(
    settled: Sequence[TradeSettlement], bills: Sequence[SupplierBill], readings: Sequence[Reading]
) -> None:
    metered = sum(reading.import_wh - reading.export_wh for reading in readings)
    supplied = sum(bill.residual_import_wh - bill.residual_export_wh - bill.unused_wh for bill in bills)
    if metered != supplied:
        raise SettlementError(
            f"supplier's {supplied} Wh do not equal the metered {metered} Wh; settlement is void"
        )
    if any(bill.residual_export_wh < 0 for bill in bills):
        raise SettlementError("more energy was delivered than a meter counted; settlement is void")
    if any(item.delivered_wh + item.shortfall_wh != item.trade.quantity_wh for item in settled):
        raise SettlementError("delivered and missing energy do not make up a trade; settlement is void")
