"""Fundings changed, offers and deliveries enforced, disputes and checkpoints, on a real ledger (the embedded node)."""

import msgspec
import pytest
from engine_parties import Pair
from ledger_life import Life
from test_ledger import FUNDING, Chain

from channels_engine.codec import to_hex
from channels_engine.core import messages as m
from channels_engine.core.state import Phase
from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import ChannelOpen, EntityContract, Side
from channels_engine.drivers import Closing
from channels_engine.store import rollbacks
from channels_engine.store.models import Endpoint, LedgerEvent, TradeRecord
from channels_engine.submissions import Accepted, Refused
from contracts import events
from contracts.connection import LedgerRejectedError as Rejected
from contracts.indexer import RpcBlockSource
from contracts.records import ChannelStatus
from marketplace.billing.facts import SlotFact, StatementError, TradeFact
from marketplace.billing.proofs import check_signatures, with_proofs
from marketplace.trading.delivered import Energy
from marketplace.trading.selectors import ChannelView, channel_views, sums_of
from tests.fixtures_ledger import RunningNode, devnode

__all__ = ["devnode"]
PRICE = 1_000_000  # 5,000 Wh at 0.2 a kWh
CHALLENGE = 3600


@pytest.fixture(scope="module")
def chain(devnode: RunningNode) -> Chain:
    return Chain(devnode.url)


@pytest.fixture
def life(db: None, chain: Chain) -> Life:
    return Life(chain)


def close(life: Life, pair: Pair) -> None:
    life.settle_all(pair)
    (outcome,) = life.world.floor.close_many([Closing(pair.channel, pair.owner_a)])
    assert isinstance(outcome, Accepted), outcome
    life.work()
    assert life.phases(pair) == {Phase.CLOSED}, life.errors()


# Top-up and withdrawal.


def test_a_deposit_is_topped_up_and_earnings_withdrawn_while_trading(life: Life) -> None:
    pair = life.opened()
    life.trade(pair, "one")
    a, b = life.balances(pair)
    permit = life.permit(pair.signer_b, 3_000_000)
    outcome = life.change(pair, FUNDING, b + 3_000_000, permit_b=permit)
    assert isinstance(outcome, Accepted), outcome
    assert life.phases(pair) == {Phase.CHANGING}
    life.work()
    assert life.phases(pair) == {Phase.OPEN}, life.errors()
    assert life.balances(pair) == (FUNDING, b + 3_000_000)
    assert life.tokens(pair) == (a - FUNDING, 0), "what A earned is its own now"
    life.trade(pair, "two")
    assert life.balances(pair) == (FUNDING + PRICE, b + 3_000_000 - PRICE)
    close(life, pair)
    assert life.tokens(pair) == (a - FUNDING + FUNDING + PRICE, b + 3_000_000 - PRICE)
    assert life.names(pair) == ["ChannelOpened", "FundingChanged", "ChannelFinalised"]


def test_a_note_side_grows_and_shrinks_while_trading(life: Life) -> None:
    """B is funded by a note of 30 units, of which 10 are reserved at first, then 25."""
    pair = life.opened(note_b=3 * FUNDING)
    life.trade(pair, "one")
    a, _ = life.balances(pair)
    assert isinstance(life.change(pair, a, 2_500_000 + FUNDING), Accepted)
    life.work()
    assert life.phases(pair) == {Phase.OPEN}, life.errors()
    assert life.balances(pair) == (a, 2_500_000 + FUNDING)
    life.trade(pair, "two")
    assert isinstance(life.change(pair, *[a + PRICE - 500_000, 1_000_000]), Accepted)
    life.work()
    assert life.phases(pair) == {Phase.OPEN}, life.errors()
    assert life.tokens(pair)[0] == 500_000
    close(life, pair)
    assert life.tokens(pair)[0] == a + PRICE, "paid in full, whatever the payer's note does"
    account = life.merchant_contract().note_of(
        life.chain.client.call, pair.opening.note_b, pair.signer_b.address
    )
    assert account.debt == 2 * PRICE


def test_a_change_that_the_ledger_does_not_take_in_time_lapses(life: Life) -> None:
    pair = life.opened()
    life.trade(pair, "one")
    before = life.state(pair)
    a, b = life.balances(pair)
    permit = life.permit(pair.signer_a, 1)  # of less than the deposit grows by: the ledger refuses
    assert isinstance(life.change(pair, a + 5, b, valid_for=300, permit_a=permit), Accepted)
    life.work()
    assert life.phases(pair) == {Phase.CHANGING}
    (refused,) = life.world.floor.trade_many([life.world.deal(pair, "two")])
    assert isinstance(refused, Refused)
    life.advance(200)
    assert life.phases(pair) == {Phase.CHANGING}, "it might still come"
    life.advance(200)
    assert life.phases(pair) == {Phase.OPEN}
    assert life.state(pair) == before
    life.trade(pair, "three")
    close(life, pair)
    assert sum(life.tokens(pair)) == 2 * FUNDING + 1


# Accepted offers bind.


def test_an_offer_whose_offeror_vanished_is_enforced_and_paid(life: Life) -> None:
    pair = life.opened()
    life.trade(pair, "one")
    offer = life.accept_without_answer(pair, "two")
    life.advance(45)
    assert isinstance(life.enforce(pair, offer), Accepted)
    life.work()
    assert life.phases(pair) == {Phase.DISPUTED}, life.errors()
    record = life.chain.registry.record_of(life.chain.client.call, pair.channel)
    assert record.enforced
    life.advance(CHALLENGE + 1)
    assert life.phases(pair) == {Phase.CLOSED}, life.errors()
    second = -(-1500 * 200_000 // 1000)
    assert life.tokens(pair) == (FUNDING + PRICE + second, FUNDING - PRICE - second)


def test_a_newer_state_beats_an_enforced_offer(life: Life) -> None:
    """A countersigned; B goes to the ledger all the same, and A's machine answers by itself."""
    pair = life.opened()
    life.trade(pair, "one")
    offer = life.accept_without_answer(pair, "two")
    base = life.state(pair)
    staged = life.endpoint(pair).staged
    assert staged is not None
    confirm = m.UpdateConfirm(staged.state.version, life.sign(pair, Side.A, staged.state))
    assert isinstance(life.say(pair, Side.A, "confirm", confirm), Accepted)
    newest = life.state(pair)
    registry = life.chain.registry
    signatures = [life.sign(pair, side, offer) for side in Side]
    life.chain.execute(registry.enforce_offer(life.shown(pair, base), offer, *signatures))
    life.work()
    assert life.phases(pair) == {Phase.OPEN}, life.errors()
    assert life.state(pair) == newest
    assert not registry.record_of(life.chain.client.call, pair.channel).enforced
    assert life.names(pair)[-2:] == ["OfferEnforced", "DisputeResolved"]
    assert [row[:2] for row in recorded(pair)] == [(False, 5000), (False, 1500)], "signed by both after all"
    life.trade(pair, "three")
    life.settle_all(pair, 50)
    assert view_of(pair, pair.owner_b).energy_to_me == Energy(5750, 11_500)


def test_an_offer_on_top_of_a_changed_funding_binds_too(life: Life) -> None:
    pair = life.opened()
    a, b = life.balances(pair)
    assert isinstance(life.change(pair, a - 1_000_000, b), Accepted)
    life.work()
    offer = life.accept_without_answer(pair, "one")
    life.advance(45)
    assert isinstance(life.enforce(pair, offer), Accepted)
    life.work()
    assert life.phases(pair) == {Phase.DISPUTED}, life.errors()
    life.advance(CHALLENGE + 1)
    assert life.tokens(pair) == (FUNDING + 300_000, FUNDING - 300_000)


# Delivery against payment.


def test_a_short_delivery_is_refunded_in_a_dispute(life: Life) -> None:
    """A sold 5 kWh twice; one was delivered at a half, and A answers nothing."""
    pair = life.opened()
    life.trade(pair, "one")
    life.trade(pair, "two")
    short, full = (trade.id for trade in life.endpoint(pair).open_trades)
    life.dispute(pair, Side.B)
    life.advance(31)
    assert life.phases(pair) == {Phase.DISPUTED}, life.errors()
    shown = m.EnforceDelivery((life.delivery(pair, short, 2500), life.delivery(pair, full, 5000)))
    assert isinstance(life.say(pair, Side.B, "delivered", shown), Accepted)
    life.work()
    refund = 2500 * 300_000 // 1000
    assert life.names(pair)[-2:] == ["ChannelDisputed", "DeliveryEnforced"], life.errors()
    life.advance(CHALLENGE + 1)
    assert life.phases(pair) == {Phase.CLOSED}, life.errors()
    assert life.tokens(pair) == (FUNDING + 2 * PRICE - refund, FUNDING - 2 * PRICE + refund)
    seen = view_of(pair, pair.owner_b)
    assert (seen.energy_to_me, seen.energy_to_them) == (Energy(7500, 10_000), Energy())
    assert sums_of(seen, pair.owner_b).refunds == refund


def test_the_watchtower_brings_what_meters_signed_by_itself(life: Life) -> None:
    pair = life.opened()
    life.trade(pair, "one")
    (trade,) = life.endpoint(pair).open_trades
    metered = [life.delivery(pair, trade.id, 0)]
    life.tower._indexer._store._deliveries = lambda _: metered  # type: ignore[attr-defined]  no public way in
    life.dispute(pair, Side.A)
    life.advance(31)
    life.advance(CHALLENGE + 1)
    refund = 5000 * 300_000 // 1000
    assert life.names(pair)[-3:] == ["ChannelDisputed", "DeliveryEnforced", "DisputeFinalised"], life.errors()
    assert life.tokens(pair) == (FUNDING + PRICE - refund, FUNDING - PRICE + refund)


def test_a_newer_state_takes_the_place_of_refunds(life: Life) -> None:
    """B disputes with an old state and has it refunded; the newest, which both signed, ends that."""
    pair = life.opened()
    old = life.trade(pair, "one")
    (sold,) = life.endpoint(pair).open_trades
    newest = life.trade(pair, "two")
    consent = life.consent(pair, Side.B, old.state.version)
    life.chain.execute(life.chain.registry.dispute(life.shown(pair, old), consent))
    life.work()
    assert life.phases(pair) == {Phase.OPEN}, life.errors()
    assert life.state(pair) == newest
    assert life.endpoint(pair).open_trades[0].id == sold.id
    record = life.chain.registry.record_of(life.chain.client.call, pair.channel)
    assert (record.version, record.refunded) == (newest.state.version, False)


def test_what_an_enforced_offer_did_not_deliver_is_refunded(life: Life) -> None:
    pair = life.opened()
    life.trade(pair, "one")
    offer = life.accept_without_answer(pair, "two")
    life.advance(45)
    assert isinstance(life.enforce(pair, offer), Accepted)
    life.work()
    shown = m.EnforceDelivery((life.delivery(pair, struct_hash(offer), 0),))
    assert isinstance(life.say(pair, Side.B, "delivered", shown), Accepted)
    life.work()
    assert life.names(pair)[-1] == "DeliveryEnforced", life.errors()
    refund, second = 1500 * 300_000 // 1000, 1500 * 200_000 // 1000
    claimed = [(False, 5000, None, None, False), (True, 1500, 0, refund, False)]
    assert recorded(pair) == claimed
    told_again(life, pair, before="OfferEnforced")
    assert recorded(pair) == claimed[:1], "a reorganisation takes it back"
    told_again(life, pair)
    assert recorded(pair) == claimed
    seen = view_of(pair, pair.owner_b)
    assert (seen.energy_to_me, sums_of(seen, pair.owner_b).moved) == (Energy(5000, 5000), 0), (
        "not paid out yet"
    )

    life.advance(CHALLENGE + 1)
    assert life.tokens(pair)[1] == FUNDING - PRICE - second + refund
    paid = [claimed[0], (True, 1500, 0, refund, True)]
    assert recorded(pair) == paid
    told_again(life, pair, before="DisputeFinalised")
    assert recorded(pair) == claimed
    told_again(life, pair)
    assert recorded(pair) == paid
    seen = view_of(pair, pair.owner_b)
    assert (seen.energy_to_me, seen.energy_to_them) == (Energy(5000, 6500), Energy())
    assert view_of(pair, pair.owner_a).energy_to_them == seen.energy_to_me
    sums = sums_of(seen, pair.owner_b)
    assert (sums.spent, sums.refunds, sums.moved) == (PRICE + second, refund, 0)
    check_bill(pair)


def recorded(pair: Pair) -> list[tuple[object, ...]]:
    """Trades of a channel: made by the ledger, agreed, delivered, refunded, paid out so."""
    rows = TradeRecord.objects.filter(channel=to_hex(pair.channel)).order_by("version")
    return list(rows.values_list("is_enforced", "quantity_wh", "delivered_wh", "refund", "is_refunded"))


def view_of(pair: Pair, owner: str) -> ChannelView:
    rows = Endpoint.objects.filter(channel=to_hex(pair.channel), owner=owner).select_related("channel_row")
    (view,) = channel_views(list(rows))
    return view


def told_again(life: Life, pair: Pair, before: str = "") -> None:
    """The ledger takes back what it said of the channel, and tells it again up to an event."""
    name = to_hex(pair.channel)
    rows = LedgerEvent.objects.filter(channel=name)
    last = rows.filter(name=before).values_list("block_number", flat=True).first() if before else 2**40
    assert last is not None
    outcomes = life.runtime.process(rollbacks.facts(name, last - 1))
    assert all(isinstance(one, Accepted) for one in outcomes), outcomes


def check_bill(pair: Pair) -> None:
    """What a bill of the buyer says of the trades is held against signatures and the ledger."""
    rows = TradeRecord.objects.filter(channel=to_hex(pair.channel)).order_by("version")
    facts = tuple(
        TradeFact(
            row.trade, row.channel, row.slot_start, False, "A", row.quantity_wh, row.price_per_kwh, row.amount,  # noqa: FBT003  it buys
            row.quantity_wh if row.delivered_wh is None else row.delivered_wh, row.refund or 0, 0,
        )
        for row in rows
    )  # fmt: skip
    slot = SlotFact(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, False, facts)  # noqa: FBT003  not estimated
    (proven,) = with_proofs([slot])
    signed, made = proven.trades
    assert (signed.version, signed.enforced_in, made.version, made.settled_version) == (2, "", None, None)
    assert made.enforced_in != made.refunded_in
    assert check_signatures(pair.owner_b, proven.trades) == 1
    TradeRecord.objects.filter(trade=made.id).update(refund=made.refund - 1)
    with pytest.raises(StatementError, match="the ledger refunded 450000"):
        with_proofs([slot])
    with pytest.raises(StatementError, match="the ledger closed it"):
        check_signatures(pair.owner_b, proven.trades)


# Checkpoints, disputes, expiry.


def test_a_checkpoint_makes_older_states_unusable(life: Life) -> None:
    pair = life.opened()
    old = life.trade(pair, "one")
    newest = life.trade(pair, "two")
    assert isinstance(life.say(pair, Side.A, "record", m.Checkpoint(newest.state.version)), Accepted)
    life.work()
    assert life.names(pair) == ["ChannelOpened", "ChannelCheckpointed"], life.errors()
    assert life.endpoint(pair).ledger_version == newest.state.version
    registry = life.chain.registry
    consent = life.consent(pair, Side.B, old.state.version)
    with pytest.raises(Rejected):
        life.chain.execute(registry.dispute(life.shown(pair, old), consent))
    again = life.say(pair, Side.A, "record again", m.Checkpoint(newest.state.version))
    assert isinstance(again, Refused)
    life.trade(pair, "three")


def test_a_dispute_is_raised_off_chain_first_and_counted_on_the_ledger(life: Life) -> None:
    pair = life.opened()
    life.trade(pair, "one")
    life.dispute(pair, Side.A)
    life.work()
    assert life.names(pair) == ["ChannelOpened"], "the peer has half a minute"
    life.advance(31)
    assert life.names(pair)[-1] == "ChannelDisputed", life.errors()
    counts = life.chain.registry.disputes_of(life.chain.client.call, pair.opening.scid)
    assert (counts.raised, counts.resolved, counts.failed, counts.stale) == (1, 0, 0, 0)
    life.advance(CHALLENGE + 1)
    counts = life.chain.registry.disputes_of(life.chain.client.call, pair.opening.scid)
    assert (counts.raised, counts.failed, counts.stale) == (1, 1, 0)
    assert life.tokens(pair) == (FUNDING + PRICE, FUNDING - PRICE)


def test_from_the_dispute_limit_on_a_pair_opens_no_channel(life: Life) -> None:
    pair = life.opened(dispute_limit=1)
    life.dispute(pair, Side.A)
    life.advance(31)
    life.advance(CHALLENGE + 1)
    assert life.phases(pair) == {Phase.CLOSED}, life.errors()
    second = life.pair()
    again = Pair(
        pair.owner_a, pair.owner_b, pair.signer_a, pair.signer_b, pair.terms,
        msgspec.structs.replace(second.opening, scid=pair.opening.scid, index=1),
    )  # fmt: skip
    permits = [life.permit(signer, FUNDING) for signer in (pair.signer_a, pair.signer_b)]
    deposits = [m.DepositFunding(permit.deadline, permit.signature) for permit in permits]
    opening = life.world.opening(again)
    opening = msgspec.structs.replace(opening, funding_a=deposits[0], funding_b=deposits[1])
    (outcome,) = life.world.floor.open_many([opening])
    assert isinstance(outcome, Accepted), outcome
    life.work()
    assert life.phases(again) == {Phase.FUNDING}
    assert any("open channel rejected" in error for error in life.errors())
    assert life.tokens(pair) == (2 * FUNDING, 2 * FUNDING), "nothing was taken"


def found_on_the_ledger(life: Life, channel: bytes) -> tuple[EntityContract, ChannelOpen]:
    """Terms and opening of a channel, out of the ledger's own events: all that is left of it."""
    source = RpcBlockSource(life.chain.client, [life.chain.registry.address])
    said = [events.decode_log(log) for log in source.logs_between(0, source.tip())]
    (opened,) = (e for e in said if isinstance(e, events.ChannelOpened) and e.channel == channel)
    (made,) = (e for e in said if isinstance(e, events.PairCreated) and e.scid == opened.scid)
    terms = EntityContract(*(getattr(made, name) for name in EntityContract.__struct_fields__))
    opening = ChannelOpen(*(getattr(opened, name) for name in ChannelOpen.__struct_fields__))
    assert (struct_hash(terms), struct_hash(opening)) == (opened.scid, channel)
    return terms, opening


def stranger_closes(life: Life, channel: bytes) -> None:
    """No key, no state, no log: after the expiry anybody has the channel paid out by what the ledger knows."""
    registry = life.chain.registry
    terms, opening = found_on_the_ledger(life, channel)
    with pytest.raises(Rejected):
        life.chain.execute(registry.dispute_known(terms, opening))
    life.chain.client.request("evm_increaseTime", opening.expiry - life.ledger_time() + 1)
    life.chain.client.request("evm_mine")
    life.chain.execute(registry.dispute_known(terms, opening))
    with pytest.raises(Rejected):
        life.chain.execute(registry.finalise_disputed(terms, opening))
    life.chain.client.request("evm_increaseTime", CHALLENGE + 1)
    life.chain.client.request("evm_mine")
    life.chain.execute(registry.finalise_disputed(terms, opening))
    assert registry.channel_of(life.chain.client.call, channel).status is not ChannelStatus.OPEN


def test_both_lost_everything_and_the_money_comes_out_after_expiry(life: Life) -> None:
    pair = life.opened()
    life.trade(pair, "one")
    stranger_closes(life, pair.channel)
    assert life.tokens(pair) == (FUNDING, FUNDING), "the opening is the last that the ledger knew"


def test_both_lost_everything_since_a_checkpoint_and_get_that(life: Life) -> None:
    pair = life.opened()
    newest = life.trade(pair, "one")
    assert isinstance(life.say(pair, Side.A, "record", m.Checkpoint(newest.state.version)), Accepted)
    life.work()
    stranger_closes(life, pair.channel)
    assert life.tokens(pair) == (FUNDING + PRICE, FUNDING - PRICE)


def test_both_lost_everything_since_a_change_of_the_funding_and_get_that(life: Life) -> None:
    pair = life.opened()
    assert isinstance(life.change(pair, FUNDING - 4_000_000, FUNDING), Accepted)
    life.work()
    life.trade(pair, "one")
    stranger_closes(life, pair.channel)
    assert life.tokens(pair) == (FUNDING, FUNDING)


def test_a_machine_left_alone_closes_after_expiry_by_itself(life: Life) -> None:
    pair = life.opened()
    life.trade(pair, "one")
    life.advance(pair.opening.expiry - life.ledger_time() + 61)
    assert life.phases(pair) == {Phase.DISPUTED}, life.errors()
    life.advance(CHALLENGE + 1)
    assert life.phases(pair) == {Phase.CLOSED}, life.errors()
    assert life.tokens(pair) == (FUNDING + PRICE, FUNDING - PRICE)
