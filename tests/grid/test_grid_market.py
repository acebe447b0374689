"""Strategies, negotiation and matching: nobody trades worse than with the supplier, nobody gets more than K partners."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.market.bilateral import (
    Accept,
    Bilateral,
    Counter,
    Proposal,
    Reject,
    SlotBook,
    draw,
    first_beliefs,
    negotiate,
    respond,
    situation_of,
)
from grid.market.matching import match_partners
from grid.market.mechanism import trading_slot
from grid.market.strategies import STRATEGIES, rational_reserve
from grid.networks.feeder import Feeder
from grid.scenarios.sections import Tariff
from grid.simulation import Simulation, SimulationState

TARIFF = Tariff(retail_per_kwh=320_000, feed_in_per_kwh=82_000, imbalance_per_kwh=380_000)
names = st.sampled_from(sorted(STRATEGIES))


@given(
    names,
    st.tuples(st.booleans(), st.booleans()),
    st.integers(82_000, 320_000),
    st.integers(0, 5),
    st.floats(0, 0.999),
)
def test_no_strategy_asks_or_bids_worse_than_its_reserve(
    name: str, sides: tuple[bool, bool], belief: int, turn: int, chance: float
) -> None:
    strategy = STRATEGIES[name]
    sells, flexible = sides
    mine = situation_of(TARIFF, sells=sells, flexible=flexible, belief_per_kwh=belief, turn=turn, rounds=3)
    target, reserve = strategy.target(mine, chance), rational_reserve(mine)
    assert TARIFF.feed_in_per_kwh <= target <= TARIFF.retail_per_kwh
    assert target >= reserve if sells else target <= reserve
    for price in (None, target):
        learnt = strategy.learn(mine, price)
        assert TARIFF.feed_in_per_kwh <= learnt <= TARIFF.retail_per_kwh


def test_adaptive_agents_concede_and_learn() -> None:
    strategy = STRATEGIES["adaptive"]
    asks = [
        strategy.target(
            situation_of(TARIFF, sells=True, flexible=False, belief_per_kwh=200_000, turn=turn, rounds=4), 0.5
        )
        for turn in range(4)
    ]
    assert asks == sorted(asks, reverse=True)
    assert asks[0] > 200_000 > asks[-1]
    seller = situation_of(TARIFF, sells=True, flexible=False, belief_per_kwh=200_000, turn=0, rounds=3)
    assert strategy.learn(seller, 240_000) > 200_000 > strategy.learn(seller, None)


def test_answers_follow_the_rule() -> None:
    strategy = STRATEGIES["adaptive"]

    def buyer(turn: int) -> object:
        mine = situation_of(TARIFF, sells=False, flexible=False, belief_per_kwh=200_000, turn=turn, rounds=3)
        return respond(strategy, mine, Proposal(500, price), wanted, 0.5)

    price, wanted = 100_000, 500
    assert buyer(0) == Accept()
    price = 310_000
    assert isinstance(buyer(0), Counter)
    assert buyer(2) == Accept(), "in the last round anything better than the supplier's price will do"
    price = 330_000
    assert isinstance(buyer(2), Reject)
    price, wanted = 100_000, 300
    assert buyer(0) == Counter(Proposal(300, strategy.target(situation_of(
        TARIFF, sells=False, flexible=False, belief_per_kwh=200_000, turn=0, rounds=3), 0.5)))  # fmt: skip
    assert isinstance(buyer(2), Reject)
    wanted = 0
    assert isinstance(buyer(0), Reject)


def test_chance_is_the_same_everywhere() -> None:
    assert draw(7, 1, 2, 3) == 0.641943773604158
    assert len({draw(seed, 1, 2) for seed in range(100)}) == 100


@pytest.mark.parametrize("partners", [1, 4, 7])
def test_partners_are_few_and_near(rural_feeder: Feeder, partners: int) -> None:
    pairs = match_partners(rural_feeder, partners)
    count = [0] * len(rural_feeder.connections)
    for pair in pairs:
        count[pair.seller] += 1
        count[pair.buyer] += 1
        assert rural_feeder.connections[pair.seller].generator
    assert max(count) == partners
    assert len({frozenset((pair.seller, pair.buyer)) for pair in pairs}) == len(pairs)
    assert pairs == match_partners(rural_feeder, partners)


def test_a_slot_is_rational_for_everyone_and_repeatable(june_day: Simulation) -> None:
    plan = june_day.plan(SimulationState(june_day.slots[50], june_day.start_state().soc_wh))
    pairs = match_partners(june_day.feeder, 4)
    for name in STRATEGIES:
        beliefs = first_beliefs(plan.tariff, 153)
        slots = (trading_slot(june_day, plan, june_day.gate(plan), pairs, beliefs) for _ in range(2))
        one, two = (Bilateral().play(dataclasses.replace(slot, strategy=STRATEGIES[name])) for slot in slots)
        assert one == two
        assert len(one.trades) > 10
        sold, bought = [0] * 153, [0] * 153
        for trade in one.trades:
            assert plan.tariff.feed_in_per_kwh <= trade.price_per_kwh <= plan.tariff.retail_per_kwh
            assert trade.quantity_wh >= 20
            sold[trade.seller] += trade.quantity_wh
            bought[trade.buyer] += trade.quantity_wh
        for position in plan.positions:
            assert sold[position.connection] <= position.surplus_wh
            assert bought[position.connection] <= position.deficit_wh + position.flexible_import_wh


def test_negotiations_end_within_their_rounds(june_day: Simulation) -> None:
    plan = june_day.plan(SimulationState(june_day.slots[50], june_day.start_state().soc_wh))
    stubborn = dataclasses.replace(plan, tariff=TARIFF)
    book = SlotBook(stubborn, 20)
    seller, buyer = next(book.encounters(match_partners(june_day.feeder, 4)))
    deals = [
        negotiate(book, STRATEGIES["adaptive"], (seller, buyer), (320_000, 82_000), seed=seed, rounds=1)
        for seed in range(20)
    ]
    assert all(deal is None or 82_000 <= deal.price_per_kwh <= 320_000 for deal in deals)
