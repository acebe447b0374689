"""Signed transactions that are not known to be mined, and where a sender keeps them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.calls import Call, Receipt
from contracts.connection import LedgerRejectedError, LedgerTimeoutError

Outcome = Receipt | LedgerRejectedError | LedgerTimeoutError


@dataclass(frozen=True, slots=True)
class PendingTransaction:
    """A signed transaction that is not known to be mined.

    Attributes:
        raw: The signed bytes to send.
        earlier_hashes: Hashes of cheaper versions with the same nonce, any of which may be mined yet.
        bumps: How often its fees were raised.
    """

    nonce: int
    call: Call
    gas: int
    max_fee: int
    max_tip: int
    hash: bytes
    raw: bytes
    earlier_hashes: tuple[bytes, ...] = ()
    bumps: int = 0

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """All hashes under which it may be mined."""
        return (*self.earlier_hashes, self.hash)


@dataclass(slots=True)
class Awaited:
    """One hash that someone waits for; `resend_at` is monotonic seconds."""

    hash: bytes
    resend_at: float
    attempts: int = 0
    passed_over: int = 0
    outcome: Outcome | None = None


def in_the_way(
    pending: Mapping[int, PendingTransaction], awaited: Collection[int], next_nonce: int
) -> tuple[list[PendingTransaction], list[int]]:
    """What stands before awaited nonces while nobody looks after it.

    Args:
        pending: By nonce.
        awaited: Nonces that somebody looks after.
        next_nonce: The first that the node has neither mined nor in its pool.

    Returns:
        Transactions to send again, and nonces whose transaction is gone (a crashed process sent it, and the
        node has lost its pool).
    """
    unattended = [nonce for nonce in range(next_nonce, max(awaited, default=0)) if nonce not in awaited]
    known = [pending[nonce] for nonce in unattended if nonce in pending]
    return known, [nonce for nonce in unattended if nonce not in pending]


class PendingStore(Protocol):
    """Where a sender keeps what it has signed. `save` returns only when the rows are durable."""

    def load(self, sender: bytes) -> Sequence[PendingTransaction]:
        """All pending transactions of a sender."""

    def save(self, sender: bytes, transactions: Sequence[PendingTransaction]) -> None:
        """Add transactions, or replace those of the same nonce."""

    def forget(self, sender: bytes, nonces: Sequence[int]) -> None:
        """Remove transactions; unknown nonces are fine."""


class MemoryPendingStore:
    """A store that a crash empties: for scripts and tests."""

    def __init__(self) -> None:
        self._rows: dict[tuple[bytes, int], PendingTransaction] = {}

    def load(self, sender: bytes) -> list[PendingTransaction]:
        """As the protocol says."""
        return [row for (owner, _), row in sorted(self._rows.items()) if owner == sender]

    def save(self, sender: bytes, transactions: Sequence[PendingTransaction]) -> None:
        """As the protocol says, but not durable."""
        self._rows |= {(sender, item.nonce): item for item in transactions}

    def forget(self, sender: bytes, nonces: Sequence[int]) -> None:
        """As the protocol says."""
        for nonce in nonces:
            self._rows.pop((sender, nonce), None)
