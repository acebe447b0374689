"""Limit orders and the continuous book; pure integers, no feeder, no strategy.

A limit is what its owner gets or pays per kWh in all, grid fees included: a seller's least, a buyer's most. The
price of a match is what the buyer pays the seller; both bear their fee on top of it.
"""

from bisect import insort
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from grid.fees import NO_FEES, PairFees

PATIENCE = 3
"""An order that the grid has refused so often leaves the book: its trader is where there is no room."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order of one trader. `place` is its arrival: unique, and earlier is smaller."""

    place: int
    trader: int
    sells: bool
    quantity_wh: int
    limit_per_kwh: int


@dataclass(frozen=True, slots=True)
class Match:
    """An ask and a bid that trade a quantity at a price."""

    ask: Order
    bid: Order
    quantity_wh: int
    price_per_kwh: int


Admit = Callable[[Match], int]
"""Asked before a match binds; the Wh of it that may."""


def admit_everything(match: Match) -> int:
    """Where no grid is asked."""
    return match.quantity_wh


def merit(order: Order) -> tuple[int, int]:
    """Sorting key of the merit order: better price first (cheap asks, dear bids), then earlier arrival."""
    return (order.limit_per_kwh if order.sells else -order.limit_per_kwh, order.place)


def gain(ask: Order, bid: Order, fees: PairFees) -> int:
    """What the two limits leave over per kWh after the pair's fees; negative if they can't trade."""
    return bid.limit_per_kwh - ask.limit_per_kwh - sum(fees.ends(ask.trader, bid.trader))


class ContinuousBook:
    """A continuous double auction: whoever comes trades at once with the best resting orders, at their prices.

    Priority is by price, then time (Friedman & Rust, The Double Auction Market, 1993). With grid fees that depend on
    the pair, the best price is the best after fees.
    """

    def __init__(self, fees: PairFees = NO_FEES, admit: Admit = admit_everything) -> None:
        self._fees, self._admit = fees, admit
        self._resting: dict[bool, list[Order]] = {True: [], False: []}
        self._left: dict[int, int] = {}
        self._refused: dict[int, int] = {}
        self._barred: set[tuple[int, int]] = set()

    def place(self, order: Order) -> tuple[Match, ...]:
        """Trade an order as far as the book allows; the rest of it waits in the book."""
        self._left[order.place] = order.quantity_wh
        done: list[Match] = []
        while self._left[order.place] and (match := self._best(order)):
            granted = self._admit(match)
            if granted:
                done.append(Match(match.ask, match.bid, granted, match.price_per_kwh))
            self._book(match, granted)
        if self._left[order.place]:
            insort(self._resting[order.sells], order, key=merit)
        return tuple(done)

    def resting(self, *, sells: bool) -> tuple[tuple[Order, int], ...]:
        """Orders that wait on one side, in merit order, with the Wh left of each."""
        return tuple((order, self._left[order.place]) for order in self._resting[sells])

    def cancel_all(self) -> None:
        """Take every resting order out, so that all may quote anew."""
        for side in self._resting.values():
            side.clear()

    def _best(self, order: Order) -> Match | None:
        """The resting order that leaves most to the one that comes; equal ones by arrival."""
        found: tuple[int, int, Order] | None = None
        for other in self._resting[not order.sells]:
            ask, bid = (order, other) if order.sells else (other, order)
            possible = bid.limit_per_kwh - ask.limit_per_kwh - sum(self._fees.least)
            if possible < 0 or (found and possible < found[0]):
                break
            left = gain(ask, bid, self._fees)
            if (
                left >= 0
                and self._may_meet(ask, bid)
                and (not found or (-left, other.place) < (-found[0], found[1]))
            ):
                found = (left, other.place, other)
        return self._matched(order, found[2]) if found else None

    def _may_meet(self, ask: Order, bid: Order) -> bool:
        return ask.trader != bid.trader and (ask.trader, bid.trader) not in self._barred

    def _matched(self, order: Order, other: Order) -> Match:
        """The resting order's limit decides: its owner gets or pays just that, and bears its fee."""
        ask, bid = (order, other) if order.sells else (other, order)
        of_seller, of_buyer = self._fees.ends(ask.trader, bid.trader)
        price = bid.limit_per_kwh - of_buyer if order.sells else ask.limit_per_kwh + of_seller
        return Match(ask, bid, min(self._left[ask.place], self._left[bid.place]), price)

    def _book(self, match: Match, granted: int) -> None:
        for order in (match.ask, match.bid):
            self._left[order.place] -= granted
        if granted < match.quantity_wh:
            self._barred.add((match.ask.trader, match.bid.trader))
            for order in (match.ask, match.bid):
                self._refused[order.place] = self._refused.get(order.place, 0) + 1
                if self._refused[order.place] >= PATIENCE:
                    self._left[order.place] = 0
        for side, order in ((True, match.ask), (False, match.bid)):
            if not self._left[order.place] and order in self._resting[side]:
                self._resting[side].remove(order)


def by_side(orders: Sequence[Order], *, sells: bool) -> Iterator[Order]:
    """One side of a set of orders, in merit order."""
    return iter(sorted((order for order in orders if order.sells == sells), key=merit))
