"""Disputes: off-chain first, then the ledger; stale states, lost data, expiry."""

import pytest
from ledger_model import LedgerModel
from msgspec.structs import replace
from pair import DOMAIN, FUNDING, START, TERMS, Party, open_pair, settle_down, trade

from channels_engine.core import effects as fx
from channels_engine.core import inputs, negotiation, signing
from channels_engine.core.errors import LedgerProtocolError, LocalProtocolError, RemoteProtocolError
from channels_engine.core.messages import DisputeAnswer, DisputeRaise
from channels_engine.core.state import CoSigned, Phase

DEADLINE = START + 600


def staged_without_answer() -> tuple[Party, Party]:
    """A confirmed B's acceptance, and the confirmation got lost."""
    a, b = open_pair()
    made = a.offer()
    settle_down(a, b)
    b.accept(made.id)
    a.receive()
    a.confirm()
    b.inbox.clear()
    return a, b


def test_a_dispute_is_raised_off_chain_first_and_ends_with_the_missing_state() -> None:
    a, b = staged_without_answer()
    b.dispute()
    assert b.endpoint.wake_at == START + 30
    settle_down(a, b)
    assert b.endpoint.current == a.endpoint.current
    assert b.endpoint.dispute_due is None
    assert b.wanted(fx.LedgerDispute) == []


def test_without_an_answer_it_goes_to_the_ledger_with_consent() -> None:
    _, b = staged_without_answer()
    b.dispute()
    assert [type(effect) for effect in b.ring(START + 29)] == []
    b.ring(START + 30)
    (effect,) = b.wanted(fx.LedgerDispute)
    assert effect.newest.state.version == 0
    assert b.phase is Phase.DISPUTED
    assert b.endpoint.dropped is not None
    ledger = LedgerModel(DOMAIN, TERMS, b.opening)
    ledger.known = b.state
    ledger.submit(effect, START + 31)
    assert ledger.disputer is b.side


def test_the_peer_never_holds_a_consent_that_it_could_use_when_the_dispute_is_over() -> None:
    """The attack: answer, trade on, then dispute with the old version in the other's name, and collect."""
    a, b = staged_without_answer()
    b.dispute()
    (raised,) = (body for body in a.inbox if isinstance(body, DisputeRaise))
    assert raised.signature is None
    settle_down(a, b)
    trade(a, b)
    assert b.state.base > raised.version


def test_an_answer_with_nothing_new_does_not_end_the_dispute() -> None:
    a, b = open_pair()
    trade(a, b)
    b.dispute()
    settle_down(a, b)
    assert b.endpoint.dispute_due == START + 30
    with pytest.raises(LocalProtocolError, match="raised already"):
        b.dispute()
    with pytest.raises(LocalProtocolError, match="dispute is raised"):
        b.offer()


def test_consent_must_name_this_version_and_be_ours() -> None:
    a, b = open_pair()
    request = negotiation.dispute_request(b.endpoint)
    for value, signer in ((replace(request, version=1), b.key), (request, a.key)):
        consent = signing.sign_value(DOMAIN, value, signer)
        with pytest.raises(LocalProtocolError):
            b.feed(inputs.ActionDispute("no answer", consent))


def test_a_stale_state_on_the_ledger_is_answered_at_once() -> None:
    a, b = open_pair()
    trade(a, b)
    trade(a, b)
    effects = b.feed(inputs.LedgerDisputed(2, DEADLINE))
    (answer,) = (effect for effect in effects if isinstance(effect, fx.LedgerResolve))
    assert answer.newest == b.endpoint.current
    assert answer.deadline == DEADLINE
    assert b.phase is Phase.DISPUTED
    assert b.feed(inputs.LedgerDisputed(2, DEADLINE)) == ()
    b.feed(inputs.LedgerResolved(4))
    assert b.phase is Phase.OPEN
    a.feed(inputs.LedgerDisputed(2, DEADLINE))
    a.feed(inputs.LedgerResolved(4))
    trade(b, a)
    assert a.endpoint.current == b.endpoint.current


def test_our_own_version_is_waited_for_and_paid_out_once() -> None:
    a, b = open_pair()
    trade(a, b)
    b.feed(inputs.LedgerDisputed(2, DEADLINE))
    assert b.wanted(fx.LedgerResolve) == []
    assert b.endpoint.wake_at == DEADLINE
    assert b.ring(DEADLINE - 1) == ()
    assert b.ring(DEADLINE) == (fx.LedgerFinaliseDisputed(b.endpoint.channel, DEADLINE),)
    assert b.ring(DEADLINE + 1) == ()
    assert b.endpoint.wake_at is None


def test_a_newer_state_than_ours_is_a_fact_and_asked_for() -> None:
    a, b = staged_without_answer()
    effects = b.feed(inputs.LedgerDisputed(2, DEADLINE))
    assert not any(isinstance(effect, fx.LedgerResolve) for effect in effects)
    assert b.endpoint.ledger_version == 2
    asks = [effect.body for effect in effects if isinstance(effect, fx.SendMessage)]
    assert any(isinstance(body, DisputeRaise) for body in asks)
    a.feed(inputs.LedgerDisputed(2, DEADLINE))
    settle_down(a, b)
    assert b.endpoint.current == a.endpoint.current


def test_behind_the_ledger_nothing_is_proposed() -> None:
    _, b = staged_without_answer()
    b.feed(inputs.LedgerDisputed(2, DEADLINE))
    b.feed(inputs.LedgerResolved(2))
    b.view = replace(b.endpoint, dropped=None)
    with pytest.raises(LocalProtocolError) as refusal:
        b.close()
    assert refusal.value.code == "behind_ledger"


def test_who_is_behind_the_ledger_can_still_force_the_end() -> None:
    """A peer that completes our signature in silence and never shows it must not lock us in until expiry."""
    a, b = staged_without_answer()
    ledger = LedgerModel(DOMAIN, TERMS, b.opening)
    ledger.submit(open_effect(b), START)
    ledger.known = a.state
    b.feed(inputs.LedgerDisputed(0, DEADLINE))
    b.feed(inputs.LedgerResolved(2))
    a.inbox.clear()
    b.dispute()
    b.ring(START + 30)
    (effect,) = b.wanted(fx.LedgerDispute)
    assert (effect.newest.state.version, effect.version) == (0, 2)
    ledger.submit(effect, START + 31)
    b.feed(ledger.events[-1])
    assert b.phase is Phase.DISPUTED
    assert b.ring(ledger.deadline) == (fx.LedgerFinaliseDisputed(b.endpoint.channel, ledger.deadline),)


def test_a_late_countersignature_answers_the_ledger() -> None:
    a, b = staged_without_answer()
    b.feed(inputs.LedgerDisputed(0, DEADLINE))
    assert b.wanted(fx.LedgerResolve) == []
    assert a.endpoint.current is not None
    signed = inputs.Verified(a.state, a.endpoint.current.signature_a, a.key.address)
    b.feed(inputs.ReceiveConfirm(signed))
    (answer,) = b.wanted(fx.LedgerResolve)
    assert answer.newest.state.version == 2


def test_a_wrong_v_is_put_right_before_the_ledger() -> None:
    a, b = open_pair()
    made = a.offer()
    settle_down(a, b)
    b.accept(made.id)
    settle_down(a, b)
    a.confirm()
    confirmation = b.inbox.popleft()
    spoilt = confirmation.signature[:64] + bytes((55 - confirmation.signature[64],))
    b.take(replace(confirmation, signature=spoilt))
    assert b.endpoint.current is not None
    assert b.endpoint.current.signature_a == spoilt
    b.feed(inputs.LedgerDisputed(0, DEADLINE))
    (answer,) = b.wanted(fx.LedgerResolve)
    assert answer.newest == a.endpoint.current


def test_who_lost_everything_learns_the_newest_state_and_can_close_with_it() -> None:
    a, b = open_pair()
    backup = b.endpoint
    sold = trade(a, b)
    b.settle((sold, 1500))
    settle_down(a, b)
    a.confirm()
    settle_down(a, b)
    b.view = backup
    b.dispute()
    settle_down(a, b)
    assert b.endpoint.current == a.endpoint.current
    assert b.endpoint.history_lost
    made = a.offer()
    settle_down(a, b)
    with pytest.raises(LocalProtocolError) as refusal:
        b.accept(made.id)
    assert refusal.value.code == "history_lost"
    b.close()
    settle_down(a, b)
    a.confirm()
    settle_down(a, b)
    assert a.phase is b.phase is Phase.CLOSING


def test_an_answer_needs_both_signatures_under_one_state_of_this_channel() -> None:
    a, b = open_pair()
    trade(a, b)
    state = b.state
    newer = replace(state, version=4)
    by_a = signing.sign_value(DOMAIN, newer, a.key)
    by_b = signing.sign_value(DOMAIN, state, b.key)
    with pytest.raises(RemoteProtocolError):
        b.feed(inputs.ReceiveDisputeAnswer(by_a, by_b))
    with pytest.raises(RemoteProtocolError):
        b.feed(inputs.ReceiveDisputeAnswer(by_a, by_a))


def test_an_old_answer_changes_nothing() -> None:
    a, b = open_pair()
    trade(a, b)
    old = a.endpoint.current
    trade(a, b)
    assert old is not None
    before = b.endpoint
    b.take(DisputeAnswer(old.state, old.signature_a, old.signature_b))
    assert b.endpoint is before


def test_a_final_state_ends_a_dispute_with_an_older_one() -> None:
    a, b = open_pair()
    final = a.close()
    settle_down(a, b)
    b.confirm()
    settle_down(a, b)
    a.feed(inputs.LedgerDisputed(0, DEADLINE))
    (answer,) = a.wanted(fx.LedgerResolve)
    assert answer.newest.state == final
    a.feed(inputs.LedgerResolved(final.version))
    assert a.phase is Phase.CLOSING
    a.feed(inputs.LedgerFinalised(final.version, FUNDING, FUNDING))
    assert a.phase is Phase.CLOSED


def test_the_expiry_closes_a_channel_whose_sides_forgot_it() -> None:
    a, b = open_pair(expiry=START + 1000)
    trade(a, b)
    ledger = LedgerModel(DOMAIN, TERMS, a.opening)
    ledger.submit(open_effect(b), START)
    assert a.endpoint.wake_at == START + 1060
    a.ring(START + 1060)
    (effect,) = a.wanted(fx.LedgerDispute)
    assert effect.consent == b""
    ledger.submit(effect, START + 1061)
    a.feed(ledger.events[-1])
    (answer,) = a.wanted(fx.LedgerResolve)
    ledger.submit(answer, START + 1062)
    a.feed(ledger.events[-1])
    assert a.phase is Phase.DISPUTED
    assert a.endpoint.wake_at == ledger.deadline
    a.ring(ledger.deadline)
    (claim,) = a.wanted(fx.LedgerFinaliseDisputed)
    ledger.submit(claim, ledger.deadline)
    a.feed(ledger.events[-1])
    assert a.endpoint.payout == (a.state.balance_a, a.state.balance_b)


def open_effect(party: Party) -> fx.LedgerOpenChannel:
    (effect,) = party.wanted(fx.LedgerOpenChannel)
    assert isinstance(effect, fx.LedgerOpenChannel)
    return effect


def test_a_payout_that_makes_money_is_no_payout() -> None:
    a, _ = open_pair()
    with pytest.raises(LedgerProtocolError) as refusal:
        a.feed(inputs.LedgerFinalised(0, FUNDING, FUNDING + 1))
    assert refusal.value.code == "not_conserved"


def test_the_end_is_the_end_and_may_be_told_twice() -> None:
    a, _ = open_pair()
    a.feed(inputs.LedgerFinalised(0, FUNDING, FUNDING))
    before = a.endpoint
    for late in (
        inputs.LedgerFinalised(0, FUNDING, FUNDING),
        inputs.LedgerOpened(),
        inputs.LedgerDisputed(0, DEADLINE),
        inputs.LedgerResolved(2),
        inputs.TimerElapsed(),
    ):
        assert a.feed(late) == ()
        assert a.endpoint is before


def test_version_zero_may_miss_a_signature() -> None:
    a, _ = open_pair()
    assert a.endpoint.current is not None
    a.view = replace(a.endpoint, current=CoSigned(a.state, a.endpoint.current.signature_a, b""))
    a.dispute()
    a.ring(START + 30)
    (effect,) = a.wanted(fx.LedgerDispute)
    assert effect.newest.signature_b == b""
