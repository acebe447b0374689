"""A websocket client for tests that does what docs/messages.md says, and nothing more."""

import itertools
import json
from contextlib import ExitStack
from typing import Any

import msgspec
from engine_parties import DOMAIN, METER
from websockets.sync.client import connect

from channels_engine.codec import json_form, to_hex
from channels_engine.core import messages as m
from channels_engine.core.keccak import keccak256
from channels_engine.core.negotiation import next_state_for_offer
from channels_engine.core.signing import LocalSigner
from channels_engine.core.state import Endpoint, Phase
from channels_engine.core.typed_data import digest, struct_hash
from channels_engine.core.types import ChannelOpen, EntityContract, Offer, Side

_ids = itertools.count(1)


def sign(signer: LocalSigner, value: Any) -> bytes:
    return signer.sign(digest(DOMAIN, value))


class Client:
    def __init__(self, port: int, owner: str, *, acknowledge: bool = True) -> None:
        self.owner = owner
        self._stack = ExitStack()
        address = f"ws://127.0.0.1:{port}/ws/channels/?owner={owner}"
        self.socket = self._stack.enter_context(
            connect(address, compression=None, max_size=None, max_queue=None)
        )
        self.received = 0
        self.acknowledge = acknowledge
        self.log: dict[str, dict[int, dict[str, Any]]] = {}
        self.hello = self.next()

    def close(self) -> None:
        self._stack.close()

    def next(self, timeout: float = 10) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(self.socket.recv(timeout))
        self.received += 1
        if self.acknowledge and self.received % 64 == 0:
            self.raw({"kind": "ack", "received": self.received})
        if frame["kind"] == "message":
            self.log.setdefault(frame["channel"], {})[frame["seq"]] = frame
        return frame

    def wait(self, timeout: float = 10, **wanted: Any) -> dict[str, Any]:
        """The next frame with these fields; others are read on the way."""
        while True:
            frame = self.next(timeout)
            if all(frame.get(name) == value for name, value in wanted.items()):
                return frame

    def raw(self, frame: Any) -> None:
        self.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    def send(self, channel: bytes, body: m.Body, message_id: str | None = None) -> str:
        message_id = message_id or f"{self.owner}-{next(_ids)}"
        text = json.loads(json_form(type(body)).encode(body))
        kind = body.__struct_config__.tag
        self.raw({"kind": "send", "id": message_id, "channel": to_hex(channel), "type": kind, "body": text})
        return message_id

    def say(self, channel: bytes, body: m.Body, message_id: str | None = None) -> dict[str, Any]:
        """Send and wait for the answer."""
        message_id = self.send(channel, body, message_id)
        while True:
            frame = self.next()
            if frame["kind"] in ("accepted", "refused") and frame["id"] == message_id:
                return frame

    def state(self, channel: bytes) -> dict[str, Any]:
        self.raw({"kind": "state", "channel": to_hex(channel)})
        return self.wait(kind="state")

    def endpoint(self, channel: bytes) -> Endpoint:
        """What the own side holds, out of the `state` frame; what that doesn't tell is as in an empty endpoint."""
        view, form = self.state(channel), json_form(Endpoint)
        known = {field.encode_name for field in msgspec.structs.fields(form.mirror)}
        whole = json.loads(form.encode(_EMPTY)) | {
            name: value for name, value in view.items() if name in known
        }
        return form.decode(json.dumps(whole | {"me": view["side"]}))


_EMPTY_OPENING = ChannelOpen(bytes(32), 0, 1, 1, bytes(20), bytes(32), bytes(20), bytes(32), 1, 2)
_EMPTY = Endpoint(
    DOMAIN,
    bytes(32),
    me=Side.A,
    terms=EntityContract(bytes(20), bytes(20), bytes(20), 1, 1, 1, bytes(32)),
    opening=_EMPTY_OPENING,
    phase=Phase.OPEN,
    opening_signatures=(bytes(65), bytes(65)),
    consent=bytes(65),
)


class Couple:
    """Two clients that open a channel over their sockets."""

    def __init__(self, port: int, name: str, now: int) -> None:
        seed = keccak256(name.encode())
        self.a, self.b = Client(port, f"alice-{name}"), Client(port, f"bob-{name}")
        self.key_a, self.key_b = LocalSigner(keccak256(seed + b"a")), LocalSigner(keccak256(seed + b"b"))
        self.terms = EntityContract(self.key_a.address, self.key_b.address, METER.address, 3600, 4, 5, seed)
        self.now = now
        self.opening = ChannelOpen(
            struct_hash(self.terms),
            0,
            10**9,
            10**9,
            bytes(20),
            bytes(32),
            bytes(20),
            bytes(32),
            now + 600,
            now + 10**6,
        )
        self.channel = struct_hash(self.opening)

    def close(self) -> None:
        self.a.close()
        self.b.close()

    def agree(self) -> None:
        nonce = self.terms.nonce
        proposed = msgspec.structs.replace(self.terms, party_b=bytes(20))
        assert self.a.say(nonce, m.EscPropose(self.b.owner, proposed))["kind"] == "accepted"
        self.b.wait(kind="message", type="esc.propose")
        assert self.b.say(nonce, m.EscAccept(self.terms, sign(self.key_b, self.terms)))["kind"] == "accepted"
        assert self.a.say(nonce, m.EscConfirm(sign(self.key_a, self.terms)))["kind"] == "accepted"

    def open(self) -> None:
        self.agree()
        funding = m.DepositFunding(self.opening.open_by, bytes(64) + b"\x1b")
        request = m.OpenRequest(self.opening, sign(self.key_a, self.opening), funding)
        assert self.a.say(self.channel, request)["kind"] == "accepted"
        assert (
            self.b.say(self.channel, m.OpenConfirm(sign(self.key_b, self.opening), funding))["kind"]
            == "accepted"
        )
        self.a.wait(kind="message", type="ledger.opened")
        self.b.wait(kind="message", type="ledger.opened")

    def offer(self, *, version: int = 0, quantity_wh: int = 1000, salt: str = "") -> Offer:
        slot, offeror_sells = self.now - self.now % 900 + 900, True
        nonce = keccak256(f"{version}-{quantity_wh}-{salt}".encode())
        return Offer(
            self.channel,
            version,
            nonce,
            offeror_sells,
            quantity_wh,
            200_000,
            300_000,
            slot,
            slot + 900,
            self.now + 500,
        )

    def trade(self, *, version: int = 0, salt: str = "") -> int:
        """Offer, accept, confirm; gives the new version."""
        offer = self.offer(version=version, salt=salt)
        assert self.a.say(self.channel, m.OfferMade(offer, sign(self.key_a, offer)))["kind"] == "accepted"
        state = next_state_for_offer(self.b.endpoint(self.channel), offer.id)
        request = m.UpdateRequest(offer.id, state, sign(self.key_b, state))
        assert self.b.say(self.channel, request)["kind"] == "accepted"
        confirm = m.UpdateConfirm(state.version, sign(self.key_a, state))
        answer = self.a.say(self.channel, confirm)
        assert answer["kind"] == "accepted", answer
        return state.version
