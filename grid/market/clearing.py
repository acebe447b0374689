"""Periodic auctions: all orders of a slot are opened at once and cleared together; pure integers.

Both auctions match by merit: the cheapest asks with the dearest bids, as long as the bid covers the ask. They differ
in the price. Orders at the same price are served in their order of arrival; the last one served may be filled in part.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from grid.fees import NO_FEES, PairFees
from grid.market.orders import Match, Order, admit_everything, by_side, gain

HALF_PERMILLE = 500
ROUNDS = 8
"""Matches of one auction that are put to the grid, at most; refused quantity is matched anew with others."""

AdmitAll = Callable[[Sequence[Match]], Sequence[int]]
PriceOf = Callable[[Order, Order], int | None]


def admit_all_of_them(matches: Sequence[Match]) -> list[int]:
    """Where no grid is asked."""
    return [admit_everything(match) for match in matches]


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where supply meets demand: the quantity, and the interval of prices at which neither side wants more."""

    quantity_wh: int
    lowest_per_kwh: int
    highest_per_kwh: int

    def price(self, k_permille: int = HALF_PERMILLE) -> int:
        """The k-double auction's price, rounded down; k = 1/2 shares the interval evenly.

        Chatterjee & Samuelson, Operations Research 31 (1983); for many traders Rustichini, Satterthwaite & Williams,
        Econometrica 62 (1994).
        """
        return self.lowest_per_kwh + (self.highest_per_kwh - self.lowest_per_kwh) * k_permille // 1000


@dataclass(frozen=True, slots=True)
class Cleared:
    """What an auction gave: its uniform price (None if it has none or nothing crossed) and the matches."""

    price_per_kwh: int | None
    matches: tuple[Match, ...]


def crossing(orders: Sequence[Order]) -> Crossing | None:
    """The crossing of the supply and demand steps, or None where the dearest bid lies below the cheapest ask.

    The interval is [max(last ask served, first bid not served), min(last bid served, first ask not served)]. An order
    served in part counts on both sides, so it sets the price alone. The largest quantity is taken where the last
    units gain nothing.
    """
    asks, bids = (
        [(order.quantity_wh, order.limit_per_kwh) for order in by_side(orders, sells=sells)]
        for sells in (True, False)
    )
    total = i = j = used_ask = used_bid = 0
    last: tuple[int, int] | None = None
    while i < len(asks) and j < len(bids) and asks[i][1] <= bids[j][1]:
        take = min(asks[i][0] - used_ask, bids[j][0] - used_bid)
        total, used_ask, used_bid, last = (
            total + take,
            used_ask + take,
            used_bid + take,
            (asks[i][1], bids[j][1]),
        )
        if used_ask == asks[i][0]:
            i, used_ask = i + 1, 0
        if used_bid == bids[j][0]:
            j, used_bid = j + 1, 0
    if last is None:
        return None
    return Crossing(
        total,
        max([last[0], *(price for _, price in bids[j : j + 1])]),
        min([last[1], *(price for _, price in asks[i : i + 1])]),
    )


def pay_as_clear(
    orders: Sequence[Order], fees: PairFees = NO_FEES, admit_all: AdmitAll = admit_all_of_them
) -> Cleared:
    """One price for all: the middle of the crossing's interval.

    Limits cross as they are after the fees of the pairs that merit makes. Those pairs are served first; a pair whose
    own fees take more than the price leaves it does not meet. What the grid refuses is matched anew at the same price.
    """
    by_merit = pay_as_bid(orders, fees).matches
    crossed = crossing(_after_fees(orders, by_merit, fees))
    if crossed is None:
        return Cleared(None, ())
    price = crossed.price()

    def fits(ask: Order, bid: Order) -> int | None:
        of_seller, of_buyer = fees.ends(ask.trader, bid.trader)
        good = ask.limit_per_kwh + of_seller <= price <= bid.limit_per_kwh - of_buyer
        return price if good else None

    first = [
        Match(match.ask, match.bid, match.quantity_wh, price)
        for match in by_merit
        if fits(match.ask, match.bid) is not None
    ]
    return Cleared(price, _filled(orders, fees, fits, admit_all, first))


def _after_fees(orders: Sequence[Order], by_merit: Sequence[Match], fees: PairFees) -> list[Order]:
    """The orders cut into their matches, each with its limit moved by what its side of the pair pays.

    What is left without a match counts with the highest fee that its side of a match pays: were it less, the price
    would leave those who are served no room for theirs.
    """
    left = {order.place: order.quantity_wh for order in orders}
    most = list(fees.least)
    cut: list[tuple[Order, int, int]] = []
    for match in by_merit:
        for order, side in ((match.ask, 0), (match.bid, 1)):
            fee = fees.ends(match.ask.trader, match.bid.trader)[side]
            cut.append((order, match.quantity_wh, fee))
            left[order.place] -= match.quantity_wh
            most[side] = max(most[side], fee)
    cut += [(order, left[order.place], most[not order.sells]) for order in orders if left[order.place]]
    return [
        Order(
            place,
            order.trader,
            order.sells,
            quantity_wh,
            order.limit_per_kwh + (fee if order.sells else -fee),
        )
        for place, (order, quantity_wh, fee) in enumerate(cut)
    ]


def pay_as_bid(
    orders: Sequence[Order], fees: PairFees = NO_FEES, admit_all: AdmitAll = admit_all_of_them
) -> Cleared:
    """Everybody that is served pays its own bid (discriminatory price); the seller gets it, less the fees.

    So no money is left over at the auctioneer, as in the two-sided pay-as-bid market of gsy-e.
    """

    def fits(ask: Order, bid: Order) -> int | None:
        return bid.limit_per_kwh - fees.ends(ask.trader, bid.trader)[1] if gain(ask, bid, fees) >= 0 else None

    return Cleared(None, _filled(orders, fees, fits, admit_all))


def _filled(
    orders: Sequence[Order],
    fees: PairFees,
    price_of: PriceOf,
    admit_all: AdmitAll,
    first: Sequence[Match] = (),
) -> tuple[Match, ...]:
    """Match, ask the grid, match anew what is left; a pair that the grid refused does not meet again."""
    left = {order.place: order.quantity_wh for order in orders}
    barred: set[tuple[int, int]] = set()
    done: list[Match] = []
    for turn in range(ROUNDS):
        again = _proposed(orders, left, barred, sum(fees.least), price_of)
        proposed = first if first and not turn else list(again)
        if not proposed:
            break
        for match, granted in zip(proposed, admit_all(proposed), strict=True):
            if granted:
                done.append(Match(match.ask, match.bid, granted, match.price_per_kwh))
            left[match.ask.place] -= granted
            left[match.bid.place] -= granted
            if granted < match.quantity_wh:
                barred.add((match.ask.trader, match.bid.trader))
    return tuple(done)


def _proposed(
    orders: Sequence[Order],
    left: dict[int, int],
    barred: set[tuple[int, int]],
    least_fee: int,
    price_of: PriceOf,
) -> Iterator[Match]:
    room = dict(left)
    bids, first = list(by_side(orders, sells=False)), 0
    for ask in by_side(orders, sells=True):
        while first < len(bids) and not room[bids[first].place]:
            first += 1
        for at in range(first, len(bids)):
            bid = bids[at]
            if not room[ask.place] or ask.limit_per_kwh + least_fee > bid.limit_per_kwh:
                break
            if not room[bid.place] or ask.trader == bid.trader or (ask.trader, bid.trader) in barred:
                continue
            price = price_of(ask, bid)
            if price is None:
                continue
            take = min(room[ask.place], room[bid.place])
            room[ask.place] -= take
            room[bid.place] -= take
            yield Match(ask, bid, take, price)
