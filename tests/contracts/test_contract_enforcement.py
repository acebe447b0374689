"""What binds though the other side is silent: checkpoints, accepted offers, metered deliveries."""

from dataclasses import dataclass
from typing import Any

import pytest
from desk import FUNDING, HISTORY, Desk
from evm_chain import refused
from market import CHALLENGE, COIN, DAY, PENALTY, Key, Market
from market import Side as Funding

from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import ChannelOpen, Offer, Side
from contracts.bindings import MerchantFactory, SignedState
from contracts.events import (
    ChannelCheckpointed,
    ChannelFinalised,
    DeliveryEnforced,
    DisputeFinalised,
    DisputeResolved,
    OfferEnforced,
)
from contracts.records import DisputeCounts, Disputer


@pytest.fixture
def opening(market: Market) -> ChannelOpen:
    registry = market.registry.address
    permits = market.permit(market.a, registry, FUNDING), market.permit(market.b, registry, FUNDING)
    opening = market.opening(Funding(FUNDING), Funding(FUNDING))
    market.open(opening, *permits)
    return opening


@pytest.fixture
def desk(market: Market, opening: ChannelOpen) -> Desk:
    return Desk(market, opening)


def execute(desk: Desk, call: Any, sender: bytes | None = None) -> None:
    desk.market.chain.execute(call, sender)


# checkpoint


def test_a_checkpoint_makes_older_states_worthless(desk: Desk) -> None:
    checkpoint = desk.market.registry.checkpoint
    (event,) = desk.market.chain.events(checkpoint(desk.signed(5, 30 * COIN)))
    assert event == ChannelCheckpointed(desk.channel, 5, 30 * COIN, 70 * COIN)
    assert (desk.record().version, desk.record().deadline) == (5, 0)
    with refused("StateTooOld", version=4, known=5):
        desk.dispute(desk.signed(4, 90 * COIN), desk.market.a)
    with refused("StateTooOld", version=5, known=5):
        execute(desk, checkpoint(desk.signed(5, 30 * COIN)))
    execute(desk, checkpoint(desk.signed(8, 31 * COIN)))
    (raised,) = desk.market.chain.events(
        desk.market.registry.dispute_known(desk.market.terms, desk.opening), desk.market.a.address
    )
    assert (raised.version, raised.balance_a) == (8, 31 * COIN)
    with refused("DisputeRunning"):
        execute(desk, checkpoint(desk.signed(9, 30 * COIN)))


def test_a_checkpoint_needs_a_co_signed_state_that_goes_on(desk: Desk) -> None:
    checkpoint, m = desk.market.registry.checkpoint, desk.market
    with refused("StateIsFinal"):
        execute(desk, checkpoint(m.final(desk.opening, 3, COIN)))
    state = m.state(desk.opening, 3, COIN)
    with refused("WrongSigner"):
        execute(
            desk,
            checkpoint(SignedState(m.terms, desk.opening, state, m.sign(m.a, state), m.sign(m.a, state))),
        )
    with refused("WrongBalances"):
        execute(desk, checkpoint(desk.signed(3, COIN, balance_b=COIN)))
    with refused("ECDSAInvalidSignature"):
        execute(desk, checkpoint(desk.known(3, COIN)))


def test_a_checkpoint_keeps_what_stale_disputes_cost(desk: Desk) -> None:
    m = desk.market
    desk.dispute(desk.signed(4, 90 * COIN), m.a)
    execute(desk, m.registry.resolve(desk.signed(9, 20 * COIN, base=8)))
    execute(desk, m.registry.checkpoint(desk.signed(11, 25 * COIN)))
    assert (desk.record().version, desk.record().stale_a) == (11, 1)
    events = m.chain.events(m.registry.finalise(m.final(desk.opening, 13, 40 * COIN)))
    assert ChannelFinalised(desk.channel, 13, 40 * COIN - PENALTY, 60 * COIN + PENALTY, 1500, 0) in events


# enforceOffer


def test_an_accepted_offer_binds_though_the_offeror_is_gone(desk: Desk) -> None:
    m, before = desk.market, desk.market.balance(desk.market.b.address)
    offer = desk.offer(7)
    events = desk.enforce(desk.signed(7, 40 * COIN), offer, m.a, m.b)
    balances, deadline = (46 * COIN, 54 * COIN), m.chain.now + CHALLENGE
    assert events == [OfferEnforced(desk.channel, struct_hash(offer), 8, *balances, deadline)]
    record = desk.record()
    assert (record.enforced, record.disputer, record.version) == (True, Disputer.PARTY_B, 8)
    m.chain.advance(CHALLENGE)
    paid = m.chain.events(m.registry.finalise_disputed(m.terms, desk.opening))
    assert DisputeFinalised(desk.channel, 8, *balances) in paid
    assert m.balance(m.b.address) - before == 54 * COIN
    assert desk.counts() == DisputeCounts(created=True, raised=1, resolved=0, failed=1, stale=0)


@pytest.mark.parametrize("sells", [True, False])
@pytest.mark.parametrize("offeror_is_a", [True, False])
def test_the_seller_is_paid_whoever_offered(desk: Desk, *, sells: bool, offeror_is_a: bool) -> None:
    m = desk.market
    offeror, acceptor = (m.a, m.b) if offeror_is_a else (m.b, m.a)
    base = desk.signed(3, 40 * COIN)
    desk.enforce(base, desk.offer(3, offeror_sells=sells), offeror, acceptor)
    assert desk.record().balance_a == (46 * COIN if sells is offeror_is_a else 34 * COIN)
    assert desk.record().disputer is (Disputer.PARTY_B if offeror_is_a else Disputer.PARTY_A)


def test_the_opening_is_a_base_that_needs_no_signatures(desk: Desk) -> None:
    m = desk.market
    with refused("ECDSAInvalidSignature"):
        desk.enforce(desk.known(0, FUNDING + 1), desk.offer(0), m.a, m.b)
    desk.enforce(desk.known(), desk.offer(0), m.a, m.b)
    assert (desk.record().version, desk.record().balance_a) == (1, FUNDING + 6 * COIN)


def test_an_offer_on_the_opening_is_worth_nothing_once_the_ledger_knows_more(desk: Desk) -> None:
    m = desk.market
    execute(desk, m.registry.checkpoint(desk.signed(2, COIN)))
    with refused("StateTooOld", version=0, known=2):
        desk.enforce(desk.known(), desk.offer(0), m.a, m.b)


def test_a_co_signed_state_of_the_same_version_beats_an_enforced_offer(desk: Desk) -> None:
    m = desk.market
    desk.enforce(desk.signed(7, 40 * COIN), desk.offer(7), m.a, m.b)
    with refused("StateTooOld", version=7, known=8):
        execute(desk, m.registry.resolve(desk.signed(7, 40 * COIN)))
    events = m.chain.events(m.registry.resolve(desk.signed(8, 33 * COIN, base=7)))
    assert events == [DisputeResolved(desk.channel, 8, 33 * COIN, 67 * COIN, stale=False, deadline=0)]
    record = desk.record()
    assert (record.enforced, record.version, record.balance_a) == (False, 8, 33 * COIN)
    assert desk.counts() == DisputeCounts(created=True, raised=1, resolved=1, failed=0, stale=0)


def test_a_final_state_of_the_same_version_closes_an_enforced_offer(desk: Desk) -> None:
    m = desk.market
    desk.enforce(desk.signed(7, 40 * COIN), desk.offer(7), m.a, m.b)
    events = m.chain.events(m.registry.finalise(m.final(desk.opening, 8, 33 * COIN)))
    assert isinstance(events[0], DisputeResolved)
    assert ChannelFinalised(desk.channel, 8, 33 * COIN, 67 * COIN, 1500, 0) in events


@pytest.mark.parametrize(("base", "stale"), [(7, False), (8, True), (9, True)])
def test_who_enforces_below_a_newer_co_signed_state_pays(desk: Desk, *, base: int, stale: bool) -> None:
    m = desk.market
    desk.enforce(desk.signed(7, 40 * COIN), desk.offer(7), m.a, m.b)
    (event,) = m.chain.events(m.registry.resolve(desk.signed(10, 33 * COIN, base=base)))
    assert event.stale is stale
    assert desk.record().stale_b == stale


def test_an_enforced_offer_answers_an_older_dispute_and_the_timer_starts_anew(desk: Desk) -> None:
    m = desk.market
    desk.dispute(desk.signed(3, 90 * COIN), m.a)
    m.chain.advance(CHALLENGE // 2)
    desk.enforce(desk.signed(7, 40 * COIN, base=5), desk.offer(7), m.a, m.b)
    record = desk.record()
    assert (record.version, record.deadline) == (8, m.chain.now + CHALLENGE)
    assert (record.stale_a, record.disputer) == (1, Disputer.PARTY_B)
    assert desk.counts() == DisputeCounts(created=True, raised=2, resolved=1, failed=0, stale=1)


def test_a_dispute_with_the_base_itself_is_not_stale(desk: Desk) -> None:
    m = desk.market
    execute(desk, m.registry.dispute_known(m.terms, desk.opening), m.a.address)
    claimed = m.replace(desk.known().state, base=99)  # nobody signed it, so that it proves nothing
    desk.enforce(SignedState(m.terms, desk.opening, claimed, b"", b""), desk.offer(0), m.a, m.b)
    assert desk.record().stale_a == 0


def test_an_offer_comes_too_late(desk: Desk) -> None:
    m, base = desk.market, desk.signed(7, 40 * COIN)
    offer = desk.offer(7)
    desk.dispute(desk.signed(3, 90 * COIN), m.a)
    m.chain.advance(CHALLENGE)
    with refused("ChallengeOver"):
        desk.enforce(base, desk.offer(7), m.a, m.b)
    execute(desk, m.registry.finalise_disputed(m.terms, desk.opening))
    with refused("ChannelNotOpen"):
        desk.enforce(base, desk.offer(7), m.a, m.b)
    assert offer.valid_until < m.chain.now


def test_an_offer_that_ran_out_binds_nobody(desk: Desk) -> None:
    m = desk.market
    with refused("OfferTooLate"):
        desk.enforce(desk.signed(7, 40 * COIN), desk.offer(7, valid_until=m.chain.now - 1), m.a, m.b)


def test_only_an_offer_on_the_state_that_both_signed(desk: Desk) -> None:
    m, base = desk.market, desk.signed(7, 40 * COIN)
    stranger = Key(99)
    with refused("WrongBase", version=7, expected=6):
        desk.enforce(base, desk.offer(6), m.a, m.b)
    with refused("NotParty"):
        desk.enforce(base, desk.offer(7), stranger, m.b)
    with refused("WrongSigner", expected=m.b.address):
        desk.enforce(base, desk.offer(7), m.a, m.a)
    with refused("WrongSigner", expected=m.a.address):
        desk.enforce(base, desk.offer(7), m.b, stranger)
    with refused("NotParty"):
        desk.enforce(base, desk.offer(7, channel=b"\x01" * 32), m.a, m.b)
    with refused("BuyerShort", balance=2 * COIN, amount=6 * COIN):
        desk.enforce(desk.signed(7, 98 * COIN), desk.offer(7), m.a, m.b)
    with refused("StateIsFinal"):
        desk.enforce(m.final(desk.opening, 7, 40 * COIN), desk.offer(7), m.a, m.b)
    with refused("WrongSigner"):
        one_hand = SignedState(m.terms, desk.opening, base.state, base.signature_b, base.signature_b)
        desk.enforce(one_hand, desk.offer(7), m.a, m.b)


def test_one_offer_binds_once(desk: Desk) -> None:
    m, base = desk.market, desk.signed(7, 40 * COIN)
    desk.enforce(base, desk.offer(7), m.a, m.b)
    with refused("StateTooOld", version=7, known=8):
        desk.enforce(base, desk.offer(7), m.a, m.b)
    desk.enforce(desk.signed(8, 20 * COIN), desk.offer(8), m.b, m.a)
    assert (desk.record().version, desk.record().balance_a) == (9, 14 * COIN)


# enforceDelivery


def disputed(desk: Desk, *sold: Side) -> tuple[SignedState, list[Offer], bytes]:
    """A dispute with version 9, in which one trade by each of these sellers is open."""
    offers = [desk.offer(position, id=bytes([position]) * 32) for position in range(len(sold))]
    open_list, root = desk.trades(*zip(offers, sold, strict=True))
    state = desk.signed(9, 40 * COIN, trades_root=root)
    desk.dispute(state, desk.market.b)
    return state, offers, open_list


def test_what_was_not_delivered_is_refunded_at_the_higher_price(desk: Desk) -> None:
    m, before = desk.market, desk.market.balance(desk.market.b.address)
    state, (first, second), open_list = disputed(desk, Side.A, Side.B)
    proof = {"history_root": HISTORY, "open_list": open_list}
    events = desk.deliver(state, desk.metered(first, Side.A, 15_000, **proof))
    refund = 2_500_000
    balances = 40 * COIN - refund, 60 * COIN + refund
    trade = struct_hash(first)
    assert events == [DeliveryEnforced(desk.channel, trade, 15_000, refund, *balances)]
    assert desk.record().refunded
    (event,) = desk.deliver(state, desk.metered(second, Side.B, 0, **proof))
    assert (event.refund, event.balance_a) == (10 * COIN, 50 * COIN - refund)
    m.chain.advance(CHALLENGE)
    execute(desk, m.registry.finalise_disputed(m.terms, desk.opening))
    assert m.balance(m.b.address) - before == 50 * COIN + refund


def test_the_trade_price_counts_where_it_is_the_higher_one(desk: Desk) -> None:
    offer = desk.offer(3, imbalance_per_kwh=1, price_per_kwh=300_001)
    open_list, root = desk.trades((offer, Side.A))
    state = desk.signed(9, 40 * COIN, trades_root=root)
    desk.dispute(state, desk.market.b)
    proof = {"history_root": HISTORY, "open_list": open_list}
    (event,) = desk.deliver(state, desk.metered(offer, Side.A, 19_999, **proof))
    assert event.refund == 301


def test_a_refund_never_exceeds_the_sellers_balance(desk: Desk) -> None:
    offer = desk.offer(3)
    open_list, root = desk.trades((offer, Side.A))
    state = desk.signed(9, COIN, trades_root=root)
    desk.dispute(state, desk.market.b)
    proof = {"history_root": HISTORY, "open_list": open_list}
    (event,) = desk.deliver(state, desk.metered(offer, Side.A, 0, **proof))
    assert (event.refund, event.balance_a, event.balance_b) == (COIN, 0, 100 * COIN)


def test_a_delivery_counts_once_for_each_record(desk: Desk) -> None:
    m = desk.market
    state, (offer,), open_list = disputed(desk, Side.A)
    metered = desk.metered(offer, Side.A, 15_000, history_root=HISTORY, open_list=open_list)
    desk.deliver(state, metered)
    with refused("DeliveryKnown", trade=struct_hash(offer)):
        desk.deliver(state, metered)
    newer = desk.signed(11, 45 * COIN, trades_root=state.state.trades_root, base=8)
    execute(desk, m.registry.resolve(newer))
    assert (desk.record().balance_a, desk.record().refunded) == (45 * COIN, False)
    with refused("NoDispute"):
        desk.deliver(newer, metered)
    desk.dispute(newer, m.b)
    with refused("WrongBase", version=9, expected=11):
        desk.deliver(state, metered)
    (event,) = desk.deliver(newer, metered)
    assert event.balance_a == 45 * COIN - 2_500_000


def test_the_enforced_trades_own_delivery_is_enforced_too(desk: Desk) -> None:
    m, base = desk.market, desk.signed(7, 40 * COIN)
    offer = desk.offer(7)
    desk.enforce(base, offer, m.a, m.b)
    with refused("WrongTrades"):
        desk.deliver(base, desk.metered(offer, Side.B, 0))
    unneeded = {"history_root": HISTORY, "open_list": desk.trades((desk.offer(3), Side.B))[0]}
    (event,) = desk.deliver(desk.known(), desk.metered(offer, Side.A, 0, **unneeded))
    assert (event.refund, event.balance_a) == (10 * COIN, 36 * COIN)
    with refused("DeliveryKnown"):
        desk.deliver(base, desk.metered(offer, Side.A, 0))
    # the same version, now co-signed: its balances know of no refund, so that it may come again
    open_list, root = desk.trades((offer, Side.A))
    newer = desk.signed(8, 46 * COIN, base=7, trades_root=root)
    execute(desk, m.registry.resolve(newer))
    desk.dispute(newer, m.b)
    metered = desk.metered(offer, Side.A, 0, history_root=HISTORY, open_list=open_list)
    (event,) = desk.deliver(newer, metered)
    assert event.balance_a == 36 * COIN


def test_a_seller_can_not_hide_open_trades_behind_an_enforced_offer(desk: Desk) -> None:
    m = desk.market
    state, (sold,), open_list = disputed(desk, Side.A)
    proof = {"history_root": HISTORY, "open_list": open_list}
    desk.deliver(state, desk.metered(sold, Side.A, 0, **proof))
    desk.enforce(state, desk.offer(9, quantity_wh=1), m.b, m.a)
    assert desk.record().refunded is False
    (event,) = desk.deliver(state, desk.metered(sold, Side.A, 0, **proof))
    assert (event.refund, event.balance_b) == (10 * COIN, 70 * COIN + 300)


def test_only_the_metering_keys_word_counts(desk: Desk) -> None:
    state, (offer,), open_list = disputed(desk, Side.A)
    proof = {"history_root": HISTORY, "open_list": open_list}
    with refused("WrongSigner", expected=desk.market.metering.address):
        desk.deliver(state, desk.metered(offer, Side.A, 0, key=desk.market.b, **proof))
    with refused("DeliveredTooMuch", deliveredWh=20_001, quantityWh=20_000):
        desk.deliver(state, desk.metered(offer, Side.A, 20_001, **proof))
    (event,) = desk.deliver(state, desk.metered(offer, Side.A, 20_000, **proof))
    assert event.refund == 0


def test_only_an_open_trade_of_the_disputed_state(desk: Desk) -> None:
    m = desk.market
    state, (offer, _), open_list = disputed(desk, Side.A, Side.B)
    stranger = desk.offer(5)
    with refused("WrongTrades"):
        desk.deliver(state, desk.metered(stranger, Side.A, 0, open_list=desk.trades((stranger, Side.A))[0]))
    with refused("WrongTrades"):
        desk.deliver(state, desk.metered(offer, Side.A, 0, open_list=open_list))
    with refused("WrongTrades"):
        desk.deliver(state, desk.metered(offer, Side.A, 0, history_root=HISTORY, open_list=open_list[:33]))
    with refused("TradeNotOpen", trade=struct_hash(offer)):
        desk.deliver(state, desk.metered(offer, Side.B, 0, history_root=HISTORY, open_list=open_list))
    unlisted = desk.metered(stranger, Side.A, 0, history_root=HISTORY)
    for position in (0, 1, 2, 3):
        words = unlisted.words()
        lied = (*words[:5], open_list, position)
        with refused("TradeNotOpen", trade=struct_hash(stranger)):
            m.chain.execute(m.registry.enforce_delivery(state, Words(lied)))
    with refused("WrongSigner"):
        swapped = SignedState(m.terms, desk.opening, state.state, state.signature_b, state.signature_a)
        proof = {"history_root": HISTORY, "open_list": open_list}
        desk.deliver(swapped, desk.metered(offer, Side.A, 0, **proof))


@dataclass
class Words:
    """A `MeteredTrade` as its maker likes it."""

    content: tuple[Any, ...]

    def words(self) -> tuple[Any, ...]:
        return self.content


def test_a_delivery_needs_a_running_dispute(desk: Desk) -> None:
    m = desk.market
    state, (offer,), open_list = disputed(desk, Side.A)
    metered = desk.metered(offer, Side.A, 0, history_root=HISTORY, open_list=open_list)
    m.chain.advance(CHALLENGE)
    with refused("ChallengeOver"):
        desk.deliver(state, metered)
    execute(desk, m.registry.finalise_disputed(m.terms, desk.opening))
    with refused("ChannelNotOpen"):
        desk.deliver(state, metered)


def test_a_late_answer_after_the_expiry_leaves_time_to_bring_refunds_again(desk: Desk) -> None:
    m = desk.market
    offer = desk.offer(3)
    open_list, root = desk.trades((offer, Side.A))
    older, newer = (desk.signed(v, 40 * COIN, base=8, trades_root=root) for v in (9, 11))
    m.chain.advance(DAY - 600)
    desk.dispute(older, m.b)
    metered = desk.metered(offer, Side.A, 0, history_root=HISTORY, open_list=open_list)
    desk.deliver(older, metered)
    m.chain.advance(CHALLENGE - 10)
    (event,) = m.chain.events(m.registry.resolve(newer))
    assert event.deadline == m.chain.now + CHALLENGE
    desk.deliver(newer, metered)
    m.chain.advance(CHALLENGE)
    paid = m.chain.events(m.registry.finalise_disputed(m.terms, desk.opening))
    assert DisputeFinalised(desk.channel, 11, 30 * COIN, 70 * COIN) in paid


def test_the_extension_itself_knows_no_channel(desk: Desk) -> None:
    m = desk.market
    alone = type(m.registry)(m.registry.extension(m.chain.call))
    with refused("ChannelNotOpen"):
        execute(desk, alone.checkpoint(desk.signed(5, COIN)))


def test_the_factory_refuses_an_extension_that_is_none_or_another_tokens(market: Market) -> None:
    other = market.chain.execute(MerchantFactory.extension_creation(market.a.address)).contract_address
    with refused("UnfitExtension", extension=other):
        market.chain.execute(MerchantFactory.creation(market.token.address, other))
    with refused("unknown"):  # no contract at all
        market.chain.execute(MerchantFactory.creation(market.token.address, market.a.address))
