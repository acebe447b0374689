"""JSON Schema (draft 7) of everything that goes over the websocket, from the structures that the code decodes.

Names: structures and bodies as in the code (`ChannelState`, `UpdateRequest`), `send.<type>` for a client's
message in its frame, `message.<type>` for an entry of a log, other frames by their kind. `ClientFrame` and
`RelayFrame` are all that may come in each direction.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from channels_engine.codec import json_form
from channels_engine.core.messages import BODY_BY_TYPE
from channels_engine.core.state import Endpoint, Phase
from channels_engine.frames import (
    MACHINE_ONLY,
    SENDER_NAMES,
    STATE_FIELDS,
    Ack,
    AskList,
    AskState,
    ChannelId,
    MessageId,
    Position,
    Resume,
    Send,
)
from channels_engine.published.relay_frames import RELAY_FRAMES, Hash, Owner, Seconds, SideName
from channels_engine.relay import LEDGER_INPUTS

DIALECT = "http://json-schema.org/draft-07/schema#"
TIMER = "timer.elapsed"
CLIENT_FRAMES: Mapping[str, type[msgspec.Struct]] = MappingProxyType(
    {"resume": Resume, "ack": Ack, "ask.state": AskState, "ask.list": AskList}
)
_EMPTY_OR_SIGNATURE = {"type": "string", "pattern": "^0x([0-9a-f]{130})?$"}


class TimerElapsed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A timer of this side ran out."""

    side: SideName


@cache
def state_frame() -> type[msgspec.Struct]:
    """The `state` frame: the fields of an endpoint that its owner is shown."""
    mirror = json_form(Endpoint).mirror
    shown = {field.name: field.type for field in msgspec.structs.fields(mirror)}
    head = [
        *(("channel", Hash), ("side", SideName), ("owner", Owner), ("peer", Owner)),
        *(("seq", Position), ("phase", Phase)),
    ]
    return msgspec.defstruct(
        "State",
        [*head, *((name, shown[name]) for name in STATE_FIELDS)],
        namespace={"__doc__": "One side's view of a channel: what the own endpoint holds."},
        rename="camel",
        forbid_unknown_fields=True,
        tag_field="kind",
        tag="state",
    )


def bodies() -> dict[str, type[msgspec.Struct]]:
    """Type of each entry that a log may hold -> structure of its body."""
    made = {name: json_form(kind).mirror for name, kind in {**BODY_BY_TYPE, **LEDGER_INPUTS}.items()}
    return {**made, TIMER: TimerElapsed}


def client_names() -> list[str]:
    """Definitions of the frames that clients send."""
    return [f"send.{name}" for name in BODY_BY_TYPE if name not in MACHINE_ONLY] + list(CLIENT_FRAMES)


def relay_names() -> list[str]:
    """Definitions of the frames that the relay sends."""
    kinds = [str(frame.__struct_config__.tag) for frame in RELAY_FRAMES]
    return [*kinds, "state", *(f"message.{name}" for name in bodies())]


def definitions(prefix: str) -> dict[str, Any]:
    """All definitions by name; `prefix` stands before a name in each `$ref`."""
    by_name = {**CLIENT_FRAMES, **{str(f.__struct_config__.tag): f for f in RELAY_FRAMES}}
    by_name["state"] = state_frame()
    roots = [*bodies().values(), *by_name.values()]
    refs, made = msgspec.json.schema_components(roots, ref_template=prefix + "{name}")
    named = {kind: ref["$ref"].removeprefix(prefix) for kind, ref in zip(roots, refs, strict=True)}
    found: dict[str, Any] = {name: made.pop(named[kind]) for name, kind in by_name.items()}
    found |= made
    for name, kind in bodies().items():
        ref = {"$ref": prefix + named[kind]}
        if name in BODY_BY_TYPE and name not in MACHINE_ONLY:
            found[f"send.{name}"] = _send(name, ref)
        found[f"message.{name}"] = _entry(name, ref)
    found["state"]["properties"]["openingSignatures"]["prefixItems"] = [_EMPTY_OR_SIGNATURE] * 2
    found["Pledge"]["properties"]["signatures"]["prefixItems"] = [_EMPTY_OR_SIGNATURE] * 2
    found["ClientFrame"] = {"oneOf": [{"$ref": prefix + name} for name in client_names()]}
    found["RelayFrame"] = {"oneOf": [{"$ref": prefix + name} for name in relay_names()]}
    cleaned: dict[str, Any] = _draft7(found)
    return cleaned


def document() -> dict[str, Any]:
    """The JSON Schema file: any frame of either direction, by its definitions."""
    found = definitions("#/definitions/")
    return {
        "$schema": DIALECT,
        "title": "Frames of Wattnote's websocket",
        "description": "Made by `manage.py schema`. Validate what you send against ClientFrame and what you "
        "receive against RelayFrame.",
        "oneOf": [{"$ref": "#/definitions/ClientFrame"}, {"$ref": "#/definitions/RelayFrame"}],
        "definitions": dict(sorted(found.items())),
    }


def _fields(*types: Any) -> list[Any]:
    return [msgspec.json.schema(kind) for kind in types]


def _object(title: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _send(name: str, body: dict[str, str]) -> dict[str, Any]:
    identity, channel = _fields(MessageId, ChannelId)
    kinds = {"kind": {"const": str(Send.__struct_config__.tag)}, "id": identity, "channel": channel}
    return _object(f"send {name}", {**kinds, "type": {"const": name}, "body": body})


def _entry(name: str, body: dict[str, str]) -> dict[str, Any]:
    sides, ledger, clock = SENDER_NAMES[:2], *SENDER_NAMES[2:]
    sender: Any = Literal.__getitem__(sides)
    if name not in BODY_BY_TYPE:
        sender = Literal.__getitem__(clock if name == TIMER else ledger)
    channel, seq, who, at = _fields(ChannelId, Position, sender, Seconds)
    head = {"kind": {"const": "message"}, "id": {"type": "string"}, "channel": channel, "seq": seq}
    return _object(f"entry {name}", {**head, "sender": who, "type": {"const": name}, "body": body, "at": at})


def _draft7(schema: Any) -> Any:
    """Write fixed-length arrays and ends of patterns as draft 7 and JavaScript want them; OpenAPI's hints leave."""
    if isinstance(schema, list):
        return [_draft7(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "discriminator" in schema and "anyOf" in schema:
        schema = {"oneOf": schema["anyOf"]}
    out = {key: _draft7(value) for key, value in schema.items()}
    if "prefixItems" in out:
        out["items"] = out.pop("prefixItems")
        out["additionalItems"] = False
    if isinstance(out.get("pattern"), str):
        out["pattern"] = out["pattern"].removesuffix(r"\Z").removesuffix("$") + "$"
    return out
