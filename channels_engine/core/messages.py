"""The bodies of the off-chain messages, as data; `channels_engine.wire` gives them their JSON form.

A body is what somebody *claims*: its signatures are unverified. `wire.verify` turns a body into a
verified input (`core.inputs`). Names follow the table "Off-chain messages" of docs/protocol.md.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from channels_engine.core.types import (
    ChannelOpen,
    ChannelState,
    CreditNote,
    Delivery,
    EntityContract,
    FundingChange,
    Offer,
)


class Body(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Base of all bodies: unknown fields are an error, not a surprise."""


class NoteFunding(Body, frozen=True, gc=False, tag="note"):
    """Funding by credit note: the note and its merchant's signature."""

    note: CreditNote
    merchant_signature: bytes


class DepositFunding(Body, frozen=True, gc=False, tag="deposit"):
    """Funding by deposit: an ERC-2612 permit of the session key for the registry."""

    permit_deadline: int
    permit_signature: bytes


Funding: TypeAlias = NoteFunding | DepositFunding


class EscPropose(Body, frozen=True, gc=False, tag="esc.propose"):
    """Proposed terms; `party_b` is still zero, since only the peer can name its fresh session key."""

    to: str
    terms: EntityContract


class EscAccept(Body, frozen=True, gc=False, tag="esc.accept"):
    """The terms with the peer's session key filled in, signed with it."""

    terms: EntityContract
    signature: bytes


class EscConfirm(Body, frozen=True, gc=False, tag="esc.confirm"):
    """The proposer's signature on the completed terms."""

    signature: bytes


class EscAbort(Body, frozen=True, gc=False, tag="esc.abort"):
    """Either side declines."""

    reason: str


class OpenRequest(Body, frozen=True, gc=False, tag="channel.open_request"):
    """A signed opening with the requester's funding."""

    open: ChannelOpen
    signature: bytes
    funding: Funding


class OpenConfirm(Body, frozen=True, gc=False, tag="channel.open_confirm"):
    """The peer's signature on the same opening, with its own funding."""

    signature: bytes
    funding: Funding


class OpenAbort(Body, frozen=True, gc=False, tag="channel.open_abort"):
    """The opening is declined or withdrawn."""

    reason: str


class OfferMade(Body, frozen=True, gc=False, tag="offer"):
    """A signed offer. Nothing moves."""

    offer: Offer
    signature: bytes


class Counter(Body, frozen=True, gc=False, tag="counter"):
    """A signed offer that answers, and thereby rejects, another."""

    answers: bytes
    offer: Offer
    signature: bytes


class Reject(Body, frozen=True, gc=False, tag="reject"):
    """The peer's offer is declined."""

    offer: bytes
    reason: str


class Withdraw(Body, frozen=True, gc=False, tag="withdraw"):
    """The offeror takes its offer back (binding only where it was not accepted before)."""

    offer: bytes


class UpdateRequest(Body, frozen=True, gc=False, tag="update.request"):
    """Acceptance: the acceptor's signature on the next state that follows from the offer."""

    offer: bytes
    state: ChannelState
    signature: bytes


class UpdateConfirm(Body, frozen=True, gc=False, tag="update.confirm"):
    """The offeror's countersignature: the staged state becomes current."""

    version: int
    signature: bytes


class UpdateAbort(Body, frozen=True, gc=False, tag="update.abort"):
    """The staged state is refused, with the reason."""

    version: int
    reason: str


class UpdateFallback(Body, frozen=True, gc=False, tag="update.fallback"):
    """The proposer's timer ran out: the staged state is dropped."""

    version: int


class SignedDelivery(Body, frozen=True, gc=False):
    """A delivery with the metering operator's signature."""

    delivery: Delivery
    signature: bytes


class SettleRequest(Body, frozen=True, gc=False, tag="settle.request"):
    """Metered settlement of delivered trades: the next state and the proposer's signature."""

    deliveries: tuple[SignedDelivery, ...]
    state: ChannelState
    signature: bytes


class SettleConfirm(Body, frozen=True, gc=False, tag="settle.confirm"):
    """The countersignature on a metered settlement."""

    version: int
    signature: bytes


class CloseRequest(Body, frozen=True, gc=False, tag="close.request"):
    """The final state (`is_final`), signed by the side that wants to close."""

    state: ChannelState
    signature: bytes


class CloseConfirm(Body, frozen=True, gc=False, tag="close.confirm"):
    """The countersignature on the final state."""

    version: int
    signature: bytes


class Permit(Body, frozen=True, gc=False):
    """An ERC-2612 permit of a session key for the registry: of what its deposit grows by."""

    deadline: int
    signature: bytes


class FundingRequest(Body, frozen=True, gc=False, tag="funding.request"):
    """Top-up or withdrawal while the channel stays open, signed by the side that asks for it.

    `permit` is for what that side's deposit grows by; None where it does not.
    """

    change: FundingChange
    signature: bytes
    permit: Permit | None = None


class FundingConfirm(Body, frozen=True, gc=False, tag="funding.confirm"):
    """The other side's signature on the change of this version, with its own permit."""

    version: int
    signature: bytes
    permit: Permit | None = None


class FundingAnswer(Body, frozen=True, gc=False, tag="funding.answer"):
    """The co-signed change of the funding on which the answering side's channel stands."""

    change: FundingChange
    signature_a: bytes
    signature_b: bytes


class EnforceOffer(Body, frozen=True, gc=False, tag="enforce.offer"):
    """The acceptor brings an accepted offer to the ledger: its own signature under the peer's offer."""

    offer: bytes
    signature: bytes


class EnforceDelivery(Body, frozen=True, gc=False, tag="enforce.delivery"):
    """Deliveries for a dispute on the ledger; the metering operator's signatures are authority enough."""

    deliveries: tuple[SignedDelivery, ...]


class Checkpoint(Body, frozen=True, gc=False, tag="checkpoint"):
    """The sender has the ledger record the co-signed state of this version: nothing older can be shown then."""

    version: int


class DisputeRaise(Body, frozen=True, gc=False, tag="dispute.raise"):
    """Asks for the missing signature or a newer state before the ledger is asked.

    `signature` is its sender's under `DisputeRequest(channel, version)`: consent to go to the ledger with
    it. It is for the own machine, which doesn't pass it on: the peer could dispute with it in the sender's
    name, long after. A machine that only asks for data leaves it out.
    """

    version: int
    reason: str
    signature: bytes | None = None


class DisputeAnswer(Body, frozen=True, gc=False, tag="dispute.answer"):
    """The newest co-signed state that the answering side holds."""

    state: ChannelState
    signature_a: bytes
    signature_b: bytes


EscBody: TypeAlias = EscPropose | EscAccept | EscConfirm | EscAbort
OpeningBody: TypeAlias = OpenRequest | OpenConfirm | OpenAbort
NegotiationBody: TypeAlias = OfferMade | Counter | Reject | Withdraw
UpdateBody: TypeAlias = UpdateRequest | UpdateConfirm | UpdateAbort | UpdateFallback
SettlementBody: TypeAlias = SettleRequest | SettleConfirm
ClosingBody: TypeAlias = CloseRequest | CloseConfirm | DisputeRaise | DisputeAnswer
FundingBody: TypeAlias = FundingRequest | FundingConfirm | FundingAnswer
EnforcingBody: TypeAlias = EnforceOffer | EnforceDelivery | Checkpoint
ChannelBody: TypeAlias = (
    OpeningBody | NegotiationBody | UpdateBody | SettlementBody | ClosingBody | FundingBody | EnforcingBody
)
MessageBody: TypeAlias = EscBody | ChannelBody

BODY_BY_TYPE: Mapping[str, type[Body]] = MappingProxyType(
    {str(body.__struct_config__.tag): body for body in MessageBody.__args__},
)
