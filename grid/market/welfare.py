"""Gains from trade: what a slot's trades brought against the most that they could have brought."""

from collections.abc import Sequence
from dataclasses import dataclass

from grid.market.bilateral import SlotBook, situation_of
from grid.market.clearing import crossing
from grid.market.orders import Order, by_side
from grid.market.strategies import rational_reserve
from grid.metering import WH_PER_KWH, TradeTerms
from grid.simulation import SlotPlan


@dataclass(frozen=True, slots=True)
class Welfare:
    """Gains from trade against the supplier, micro-units, rounded down: of the trades, and at most."""

    gained: int
    possible: int


def slot_welfare(plan: SlotPlan, trades: Sequence[TradeTerms], min_trade_wh: int) -> Welfare:
    """Allocative efficiency's two parts (Gode & Sunder, J. Political Economy 101 (1993) 119-137).

    A kWh is worth to each side what the supplier would pay or ask for it, or what the battery saves with it later
    (`rational_reserve`), whatever its strategy said. The most is what a clearing by these values brings on a grid
    without limits, losses or fees; quantities are those expected before the slot.
    """
    book = SlotBook(plan, min_trade_wh)
    possible = _most(_valued(plan, book))
    gained = 0
    for trade in trades:
        _, deficit, _ = book.wanted_wh(trade.buyer)
        needed = min(trade.quantity_wh, deficit)
        for quantity, flexible in ((needed, False), (trade.quantity_wh - needed, True)):
            gained += quantity * (_worth(plan, sells=False, flexible=flexible) - _worth(plan, sells=True))
        book.record(trade.seller, trade.buyer, trade.quantity_wh)
    return Welfare(gained // WH_PER_KWH, possible // WH_PER_KWH)


def _worth(plan: SlotPlan, *, sells: bool, flexible: bool = False) -> int:
    return rational_reserve(
        situation_of(plan.tariff, sells=sells, flexible=flexible, belief_per_kwh=0, turn=0, rounds=1)
    )


def _valued(plan: SlotPlan, book: SlotBook) -> list[Order]:
    values = {(True, False): _worth(plan, sells=True)} | {
        (False, flexible): _worth(plan, sells=False, flexible=flexible) for flexible in (False, True)
    }
    orders: list[Order] = []
    for position in plan.positions:
        to_sell, deficit, flexible = book.wanted_wh(position.connection)
        for key, quantity in (((True, False), to_sell), ((False, False), deficit), ((False, True), flexible)):
            if quantity >= book.min_trade_wh:
                orders.append(Order(len(orders), position.connection, key[0], quantity, values[key]))
    return orders


def _most(orders: Sequence[Order]) -> int:
    """Micro-units times 1000: area between demand and supply up to their crossing."""
    crossed = crossing(orders)
    if crossed is None:
        return 0
    bids, asks = (
        sum(
            min(order.quantity_wh, max(0, crossed.quantity_wh - before)) * order.limit_per_kwh
            for order, before in _stacked(orders, sells=sells)
        )
        for sells in (False, True)
    )
    return bids - asks


def _stacked(orders: Sequence[Order], *, sells: bool) -> list[tuple[Order, int]]:
    """One side in merit order, each with the Wh that stand before it."""
    stacked, before = [], 0
    for order in by_side(orders, sells=sells):
        stacked.append((order, before))
        before += order.quantity_wh
    return stacked
