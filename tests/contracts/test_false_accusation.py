"""Who disputes without reason harms nobody but itself, and itself only by what it agreed to."""

import pytest
from evm_chain import refused
from market import CHALLENGE, COIN, PENALTY, Market, Side

from channels_engine.core.types import ChannelOpen

FUNDING = 50 * COIN


@pytest.fixture
def opening(market: Market) -> ChannelOpen:
    """A channel of deposits whose newest co-signed state, version 8, gives 30 to A and 70 to B."""
    made = market.opening(Side(FUNDING), Side(FUNDING))
    registry = market.registry.address
    market.open(made, *(market.permit(key, registry, FUNDING) for key in (market.a, market.b)))
    return made


def paid(market: Market, before: tuple[int, int]) -> tuple[int, int]:
    return market.balance(market.a.address) - before[0], market.balance(market.b.address) - before[1]


def balances(market: Market) -> tuple[int, int]:
    return market.balance(market.a.address), market.balance(market.b.address)


@pytest.mark.parametrize("answered", [True, False])
def test_a_dispute_over_the_newest_state_costs_both_nothing(
    market: Market, opening: ChannelOpen, *, answered: bool
) -> None:
    """A accuses B of not cooperating, which is untrue: B closes at once, or does nothing at all."""
    newest = market.co_sign(opening, market.state(opening, 8, 30 * COIN))
    before = balances(market)
    market.chain.execute(market.registry.dispute(newest), market.a.address)
    if answered:
        market.chain.execute(market.registry.finalise(market.final(opening, 9, 30 * COIN)))
    else:
        market.chain.advance(CHALLENGE)
        market.chain.execute(market.registry.finalise_disputed(market.terms, opening))
    assert paid(market, before) == (30 * COIN, 70 * COIN)


def test_an_accusation_against_better_knowledge_costs_the_accuser_the_penalty_and_no_more(
    market: Market, opening: ChannelOpen
) -> None:
    """A disputes with version 4, and B shows version 8, in whose `base` A admits to have known 7."""
    before = balances(market)
    stale = market.co_sign(opening, market.state(opening, 4, 90 * COIN))
    market.chain.execute(market.registry.dispute(stale), market.a.address)
    newest = market.co_sign(opening, market.state(opening, 8, 30 * COIN))
    market.chain.execute(market.registry.resolve(newest))
    market.chain.execute(market.registry.finalise(market.final(opening, 9, 30 * COIN)))
    assert paid(market, before) == (30 * COIN - PENALTY, 70 * COIN + PENALTY)


def test_who_did_not_know_better_pays_nothing(market: Market, opening: ChannelOpen) -> None:
    """B withheld its countersignature under version 8, so A's newest was 7: no penalty to be collected."""
    before = balances(market)
    market.chain.execute(
        market.registry.dispute(market.co_sign(opening, market.state(opening, 7, 40 * COIN))),
        market.a.address,
    )
    newest = market.co_sign(opening, market.state(opening, 8, 30 * COIN))
    market.chain.execute(market.registry.resolve(newest))
    market.chain.execute(market.registry.finalise(market.final(opening, 9, 30 * COIN)))
    assert paid(market, before) == (30 * COIN, 70 * COIN)


def test_nobody_accuses_in_anothers_name(market: Market, opening: ChannelOpen) -> None:
    newest = market.co_sign(opening, market.state(opening, 8, 30 * COIN))
    with refused("NotParty"):
        market.chain.execute(market.registry.dispute(newest), market.owner.address)
    assert market.registry.disputes_of(market.chain.call, market.scid).raised == 0


def test_at_the_limit_the_pair_opens_no_channel_and_the_open_ones_go_on(
    market: Market, opening: ChannelOpen
) -> None:
    """What the accused may lose is the pair, at the number of disputes that it agreed to itself."""
    before = balances(market)
    for version in range(2, 2 + 2 * market.terms.dispute_limit, 2):
        disputed = market.co_sign(opening, market.state(opening, version, 30 * COIN))
        market.chain.execute(market.registry.dispute(disputed), market.a.address)
        answer = market.co_sign(opening, market.state(opening, version + 1, 30 * COIN))
        market.chain.execute(market.registry.resolve(answer))
    counts = market.registry.disputes_of(market.chain.call, market.scid)
    assert (counts.raised, counts.resolved, counts.stale) == (3, 3, 0)
    with refused("DisputeLimitReached"):
        market.open(market.opening(Side(0), Side(1)), None, None)
    market.chain.execute(market.registry.finalise(market.final(opening, 99, 30 * COIN)))
    assert paid(market, before) == (30 * COIN, 70 * COIN)
