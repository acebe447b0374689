"""Disputes: raised, answered, paid out after the timer; expiry; who is to blame."""

from typing import Any

import pytest
from evm_chain import refused
from market import CHALLENGE, COIN, DAY, PENALTY, Key, Market, Side

from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import ChannelOpen
from contracts.bindings import SignedState
from contracts.consents import dispute_request
from contracts.events import ChannelDisputed, ChannelFinalised, DisputeFinalised, DisputeResolved
from contracts.records import DisputeCounts, Disputer

FUNDING = 50 * COIN


@pytest.fixture
def opening(market: Market) -> ChannelOpen:
    registry = market.registry.address
    permits = market.permit(market.a, registry, FUNDING), market.permit(market.b, registry, FUNDING)
    opening = market.opening(Side(FUNDING), Side(FUNDING))
    market.open(opening, *permits)
    return opening


def signed(market: Market, opening: ChannelOpen, version: int, balance_a: int, **changes: Any) -> SignedState:
    return market.co_sign(opening, market.state(opening, version, balance_a, **changes))


def counts(market: Market) -> DisputeCounts:
    return market.registry.disputes_of(market.chain.call, market.scid)


def test_an_unanswered_dispute_pays_the_disputed_state(market: Market, opening: ChannelOpen) -> None:
    before = market.balance(market.a.address)
    disputed = signed(market, opening, 4, 30 * COIN)
    (event,) = market.chain.events(market.registry.dispute(disputed), market.a.address)
    deadline = market.chain.now + CHALLENGE
    balances = 30 * COIN, 70 * COIN
    assert event == ChannelDisputed(struct_hash(opening), Disputer.PARTY_A, 4, *balances, deadline)
    with refused("ChallengeRunning", deadline=deadline):
        market.chain.execute(market.registry.finalise_disputed(market.terms, opening))
    market.chain.advance(CHALLENGE)
    with refused("ChallengeOver"):
        market.chain.execute(market.registry.resolve(signed(market, opening, 5, 10 * COIN)))
    events = market.chain.events(market.registry.finalise_disputed(market.terms, opening))
    assert DisputeFinalised(struct_hash(opening), 4, *balances) in events
    assert market.balance(market.a.address) == before + 30 * COIN
    assert counts(market) == DisputeCounts(created=True, raised=1, resolved=0, failed=1, stale=0)
    with refused("ChannelNotOpen"):
        market.chain.execute(market.registry.finalise_disputed(market.terms, opening))


def test_a_newer_state_answers_a_stale_dispute_and_its_raiser_pays(
    market: Market, opening: ChannelOpen
) -> None:
    before = market.balance(market.a.address), market.balance(market.b.address)
    market.chain.execute(market.registry.dispute(signed(market, opening, 4, 90 * COIN)), market.a.address)
    newer = signed(market, opening, 9, 20 * COIN, base=8)
    (event,) = market.chain.events(market.registry.resolve(newer))
    assert event == DisputeResolved(struct_hash(opening), 9, 20 * COIN, 80 * COIN, stale=True, deadline=0)
    assert counts(market) == DisputeCounts(created=True, raised=1, resolved=1, failed=0, stale=1)
    with refused("NoDispute"):
        market.chain.execute(market.registry.finalise_disputed(market.terms, opening))

    market.chain.execute(market.registry.finalise(market.final(opening, 12, 40 * COIN)))
    after = market.balance(market.a.address), market.balance(market.b.address)
    assert after[0] - before[0] == 40 * COIN - PENALTY
    assert after[1] - before[1] == 60 * COIN + PENALTY


def test_withholding_a_countersignature_earns_no_penalty(market: Market, opening: ChannelOpen) -> None:
    """B keeps A's half-signed version 5 (base 4) back; A, who holds 4, disputes; B now shows 5."""
    market.chain.execute(market.registry.dispute(signed(market, opening, 4, 90 * COIN)), market.a.address)
    (event,) = market.chain.events(market.registry.resolve(signed(market, opening, 5, 20 * COIN, base=4)))
    assert isinstance(event, DisputeResolved)
    assert not event.stale
    record = market.registry.record_of(market.chain.call, struct_hash(opening))
    assert (record.stale_a, record.stale_b, counts(market).stale) == (0, 0, 0)


def test_the_penalty_never_exceeds_the_balance(market: Market, opening: ChannelOpen) -> None:
    before = market.balance(market.b.address)
    market.chain.execute(market.registry.dispute(signed(market, opening, 1, 90 * COIN)), market.b.address)
    final = signed(market, opening, 9, 99 * COIN, base=8, is_final=True)
    events = market.chain.events(market.registry.resolve(final))
    assert [type(event) for event in events[:2]] == [DisputeResolved, ChannelFinalised]
    assert market.balance(market.b.address) == before
    assert market.balance(market.registry.address) == 0


def test_a_resolved_channel_remembers_its_newest_state(market: Market, opening: ChannelOpen) -> None:
    market.chain.execute(market.registry.dispute(signed(market, opening, 4, 90 * COIN)), market.a.address)
    market.chain.execute(market.registry.resolve(signed(market, opening, 9, 20 * COIN)))
    with refused("StateTooOld", version=4, known=9):
        market.chain.execute(market.registry.dispute(signed(market, opening, 4, 90 * COIN)), market.a.address)
    with refused("StateTooOld", version=8, known=9):
        market.chain.execute(market.registry.finalise(market.final(opening, 8, 90 * COIN)))
    (event,) = market.chain.events(market.registry.dispute_known(market.terms, opening), market.b.address)
    assert (event.version, event.balance_a, event.disputer) == (9, 20 * COIN, Disputer.PARTY_B)


def test_an_older_or_equal_state_answers_nothing(market: Market, opening: ChannelOpen) -> None:
    market.chain.execute(market.registry.dispute(signed(market, opening, 4, 90 * COIN)), market.a.address)
    for version in (3, 4):
        with refused("StateTooOld"):
            market.chain.execute(market.registry.resolve(signed(market, opening, version, 20 * COIN)))
    with refused("DisputeRunning"):
        market.chain.execute(market.registry.dispute(signed(market, opening, 6, 90 * COIN)), market.b.address)
    with refused("DisputeRunning"):
        market.chain.execute(market.registry.dispute_known(market.terms, opening), market.b.address)


def test_a_final_state_closes_in_the_middle_of_a_dispute(market: Market, opening: ChannelOpen) -> None:
    market.chain.execute(market.registry.dispute(signed(market, opening, 4, 90 * COIN)), market.a.address)
    events = market.chain.events(market.registry.finalise(market.final(opening, 5, 10 * COIN)))
    assert isinstance(events[0], DisputeResolved)
    assert events[1] == ChannelFinalised(struct_hash(opening), 5, 10 * COIN, 90 * COIN, 1500, 0)
    assert counts(market).resolved == 1
    with refused("ChannelNotOpen"):
        market.chain.execute(market.registry.finalise_disputed(market.terms, opening))


def test_a_final_state_needs_no_dispute(market: Market, opening: ChannelOpen) -> None:
    with refused("StateIsFinal"):
        market.chain.execute(market.registry.dispute(market.final(opening, 4, COIN)), market.a.address)


def test_a_party_disputes_the_opening_when_it_has_nothing_else(market: Market, opening: ChannelOpen) -> None:
    (event,) = market.chain.events(market.registry.dispute_known(market.terms, opening), market.a.address)
    assert (event.version, event.balance_a, event.balance_b) == (0, FUNDING, FUNDING)


def test_a_stranger_cannot_dispute_before_the_expiry(market: Market, opening: ChannelOpen) -> None:
    stranger = Key(99).address
    market.chain.adopt(Key(99).secret, stranger)
    with refused("NotParty", account=stranger):
        market.chain.execute(market.registry.dispute_known(market.terms, opening), stranger)
    with refused("NotParty"):
        market.chain.execute(market.registry.dispute(signed(market, opening, 4, COIN)), stranger)


def test_anyone_brings_a_partys_signed_dispute_once(market: Market, opening: ChannelOpen) -> None:
    channel = struct_hash(opening)
    consent = market.b.sign(dispute_request(market.domain, channel=channel, version=4))
    call = market.registry.dispute(signed(market, opening, 4, COIN), consent)
    (event,) = market.chain.events(call)
    assert event.disputer is Disputer.PARTY_B
    market.chain.execute(market.registry.resolve(signed(market, opening, 6, COIN, base=4)))
    with refused("StateTooOld"):
        market.chain.execute(call)
    with refused("NotParty"):
        market.chain.execute(market.registry.dispute(signed(market, opening, 6, COIN), consent))
    with refused("NotParty"):
        market.chain.execute(market.registry.dispute_known(market.terms, opening, consent))


def test_after_the_expiry_anyone_frees_the_money_and_nobody_is_blamed(
    market: Market, opening: ChannelOpen
) -> None:
    before = market.balance(market.a.address), market.balance(market.b.address)
    market.chain.advance(DAY + 1)
    (event,) = market.chain.events(market.registry.dispute_known(market.terms, opening))
    assert (event.disputer, event.version) == (Disputer.NOBODY, 0)
    market.chain.advance(CHALLENGE)
    market.chain.execute(market.registry.finalise_disputed(market.terms, opening))
    after = market.balance(market.a.address), market.balance(market.b.address)
    assert (after[0] - before[0], after[1] - before[1]) == (FUNDING, FUNDING)
    assert counts(market) == DisputeCounts(created=True, raised=0, resolved=0, failed=0, stale=0)


def test_an_expired_channel_does_not_go_on_but_the_newest_state_counts(
    market: Market, opening: ChannelOpen
) -> None:
    before = market.balance(market.a.address)
    market.chain.advance(DAY + 1)
    (raised,) = market.chain.events(market.registry.dispute_known(market.terms, opening))
    newer = signed(market, opening, 5, 80 * COIN)
    (event,) = market.chain.events(market.registry.resolve(newer))
    assert (event.stale, event.deadline) == (False, raised.deadline)
    market.chain.execute(market.registry.resolve(signed(market, opening, 6, 70 * COIN)))
    market.chain.advance(CHALLENGE)
    market.chain.execute(market.registry.finalise_disputed(market.terms, opening))
    assert market.balance(market.a.address) == before + 70 * COIN


def test_from_the_limit_on_no_new_channel_opens(market: Market, opening: ChannelOpen) -> None:
    for version in (2, 4, 6):
        call = market.registry.dispute(signed(market, opening, version, COIN))
        market.chain.execute(call, market.a.address)
        market.chain.execute(market.registry.resolve(signed(market, opening, version + 1, COIN)))
    with refused("DisputeLimitReached", raised=3):
        market.open(market.opening(Side(FUNDING), Side(FUNDING)))


def test_a_disputed_note_channel_pays_its_payee(market: Market) -> None:
    note_a, note_b = market.note(market.a, 200 * COIN), market.note(market.b, 200 * COIN, 1)
    opening = market.opening(market.note_side(note_a, FUNDING), market.note_side(note_b, FUNDING, 1))
    market.open(opening, note_a, note_b)
    market.chain.execute(market.registry.dispute(signed(market, opening, 4, 20 * COIN)), market.b.address)
    market.chain.advance(CHALLENGE)
    market.chain.execute(market.registry.finalise_disputed(market.terms, opening))
    payee = market.merchant(1).note_of(market.chain.call, note_b.note.serial, market.b.address)
    assert payee.earnings == 30 * COIN
    market.require_solvent(0)
    market.require_solvent(1)
