"""What the engine needs from the outside, as protocols. Adapters stand in `store`, `ledger` and `consumers`."""

from collections.abc import Sequence
from typing import Protocol

from channels_engine.core.effects import Effect


class Clock(Protocol):
    """Wall-clock time."""

    def now(self) -> int:
        """Seconds since the epoch, UTC."""
        ...


class Signer(Protocol):
    """Holder of one key."""

    @property
    def address(self) -> bytes:
        """20-byte address of the key."""
        ...

    def sign(self, digest: bytes) -> bytes:
        """65-byte recoverable low-s signature of a 32-byte digest."""
        ...


class Ledger(Protocol):
    """Brings `Ledger*` effects to the chain; must be idempotent by channel, kind and version."""

    def submit(self, effects: Sequence[Effect]) -> None:
        """Send the transactions that the effects ask for.

        Raises:
            LedgerUnavailableError: The ledger can't be reached; the outbox tries again.
            LedgerRejectedError: The contract refused, with its reason.
        """
        ...


class Transport(Protocol):
    """Says "look" to whoever listens on a channel; carries no message itself."""

    def wake(self, topics: Sequence[str]) -> None:
        """Wake the listeners of these topics. Losing a wake-up must be harmless."""
        ...
