"""What the contracts' views answer, as frozen values. Money is in micro-units, time in epoch seconds."""

import enum
from dataclasses import dataclass


class ChannelStatus(enum.IntEnum):
    """Where a channel stands on the ledger; a dispute is in its `Record`.

    A closed channel's slot is given back once its `open_by` is past: it is then UNKNOWN as before its
    opening, and the events tell its end.
    """

    UNKNOWN = 0
    OPEN = 1
    CLOSED = 2


class Disputer(enum.IntEnum):
    """Who answers for a running dispute."""

    NOBODY = 0
    PARTY_A = 1
    PARTY_B = 2


@dataclass(frozen=True, slots=True)
class TokenDomain:
    """A token's EIP-712 domain, for signing its permits and authorizations."""

    name: str
    version: str
    chain_id: int
    verifying_contract: bytes


@dataclass(frozen=True, slots=True)
class AuthorizedTransfer:
    """What a token's owner signs to have its tokens moved (ERC-3009); valid from the beginning of time.

    Attributes:
        source: Who owns the tokens and signs.
        to: Who gets them; part of what is signed, so that a relay can't divert them.
        valid_before: Epoch seconds from which the token refuses it.
        nonce: 32 bytes, random, once for each owner.
    """

    source: bytes
    to: bytes
    amount: int
    valid_before: int
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Treasury:
    """`tokens = free + reserved + earnings + collateral` of a merchant contract."""

    free: int
    reserved: int
    earnings: int
    collateral: int

    @property
    def total(self) -> int:
        """Tokens that the contract must hold."""
        return self.free + self.reserved + self.earnings + self.collateral


@dataclass(frozen=True, slots=True)
class Agreement:
    """A participant's standing under a credit agreement; `paid` is what no claim has used yet."""

    participant: bytes
    valid_until: int
    payment_term: int
    credit_limit: int
    collateral: int
    paid: int
    ended: bool


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """A participant's receipt of a note, as a claim shows it: its root key signed `NoteReceipt`."""

    serial: bytes
    holder: bytes
    amount: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class ClaimedNote:
    """A note under a claim, and what was due of it when the claim started."""

    serial: bytes
    holder: bytes
    due: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim that waits for its window to pass; all zero if there is none.

    Attributes:
        notes: Hash of the claimed notes.
        due: What was due of them when the claim started, in all.
        deadline: Epoch seconds up to which the participant may pay.
    """

    notes: bytes
    due: int
    deadline: int


@dataclass(frozen=True, slots=True)
class NoteAccount:
    """A credit note's account.

    Attributes:
        available: What further channels may reserve.
        reserved: Funding of open channels.
        position: Earned less spent less withdrawn; negative is the holder's debt.
        valid_until: Epoch seconds, at most 2**32 - 1.
        last_settled: Epoch seconds of the last closed channel; 0 if none closed yet.
    """

    available: int
    reserved: int
    position: int
    valid_until: int
    last_settled: int

    @property
    def debt(self) -> int:
        """What the holder owes for this note."""
        return max(0, -self.position)

    @property
    def earnings(self) -> int:
        """What the holder may withdraw."""
        return max(0, self.position)

    @property
    def amount(self) -> int:
        """The note's amount, as its merchant signed it."""
        return self.available + self.reserved + self.debt


@dataclass(frozen=True, slots=True)
class DisputeCounts:
    """What became of a pair's disputes; expiries that nobody is to blame for are not counted."""

    created: bool
    raised: int
    resolved: int
    failed: int
    stale: int


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel on the ledger; `recorded` says that a `Record` exists."""

    status: ChannelStatus
    recorded: bool
    funding_a: int
    funding_b: int


@dataclass(frozen=True, slots=True)
class Record:
    """The newest state that the ledger knows; `deadline` is 0 while no dispute runs.

    Attributes:
        stale_a: Stale disputes that A answers for when the channel closes.
        stale_b: The same for B.
        enforced: Computed by the ledger from an accepted offer, not co-signed.
        refunded: Changed by `enforce_delivery` since the version was recorded.
    """

    version: int
    balance_a: int
    deadline: int
    disputer: Disputer
    stale_a: int
    stale_b: int
    enforced: bool
    refunded: bool
