"""One party's view of one channel: everything the machine needs, nothing else.

An endpoint is a frozen value. `transition.apply` makes the next one; `store` keeps it durable.
"""

import enum

import msgspec

from channels_engine.core.messages import Funding, Permit, SignedDelivery
from channels_engine.core.types import (
    ChannelOpen,
    ChannelState,
    Domain,
    EntityContract,
    FundingChange,
    Offer,
    Side,
)


class Phase(enum.Enum):
    """Phases of a channel (docs/protocol.md, "State machine of a channel")."""

    # Members are singletons: identity is all that a table needs, and Enum's own hash is Python code.
    __hash__ = object.__hash__

    REQUESTED = "requested"
    FUNDING = "funding"
    OPEN = "open"
    STAGED = "staged"
    CHANGING = "changing"
    CLOSING = "closing"
    DISPUTED = "disputed"
    CLOSED = "closed"
    ABORTED = "aborted"


class Purpose(enum.Enum):
    """Why a next state was proposed."""

    __hash__ = object.__hash__

    TRADE = "trade"
    SETTLE = "settle"
    CLOSE = "close"
    FUNDING = "funding"


class CoSigned(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A state with both signatures: what the ledger will honour.

    Version 0 is the opening itself; its signatures are those of `ChannelOpen`. The state that a change of the
    funding makes has the signatures of that `FundingChange`.
    """

    state: ChannelState
    signature_a: bytes
    signature_b: bytes


class LiveOffer(msgspec.Struct, frozen=True, gc=False, array_like=True, cache_hash=True):
    """An offer that may still be accepted."""

    offer: Offer
    signature: bytes
    offeror: Side


class Trade(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A co-signed trade that still awaits its metered settlement.

    `id` is the struct hash of its offer, which only one trade of a channel can have; the field `id` of an
    offer is its offeror's choice, and could be chosen twice to have one delivery settle two trades.
    The members from `base_version` on make the offer whole again: the ledger asks for it before it refunds.
    """

    id: bytes
    seller: Side
    quantity_wh: int
    price_per_kwh: int
    imbalance_per_kwh: int
    slot_start: int
    slot_end: int
    amount: int
    base_version: int = 0
    nonce: bytes = b""
    offeror_sells: bool = False
    valid_until: int = 0

    def offer(self, channel: bytes) -> Offer:
        """The offer that made this trade; the trade's id is its struct hash."""
        return Offer(
            channel,
            self.base_version,
            self.nonce,
            self.offeror_sells,
            self.quantity_wh,
            self.price_per_kwh,
            self.imbalance_per_kwh,
            self.slot_start,
            self.slot_end,
            self.valid_until,
        )


class TradesTree(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Append-only Merkle tree of trades: its size and the roots of its perfect subtrees, left to right."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()


class Staged(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A next state that one side has signed and the other not yet.

    It carries all that follows from it (`open_trades`, `tree`), so that it may become current on whatever
    it was based. `offer` is the evidence that an acceptor may bring to the ledger. Of a change of the
    funding, `signature` is under `change`, and `state` is what it makes of the channel.
    """

    purpose: Purpose
    state: ChannelState
    proposer: Side
    signature: bytes
    expires_at: int
    trade: Trade | None = None
    settles: tuple[bytes, ...] = ()
    refund: int = 0
    open_trades: tuple[Trade, ...] = ()
    tree: TradesTree = TradesTree()
    offer: LiveOffer | None = None
    change: FundingChange | None = None
    permit: Permit | None = None


class Pledge(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A change of the funding that we signed: until the ledger shows it, or its time is past there, we sign nothing.

    A signature is empty while its side has not signed, as far as we know. `permits` are for what comes in.
    """

    change: FundingChange
    state: ChannelState
    proposer: Side
    signatures: tuple[bytes, bytes]
    permits: tuple[Permit | None, Permit | None]


class Before(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a change of the funding took the place of: it counts again if the ledger takes the change back."""

    current: CoSigned
    funded: FundingChange | None
    open_trades: tuple[Trade, ...]
    tree: TradesTree


class Dispute(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A dispute on the ledger: `answered` with a newer state, or `claimed` after its deadline.

    `enforced` is the trade of an offer that the ledger itself applied to a state: a co-signed state of the same
    version beats it too. `delivered` are trades that the ledger has refunded.
    """

    version: int
    deadline: int
    answered: bool = False
    claimed: bool = False
    enforced: bytes = b""
    delivered: tuple[bytes, ...] = ()


class Policy(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What one party's own machine insists on; not agreed with the peer, never signed.

    A proposer waits `confirm_grace_s` longer than the peer may confirm, so that honest clocks and delays
    make no fallback. `expiry_grace_s` lets the ledger's clock pass the expiry before we ask it. `close_timeout_s`
    is how long the peer has to bring the final state, or a change of the funding, to the ledger.
    `max_change_s` is how long such a change may stop the channel at most.
    """

    update_timeout_s: int = 30
    settle_timeout_s: int = 60
    dispute_timeout_s: int = 30
    max_live_offers: int = 16
    confirm_grace_s: int = 10
    opening_grace_s: int = 120
    close_timeout_s: int = 60
    expiry_grace_s: int = 60
    max_open_trades: int = 128
    max_refused: int = 4
    max_change_s: int = 3600


class Endpoint(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One party's view of one channel.

    `wake_at` is the time at which the runtime must bring `TimerElapsed`, or None.
    `highest_version` is the highest version that either side is known to have signed: never reused.
    `dropped` is our own proposal that fell back: the peer may still use our signature (invariant 10), so
    that we propose nothing until it answers. `refused` are own proposals that it says it refused. Its word
    is unsigned (a relay could forge it), so that a countersignature on them is still taken.
    `farewell` is the final state that we signed. The ledger pays it out at once, without a challenge, so
    that we sign nothing after it but the same payout again (invariant 11).
    `offers` are those of the current version that may be accepted; expired ones leave with the next offer.
    `ledger_version` is the highest version that the ledger has shown. Above `current` it means that we lost
    data, or that the peer used our signature without telling: nothing of ours is newer then.
    `history_lost` says that `current` was learned without its trades: it can be closed, not traded upon.
    `dispute_due` is when a raised dispute goes to the ledger, with the `consent` that our user signed.
    `finalise_due` is when we close, or change the funding, on the ledger ourselves, if the peer has not.
    `payout` is what the ledger paid to A and B.
    `pledge` is a change of the funding on its way to the ledger, `funded` the last one that came there.
    `metered` are deliveries of open trades that we know of, in case a dispute must settle them.
    `unchanged` is what the last change replaced, should a reorganisation lose it.
    `enforcing` is an accepted offer that one side brings to the ledger.
    `doubtful` says that all this was restored from a backup, and that newer states may have been signed since:
    our user signs nothing until the peer, or evidence, shows the newest one (`core/restoring.py`).
    `outstanding` are versions that our user gave leave to dispute with, or to enforce an offer on, and until when
    that is good, if not for ever: while the ledger may still take one, we sign nothing that would make it a stale one.
    """

    domain: Domain
    channel: bytes
    me: Side
    terms: EntityContract
    opening: ChannelOpen
    phase: Phase
    policy: Policy = Policy()
    opening_signatures: tuple[bytes, bytes] = (b"", b"")
    fundings: tuple[Funding | None, Funding | None] = (None, None)
    current: CoSigned | None = None
    highest_version: int = 0
    offers: tuple[LiveOffer, ...] = ()
    staged: Staged | None = None
    dropped: Staged | None = None
    refused: tuple[Staged, ...] = ()
    farewell: ChannelState | None = None
    open_trades: tuple[Trade, ...] = ()
    tree: TradesTree = TradesTree()
    dispute: Dispute | None = None
    wake_at: int | None = None
    ledger_version: int = 0
    history_lost: bool = False
    dispute_due: int | None = None
    consent: bytes = b""
    finalise_due: int | None = None
    payout: tuple[int, int] | None = None
    pledge: Pledge | None = None
    funded: FundingChange | None = None
    metered: tuple[SignedDelivery, ...] = ()
    enforcing: LiveOffer | None = None
    unchanged: Before | None = None
    doubtful: bool = False
    outstanding: tuple[tuple[int, int | None], ...] = ()

    @property
    def peer(self) -> Side:
        """The other party's side."""
        return self.me.other
