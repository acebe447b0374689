"""Frames of the relay as structures, for their schema; `frames` and `views` write them by hand where it is hot.

`state` is not here: its fields are those of the endpoint, so that `structures` takes them from there.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from channels_engine.agreements import AgreementPhase
from channels_engine.codec import decimal_form, hex_form, json_form
from channels_engine.core.state import Phase
from channels_engine.core.types import EntityContract
from channels_engine.frames import ChannelId, MessageId, Position

if TYPE_CHECKING:
    Terms: TypeAlias = Any
else:
    Terms = json_form(EntityContract).mirror  # made at run time

Address: TypeAlias = Annotated[str, hex_form(20)]
Hash: TypeAlias = Annotated[str, hex_form(32)]
Number: TypeAlias = Annotated[str, decimal_form(63)]
Owner: TypeAlias = Annotated[str, Meta(description="A participant's public id, as `GET me/` gives it.")]
SideName: TypeAlias = Literal["a", "b"]
Seconds: TypeAlias = Annotated[int, Meta(ge=0, description="Seconds since the epoch, UTC.")]


class RelayFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", tag_field="kind"):
    """Base of what the relay sends."""


class HelloDomain(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """EIP-712 domain of the registry; name `Wattnote`, version `1`."""

    chain_id: Number
    verifying_contract: Address


class Hello(RelayFrame, frozen=True, tag="hello"):
    """The first frame."""

    protocol: int
    owner: Owner
    domain: HelloDomain
    window: int
    max_frame_bytes: int
    now: Seconds


class Accepted(RelayFrame, frozen=True, tag="accepted"):
    """The own message is durable, as entry `seq` of the log."""

    id: MessageId
    channel: ChannelId
    seq: Position
    at: Seconds


class Refused(RelayFrame, frozen=True, tag="refused"):
    """Nothing changed. `code` is stable, `message` says what to do."""

    id: str | None
    code: str
    message: str


class ChannelLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One own channel that is not over."""

    channel: Hash
    side: SideName
    peer: Owner
    scid: Hash
    phase: Phase
    version: Number
    seq: Position


class ContractLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One own conversation about terms; `scid` is null before they are accepted."""

    conversation: Hash
    scid: Hash | None
    side: SideName
    peer: Owner
    phase: AgreementPhase
    terms: Terms
    seq: Position


class Contract(RelayFrame, frozen=True, tag="contract"):
    """Answer to `state` for a conversation."""

    conversation: Hash
    scid: Hash | None
    side: SideName
    peer: Owner
    phase: AgreementPhase
    terms: Terms
    seq: Position


class Channels(RelayFrame, frozen=True, tag="channels"):
    """Answer to `list`: newest first, at most 500 of each."""

    channels: list[ChannelLine]
    contracts: list[ContractLine]


RELAY_FRAMES: tuple[type[RelayFrame], ...] = (Hello, Accepted, Refused, Contract, Channels)
