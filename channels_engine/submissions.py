"""What is handed to the runtime, and what becomes of it."""

from typing import TypeAlias

import msgspec

from channels_engine.core.messages import DisputeAnswer
from channels_engine.core.types import Side
from channels_engine.frames import Message
from channels_engine.relay import LedgerInput


class Said(msgspec.Struct, frozen=True, gc=False):
    """A message of a hosted owner."""

    owner: str
    message: Message

    @property
    def channel(self) -> bytes:
        """Channel or conversation."""
        return self.message.channel


class Fact(msgspec.Struct, frozen=True, gc=False):
    """A confirmed event of the ledger; `key` makes its repetition harmless (transaction hash and log index)."""

    channel: bytes
    event: LedgerInput
    key: str


class Due(msgspec.Struct, frozen=True, gc=False):
    """A side whose time to wake has come."""

    channel: bytes
    side: Side


class Shown(msgspec.Struct, frozen=True, gc=False):
    """A co-signed state that somebody kept: evidence for both sides of a channel restored from a backup."""

    channel: bytes
    evidence: DisputeAnswer


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """It is durable, as entry `seq`; `repeated` where it had been before."""

    seq: int
    at: int
    repeated: bool = False


class Refused(msgspec.Struct, frozen=True, gc=False):
    """Nothing changed; why, and what to do."""

    code: str
    message: str


Submission: TypeAlias = Said | Fact | Due | Shown
Outcome: TypeAlias = Accepted | Refused
