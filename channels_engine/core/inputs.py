"""Everything that can happen to a channel; the prefix tells where it came from.

`Action*` our own user, `Receive*` the peer, `Ledger*` a confirmed event, `Timer*` the clock.
Whatever was signed arrives as `Verified`, which only `core.signing` makes.
"""

from typing import Generic, TypeAlias, TypeVar

import msgspec

from channels_engine.core.messages import Funding, Permit
from channels_engine.core.state import Policy
from channels_engine.core.types import (
    ChannelOpen,
    ChannelState,
    Delivery,
    DisputeRequest,
    Domain,
    EntityContract,
    FundingChange,
    Offer,
    Side,
)

T = TypeVar("T")


class Verified(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """A value whose signature was checked; made by `core.signing` alone (habit 6 of docs/style)."""

    value: T
    signature: bytes
    signer: bytes


class _Opening(msgspec.Struct, frozen=True, gc=False):
    domain: Domain
    terms: EntityContract
    me: Side
    opening: Verified[ChannelOpen]
    funding: Funding
    policy: Policy = Policy()


class ActionRequestOpen(_Opening, frozen=True, gc=False):
    """Our user asks for a channel."""


class ReceiveOpenRequest(_Opening, frozen=True, gc=False):
    """The peer asks for a channel."""


class _Confirm(msgspec.Struct, frozen=True, gc=False):
    opening: Verified[ChannelOpen]
    funding: Funding


class ActionConfirmOpen(_Confirm, frozen=True, gc=False):
    """Our user agrees to the opening."""


class ReceiveOpenConfirm(_Confirm, frozen=True, gc=False):
    """The peer agrees to the opening."""


class _Reason(msgspec.Struct, frozen=True, gc=False):
    reason: str


class ActionAbortOpen(_Reason, frozen=True, gc=False):
    """Our user declines or withdraws the opening."""


class ReceiveOpenAbort(_Reason, frozen=True, gc=False):
    """The peer declines or withdraws the opening."""


class _Offering(msgspec.Struct, frozen=True, gc=False):
    offer: Verified[Offer]
    answers: bytes | None = None


class ActionOffer(_Offering, frozen=True, gc=False):
    """Our user offers, or counters where `answers` names the peer's offer."""


class ReceiveOffer(_Offering, frozen=True, gc=False):
    """The peer offers, or counters where `answers` names our offer."""


class _OfferRef(msgspec.Struct, frozen=True, gc=False):
    offer: bytes
    reason: str = ""


class ActionReject(_OfferRef, frozen=True, gc=False):
    """Our user declines the peer's offer."""


class ReceiveReject(_OfferRef, frozen=True, gc=False):
    """The peer declines our offer."""


class ActionWithdraw(_OfferRef, frozen=True, gc=False):
    """Our user takes its offer back."""


class ReceiveWithdraw(_OfferRef, frozen=True, gc=False):
    """The peer takes its offer back."""


class _Acceptance(msgspec.Struct, frozen=True, gc=False):
    offer: bytes
    state: Verified[ChannelState]


class ActionAccept(_Acceptance, frozen=True, gc=False):
    """Our user accepts the peer's offer: its signature on the next state."""


class ReceiveUpdateRequest(_Acceptance, frozen=True, gc=False):
    """The peer accepts our offer."""


class _Settlement(msgspec.Struct, frozen=True, gc=False):
    deliveries: tuple[Verified[Delivery], ...]
    state: Verified[ChannelState]


class ActionSettle(_Settlement, frozen=True, gc=False):
    """Our user proposes the metered settlement of delivered trades."""


class ReceiveSettleRequest(_Settlement, frozen=True, gc=False):
    """The peer proposes the metered settlement of delivered trades."""


class _Closing(msgspec.Struct, frozen=True, gc=False):
    state: Verified[ChannelState]


class ActionClose(_Closing, frozen=True, gc=False):
    """Our user proposes the final state."""


class ReceiveCloseRequest(_Closing, frozen=True, gc=False):
    """The peer proposes the final state."""


class _Countersign(msgspec.Struct, frozen=True, gc=False):
    state: Verified[ChannelState]


class ActionConfirm(_Countersign, frozen=True, gc=False):
    """Our user countersigns the staged state, whatever its purpose."""


class ReceiveConfirm(_Countersign, frozen=True, gc=False):
    """The peer countersigns the state that we staged."""


class _Refusal(msgspec.Struct, frozen=True, gc=False):
    version: int
    reason: str = ""


class ActionAbortUpdate(_Refusal, frozen=True, gc=False):
    """Our user refuses the peer's staged state."""


class ReceiveUpdateAbort(_Refusal, frozen=True, gc=False):
    """The peer refuses the state that we staged."""


class ReceiveUpdateFallback(_Refusal, frozen=True, gc=False):
    """The peer's timer ran out and it dropped its own staged state."""


class ActionDispute(_Reason, frozen=True, gc=False):
    """Our user raises a dispute: off-chain first, then on the ledger.

    `consent` names the current version; the ledger asks for it unless the party itself is the sender.
    """

    consent: Verified[DisputeRequest] | None = None


class ReceiveDisputeRaise(_Refusal, frozen=True, gc=False):
    """The peer asks for our newest co-signed state."""


class ReceiveDisputeAnswer(msgspec.Struct, frozen=True, gc=False):
    """The peer's newest co-signed state, both signatures verified."""

    by_a: Verified[ChannelState]
    by_b: Verified[ChannelState]


class LedgerRolledBack(msgspec.Struct, frozen=True, gc=False):
    """A reorganisation took back what the ledger said of this channel; what still holds comes again after this."""


class _Change(msgspec.Struct, frozen=True, gc=False):
    change: Verified[FundingChange]
    permit: Permit | None = None


class ActionRequestFunding(_Change, frozen=True, gc=False):
    """Our user asks for a top-up or a withdrawal while the channel stays open."""


class ReceiveFundingRequest(_Change, frozen=True, gc=False):
    """The peer asks for a top-up or a withdrawal while the channel stays open."""


class ActionConfirmFunding(_Change, frozen=True, gc=False):
    """Our user agrees to the staged change of the funding."""


class ReceiveFundingConfirm(_Change, frozen=True, gc=False):
    """The peer agrees to the change of the funding that we asked for."""


class ReceiveFundingAnswer(msgspec.Struct, frozen=True, gc=False):
    """The co-signed change of the funding on which the peer's channel stands, both signatures verified."""

    by_a: Verified[FundingChange]
    by_b: Verified[FundingChange]


class _Enforcing(msgspec.Struct, frozen=True, gc=False):
    acceptance: Verified[Offer]


class ActionEnforceOffer(_Enforcing, frozen=True, gc=False):
    """Our user has the ledger apply the peer's offer that it accepted: its signature under that offer."""


class ReceiveEnforceOffer(_Enforcing, frozen=True, gc=False):
    """The peer has the ledger apply an offer of ours that it accepted."""


class _Delivered(msgspec.Struct, frozen=True, gc=False):
    deliveries: tuple[Verified[Delivery], ...]


class ActionEnforceDelivery(_Delivered, frozen=True, gc=False):
    """Our side shows deliveries of open trades; no user need sign what the meter signed."""


class ReceiveEnforceDelivery(_Delivered, frozen=True, gc=False):
    """The peer shows deliveries of open trades."""


class _Checkpoint(msgspec.Struct, frozen=True, gc=False):
    version: int


class ActionCheckpoint(_Checkpoint, frozen=True, gc=False):
    """Our user has the ledger record our newest co-signed state."""


class ReceiveCheckpoint(_Checkpoint, frozen=True, gc=False):
    """The peer has the ledger record a co-signed state."""


class LedgerOpened(msgspec.Struct, frozen=True, gc=False):
    """The opening was mined and confirmed."""


class LedgerDisputed(msgspec.Struct, frozen=True, gc=False):
    """Somebody brought `version` to the ledger; the challenge period ends at `deadline`."""

    version: int
    deadline: int


class LedgerResolved(msgspec.Struct, frozen=True, gc=False):
    """A newer state was shown. It ended the dispute if `deadline` is 0; after expiry the dispute goes on."""

    version: int
    deadline: int = 0


class LedgerFinalised(msgspec.Struct, frozen=True, gc=False):
    """The channel was closed with these balances."""

    version: int
    balance_a: int
    balance_b: int


class LedgerFundingChanged(msgspec.Struct, frozen=True, gc=False):
    """The channel was settled at these balances and stays open with these fundings, as its version `version`."""

    version: int
    balance_a: int
    balance_b: int
    funding_a: int
    funding_b: int


class LedgerTimePassed(msgspec.Struct, frozen=True, gc=False):
    """All events of the ledger up to its confirmed block of time `at` have been told."""

    at: int


class LedgerOfferEnforced(msgspec.Struct, frozen=True, gc=False):
    """The ledger applied an accepted offer, whose struct hash is `trade`, and disputes with the result."""

    trade: bytes
    version: int
    balance_a: int
    balance_b: int
    deadline: int


class LedgerDeliveryEnforced(msgspec.Struct, frozen=True, gc=False):
    """The ledger refunded in the disputed state what of `trade` was not delivered."""

    trade: bytes
    delivered_wh: int
    refund: int
    balance_a: int
    balance_b: int


class LedgerCheckpointed(msgspec.Struct, frozen=True, gc=False):
    """The ledger recorded a co-signed state: nothing older can be shown any more."""

    version: int
    balance_a: int
    balance_b: int


class TimerElapsed(msgspec.Struct, frozen=True, gc=False):
    """`wake_at` has come."""


Input: TypeAlias = (
    ActionRequestOpen
    | ReceiveOpenRequest
    | ActionConfirmOpen
    | ReceiveOpenConfirm
    | ActionAbortOpen
    | ReceiveOpenAbort
    | ActionOffer
    | ReceiveOffer
    | ActionReject
    | ReceiveReject
    | ActionWithdraw
    | ReceiveWithdraw
    | ActionAccept
    | ReceiveUpdateRequest
    | ActionSettle
    | ReceiveSettleRequest
    | ActionClose
    | ReceiveCloseRequest
    | ActionConfirm
    | ReceiveConfirm
    | ActionAbortUpdate
    | ReceiveUpdateAbort
    | ReceiveUpdateFallback
    | ActionDispute
    | ReceiveDisputeRaise
    | ReceiveDisputeAnswer
    | LedgerRolledBack
    | ActionRequestFunding
    | ReceiveFundingRequest
    | ActionConfirmFunding
    | ReceiveFundingConfirm
    | ReceiveFundingAnswer
    | ActionEnforceOffer
    | ReceiveEnforceOffer
    | ActionEnforceDelivery
    | ReceiveEnforceDelivery
    | ActionCheckpoint
    | ReceiveCheckpoint
    | LedgerOpened
    | LedgerDisputed
    | LedgerResolved
    | LedgerFinalised
    | LedgerFundingChanged
    | LedgerTimePassed
    | LedgerOfferEnforced
    | LedgerDeliveryEnforced
    | LedgerCheckpointed
    | TimerElapsed
)
