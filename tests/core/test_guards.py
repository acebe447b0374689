"""Each check by itself, at its boundary: what the plays of whole channels pass by.

`python -m tests.mutation core` breaks every check; what only these tests notice is here.
"""

from typing import Any

import pytest
from msgspec.structs import replace
from pair import DOMAIN, FUNDING, METERING, START, STRANGER, Party, open_pair, settle_down, trade

from channels_engine.core import (
    adoption,
    deliveries,
    disputes,
    drafts,
    enforcement,
    evidence,
    inputs,
    signing,
)
from channels_engine.core import effects as fx
from channels_engine.core.errors import InvariantError, Violation
from channels_engine.core.messages import SignedDelivery
from channels_engine.core.state import Dispute, Endpoint, LiveOffer, Phase
from channels_engine.core.typed_data import digest
from channels_engine.core.types import ChannelState, Delivery, Offer, Side

A, B = open_pair()
TRADE = trade(A, B)
ENDPOINT = A.endpoint
STATE = A.state
VERSION = STATE.version
DEADLINE = START + 600


def refused(code: str) -> Any:
    """What is within raises a `Violation` with this code."""
    return pytest.raises(Violation, check=lambda violation: violation.code == code)


def having(state: ChannelState) -> Endpoint:
    assert ENDPOINT.current is not None
    return replace(ENDPOINT, current=replace(ENDPOINT.current, state=state))


def by(party: Party, value: Any) -> inputs.Verified[Any]:
    return signing.sign_value(DOMAIN, value, party.key)


def answer(state: ChannelState) -> inputs.ReceiveDisputeAnswer:
    return inputs.ReceiveDisputeAnswer(by(A, state), by(B, state))


NEWER = replace(STATE, version=VERSION + 1, base=VERSION)


# Disputes.


def test_a_peer_that_knows_more_gets_no_answer() -> None:
    for version, answers in ((VERSION, 1), (VERSION + 1, 0)):
        after, effects = disputes.asked(ENDPOINT, inputs.ReceiveDisputeRaise(version), START)
        assert after is ENDPOINT
        assert len(effects) == answers
    doubtful = replace(ENDPOINT, doubtful=True)
    assert disputes.asked(doubtful, inputs.ReceiveDisputeRaise(VERSION), START) == (doubtful, ())


@pytest.mark.parametrize("side", list(Side))
def test_an_answer_needs_both_keys(side: Side) -> None:
    change = answer(NEWER)
    name = ("by_a", "by_b")[side]
    stranger = replace(getattr(change, name), signer=STRANGER.address)
    with refused("wrong_signer"):
        disputes.answered(ENDPOINT, replace(change, **{name: stranger}), START)


def test_an_answer_is_one_state_of_this_channel_that_sums_to_the_funding() -> None:
    assert disputes.answered(ENDPOINT, answer(NEWER), START)[0].current.state == NEWER  # type: ignore[union-attr]  current is set
    with refused("wrong_state"):
        disputes.answered(ENDPOINT, answer(replace(NEWER, channel=bytes(32))), START)
    other = by(B, replace(NEWER, energy_to_a=1))
    with refused("wrong_state"):
        disputes.answered(ENDPOINT, replace(answer(NEWER), by_b=other), START)
    with refused("not_conserved"):
        disputes.answered(ENDPOINT, answer(replace(NEWER, balance_a=0)), START)


def test_a_dispute_is_known_by_version_and_deadline() -> None:
    known = replace(ENDPOINT, phase=Phase.DISPUTED, dispute=Dispute(VERSION, DEADLINE))
    assert disputes.disputed(known, inputs.LedgerDisputed(VERSION, DEADLINE), START) == (known, ())
    for version, deadline in ((VERSION - 1, DEADLINE), (VERSION, DEADLINE + 1)):
        after, effects = disputes.disputed(known, inputs.LedgerDisputed(version, deadline), START)
        assert after.dispute is not None
        assert (after.dispute.version, after.dispute.deadline) == (version, deadline)
        assert effects


def test_what_the_ledger_showed_is_not_forgotten() -> None:
    assert disputes.seen(replace(ENDPOINT, ledger_version=9), 3).ledger_version == 9
    assert disputes.seen(replace(ENDPOINT, ledger_version=3), 9).ledger_version == 9
    assert disputes.ask_for_newer(replace(ENDPOINT, ledger_version=VERSION)) == ()
    assert len(disputes.ask_for_newer(replace(ENDPOINT, ledger_version=VERSION + 1))) == 1


def test_a_payout_counts_once_and_must_add_up() -> None:
    paid = inputs.LedgerFinalised(VERSION, 2 * FUNDING, 0)
    closed, effects = disputes.finalised(ENDPOINT, paid, START)
    assert effects
    assert disputes.finalised(closed, paid, START) == (closed, ())
    assert disputes.finalised(replace(closed, phase=Phase.OPEN), paid, START)[0].phase is Phase.CLOSED
    again, _ = disputes.finalised(closed, inputs.LedgerFinalised(VERSION, 0, 2 * FUNDING), START)
    assert again.payout == (0, 2 * FUNDING)
    for to_a, to_b in ((-1, 2 * FUNDING + 1), (2 * FUNDING + 1, -1), (FUNDING, FUNDING - 1)):
        with refused("not_conserved"):
            disputes.finalised(ENDPOINT, inputs.LedgerFinalised(VERSION, to_a, to_b), START)


def test_a_payout_tells_the_highest_version_that_the_ledger_saw() -> None:
    for before, told, after in ((9, 3, 9), (3, 9, 9)):
        paid = inputs.LedgerFinalised(told, FUNDING, FUNDING)
        closed, _ = disputes.finalised(replace(ENDPOINT, ledger_version=before), paid, START)
        assert closed.ledger_version == after


def test_only_a_newer_signed_state_answers_a_dispute() -> None:
    stale = replace(ENDPOINT, dispute=Dispute(VERSION - 1, DEADLINE))
    after, effects = adoption.answer_dispute(stale)
    assert [type(effect) for effect in effects] == [fx.LedgerResolve]
    assert after.dispute is not None
    assert after.dispute.answered
    made_by_the_ledger = replace(having(replace(STATE, version=0)), dispute=Dispute(-2, DEADLINE))
    for silent in (
        replace(stale, dispute=None),
        replace(stale, current=None),
        replace(stale, dispute=Dispute(VERSION, DEADLINE)),
        made_by_the_ledger,
    ):
        assert adoption.answer_dispute(silent) == (silent, ())


# Drafts.

LOST = replace(ENDPOINT, history_lost=True)
DELIVERY = Delivery(ENDPOINT.channel, TRADE, 1000)


def test_without_its_history_a_side_drafts_nothing_that_needs_it() -> None:
    live = LiveOffer(A.offer_of(), b"", Side.B)
    for draft in (
        lambda end: drafts.draft_trade(end, live, Side.A, 5),
        lambda end: drafts.draft_settlement(end, [DELIVERY], Side.A, 5),
        lambda end: drafts.draft_change(end, FUNDING, FUNDING, START + 600, 5),
    ):
        draft(ENDPOINT)
        with refused("history_lost"):
            draft(LOST)


def test_a_settlement_is_of_open_trades_of_this_channel() -> None:
    with refused("no_deliveries"):
        drafts.draft_settlement(ENDPOINT, [], Side.A, 5)
    for wrong in (replace(DELIVERY, channel=bytes(32)), replace(DELIVERY, trade=bytes(32))):
        with refused("unknown_trade"):
            drafts.draft_settlement(ENDPOINT, [wrong], Side.A, 5)
    with refused("unknown_trade"):
        drafts.draft_settlement(ENDPOINT, [DELIVERY, DELIVERY], Side.A, 5)


def test_known_drafts_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "_KNOWN_LIMIT", 2)
    monkeypatch.setattr(drafts, "_KNOWN", {})
    for version in range(1, 8, 2):
        drafts.draft_trade(ENDPOINT, LiveOffer(A.offer_of(), b"", Side.B), Side.A, version)
        assert len(drafts._KNOWN) <= 2


BARE = replace(ENDPOINT, open_trades=())


@pytest.mark.parametrize(
    ("funding_a", "funding_b"),
    [(0, 0), (-1, 5), (5, -1), (2**96, 0), (STATE.balance_a, STATE.balance_b)],
)
def test_fundings_that_no_ledger_takes_are_not_drafted(funding_a: int, funding_b: int) -> None:
    with refused("bad_funding"):
        drafts.draft_change(BARE, funding_a, funding_b, START + 600, 5)


@pytest.mark.parametrize("fundings", [(0, 1), (1, 0), (2**96 - 1, 0), (0, 2**96 - 1)])
def test_fundings_up_to_the_ledgers_limits_are_drafted(fundings: tuple[int, int]) -> None:
    change = drafts.draft_change(BARE, *fundings, START + 600, 5)
    assert (change.funding_a, change.funding_b) == fundings


@pytest.mark.parametrize("seller", list(Side))
def test_a_seller_leaves_what_it_may_have_to_refund(seller: Side) -> None:
    (sold,) = ENDPOINT.open_trades
    dear = replace(sold, seller=seller, price_per_kwh=2_000_000, imbalance_per_kwh=1_000_000)
    endpoint = replace(ENDPOINT, open_trades=(dear,))
    due = 3_000_000

    def draft(funding: int, end: Endpoint = endpoint) -> None:
        fundings = (funding, FUNDING) if seller is Side.A else (FUNDING, funding)
        drafts.draft_change(end, *fundings, START + 600, 5)

    draft(due)
    with refused("refunds_at_risk"):
        draft(due - 1)
    poor = having(replace(STATE, balance_a=7, balance_b=7))
    draft(7, replace(poor, open_trades=(dear,)))
    with refused("refunds_at_risk"):
        draft(6, replace(poor, open_trades=(dear,)))


# Offers and deliveries on the ledger.


def vanished() -> tuple[Party, Party, Offer]:
    """B accepted A's offer, and A is gone."""
    a, b = open_pair()
    trade(a, b)
    made = a.offer()
    settle_down(a, b)
    b.accept(made.id)
    b.ring(START + 40)
    return a, b, made


def test_an_offer_binds_until_its_end_and_on_its_own_version_only() -> None:
    _, b, made = vanished()
    wish = inputs.ActionEnforceOffer(by(b, made))
    assert enforcement.enforce(b.endpoint, wish, made.valid_until)[1]
    with refused("offer_expired"):
        enforcement.enforce(b.endpoint, wish, made.valid_until + 1)
    assert b.endpoint.current is not None
    newer = replace(b.endpoint.current, state=replace(b.state, version=b.state.version + 3))
    with refused("stale_base"):
        enforcement.enforce(replace(b.endpoint, current=newer), wish, START + 41)


def test_the_ledger_can_recover_who_made_and_who_took_an_offer() -> None:
    _, b, made = vanished()
    dropped = b.endpoint.dropped
    assert dropped is not None
    assert dropped.offer is not None
    turned = replace(dropped.offer, signature=other_v(dropped.offer.signature))
    endpoint = replace(b.endpoint, dropped=replace(dropped, offer=turned))
    wish = by(b, made)
    _, effects = enforcement.enforce(
        endpoint, inputs.ActionEnforceOffer(replace(wish, signature=other_v(wish.signature))), START + 41
    )
    (effect,) = [item for item in effects if isinstance(item, fx.LedgerEnforceOffer)]
    message = digest(DOMAIN, made)
    signers = {signing.recover(message, one) for one in (effect.offeror_signature, effect.acceptor_signature)}
    assert signers == {A.key.address, B.key.address}


def other_v(signature: bytes) -> bytes:
    return signature[:64] + bytes((55 - signature[64],))


@pytest.mark.parametrize("side", list(Side))
def test_a_wrong_v_of_either_side_is_put_right(side: Side) -> None:
    current = ENDPOINT.current
    assert current is not None
    name = ("signature_a", "signature_b")[side]
    turned = replace(current, **{name: other_v(getattr(current, name))})
    assert evidence.ledger_ready(replace(ENDPOINT, current=turned)) == current


@pytest.mark.parametrize("missing", [0, 1])
def test_an_opening_needs_the_funding_of_both(missing: int) -> None:
    fundings = [object(), object()]
    fundings[missing] = None  # type: ignore[call-overload]  that is the point
    with pytest.raises(InvariantError, match="named their funding"):
        evidence.ledger_ready_opening(replace(ENDPOINT, fundings=tuple(fundings)))


def test_only_the_peers_word_on_our_channel_tells_of_an_enforced_offer() -> None:
    made = A.offer_of()
    told = inputs.ReceiveEnforceOffer(by(B, made))
    after, effects = enforcement.told(ENDPOINT, told, START)
    assert (after.enforcing, effects) == (LiveOffer(made, b"", Side.A), ())
    old = replace(made, base_version=VERSION - 1)
    assert enforcement.told(ENDPOINT, inputs.ReceiveEnforceOffer(by(B, old)), START)[1]
    with refused("wrong_signer"):
        enforcement.told(ENDPOINT, inputs.ReceiveEnforceOffer(by(A, made)), START)
    with refused("wrong_channel"):
        far = replace(made, channel=bytes(32))
        enforcement.told(ENDPOINT, inputs.ReceiveEnforceOffer(by(B, far)), START)


def test_an_enforced_offer_is_known_by_trade_and_deadline() -> None:
    dispute = Dispute(VERSION + 1, DEADLINE, enforced=TRADE)
    known = replace(ENDPOINT, phase=Phase.DISPUTED, dispute=dispute)

    def told(trade_id: bytes, deadline: int) -> tuple[Endpoint, Any]:
        change = inputs.LedgerOfferEnforced(trade_id, VERSION + 1, FUNDING, FUNDING, deadline)
        return enforcement.offer_enforced(known, change, START)

    assert told(TRADE, DEADLINE) == (known, ())
    for trade_id, deadline in ((bytes(32), DEADLINE), (TRADE, DEADLINE + 1)):
        after, effects = told(trade_id, deadline)
        assert after.dispute is not None
        assert (after.dispute.enforced, after.dispute.deadline) == (trade_id, deadline)
        assert effects


def test_a_checkpoint_is_of_the_newest_state_that_the_ledger_lacks() -> None:
    wish = inputs.ActionCheckpoint(VERSION)
    assert enforcement.checkpoint(replace(ENDPOINT, ledger_version=VERSION - 1), wish, START)[1]
    with refused("stale_version"):
        enforcement.checkpoint(ENDPOINT, inputs.ActionCheckpoint(VERSION - 1), START)
    for known in (
        replace(ENDPOINT, ledger_version=VERSION),
        having(replace(STATE, is_final=True)),
    ):
        with refused("nothing_to_record"):
            enforcement.checkpoint(known, wish, START)
    opening = replace(having(replace(STATE, version=0)), ledger_version=-1)
    with refused("nothing_to_record"):
        enforcement.checkpoint(opening, inputs.ActionCheckpoint(0), START)


@pytest.mark.parametrize(("version", "goes_on"), [(VERSION, True), (VERSION + 1, False)])
def test_a_checkpoint_ends_only_a_dispute_that_it_makes_impossible(version: int, *, goes_on: bool) -> None:
    raised = replace(ENDPOINT, dispute_due=START + 30, consent=b"consent")
    told = inputs.LedgerCheckpointed(version, STATE.balance_a, STATE.balance_b)
    after, _ = enforcement.checkpointed(raised, told, START)
    assert after.ledger_version == version
    assert (after.dispute_due, after.consent) == ((START + 30, b"consent") if goes_on else (None, b""))


def metered(delivery: Delivery) -> SignedDelivery:
    proof = signing.sign_value(DOMAIN, delivery, METERING)
    return SignedDelivery(delivery, proof.signature)


def disputed(**changes: Any) -> Endpoint:
    """B's view of a dispute about the current state: A sold and delivered too little."""
    dispute = replace(Dispute(VERSION, DEADLINE), **changes)
    return replace(B.endpoint, phase=Phase.DISPUTED, dispute=dispute, metered=(metered(DELIVERY),))


def test_the_ledger_is_asked_once_for_what_is_owed_to_us() -> None:
    assert len(deliveries.enforce_deliveries(disputed())) == 1
    for silent in (
        disputed(delivered=(TRADE,)),
        disputed(enforced=bytes(32)),
        disputed(version=VERSION - 1),
        replace(disputed(), open_trades=()),
        replace(disputed(), phase=Phase.OPEN),
        replace(disputed(), dispute=None),
        replace(disputed(), metered=()),
        replace(disputed(), metered=(metered(replace(DELIVERY, delivered_wh=1500)),)),
        replace(disputed(), me=Side.A),
    ):
        assert deliveries.enforce_deliveries(silent) == ()


def test_deliveries_are_shown_of_trades_that_can_be_refunded() -> None:
    def show(delivery: Delivery) -> Any:
        proof = signing.sign_value(DOMAIN, delivery, METERING)
        return deliveries.shown(disputed(), inputs.ActionEnforceDelivery((proof,)), START)

    assert len(show(replace(DELIVERY, delivered_wh=1500))[1]) == 1
    for wrong, code in (
        (replace(DELIVERY, channel=bytes(32)), "unknown_trade"),
        (replace(DELIVERY, trade=bytes(32)), "unknown_trade"),
        (replace(DELIVERY, delivered_wh=1501), "delivered_too_much"),
    ):
        with refused(code):
            show(wrong)
    stranger = signing.sign_value(DOMAIN, DELIVERY, STRANGER)
    for kind in (inputs.ActionEnforceDelivery, inputs.ReceiveEnforceDelivery):
        with refused("wrong_signer"):
            deliveries.shown(disputed(), kind((stranger,)), START)


def test_a_refund_is_noted_once() -> None:
    refund = inputs.LedgerDeliveryEnforced(TRADE, 1000, 1, FUNDING, FUNDING)
    noted, effects = deliveries.enforced(disputed(), refund, START)
    assert effects
    assert deliveries.enforced(noted, refund, START) == (noted, ())
    calm = replace(ENDPOINT, dispute=None)
    assert deliveries.enforced(calm, refund, START) == (calm, ())


def test_settled_trades_need_no_meter() -> None:
    endpoint = disputed()
    assert deliveries.still_open(endpoint) == endpoint
    assert deliveries.still_open(replace(endpoint, open_trades=())).metered == ()
    assert deliveries.still_open(ENDPOINT) is ENDPOINT
