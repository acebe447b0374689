"""Frames of the websocket (docs/messages.md): strict decoding of the client's, encoding of the relay's."""

from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta

from channels_engine.codec import SIDE_NAMES, ShapeError, hex_form, json_form, parse_hex, to_hex
from channels_engine.core.errors import ProtocolError
from channels_engine.core.messages import BODY_BY_TYPE, Body, DisputeAnswer, FundingAnswer, UpdateFallback
from channels_engine.core.state import Endpoint
from channels_engine.core.types import Domain

MAX_FRAME_BYTES = 65_536
WINDOW = 256
PROTOCOL = 1
MACHINE_ONLY = frozenset(
    {str(body.__struct_config__.tag) for body in (UpdateFallback, DisputeAnswer, FundingAnswer)}
)
_TYPES = {body: name for name, body in BODY_BY_TYPE.items()}
SENDER_NAMES = (*SIDE_NAMES, "ledger", "clock")

MessageId: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}\Z")]
ChannelId: TypeAlias = Annotated[str, hex_form(32)]
Position: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class FrameError(ProtocolError):
    """A frame that can't be read; `message_id` is the client's, where it could be told."""

    def __init__(self, code: str, message: str, message_id: str | None = None) -> None:
        super().__init__(code, message)
        self.message_id = message_id


class _Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", tag_field="kind"):
    pass


class Send(_Frame, frozen=True, tag="send"):
    """A message, its body still undecoded."""

    id: MessageId
    channel: ChannelId
    type: str
    body: msgspec.Raw


class Resume(_Frame, frozen=True, tag="resume"):
    """Deliver the log from `after_seq` on; with `states`, snapshots too."""

    channel: ChannelId
    after_seq: Position
    states: bool = False


class Ack(_Frame, frozen=True, tag="ack"):
    """How many frames were received on this socket."""

    received: Position


class AskState(_Frame, frozen=True, tag="state"):
    """One snapshot."""

    channel: ChannelId


class AskList(_Frame, frozen=True, tag="list"):
    """The own channels and contracts."""


ClientFrame: TypeAlias = Send | Resume | Ack | AskState | AskList
_DECODER: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)


class _Named(msgspec.Struct):
    id: str


class Message(msgspec.Struct, frozen=True, gc=False):
    """A decoded message: what somebody claims, in canonical JSON too."""

    id: str
    channel: bytes
    type: str
    body: Body
    text: str


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry of a log; `sender` indexes `SENDER_NAMES`, `body` is JSON."""

    channel: bytes
    seq: int
    sender: int
    message_id: str
    type: str
    body: str
    at: int


def type_of(body: Body) -> str:
    """The envelope's type for a body."""
    return _TYPES[type(body)]


def decode_frame(text: str | bytes) -> ClientFrame:
    """Decode one client frame.

    Raises:
        FrameError: `frame_too_large` or `malformed`.
    """
    if len(text) > MAX_FRAME_BYTES:
        raise FrameError(
            "frame_too_large", f"A frame has at most {MAX_FRAME_BYTES} bytes; this one has more."
        )
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise FrameError(
            "malformed", f"Not a frame of docs/messages.md: {error}", _readable_id(text)
        ) from error


def _readable_id(text: str | bytes) -> str | None:
    try:
        return msgspec.json.decode(text, type=_Named).id[:64]
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def decode_channel(text: str) -> bytes:
    """Channel or conversation id of an envelope.

    Raises:
        FrameError: It is no 32-byte hex.
    """
    try:
        return parse_hex(text, 32, "channel")
    except ShapeError as error:
        raise FrameError("malformed", str(error)) from error


def decode_message(frame: Send) -> Message:
    """Decode the body by its type.

    Raises:
        FrameError: `unknown_type`, `machine_only` or `malformed`.
    """
    kind = BODY_BY_TYPE.get(frame.type)
    if kind is None:
        raise FrameError("unknown_type", f"There is no message type {frame.type[:40]!r}.", frame.id)
    if frame.type in MACHINE_ONLY:
        raise FrameError(
            "machine_only", f"{frame.type} is sent by the state machine alone; leave it out.", frame.id
        )
    form = json_form(kind)
    try:
        channel = parse_hex(frame.channel, 32, "channel")
        mirror = form.parse(frame.body)
        text = msgspec.json.encode(mirror).decode()
        return Message(frame.id, channel, frame.type, form.to_core(mirror), text)
    except (msgspec.DecodeError, ShapeError, UnicodeError, RecursionError) as error:
        raise FrameError("malformed", f"Not a {frame.type}: {error}", frame.id) from error


def message_of(message_id: str, channel: bytes, body: Body) -> Message:
    """A message out of a body made in this process."""
    return Message(message_id, channel, type_of(body), body, body_text(body))


def body_text(body: Body) -> str:
    """Canonical JSON of a body."""
    return json_form(type(body)).encode(body).decode()


def decode_body(kind: str, text: str) -> Body:
    """Body of a stored or received entry.

    Raises:
        KeyError: The type is no message's.
        msgspec.DecodeError, ShapeError: It is no such body.
    """
    body: Body = json_form(BODY_BY_TYPE[kind]).decode(text)
    return body


def encode(frame: dict[str, Any]) -> str:
    """A relay frame as text."""
    return msgspec.json.encode(frame).decode()


def message_frame(entry: Entry) -> str:
    """`message`: one log entry. Everything but the body is plain ASCII that needs no escaping."""
    return (
        f'{{"kind":"message","id":"{entry.message_id}","channel":"{to_hex(entry.channel)}","seq":{entry.seq},'
        f'"sender":"{SENDER_NAMES[entry.sender]}","type":"{entry.type}","body":{entry.body},"at":{entry.at}}}'
    )


def accepted_frame(message_id: str, channel: bytes, seq: int, at: int) -> str:
    """`accepted`: the message is durable."""
    return f'{{"kind":"accepted","id":"{message_id}","channel":"{to_hex(channel)}","seq":{seq},"at":{at}}}'


def refused_frame(message_id: str | None, code: str, message: str) -> str:
    """`refused`: nothing changed."""
    return encode({"kind": "refused", "id": message_id, "code": code, "message": message})


def hello_frame(owner: str, domain: Domain, now: int) -> str:
    """`hello`: the first frame."""
    return encode(
        {
            "kind": "hello",
            "protocol": PROTOCOL,
            "owner": owner,
            "domain": {
                "chainId": str(domain.chain_id),
                "verifyingContract": to_hex(domain.verifying_contract),
            },
            "window": WINDOW,
            "maxFrameBytes": MAX_FRAME_BYTES,
            "now": now,
        },
    )


STATE_FIELDS = (
    "terms",
    "opening",
    "opening_signatures",
    "current",
    "highest_version",
    "offers",
    "staged",
    "dropped",
    "refused",
    "open_trades",
    "tree",
    "dispute",
    "wake_at",
    "ledger_version",
    "history_lost",
    "dispute_due",
    "finalise_due",
    "payout",
    "pledge",
    "funded",
)


def state_view(endpoint: Endpoint, owner: str, peer: str, seq: int) -> dict[str, Any]:
    """JSON form of one side's view of a channel (`state` frame, pages)."""
    mirror = json_form(Endpoint).to_mirror(endpoint)
    view: dict[str, Any] = {
        "kind": "state",
        "channel": to_hex(endpoint.channel),
        "side": SIDE_NAMES[endpoint.me],
        "owner": owner,
        "peer": peer,
        "seq": seq,
        "phase": endpoint.phase.value,
    }
    encoded: dict[str, Any] = msgspec.to_builtins(mirror)
    names = {field.name: field.encode_name for field in msgspec.structs.fields(mirror)}
    return view | {names[name]: encoded[names[name]] for name in STATE_FIELDS}
