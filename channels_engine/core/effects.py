"""What the machine wants done after its new state is durable. Redelivery of any effect is harmless.

`Send*` goes to the peer, `Ledger*` to the ledger, `Notify*` to our own user.
"""

from typing import TypeAlias

import msgspec

from channels_engine.core.messages import ChannelBody, Funding, Permit, SignedDelivery
from channels_engine.core.state import CoSigned, Purpose, Trade
from channels_engine.core.types import ChannelOpen, EntityContract, FundingChange, Offer, Side


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


class LedgerChangeFunding(msgspec.Struct, frozen=True, gc=False):
    """Settle the channel at its co-signed balances and fund it anew, in one transaction."""

    change: FundingChange
    signatures: tuple[bytes, bytes]
    permits: tuple[Permit | None, Permit | None]


class LedgerEnforceOffer(msgspec.Struct, frozen=True, gc=False):
    """Have the ledger apply an accepted offer to our newest co-signed state, and dispute with the result."""

    newest: CoSigned
    offer: Offer
    offeror_signature: bytes
    acceptor_signature: bytes


class LedgerEnforceDelivery(msgspec.Struct, frozen=True, gc=False):
    """Have the ledger refund in the disputed state what of a trade was not delivered.

    `newest` is the disputed state, or the base of an offer that the ledger applied; `history_root` and
    `open_list` give its root. For the applied offer itself both are empty.
    """

    newest: CoSigned
    offer: Offer
    seller: Side
    history_root: bytes
    open_list: bytes
    delivery: SignedDelivery
    deadline: int = 0


class LedgerCheckpoint(msgspec.Struct, frozen=True, gc=False):
    """Have the ledger record our newest co-signed state, so that nothing older can be shown."""

    newest: CoSigned


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


class NotifyFunded(msgspec.Struct, frozen=True, gc=False):
    """The ledger changed the channel's funding; these are the balances of its version `version`."""

    version: int
    funding_a: int
    funding_b: int


class NotifyEnforced(msgspec.Struct, frozen=True, gc=False):
    """The ledger refunded a trade in a dispute; it counts if the disputed state is paid out."""

    trade: bytes
    delivered_wh: int
    refund: int


class NotifyApplied(msgspec.Struct, frozen=True, gc=False):
    """The ledger made a trade of an accepted offer; it counts while the disputed state is the ledger's own."""

    trade: Trade
    version: int


class NotifyOverruled(msgspec.Struct, frozen=True, gc=False):
    """What the ledger made of trades counts no more: a newer state took its place, or a reorganisation took it back."""


class NotifyPaidOut(msgspec.Struct, frozen=True, gc=False):
    """The disputed state was paid out: the refunds of these trades count for good."""

    trades: tuple[bytes, ...]
    version: int


Effect: TypeAlias = (
    SendMessage
    | LedgerOpenChannel
    | LedgerFinalise
    | LedgerDispute
    | LedgerResolve
    | LedgerFinaliseDisputed
    | LedgerChangeFunding
    | LedgerEnforceOffer
    | LedgerEnforceDelivery
    | LedgerCheckpoint
    | NotifyPhase
    | NotifyStaged
    | NotifyTraded
    | NotifySettled
    | NotifyFunded
    | NotifyEnforced
    | NotifyApplied
    | NotifyOverruled
    | NotifyPaidOut
)
