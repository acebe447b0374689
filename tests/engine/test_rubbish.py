"""Rubbish in every message type: a clear refusal, no change, no broken socket."""

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from engine_client import Couple
from engine_parties import METER, World, delivery
from test_websocket import prepare

from channels_engine import frames
from channels_engine.codec import json_form, to_hex
from channels_engine.core import messages as m
from channels_engine.core.errors import ProtocolError
from channels_engine.core.keccak import keccak256
from channels_engine.core.negotiation import final_state, next_change, next_state_for_offer
from channels_engine.core.signing import LocalSigner
from channels_engine.core.typed_data import digest, struct_hash
from channels_engine.core.types import CreditNote, Domain, Side
from channels_engine.published.examples import examples
from channels_engine.published.structures import client_names
from channels_engine.store.models import Channel, Contract, Endpoint, LogEntry
from channels_engine.submissions import Refused, Said
from tests.services import daphne

TYPES = sorted(m.BODY_BY_TYPE)
SIGNED = sorted(
    set(TYPES)
    - {"esc.propose", "esc.abort", "channel.open_abort", "reject", "withdraw"}
    - frames.MACHINE_ONLY
    - {"update.abort", "checkpoint", "enforce.delivery"}
)
_ids = itertools.count()


class Scene:
    """A pair in an open channel with one offer live, and a well-formed body of every type for it."""

    def __init__(self, world: World, domain: Domain | None = None) -> None:
        self.world, self.runtime = world, world.runtime
        self.pair = world.pair()
        world.open(self.pair)
        self.domain = domain or self.runtime.domain
        world.floor._run([world.deal(self.pair, "live")], (world.floor._offer,))

    def sign(self, signer: LocalSigner, value: Any) -> bytes:
        return signer.sign(digest(self.domain, value))

    def endpoint(self, side: Side) -> Any:
        hosting = self.runtime.hosting(self.pair.channel)
        assert hosting is not None
        return hosting.endpoint(side)

    def bodies(self) -> dict[str, tuple[str, bytes, m.Body]]:
        """type -> (owner, channel, body); each is well-formed and rightly signed (for `self.domain`)."""
        pair, a, b = self.pair, self.pair.signer_a, self.pair.signer_b
        channel, live = pair.channel, self.endpoint(Side.B).offers[0].offer
        state = next_state_for_offer(self.endpoint(Side.B), live.id)
        final = final_state(self.endpoint(Side.A))
        change = next_change(self.endpoint(Side.A), 1, final.balance_b, 2**32)
        fresh = msgspec.structs.replace(live, id=keccak256(b"fresh"))
        nonce = keccak256(b"conversation %d" % next(_ids))
        terms = msgspec.structs.replace(pair.terms, nonce=nonce)
        opening = msgspec.structs.replace(pair.opening, index=1 + next(_ids))
        note = CreditNote(keccak256(b"note"), b.address, 10**9, 2**32)
        noted = m.NoteFunding(note, self.sign(METER, note))
        permit = m.Permit(2**32, self.sign(a, opening))
        deposit = m.DepositFunding(2**32, self.sign(a, opening))
        by_a: list[tuple[bytes, m.Body]] = [
            (nonce, m.EscPropose(pair.owner_b, msgspec.structs.replace(terms, party_b=bytes(20)))),
            (nonce, m.EscConfirm(self.sign(a, terms))),
            (nonce, m.EscAbort("no")),
            (struct_hash(opening), m.OpenRequest(opening, self.sign(a, opening), deposit)),
            (channel, m.OpenAbort("no")),
            (channel, m.OfferMade(fresh, self.sign(a, fresh))),
            (channel, m.Withdraw(live.id)),
            (channel, m.UpdateConfirm(state.version, self.sign(a, state))),
            (channel, m.UpdateAbort(state.version, "no")),
            (channel, m.UpdateFallback(state.version)),
            (
                channel,
                m.SettleRequest((delivery(channel, keccak256(b"trade"), 1),), state, self.sign(a, state)),
            ),
            (channel, m.CloseRequest(final, self.sign(a, final))),
            (channel, m.DisputeRaise(0, "no answer", self.sign(a, final))),
            (channel, m.FundingRequest(change, self.sign(a, change), permit)),
            (channel, m.EnforceOffer(live.id, self.sign(a, live))),
            (channel, m.EnforceDelivery((delivery(channel, keccak256(b"trade"), 1),))),
            (channel, m.Checkpoint(state.version)),
        ]
        by_b: list[tuple[bytes, m.Body]] = [
            (nonce, m.EscAccept(terms, self.sign(b, terms))),
            (channel, m.OpenConfirm(self.sign(b, pair.opening), noted)),
            (channel, m.Counter(live.id, fresh, self.sign(b, fresh))),
            (channel, m.Reject(live.id, "no")),
            (channel, m.UpdateRequest(live.id, state, self.sign(b, state))),
            (channel, m.SettleConfirm(state.version, self.sign(b, state))),
            (channel, m.CloseConfirm(final.version, self.sign(b, final))),
            (channel, m.DisputeAnswer(state, self.sign(a, state), self.sign(b, state))),
            (channel, m.FundingConfirm(change.version, self.sign(b, change), permit)),
            (channel, m.FundingAnswer(change, self.sign(a, change), self.sign(b, change))),
        ]
        sent = [(pair.owner_a, *one) for one in by_a] + [(pair.owner_b, *one) for one in by_b]
        return {frames.type_of(body): (owner, where, body) for owner, where, body in sent}

    def receive(self, owner: str, text: str) -> str:
        """What a socket does with a frame; the refusal's code, or `accepted`."""
        try:
            frame = frames.decode_frame(text)
            assert isinstance(frame, frames.Send)
            message = frames.decode_message(frame)
        except ProtocolError as error:
            return error.code
        (outcome,) = self.runtime.process([Said(owner, message)])
        return outcome.code if isinstance(outcome, Refused) else "accepted"

    def stored(self) -> tuple[Any, ...]:
        """Everything that a refused message must leave alone."""
        return (
            LogEntry.objects.count(),
            Contract.objects.count(),
            list(Channel.objects.order_by("number").values_list("channel", "seq", "moving")),
            list(Endpoint.objects.order_by("id").values_list("channel", "side", "phase", "fixed")),
        )


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world)


def as_json(channel: bytes, body: m.Body) -> dict[str, Any]:
    kind = frames.type_of(body)
    text = json.loads(json_form(type(body)).encode(body))
    return {"kind": "send", "id": f"r{next(_ids)}", "channel": to_hex(channel), "type": kind, "body": text}


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of all values within a body, containers too."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from leaves(inner, (*path, key))


def replaced(frame: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    copy = json.loads(json.dumps(frame))
    inner = copy["body"]
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy


WRONG = [
    -1,
    1.5,
    10**30,
    True,
    [],
    {},
    "-1",
    "1.0",
    "1e3",
    " 1",
    "+1",
    "01",
    "0xZZ",
    "0X00",
    "0x",
    "١",
    "9" * 30,
    "x" * 300,
]
TEXTS = {"reason", "to"}
OPTIONAL = {
    "dispute.raise": [("signature",)],
    "funding.request": [("permit",)],
    "funding.confirm": [("permit",)],
}


def is_right(body: Any, path: tuple[str | int, ...], value: Any) -> bool:
    """Whether this value is of the form that the field has, and so for the machine to judge."""
    right = body
    for key in path:
        right = right[key]
    if type(value) is not type(right):
        return False
    return value == [] or isinstance(value, bool) or (path[-1] in TEXTS and len(str(value)) < 200)


@pytest.mark.parametrize("kind", TYPES)
def test_wrong_fields_are_malformed(scene: Scene, kind: str) -> None:
    owner, channel, body = scene.bodies()[kind]
    frame, before = as_json(channel, body), scene.stored()
    for path in leaves(frame["body"]):
        for wrong in WRONG:
            if is_right(frame["body"], path, wrong):
                continue
            code = scene.receive(owner, json.dumps(replaced(frame, path, wrong)))
            assert code in {"malformed", "machine_only"}, (path, wrong, code)
        optional = isinstance(path[-1], int) or path in OPTIONAL.get(kind, ())
        if not optional:
            assert scene.receive(owner, json.dumps(replaced(frame, path, ...))) in {
                "malformed",
                "machine_only",
            }, path
    unknown = frame | {"body": frame["body"] | {"surprise": 1}}
    assert scene.receive(owner, json.dumps(unknown)) in {"malformed", "machine_only"}
    assert scene.receive(owner, json.dumps(frame).replace('"body": {', '"body": {"n": NaN, ')) == "malformed"
    assert scene.stored() == before


@pytest.mark.parametrize("kind", SIGNED)
@pytest.mark.parametrize("forgery", ["nobody", "other key", "high s", "v", "other chain", "other contract"])
def test_wrong_signatures_are_refused(scene: Scene, kind: str, forgery: str) -> None:
    domains = {
        "other chain": Domain(1, scene.domain.verifying_contract),
        "other contract": Domain(31337, b"\x01" * 20),
    }
    scene.domain = domains.get(forgery, scene.domain)
    owner, channel, body = scene.bodies()[kind]
    if forgery not in domains:
        signature = body.signature
        forged = {
            "nobody": bytes(64) + b"\x1b",
            "other key": LocalSigner(b"\x55" * 32).sign(keccak256(b"another")),
            "high s": signature[:32] + b"\xff" * 32 + signature[64:],
            "v": signature[:64] + b"\x1d",
        }
        body = msgspec.structs.replace(body, signature=forged[forgery])
    before = scene.stored()
    code = scene.receive(owner, json.dumps(as_json(channel, body)))
    assert code not in {"accepted", "internal"}
    if kind in {"offer", "counter", "update.request", "channel.open_request", "close.request"}:
        assert code == "wrong_signer" or code.startswith("signature_")
    assert scene.stored() == before


@pytest.mark.parametrize("kind", TYPES)
def test_messages_of_strangers_and_to_nowhere(scene: Scene, kind: str) -> None:
    owner, channel, body = scene.bodies()[kind]
    before = scene.stored()
    if kind != "esc.propose":
        assert scene.receive("stranger", json.dumps(as_json(channel, body))) not in {"accepted", "internal"}
    nowhere = as_json(keccak256(b"nowhere"), body)
    assert scene.receive(owner, json.dumps(nowhere)) in {
        "unknown_channel", "machine_only", "wrong_channel",
    }  # fmt: skip
    assert scene.stored() == before


@pytest.mark.parametrize("kind", ["update.confirm", "update.abort", "settle.confirm", "settle.request", "close.confirm",
                                  "channel.open_confirm", "channel.open_abort"])  # fmt: skip
def test_messages_before_their_time_are_refused(scene: Scene, kind: str) -> None:
    owner, channel, body = scene.bodies()[kind]
    before = scene.stored()
    assert scene.receive(owner, json.dumps(as_json(channel, body))) not in {"accepted", "internal"}
    assert scene.stored() == before


def test_a_replay_changes_nothing(scene: Scene) -> None:
    owner, channel, body = scene.bodies()["update.request"]
    frame = json.dumps(as_json(channel, body))
    assert scene.receive(owner, frame) == "accepted"
    before = scene.stored()
    assert scene.receive(owner, frame) == "accepted"
    again = json.dumps(json.loads(frame) | {"id": "another-id"})
    assert scene.receive(owner, again) not in {"accepted", "internal"}
    assert scene.stored() == before


def test_the_wrong_side_may_not_speak(scene: Scene) -> None:
    for kind in ("update.request", "offer", "withdraw", "reject"):
        owner, channel, body = scene.bodies()[kind]
        other = scene.pair.owner_b if owner == scene.pair.owner_a else scene.pair.owner_a
        before = scene.stored()
        assert scene.receive(other, json.dumps(as_json(channel, body))) not in {"accepted", "internal"}, kind
        assert scene.stored() == before


FRAMES = [
    "", "{", "[]", "null", "1", '"send"', "NaN", "{}", '{"kind":"send"}', '{"kind":"nonsense"}', "\x00", "\ud800",
    '{"kind":"ack","received":-1}', '{"kind":"ack","received":1e9}', '{"kind":"ack","received":2147483647}',
    '{"kind":"resume","channel":"0x","afterSeq":0}', '{"kind":"resume","channel":"0x%s","afterSeq":0}' % ("11" * 32),
    '{"kind":"state","channel":"0x%s"}' % ("11" * 32), '{"kind":"list","extra":1}',
    '{"kind":"send","id":"a b","channel":"0x","type":"offer","body":{}}',
    '{"kind":"send","id":"x","channel":"0x","type":"no.such","body":{}}',
    '{"kind":"send","id":"x","channel":"0x","type":"offer","body":' + "[" * 5000 + "]" * 5000 + "}",
    '{"kind":"send","id":"' + "x" * 70_000 + '"}',
    # Of every frame that the published schema knows, its example with one thing wrong.
    *(json.dumps({**examples()[name], "surprise": 1}) for name in client_names()),
    *(json.dumps({**examples()[name], "body": {}}) for name in client_names() if name.startswith("send.")),
]  # fmt: skip


def test_rubbish_on_a_live_socket_is_answered_and_the_socket_lives(tmp_path: Path) -> None:
    environment = prepare(tmp_path, f"sqlite:///{tmp_path / 'db.sqlite3'}")
    with daphne("engine_site:application", tmp_path, **environment) as port:
        couple = Couple(port, f"{time.time_ns()}", int(time.time()))
        couple.open()
        before = couple.a.state(couple.channel)
        for rubbish in FRAMES:
            text: Any = rubbish.encode("utf-8", "surrogatepass") if "\ud800" in rubbish else rubbish
            couple.a.raw(text)
            assert couple.a.wait(kind="refused")["code"] in {
                "malformed", "frame_too_large", "unknown_type", "unknown_channel",
            }, rubbish[:80]  # fmt: skip
        assert couple.a.state(couple.channel) == before
        assert couple.trade() == 2
        couple.close()
    log = (next(tmp_path.glob("daphne-*.log"))).read_text()
    assert "Traceback" not in log
