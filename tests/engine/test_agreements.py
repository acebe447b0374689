"""The conversation that leads to an entity contract: agreed, aborted by either side, and no step out of turn."""

import msgspec
import pytest
from engine_parties import World

from channels_engine.agreements import Agreement, AgreementPhase, converse, propose
from channels_engine.core import messages as m
from channels_engine.core.errors import RemoteProtocolError, SignatureError
from channels_engine.core.typed_data import digest, struct_hash
from channels_engine.core.types import ZERO_ADDRESS, Side
from channels_engine.frames import message_of

Steps = dict[str, tuple[Side, m.EscBody]]
Proposed = tuple[Agreement, Steps, World]


@pytest.fixture
def proposed(world: World) -> Proposed:
    """A proposal, and all that could be said to it, rightly signed."""
    pair = world.pair()
    message = digest(world.runtime.domain, pair.terms)
    steps: Steps = {
        "accept": (Side.B, m.EscAccept(pair.terms, pair.signer_b.sign(message))),
        "confirm": (Side.A, m.EscConfirm(pair.signer_a.sign(message))),
        "abort by A": (Side.A, m.EscAbort("no")),
        "abort by B": (Side.B, m.EscAbort("no")),
    }
    asked = m.EscPropose(pair.owner_b, msgspec.structs.replace(pair.terms, party_b=ZERO_ADDRESS))
    return propose(message_of("p", pair.terms.nonce, asked), pair.owner_a), steps, world


def walk(proposed: Proposed, *names: str) -> Agreement:
    agreement, steps, world = proposed
    for name in names:
        side, body = steps[name]
        said = message_of(name, agreement.conversation, body)
        agreement = converse(agreement, said, side, world.runtime.domain)
    return agreement


def test_terms_are_agreed_by_both_signatures(proposed: Proposed) -> None:
    agreed = walk(proposed, "accept", "confirm")
    assert agreed.phase is AgreementPhase.AGREED
    assert agreed.signature_a
    assert agreed.signature_b
    assert agreed.scid == struct_hash(agreed.terms)


@pytest.mark.parametrize(
    "steps", [("abort by A",), ("abort by B",), ("accept", "abort by A"), ("accept", "abort by B")]
)
def test_either_side_aborts_until_both_have_signed(proposed: Proposed, steps: tuple[str, ...]) -> None:
    assert walk(proposed, *steps).phase is AgreementPhase.ABORTED


@pytest.mark.parametrize(
    "steps",
    [
        ("confirm",),
        ("accept", "accept"),
        ("abort by B", "accept"),
        ("accept", "abort by A", "confirm"),
        ("abort by A", "abort by B"),
        ("accept", "confirm", "abort by A"),
        ("accept", "confirm", "confirm"),
    ],
)
def test_no_step_out_of_turn(proposed: Proposed, steps: tuple[str, ...]) -> None:
    before = walk(proposed, *steps[:-1])
    with pytest.raises(RemoteProtocolError, match="is " + before.phase.value):
        walk((before, *proposed[1:]), steps[-1])


def test_only_the_acceptors_key_is_filled_in(proposed: Proposed) -> None:
    agreement, steps, world = proposed
    side, body = steps["accept"]
    for changes in ({"stale_penalty": 1}, {"party_a": bytes([9]) * 20}, {"party_b": ZERO_ADDRESS}):
        other = m.EscAccept(msgspec.structs.replace(body.terms, **changes), body.signature)
        with pytest.raises(RemoteProtocolError):
            converse(agreement, message_of("x", agreement.conversation, other), side, world.runtime.domain)


def test_a_session_key_signs_for_itself(proposed: Proposed) -> None:
    agreement, steps, world = proposed
    other = m.EscAccept(steps["accept"][1].terms, steps["confirm"][1].signature)
    with pytest.raises(SignatureError):
        converse(agreement, message_of("x", agreement.conversation, other), Side.B, world.runtime.domain)
