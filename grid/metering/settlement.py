"""What every trade and the supplier owe for one slot: the difference between traded and metered energy."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grid.losses import apportion
from grid.metering.amounts import amount
from grid.metering.readings import Quality, Reading


class SettlementError(RuntimeError):
    """Energy or money of a settlement does not add up; an error of ours."""


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
    """What became of a trade.

    `refund` (micro-units) goes from seller to buyer: shortfall at the higher price. `estimated`: the seller's reading
    is, so that the delivery may be corrected.
    """

    trade: TradeTerms
    delivered_wh: int
    shortfall_wh: int
    refund: int
    estimated: bool = False


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
        estimated: the prosumer's reading is, or a seller's whose delivery counts here: the bill may be corrected.
    """

    connection: int
    residual_import_wh: int
    residual_export_wh: int
    unused_wh: int
    shortfall_wh: int
    charge: int
    credit: int
    estimated: bool = False

    @property
    def imbalance_wh(self) -> int:
        """Deviation from what was traded, whichever way."""
        return self.shortfall_wh + self.unused_wh


@dataclass(frozen=True, slots=True)
class SlotSettlement:
    """All trades and all prosumers of one slot, the readings that it rests on, and the supplier's prices."""

    trades: tuple[TradeSettlement, ...]
    bills: tuple[SupplierBill, ...]
    readings: tuple[Reading, ...]
    retail_per_kwh: int
    feed_in_per_kwh: int

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
    settled = tuple(
        _trade_settlement(trade, delivered[trade.id], meters[trade.seller].quality) for trade in trades
    )
    flows = _flows(settled)
    bills = tuple(
        _bill(reading, flows[reading.connection], retail_per_kwh, feed_in_per_kwh) for reading in readings
    )
    _check(settled, bills, readings)
    return SlotSettlement(settled, bills, tuple(readings), retail_per_kwh, feed_in_per_kwh)


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


def _trade_settlement(trade: TradeTerms, delivered_wh: int, quality: Quality) -> TradeSettlement:
    shortfall = trade.quantity_wh - delivered_wh
    refund = amount(shortfall, max(trade.price_per_kwh, trade.imbalance_per_kwh))
    return TradeSettlement(trade, delivered_wh, shortfall, refund, quality is Quality.ESTIMATED)


@dataclass(slots=True)
class _Flow:
    """What a prosumer's trades brought it in a slot, Wh."""

    sold: int = 0
    received: int = 0
    shortfall: int = 0
    estimated: bool = False


def _flows(settled: Sequence[TradeSettlement]) -> Mapping[int, _Flow]:
    """By connection; in one pass, since a slot has as many trades as homes."""
    flows: defaultdict[int, _Flow] = defaultdict(_Flow)
    for item in settled:
        seller, buyer = flows[item.trade.seller], flows[item.trade.buyer]
        seller.sold += item.delivered_wh
        seller.shortfall += item.shortfall_wh
        buyer.received += item.delivered_wh
        buyer.estimated |= item.estimated
    return flows


def _bill(reading: Reading, flow: _Flow, retail: int, feed_in: int) -> SupplierBill:
    residual_import = max(0, reading.import_wh - flow.received)
    unused = max(0, flow.received - reading.import_wh)
    residual_export = reading.export_wh - flow.sold
    return SupplierBill(
        connection=reading.connection,
        residual_import_wh=residual_import,
        residual_export_wh=residual_export,
        unused_wh=unused,
        shortfall_wh=flow.shortfall,
        charge=amount(residual_import, retail),
        credit=amount(residual_export + unused, feed_in),
        estimated=flow.estimated or reading.quality is Quality.ESTIMATED,
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
