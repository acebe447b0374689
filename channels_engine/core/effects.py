"""What the machine wants done after its new state is durable. Redelivery of any effect is harmless.

`Send*` goes to the peer, `Ledger*` to the ledger, `Notify*` to our own user.
"""

from typing import TypeAlias

import msgspec

from channels_engine.core.messages import ChannelBody, Funding
from channels_engine.core.state import CoSigned, Purpose, Trade
from channels_engine.core.types import ChannelOpen, EntityContract


class SendMessage(msgspec.Struct, frozen=True, gc=False):
    """Bring this body to the peer."""

    body: ChannelBody


class LedgerOpenChannel(msgspec.Struct, frozen=True, gc=False):
    """Open and fund the channel, both sides in one transaction."""

    terms: EntityContract
    opening: ChannelOpen
    signatures: tuple[bytes, bytes]
    fundings: tuple[Funding, Funding]


class LedgerFinalise(msgspec.Struct, frozen=True, gc=False):
    """Close cooperatively with the final co-signed state."""

    final: CoSigned


class LedgerDispute(msgspec.Struct, frozen=True, gc=False):
    """Start the dispute timer with our newest co-signed state (version 0 is the opening).

    Disputed is `version`. It is above `newest` where the ledger knows more than we do: then it is disputed
    with what it knows. `consent` is our user's signature under `DisputeRequest` of that version. It is empty after the channel's expiry, when
    anyone may dispute what the ledger knows, and where the party itself sends the transaction.
    """

    newest: CoSigned
    consent: bytes = b""
    version: int = 0


class LedgerResolve(msgspec.Struct, frozen=True, gc=False):
    """Answer a stale state with a newer one; `deadline` tells one dispute from the next."""

    newest: CoSigned
    deadline: int = 0


class LedgerFinaliseDisputed(msgspec.Struct, frozen=True, gc=False):
    """Pay out after the challenge period that ended at `deadline`."""

    channel: bytes
    deadline: int = 0


class NotifyPhase(msgspec.Struct, frozen=True, gc=False):
    """The channel's phase changed, with a word on why."""

    reason: str


class NotifyStaged(msgspec.Struct, frozen=True, gc=False):
    """The peer proposes a next state that awaits our signature."""

    purpose: Purpose
    version: int


class NotifyTraded(msgspec.Struct, frozen=True, gc=False):
    """A trade is co-signed: money and energy moved."""

    trade: Trade
    version: int


class NotifySettled(msgspec.Struct, frozen=True, gc=False):
    """Metered settlement of these trades is co-signed; `refund` micro-units went from seller to buyer."""

    trades: tuple[bytes, ...]
    refund: int
    version: int


Effect: TypeAlias = (
    SendMessage
    | LedgerOpenChannel
    | LedgerFinalise
    | LedgerDispute
    | LedgerResolve
    | LedgerFinaliseDisputed
    | NotifyPhase
    | NotifyStaged
    | NotifyTraded
    | NotifySettled
)
