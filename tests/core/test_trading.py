"""Trades, settlements and closing between two honest parties."""

import pytest
from msgspec.structs import replace
from pair import FUNDING, METERING, SLOT, START, Party, open_pair, settle_down, trade

from channels_engine.core import effects as fx
from channels_engine.core import inputs, merkle, negotiation, signing
from channels_engine.core.errors import LocalProtocolError, RemoteProtocolError
from channels_engine.core.messages import Reject
from channels_engine.core.state import Phase, Policy
from channels_engine.core.typed_data import digest
from channels_engine.core.types import Delivery, Side


def agree(a: Party, b: Party) -> None:
    assert a.endpoint.current == b.endpoint.current
    assert a.endpoint.open_trades == b.endpoint.open_trades
    assert a.endpoint.tree == b.endpoint.tree
    assert a.state.balance_a + a.state.balance_b == 2 * FUNDING


@pytest.mark.parametrize("sells", [True, False])
@pytest.mark.parametrize("offeror", list(Side))
def test_money_and_energy_change_hands_together(*, sells: bool, offeror: Side) -> None:
    parties = open_pair()
    made, taker = parties[offeror], parties[offeror.other]
    trade(made, taker, offeror_sells=sells, quantity_wh=1501, price_per_kwh=333)
    seller = offeror if sells else offeror.other
    balances = [FUNDING - 500, FUNDING - 500]
    balances[seller] = FUNDING + 500
    energy = [1501, 1501]
    energy[seller] = 0
    for party in parties:
        state = party.state
        assert [state.balance_a, state.balance_b] == balances
        assert [state.energy_to_a, state.energy_to_b] == energy
        assert state.version == (1 if taker.side is Side.A else 2)
        assert party.phase is Phase.OPEN
        assert [effect.trade.amount for effect in party.wanted(fx.NotifyTraded)] == [500]
    agree(*parties)


def test_a_current_state_carries_both_signatures_in_order() -> None:
    a, b = open_pair()
    for seller, buyer in ((a, b), (b, a), (a, b)):
        trade(seller, buyer)
        current = a.endpoint.current
        assert current is not None
        message = digest(a.endpoint.domain, current.state)
        assert signing.recover(message, current.signature_a) == a.key.address
        assert signing.recover(message, current.signature_b) == b.key.address
    agree(a, b)


def test_the_root_commits_to_every_trade() -> None:
    a, b = open_pair()
    leaves = []
    for seller, buyer in ((a, b), (b, a), (a, b), (a, b)):
        leaves.append(merkle.leaf_of(trade(seller, buyer), seller.side))
    history = merkle.history_root(a.endpoint.tree)
    for index, leaf in enumerate(leaves):
        assert merkle.is_proven(history, leaf, *merkle.prove(leaves, index))
    listed = merkle.open_list(a.endpoint.open_trades)
    assert a.state.trades_root == merkle.trades_root(a.endpoint.tree, listed)


def test_a_settlement_takes_its_trades_off_the_root() -> None:
    a, b = open_pair()
    sold = [trade(a, b), trade(a, b), trade(b, a)]
    b.settle((sold[1], 1500))
    settle_down(a, b)
    a.confirm()
    settle_down(a, b)
    listed = sold[0] + b"\x00" + sold[2] + b"\x01"
    assert a.state.trades_root == merkle.trades_root(a.endpoint.tree, listed)
    b.settle((sold[0], 1500), (sold[2], 1500))
    settle_down(a, b)
    a.confirm()
    settle_down(a, b)
    assert a.state.trades_root == merkle.trades_root(a.endpoint.tree, b"") != bytes(32)
    agree(a, b)


def test_only_so_many_trades_may_be_open() -> None:
    a, b = open_pair(Policy(max_open_trades=2))
    trade(a, b), trade(a, b)
    with pytest.raises(LocalProtocolError, match="Settle delivered trades"):
        trade(a, b)
    assert Policy().max_open_trades * merkle.ENTRY_SIZE < 5_000


def test_a_counter_offer_takes_the_place_of_what_it_answers() -> None:
    a, b = open_pair()
    first = a.offer()
    settle_down(a, b)
    counter = b.offer(answers=first.id, offeror_sells=False, price_per_kwh=200_000)
    settle_down(a, b)
    for party in (a, b):
        assert [live.offer for live in party.endpoint.offers] == [counter]
    a.accept(counter.id)
    settle_down(a, b)
    b.confirm()
    settle_down(a, b)
    assert a.state.balance_a == FUNDING + 300_000
    agree(a, b)


def test_rejected_and_withdrawn_offers_are_gone_on_both_sides() -> None:
    a, b = open_pair()
    refused, taken_back = a.offer(), a.offer()
    settle_down(a, b)
    b.feed(inputs.ActionReject(refused.id, "too dear"))
    a.feed(inputs.ActionWithdraw(taken_back.id))
    settle_down(a, b)
    assert a.endpoint.offers == b.endpoint.offers == ()
    with pytest.raises(LocalProtocolError, match="No offer"):
        b.accept(taken_back.id)


def test_a_trade_voids_the_other_offers_of_its_version() -> None:
    a, b = open_pair()
    left = a.offer()
    trade(a, b)
    assert a.endpoint.offers == b.endpoint.offers == ()
    with pytest.raises(LocalProtocolError) as refusal:
        b.accept(left.id)
    assert refusal.value.code == "unknown_offer"


BAD_OFFERS = {
    "no_quantity": {"quantity_wh": 0},
    "bad_slot": {"slot_start": SLOT + 1},
    "offer_expired": {"valid_until": START},
    "stale_base": {"base_version": 7},
    "wrong_channel": {"channel": bytes(32)},
    "insufficient_balance": {"price_per_kwh": 10**10},
}


@pytest.mark.parametrize("code", BAD_OFFERS)
def test_an_offer_that_could_not_be_accepted_is_refused(code: str) -> None:
    a, b = open_pair()
    bad = a.offer_of(**BAD_OFFERS[code])
    proof = a.sign(bad)
    with pytest.raises(LocalProtocolError) as refusal:
        a.feed(inputs.ActionOffer(proof))
    assert refusal.value.code == code
    before = b.endpoint
    if code in {"stale_base", "offer_expired", "insufficient_balance"}:
        assert b.feed(inputs.ReceiveOffer(proof)) == (fx.SendMessage(Reject(bad.id, code)),)
    else:
        with pytest.raises(RemoteProtocolError):
            b.feed(inputs.ReceiveOffer(proof))
    assert b.endpoint is before


def test_live_offers_are_bounded_and_expired_ones_make_room() -> None:
    a, b = open_pair(Policy(max_live_offers=2))
    a.offer(), a.offer()
    with pytest.raises(LocalProtocolError, match="2 offers are live"):
        a.offer()
    a.offer(START + 300)
    assert len(a.endpoint.offers) == 1
    b.offer(), b.offer()


def test_nothing_but_the_exact_draft_is_signed_or_taken() -> None:
    a, b = open_pair()
    made = a.offer()
    settle_down(a, b)
    state = negotiation.next_state_for_offer(b.endpoint, made.id)
    for name, value in {
        "balance_a": state.balance_a - 1,
        "base": 9,
        "energy_to_b": 0,
        "trades_root": bytes(32),
        "is_final": True,
    }.items():
        wrong = signing.sign_value(b.endpoint.domain, replace(state, **{name: value}), b.key)
        with pytest.raises(LocalProtocolError, match="not the one that follows"):
            b.feed(inputs.ActionAccept(made.id, wrong))
        if name != "base":
            with pytest.raises(RemoteProtocolError, match="not the one that follows"):
                a.feed(inputs.ReceiveUpdateRequest(made.id, wrong))


def test_settlement_refunds_at_the_higher_price_and_forgets_the_trade() -> None:
    a, b = open_pair()
    full, short = trade(a, b), trade(a, b)
    before = a.state
    b.settle((full, 1500), (short, 499))
    settle_down(a, b)
    a.confirm()
    settle_down(a, b)
    assert a.state.balance_a == before.balance_a - 350_350
    assert a.state.energy_to_b == before.energy_to_b - 1001
    assert a.state.trades_root == merkle.trades_root(a.endpoint.tree, b"") != before.trades_root
    assert a.endpoint.open_trades == ()
    assert [effect.refund for effect in a.wanted(fx.NotifySettled)] == [350_350]
    agree(a, b)


def test_a_refund_never_exceeds_what_the_seller_has() -> None:
    a, b = open_pair(funding_a=1, funding_b=10_000_000)
    sold = trade(a, b, imbalance_per_kwh=10**9)
    a.settle((sold, 0))
    settle_down(a, b)
    b.confirm()
    settle_down(a, b)
    assert (a.state.balance_a, a.state.balance_b) == (0, 10_000_001)
    assert a.endpoint.current == b.endpoint.current


@pytest.mark.parametrize(
    ("delivered", "code"),
    [(1501, "delivered_too_much"), (None, "unknown_trade")],
)
def test_no_trade_is_settled_beyond_itself_or_twice(delivered: int | None, code: str) -> None:
    a, b = open_pair()
    sold = trade(a, b)
    pairs = [(sold, 1500), (sold, 1500)] if delivered is None else [(sold, delivered)]
    with pytest.raises(LocalProtocolError) as refusal:
        b.settle(*pairs)
    assert refusal.value.code == code


def test_a_delivery_counts_only_with_the_metering_key() -> None:
    a, b = open_pair()
    sold = trade(a, b)
    delivery = Delivery(a.endpoint.channel, sold, 0)
    forged = signing.sign_value(a.endpoint.domain, delivery, b.key)
    state = b.sign(negotiation.next_state_for_settlement(b.endpoint, [delivery]))
    with pytest.raises(LocalProtocolError, match="metering key"):
        b.feed(inputs.ActionSettle((forged,), state))
    with pytest.raises(RemoteProtocolError, match="metering key"):
        a.feed(inputs.ReceiveSettleRequest((forged,), state))
    assert METERING.address == a.endpoint.terms.metering


def test_two_offers_of_one_id_make_two_trades() -> None:
    a, b = open_pair()
    first = trade(a, b, id=b"\x07" * 32)
    second = trade(a, b, id=b"\x07" * 32)
    assert first != second
    assert [open_trade.id for open_trade in a.endpoint.open_trades] == [first, second]


def test_closing_waits_for_open_trades_and_then_ends_on_the_ledger() -> None:
    a, b = open_pair()
    sold = trade(a, b)
    with pytest.raises(LocalProtocolError, match="await their metered settlement"):
        a.close()
    a.settle((sold, 1500))
    settle_down(a, b)
    b.confirm()
    settle_down(a, b)
    final = a.close()
    settle_down(a, b)
    b.confirm()
    settle_down(a, b)
    assert a.phase is b.phase is Phase.CLOSING
    (finalise,) = b.wanted(fx.LedgerFinalise)
    assert finalise.final.state == final
    assert a.wanted(fx.LedgerFinalise) == []
    for party in (a, b):
        party.feed(inputs.LedgerFinalised(final.version, final.balance_a, final.balance_b))
        assert (party.phase, party.endpoint.payout) == (Phase.CLOSED, (final.balance_a, final.balance_b))
        assert party.endpoint.wake_at is None


def test_the_proposer_finalises_when_the_peer_does_not() -> None:
    a, b = open_pair()
    a.close()
    settle_down(a, b)
    b.confirm()
    settle_down(a, b)
    due = a.endpoint.wake_at
    assert due == START + 60
    assert a.ring(due - 1) == ()
    assert [type(effect) for effect in a.ring(due)] == [fx.LedgerFinalise]
    assert a.ring(due) == ()
