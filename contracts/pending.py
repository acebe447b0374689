"""Signed transactions that are not known to be mined, and where a sender keeps them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.calls import Call


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
