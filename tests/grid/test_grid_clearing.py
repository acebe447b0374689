"""Auctions on hand-made books: the textbook outcome, and on small random books what brute force finds."""

from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.fees import FlatFees, PairFees
from grid.market.clearing import Crossing, crossing, pay_as_bid, pay_as_clear
from grid.market.orders import PATIENCE, ContinuousBook, Match, Order, gain


def book(asks: Sequence[tuple[int, int]], bids: Sequence[tuple[int, int]]) -> list[Order]:
    """Orders of (Wh, price), asks first, in their order of arrival; everybody trades once."""
    rows = [(True, *row) for row in asks] + [(False, *row) for row in bids]
    return [Order(i, i, sells, quantity, limit) for i, (sells, quantity, limit) in enumerate(rows)]


def trades(matches: Sequence[Match]) -> list[tuple[int, int, int, int]]:
    """(ask's place, bid's place, Wh, price)."""
    return [(m.ask.place, m.bid.place, m.quantity_wh, m.price_per_kwh) for m in matches]


class Uneven:
    """Fees by pair: near neighbours pay less."""

    least = (1, 2)

    def ends(self, seller: int, buyer: int) -> tuple[int, int]:
        return 1 + abs(seller - buyer) % 3, 2 + (seller + buyer) % 2


TEXTBOOK = book([(100, 10), (100, 20), (100, 30), (100, 50)], [(100, 60), (100, 40), (50, 25), (100, 15)])


def test_supply_meets_demand_at_the_textbook_crossing() -> None:
    """Third ask (30) and third bid (25) do not cross: 200 Wh, between max(20, 25) and min(40, 30)."""
    assert crossing(TEXTBOOK) == Crossing(200, 25, 30)
    cleared = pay_as_clear(TEXTBOOK)
    assert cleared.price_per_kwh == 27
    assert trades(cleared.matches) == [(0, 4, 100, 27), (1, 5, 100, 27)]
    assert [Crossing(200, 25, 30).price(k) for k in (0, 500, 1000)] == [25, 27, 30]


def test_pay_as_bid_takes_the_same_quantity_at_each_buyers_price() -> None:
    cleared = pay_as_bid(TEXTBOOK)
    assert cleared.price_per_kwh is None
    assert trades(cleared.matches) == [(0, 4, 100, 60), (1, 5, 100, 40)]


@pytest.mark.parametrize(
    ("asks", "bids", "expected"),
    [
        ([(100, 30)], [(100, 29)], None),
        ([(100, 30)], [], None),
        ([], [(100, 30)], None),
        ([(100, 30)], [(100, 30)], Crossing(100, 30, 30)),
        ([(100, 10)], [(100, 50)], Crossing(100, 10, 50)),
        ([(100, 10)], [(60, 50)], Crossing(60, 10, 10)),
        ([(60, 10)], [(100, 50)], Crossing(60, 50, 50)),
        ([(60, 10), (60, 20)], [(100, 50), (100, 5)], Crossing(100, 20, 20)),
        ([(100, 10), (100, 12)], [(100, 50)], Crossing(100, 10, 12)),
    ],
    ids=[
        "no crossing", "no bids", "no asks", "touching", "one pair", "ask filled in part sets the price",
        "bid filled in part sets the price", "marginal ask filled in part", "next ask bounds the interval",
    ],
)  # fmt: skip
def test_price_intervals(
    asks: list[tuple[int, int]], bids: list[tuple[int, int]], expected: Crossing | None
) -> None:
    assert crossing(book(asks, bids)) == expected
    cleared = pay_as_clear(book(asks, bids))
    assert cleared.price_per_kwh == (expected.price() if expected else None)
    assert sum(m.quantity_wh for m in cleared.matches) == (expected.quantity_wh if expected else 0)


def test_equal_prices_are_served_in_their_order_of_arrival() -> None:
    orders = book([(100, 20), (100, 20), (100, 20)], [(150, 40)])
    assert trades(pay_as_clear(orders).matches) == [(0, 3, 100, 20), (1, 3, 50, 20)]
    late_first = [Order(9, 0, True, 100, 20), *orders[1:]]  # noqa: FBT003  an order's side
    assert trades(pay_as_clear(late_first).matches) == [(1, 3, 100, 20), (2, 3, 50, 20)]


def test_continuous_trades_at_resting_prices_by_price_and_time() -> None:
    market = ContinuousBook()
    ask30, ask20, ask20_later, bid25, bid40, ask22 = (
        Order(0, 0, sells=True, quantity_wh=100, limit_per_kwh=30),
        Order(1, 1, sells=True, quantity_wh=50, limit_per_kwh=20),
        Order(2, 2, sells=True, quantity_wh=50, limit_per_kwh=20),
        Order(3, 3, sells=False, quantity_wh=80, limit_per_kwh=25),
        Order(4, 4, sells=False, quantity_wh=150, limit_per_kwh=40),
        Order(5, 5, sells=True, quantity_wh=10, limit_per_kwh=22),
    )
    for order in (ask30, ask20, ask20_later):
        assert market.place(order) == ()
    assert trades(market.place(bid25)) == [(1, 3, 50, 20), (2, 3, 30, 20)]
    assert trades(market.place(bid40)) == [(2, 4, 20, 20), (0, 4, 100, 30)]
    assert market.resting(sells=True) == ()
    assert market.resting(sells=False) == ((bid40, 30),)
    assert trades(market.place(ask22)) == [(5, 4, 10, 40)], "the resting bid's price, not the ask's"
    market.cancel_all()
    assert market.resting(sells=False) == ()


def test_what_the_grid_refuses_goes_back_to_the_book() -> None:
    """The first bid finds room for 30 Wh only: the next bid gets the rest, and the pair does not meet again."""
    orders = book([(100, 10)], [(100, 50), (100, 50)])
    refused = {(0, 1): 30}

    def admit(match: Match) -> int:
        return min(match.quantity_wh, refused.get((match.ask.place, match.bid.place), 10**6))

    for auction in (pay_as_clear, pay_as_bid):
        done = auction(orders, admit_all=lambda matches: [admit(match) for match in matches]).matches
        assert [row[:3] for row in trades(done)] == [(0, 1, 30), (0, 2, 70)]
    market = ContinuousBook(admit=admit)
    market.place(orders[1])
    market.place(orders[2])
    assert trades(market.place(orders[0])) == [(0, 1, 30, 50), (0, 2, 70, 50)]
    assert market.resting(sells=False) == ((orders[1], 70), (orders[2], 30))


def test_an_order_without_room_leaves_the_book_after_a_while() -> None:
    asked: list[Match] = []

    def refuse(match: Match) -> int:
        asked.append(match)
        return 0

    market = ContinuousBook(admit=refuse)
    for place in range(PATIENCE + 3):
        market.place(Order(place, place, sells=False, quantity_wh=10, limit_per_kwh=50))
    assert market.place(Order(99, 99, sells=True, quantity_wh=10, limit_per_kwh=5)) == ()
    assert len(asked) == PATIENCE
    assert market.resting(sells=True) == ()


def test_nobody_trades_with_itself() -> None:
    mine = [
        Order(0, 7, sells=True, quantity_wh=10, limit_per_kwh=5),
        Order(1, 7, sells=False, quantity_wh=10, limit_per_kwh=9),
    ]
    assert pay_as_bid(mine).matches == ()
    market = ContinuousBook()
    assert market.place(mine[0]) == market.place(mine[1]) == ()


def test_flat_fees_move_the_crossing_as_in_the_textbook() -> None:
    """A fee of 6 in all: sellers want 2 more, buyers pay 4 less; 30 and 40 no longer leave the second pair out."""
    cleared = pay_as_clear(TEXTBOOK, FlatFees(6, 334))
    assert cleared.price_per_kwh == (22 + 32) // 2
    assert trades(cleared.matches) == [(0, 4, 100, 27), (1, 5, 100, 27)]
    assert pay_as_clear(book([(100, 10)], [(100, 15)]), FlatFees(6)).matches == ()


sides = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 12)), min_size=0, max_size=4)
books = st.builds(book, sides, sides)
all_fees: st.SearchStrategy[PairFees] = st.sampled_from([FlatFees(), FlatFees(3), Uneven()])


def units(orders: Sequence[Order], *, sells: bool) -> list[int]:
    """Limits of single Wh, best first."""
    one_by_one = [o.limit_per_kwh for o in orders if o.sells == sells for _ in range(o.quantity_wh)]
    return sorted(one_by_one, reverse=not sells)


def best_surplus(orders: Sequence[Order]) -> int:
    """By trying every quantity: unit by unit the cheapest asks and dearest bids are best for it."""
    asks, bids = units(orders, sells=True), units(orders, sells=False)
    return max(sum(bids[:n]) - sum(asks[:n]) for n in range(min(len(asks), len(bids)) + 1))


def surplus(matches: Sequence[Match]) -> int:
    return sum(m.quantity_wh * (m.bid.limit_per_kwh - m.ask.limit_per_kwh) for m in matches)


def placed(orders: Sequence[Order], fees: PairFees) -> list[Match]:
    market = ContinuousBook(fees)
    return [
        match
        for order in sorted(orders, key=lambda o: (o.limit_per_kwh * 7) % 5)
        for match in market.place(order)
    ]


@given(books, all_fees)
def test_no_trade_beyond_limits_or_quantities(orders: list[Order], fees: PairFees) -> None:
    for matches in (
        pay_as_clear(orders, fees).matches,
        pay_as_bid(orders, fees).matches,
        placed(orders, fees),
    ):
        for match in matches:
            of_seller, of_buyer = fees.ends(match.ask.trader, match.bid.trader)
            assert match.price_per_kwh - of_seller >= match.ask.limit_per_kwh
            assert match.price_per_kwh + of_buyer <= match.bid.limit_per_kwh
            assert match.quantity_wh > 0
        for order in orders:
            used = sum(m.quantity_wh for m in matches if order in (m.ask, m.bid))
            assert used <= order.quantity_wh


@given(books)
def test_auctions_reach_the_greatest_surplus_and_one_price_suits_all(orders: list[Order]) -> None:
    cleared, discriminating, crossed = pay_as_clear(orders), pay_as_bid(orders), crossing(orders)
    assert surplus(cleared.matches) == surplus(discriminating.matches) == best_surplus(orders)
    if crossed is None:
        assert cleared.matches == discriminating.matches == ()
        return
    assert sum(m.quantity_wh for m in cleared.matches) == crossed.quantity_wh
    assert {m.price_per_kwh for m in cleared.matches} == {cleared.price_per_kwh}
    for price in (crossed.lowest_per_kwh, crossed.highest_per_kwh, crossed.price()):
        supply = sum(limit < price for limit in units(orders, sells=True))
        demand = sum(limit > price for limit in units(orders, sells=False))
        assert max(supply, demand) <= crossed.quantity_wh, "at the price nobody who gains is left out"
    for outside in (crossed.lowest_per_kwh - 1, crossed.highest_per_kwh + 1):
        supply = sum(limit <= outside for limit in units(orders, sells=True))
        demand = sum(limit >= outside for limit in units(orders, sells=False))
        assert supply != demand or supply < crossed.quantity_wh, (
            "beyond the interval the market does not clear"
        )


@given(books, all_fees)
def test_when_all_is_done_no_pair_could_still_gain(orders: list[Order], fees: PairFees) -> None:
    for matches in (pay_as_bid(orders, fees).matches, placed(orders, fees)):
        left = {o.place: o.quantity_wh for o in orders}
        for match in matches:
            left[match.ask.place] -= match.quantity_wh
            left[match.bid.place] -= match.quantity_wh
        for ask, bid in product(orders, orders):
            if ask.sells and not bid.sells and left[ask.place] and left[bid.place]:
                assert gain(ask, bid, fees) < 0
