"""Checks of updates and of the machine itself, each at its boundary; see test_guards.py."""

from typing import Any

import pytest
from msgspec.structs import replace
from pair import DOMAIN, START, STRANGER, Party, open_pair, settle_down, trade

from channels_engine.core import effects as fx
from channels_engine.core import inputs, messages, negotiation, offers, signing, transition, updates
from channels_engine.core.errors import InvariantError, Violation
from channels_engine.core.state import Endpoint, Phase
from channels_engine.core.types import ChannelState, Side


def refused(code: str) -> Any:
    """What is within raises a `Violation` with this code."""
    return pytest.raises(Violation, check=lambda violation: violation.code == code)


def by(party: Party, value: Any) -> inputs.Verified[Any]:
    return signing.sign_value(DOMAIN, value, party.key)


def offered() -> tuple[Party, Party, bytes, ChannelState]:
    """A sold once and offers again; the state in which B takes that."""
    a, b = open_pair()
    trade(a, b)
    made = a.offer()
    settle_down(a, b)
    return a, b, made.id, negotiation.next_state_for_offer(b.endpoint, made.id)


def reasons(step: tuple[Endpoint, tuple[fx.Effect, ...]]) -> list[str]:
    bodies = [effect.body for effect in step[1] if isinstance(effect, fx.SendMessage)]
    return [body.reason if isinstance(body, messages.UpdateAbort) else type(body).__name__ for body in bodies]


def test_we_propose_what_we_signed_and_nothing_after_a_final_state() -> None:
    _, b, offer, state = offered()
    assert updates.propose(b.endpoint, inputs.ActionAccept(offer, by(b, state)), START)[1]
    stranger = signing.sign_value(DOMAIN, state, STRANGER)
    with refused("wrong_signer"):
        updates.propose(b.endpoint, inputs.ActionAccept(offer, stranger), START)
    final = replace(b.endpoint, farewell=replace(b.state, is_final=True))
    with refused("closing_down"):
        updates.propose(final, inputs.ActionAccept(offer, by(b, state)), START)


def test_we_stage_what_the_peer_signed() -> None:
    a, b, offer, state = offered()
    wish = inputs.ReceiveUpdateRequest(offer, by(b, state))
    staged, effects = updates.receive(a.endpoint, wish, START)
    assert effects
    assert updates.receive(staged, wish, START) == (staged, ())
    stranger = signing.sign_value(DOMAIN, state, STRANGER)
    with refused("wrong_signer"):
        updates.receive(a.endpoint, inputs.ReceiveUpdateRequest(offer, stranger), START)


def test_who_proposes_on_an_old_state_gets_the_newest_and_who_is_level_does_not() -> None:
    a, b, offer, state = offered()
    crossed = replace(a.endpoint, highest_version=state.version)
    assert reasons(updates.receive(crossed, inputs.ReceiveUpdateRequest(offer, by(b, state)), START)) == [
        "superseded"
    ]
    old = replace(state, base=0)
    assert reasons(updates.receive(a.endpoint, inputs.ReceiveUpdateRequest(offer, by(b, old)), START)) == [
        "DisputeAnswer",
        "stale_base",
    ]


def test_while_a_change_waits_nothing_is_staged() -> None:
    a, b, offer, state = offered()
    a.change(a.state.balance_a + 1, a.state.balance_b)
    above = replace(state, version=a.endpoint.highest_version + 1)
    assert reasons(updates.receive(a.endpoint, inputs.ReceiveUpdateRequest(offer, by(b, above)), START)) == [
        "changing"
    ]


def test_a_live_offer_that_expired_is_not_taken() -> None:
    a, b, offer, state = offered()
    late = START + 300
    with refused("offer_expired"):
        updates.propose(b.endpoint, inputs.ActionAccept(offer, by(b, state)), late)
    assert reasons(updates.receive(a.endpoint, inputs.ReceiveUpdateRequest(offer, by(b, state)), late)) == [
        "offer_expired"
    ]


def test_a_known_version_is_noted_once() -> None:
    a, _, _, _ = offered()
    highest = a.endpoint.highest_version
    assert updates.known_version(a.endpoint, highest) is a.endpoint
    assert updates.known_version(a.endpoint, highest - 1) is a.endpoint
    assert updates.known_version(a.endpoint, highest + 1).highest_version == highest + 1


def test_only_the_peers_staged_state_is_confirmed_or_refused() -> None:
    a, b, offer, state = offered()
    with refused("not_staged"):
        updates.confirm(a.endpoint, inputs.ActionConfirm(by(a, state)), START)
    b.feed(inputs.ActionAccept(offer, by(b, state)))
    with refused("not_staged"):
        updates.confirm(b.endpoint, inputs.ActionConfirm(by(b, state)), START)
    with refused("not_staged"):
        updates.abort(b.endpoint, inputs.ActionAbortUpdate(state.version), START)


def test_a_countersignature_on_what_we_never_proposed_is_refused() -> None:
    a, b, _, state = offered()
    with refused("not_staged"):
        updates.confirmed(replace(a.endpoint, current=None), inputs.ReceiveConfirm(by(b, state)), START)
    assert updates.confirmed(a.endpoint, inputs.ReceiveConfirm(by(b, a.state)), START) == (a.endpoint, ())


def test_a_refusal_without_anything_proposed_changes_nothing() -> None:
    a, _, _, _ = offered()
    for version in (0, a.state.version, 99):
        assert updates.aborted(a.endpoint, inputs.ReceiveUpdateAbort(version), START) == (a.endpoint, ())


def test_only_a_refusal_of_the_very_change_is_told() -> None:
    a, _, _, _ = offered()
    change = a.change(a.state.balance_a + 1, a.state.balance_b)
    for version, told in ((change.version, 1), (change.version + 2, 0)):
        after, effects = updates.aborted(a.endpoint, inputs.ReceiveUpdateAbort(version, "no"), START)
        assert after is a.endpoint
        assert len(effects) == told


def test_what_a_handler_breaks_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    a, _, _, _ = offered()

    def thief(endpoint: Endpoint, _: inputs.Input, __: int) -> transition.Step:
        assert endpoint.current is not None
        state = replace(endpoint.current.state, version=99, balance_a=0)
        return replace(endpoint, highest_version=99, current=replace(endpoint.current, state=state)), ()

    monkeypatch.setattr(transition, "_handler", lambda *_: thief)
    with pytest.raises(InvariantError):
        transition.apply(a.endpoint, inputs.TimerElapsed(), START)


def test_offers_of_the_other_side_have_their_own_room() -> None:
    a, b, _, _ = offered()
    few = replace(a.endpoint, policy=replace(a.endpoint.policy, max_live_offers=2), offers=())
    for number in range(2):
        few, _ = offers.offer(few, inputs.ReceiveOffer(by(b, b.offer_of(quantity_wh=number + 1))), START)
    with refused("too_many_offers"):
        offers.offer(few, inputs.ReceiveOffer(by(b, b.offer_of())), START)
    after, _ = offers.offer(few, inputs.ActionOffer(by(a, a.offer_of())), START)
    assert [live.offeror for live in after.offers] == [Side.B, Side.B, Side.A]
    assert after.phase is Phase.OPEN
