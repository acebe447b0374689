"""Proposals that are refused, forgotten, late, or cross each other."""

import pytest
from msgspec.structs import replace
from pair import DOMAIN, START, STRANGER, Party, open_pair, settle_down, trade

from channels_engine.core import effects as fx
from channels_engine.core import inputs, negotiation, signing
from channels_engine.core.errors import LocalProtocolError, RemoteProtocolError
from channels_engine.core.keeper import Keeper
from channels_engine.core.messages import DisputeAnswer, Reject, UpdateAbort, UpdateFallback
from channels_engine.core.rules import MAX_VERSION_LEAP
from channels_engine.core.state import Phase, Policy


def proposed(**changes: int) -> tuple[Party, Party]:
    """Side A offered, B accepted; the request is still on its way."""
    a, b = open_pair()
    made = a.offer(**changes)
    settle_down(a, b)
    b.accept(made.id)
    return a, b


def test_one_staged_state_at_a_time() -> None:
    a, b = proposed()
    with pytest.raises(LocalProtocolError) as refusal:
        b.close()
    assert refusal.value.code == "not_now"
    assert a.phase is Phase.OPEN
    a.receive()
    assert a.phase is b.phase is Phase.STAGED


def test_a_refusal_reopens_both_sides_without_a_trade() -> None:
    a, b = proposed()
    a.receive()
    a.feed(inputs.ActionAbortUpdate(2, "changed my mind"))
    settle_down(a, b)
    assert a.phase is b.phase is Phase.OPEN
    assert a.state.version == b.state.version == 0
    trade(a, b)
    assert a.state.version == b.state.version == 4


def test_who_confirms_too_late_is_refused_by_its_own_machine() -> None:
    a, b = proposed()
    a.receive()
    with pytest.raises(LocalProtocolError) as refusal:
        a.confirm(START + 30)
    assert refusal.value.code == "staged_expired"
    a.ring(START + 30)
    assert a.phase is Phase.OPEN
    settle_down(a, b)
    assert b.phase is Phase.OPEN
    assert b.endpoint.dropped is None


def test_a_staged_trade_never_outlives_its_offer() -> None:
    a, _ = proposed(valid_until=START + 7)
    a.receive()
    assert a.endpoint.wake_at == START + 7


def fallen_back() -> tuple[Party, Party]:
    """B's proposal got no answer: it fell back and asked; A has not read anything yet."""
    a, b = proposed()
    assert b.endpoint.wake_at == START + 40
    b.ring(START + 39)
    assert b.phase is Phase.STAGED
    b.ring(START + 40)
    return a, b


def test_after_a_fallback_nothing_is_proposed_until_the_peer_answers() -> None:
    a, b = fallen_back()
    assert b.phase is Phase.OPEN
    made = a.offer()
    b.take(a.peer.inbox.pop())
    with pytest.raises(LocalProtocolError) as refusal:
        b.accept(made.id)
    assert refusal.value.code == "unanswered_proposal"
    settle_down(a, b, START + 41)
    assert b.endpoint.dropped is None
    b.accept(made.id)


def test_a_late_countersignature_still_counts() -> None:
    a, b = proposed()
    a.receive()
    a.confirm(START + 29)
    b.ring(START + 40)
    assert b.endpoint.dropped is not None
    settle_down(a, b, START + 41)
    assert a.endpoint.current == b.endpoint.current
    assert b.state.version == 2
    assert b.endpoint.open_trades == a.endpoint.open_trades
    assert b.endpoint.dropped is None


def test_a_fallback_that_finds_the_state_co_signed_gets_it() -> None:
    a, b = proposed()
    a.receive()
    a.confirm()
    b.inbox.clear()
    b.ring(START + 40)
    settle_down(a, b, START + 41)
    assert b.endpoint.current == a.endpoint.current
    assert not b.endpoint.history_lost
    assert b.endpoint.open_trades == a.endpoint.open_trades


def test_a_forged_refusal_loses_nothing() -> None:
    a, b = proposed()
    b.take(UpdateAbort(2, "forged by the relay"))
    assert b.phase is Phase.OPEN
    a.receive()
    a.confirm()
    settle_down(a, b)
    assert a.endpoint.current == b.endpoint.current
    assert b.endpoint.refused == ()


def test_refused_proposals_are_bounded() -> None:
    a, b = open_pair(Policy(max_refused=2))
    for _ in range(5):
        made = a.offer()
        settle_down(a, b)
        b.accept(made.id)
        b.take(UpdateAbort(b.top, "no"))
        a.inbox.clear()
        a.feed(inputs.ActionWithdraw(made.id))
        settle_down(a, b)
    assert len(b.endpoint.refused) == 2


def crossed() -> tuple[Party, Party]:
    """Both accept the other's offer at the same time: A as version 1, B as version 2."""
    a, b = open_pair()
    of_a, of_b = a.offer(), b.offer()
    settle_down(a, b)
    a.accept(of_b.id)
    b.accept(of_a.id)
    return a, b


def test_of_crossing_proposals_the_higher_wins_on_both_sides() -> None:
    a, b = crossed()
    a.receive()
    assert a.endpoint.staged is not None
    assert a.endpoint.staged.state.version == 2
    assert a.endpoint.dropped is not None
    b.receive()
    assert b.inbox == type(b.inbox)()
    assert a.inbox.popleft() == UpdateAbort(1, "superseded")
    a.confirm()
    settle_down(a, b)
    assert a.endpoint.current == b.endpoint.current
    assert a.state.version == 2
    assert a.endpoint.dropped is a.endpoint.staged is None
    assert len(a.endpoint.open_trades) == 1


def test_a_superseded_proposal_that_is_countersigned_all_the_same_is_taken() -> None:
    a, b = crossed()
    (request,) = b.inbox
    a.receive()
    countersigned = signing.sign_value(DOMAIN, request.state, b.key)
    a.feed(inputs.ReceiveConfirm(countersigned))
    assert a.state.version == 1
    assert a.phase is Phase.OPEN
    assert a.peer.inbox[-1] == UpdateAbort(2, "stale_base")


def test_a_peer_that_is_behind_is_brought_up() -> None:
    a, b = proposed()
    b.take(UpdateAbort(2, "forged by the relay"))
    a.receive()
    a.confirm()
    b.inbox.clear()
    b.close()
    settle_down(a, b)
    assert b.state.version == a.state.version == 2
    assert b.phase is Phase.OPEN


def test_repeated_messages_change_nothing() -> None:
    a, b = open_pair()
    seen: list[tuple[Party, object]] = []
    made = a.offer()
    for step in (lambda: b.accept(made.id), a.confirm, lambda: None):
        while a.inbox or b.inbox:
            party = a if a.inbox else b
            seen.append((party, party.inbox[0]))
            party.receive()
        step()
    assert len(seen) == 3
    before = (a.endpoint, b.endpoint)
    for party, message in seen[1:]:
        party.take(message)
    assert (a.endpoint, b.endpoint) == before
    assert isinstance(b.inbox.popleft(), DisputeAnswer)


@pytest.mark.parametrize(
    ("version", "code"),
    [(1, "version_parity"), (0, "version_used"), (MAX_VERSION_LEAP + 2, "version_leap")],
)
def test_versions_are_counted_up_by_parity(version: int, code: str) -> None:
    a, b = open_pair()
    state = replace(negotiation.final_state(b.endpoint), version=version)
    proof = signing.sign_value(DOMAIN, state, b.key)
    with pytest.raises(LocalProtocolError) as refusal:
        b.feed(inputs.ActionClose(proof))
    assert refusal.value.code == code
    with pytest.raises(RemoteProtocolError):
        a.feed(inputs.ReceiveCloseRequest(proof))
    with pytest.raises(RemoteProtocolError):
        a.take(UpdateFallback(version | 1 if version == 1 else MAX_VERSION_LEAP + 2))


def test_a_client_may_skip_a_version_whose_signature_was_refused() -> None:
    a, b = open_pair()
    lost = b.sign(negotiation.final_state(b.endpoint))
    assert lost.value.version == 2
    b.close()
    assert b.top == 4
    settle_down(a, b)
    a.confirm()
    settle_down(a, b)
    assert a.phase is b.phase is Phase.CLOSING


def test_a_fallback_of_something_unknown_is_refused_and_remembered() -> None:
    a, b = fallen_back()
    a.take(a.inbox[-1])
    assert a.endpoint.highest_version == 2
    assert b.inbox.pop() == UpdateAbort(2, "fallback")
    a.receive()
    assert b.inbox.pop() == UpdateAbort(2, "superseded")
    assert a.endpoint.staged is None


def test_only_the_parties_keys_count() -> None:
    a, b = proposed()
    a.receive()
    staged = a.endpoint.staged
    assert staged is not None
    for signer in (STRANGER, b.key):
        with pytest.raises(LocalProtocolError, match="not party A's key"):
            a.feed(inputs.ActionConfirm(signing.sign_value(DOMAIN, staged.state, signer)))
    for signer in (STRANGER, b.key):
        with pytest.raises(RemoteProtocolError, match="not party A's key"):
            b.feed(inputs.ReceiveConfirm(signing.sign_value(DOMAIN, staged.state, signer)))


def test_a_confirmation_of_something_else_is_refused() -> None:
    a, b = proposed()
    a.receive()
    staged = a.endpoint.staged
    assert staged is not None
    other = replace(staged.state, balance_a=staged.state.balance_a + 1, balance_b=staged.state.balance_b - 1)
    with pytest.raises(LocalProtocolError, match="nothing else"):
        a.feed(inputs.ActionConfirm(signing.sign_value(DOMAIN, other, a.key)))
    with pytest.raises(RemoteProtocolError, match="awaits a countersignature"):
        b.feed(inputs.ReceiveConfirm(signing.sign_value(DOMAIN, other, a.key)))


def test_open_trades_are_bounded() -> None:
    a, b = open_pair(Policy(max_open_trades=1))
    trade(a, b)
    made = a.offer()
    settle_down(a, b)
    with pytest.raises(LocalProtocolError, match="Settle delivered trades"):
        b.accept(made.id)


def test_nothing_is_proposed_after_the_expiry() -> None:
    _, b = open_pair(expiry=START + 1000)
    with pytest.raises(LocalProtocolError) as refusal:
        b.close(START + 1000)
    assert refusal.value.code == "expired"
    effects = b.ring(START + 1060)
    assert [type(effect) for effect in effects] == [fx.LedgerDispute, fx.NotifyPhase]


def said_farewell() -> tuple[Party, Party]:
    """A asked to close, and the peer says that it refuses: it holds A's signature on a final state."""
    a, b = open_pair()
    a.close()
    a.take(UpdateAbort(1, "not yet"))
    b.inbox.clear()
    return a, b


def test_after_a_final_state_nothing_else_is_signed() -> None:
    a, b = said_farewell()
    with pytest.raises(LocalProtocolError) as refusal:
        a.offer()
    assert refusal.value.code == "closing_down"
    made = b.offer_of()
    assert a.feed(inputs.ReceiveOffer(b.sign(made))) == (fx.SendMessage(Reject(made.id, "closing_down")),)


def test_a_trade_that_crosses_a_farewell_is_refused() -> None:
    a, b = open_pair()
    made = a.offer()
    settle_down(a, b)
    b.accept(made.id)
    a.close()
    settle_down(a, b)
    assert a.endpoint.staged is b.endpoint.staged is None
    assert b.state.version == 0
    with pytest.raises(LocalProtocolError) as refusal:
        a.feed(inputs.ActionAccept(made.id, signing.sign_value(DOMAIN, a.signed[0].value, a.key)))
    assert refusal.value.code in {"version_used", "closing_down"}


def test_the_same_farewell_may_be_said_again() -> None:
    a, b = said_farewell()
    a.close()
    settle_down(a, b)
    b.confirm()
    settle_down(a, b)
    assert a.phase is b.phase is Phase.CLOSING


def test_a_key_holder_signs_no_version_twice_and_nothing_after_a_farewell() -> None:
    a, _ = open_pair()
    state = replace(a.state, version=3)
    final = replace(state, version=5, is_final=True)
    keeper = Keeper().after(state)
    with pytest.raises(LocalProtocolError) as used:
        keeper.after(state)
    parted = keeper.after(final)
    assert parted.after(replace(final, version=7)).highest == 7
    for other in (replace(state, version=7), replace(final, version=7, balance_a=0, balance_b=1)):
        with pytest.raises(LocalProtocolError) as closing:
            parted.after(other)
        assert closing.value.code == "closing_down"
    assert used.value.code == "version_used"


def test_nobody_confirms_or_refuses_its_own_proposal() -> None:
    _, b = proposed()
    staged = b.endpoint.staged
    assert staged is not None
    with pytest.raises(LocalProtocolError, match="No state of the peer"):
        b.feed(inputs.ActionConfirm(signing.sign_value(DOMAIN, staged.state, b.key)))
    with pytest.raises(LocalProtocolError, match="No state of the peer"):
        b.feed(inputs.ActionAbortUpdate(staged.state.version))
    with pytest.raises(RemoteProtocolError, match="awaits a countersignature"):
        b.feed(
            inputs.ReceiveConfirm(signing.sign_value(DOMAIN, replace(staged.state, version=4), b.peer.key))
        )


def test_only_the_staged_version_can_be_refused() -> None:
    a, _ = proposed()
    a.receive()
    with pytest.raises(LocalProtocolError, match="is staged, not 4"):
        a.feed(inputs.ActionAbortUpdate(4))


def test_a_proposal_for_another_channel_is_no_race() -> None:
    a, b = open_pair()
    elsewhere = replace(negotiation.final_state(b.endpoint), channel=bytes(32))
    with pytest.raises(RemoteProtocolError) as refusal:
        a.feed(inputs.ReceiveCloseRequest(signing.sign_value(DOMAIN, elsewhere, b.key)))
    assert refusal.value.code == "wrong_channel"


def test_while_a_dispute_is_raised_nothing_is_proposed() -> None:
    a, b = open_pair()
    made = a.offer()
    settle_down(a, b)
    b.dispute()
    with pytest.raises(LocalProtocolError) as refusal:
        b.accept(made.id)
    assert refusal.value.code == "dispute_pending"


@pytest.mark.parametrize("how", ["disputed", "expired", "closing"])
def test_a_proposal_to_a_channel_that_ends_is_answered(how: str) -> None:
    a, b = open_pair(expiry=START + 1000)
    now = START
    if how == "disputed":
        a.feed(inputs.LedgerDisputed(0, START + 600))
    elif how == "expired":
        now = START + 1000
    else:
        a.close()
        b.receive()
        b.confirm()
        a.receive()
        b.view, b.keeper = None, Keeper()
        fresh = open_pair(expiry=START + 1000)[1]
        b.view = fresh.endpoint
    request = replace(negotiation.final_state(b.endpoint), version=4)
    effects = a.feed(inputs.ReceiveCloseRequest(signing.sign_value(DOMAIN, request, b.key)), now)
    refusals = [effect.body for effect in effects if isinstance(effect, fx.SendMessage)]
    assert UpdateAbort(4, "closing_down") in refusals


def test_a_proposal_on_an_old_base_is_answered_with_the_newest_state() -> None:
    a, b = open_pair()
    old = negotiation.final_state(b.endpoint)
    trade(b, a)
    effects = a.feed(inputs.ReceiveCloseRequest(signing.sign_value(DOMAIN, replace(old, version=2), b.key)))
    news, refusal = (effect.body for effect in effects if isinstance(effect, fx.SendMessage))
    assert news.state == a.state
    assert refusal == UpdateAbort(2, "stale_base")
