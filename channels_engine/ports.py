"""What the engine needs from the outside, as protocols. Adapters stand in `store`, `ledger` and `consumers`."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from channels_engine.core.effects import Effect
from channels_engine.core.types import Offer


class LedgerUnavailableError(Exception):
    """The ledger can't be reached now; try again later."""


class LedgerRejectedError(Exception):
    """A contract refused for good; the message holds its reason."""


class TradeDraft(msgspec.Struct, frozen=True):
    """A trade that is about to be accepted. `seller` and `buyer` are owners (public ids)."""

    channel: bytes
    offer: Offer
    seller: str
    buyer: str


class Notice(msgspec.Struct, frozen=True):
    """Something that listeners are told, at least once: `key` is the same in every telling.

    `effect` is a `Notify*`; `owners` are those of side A and side B (empty where not hosted here).
    """

    key: str
    channel: bytes
    owners: tuple[str, str]
    effect: Effect
    at: int


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

    def submit(self, effects: Sequence[Effect]) -> Sequence[Exception | None]:
        """Send the transactions that the effects ask for; one answer for each effect.

        Returns:
            None where it is done (also when it had been done before), a `LedgerRejectedError` where the
            contract refused for good, a `LedgerUnavailableError` where it is worth another try.
        """
        ...


class Transport(Protocol):
    """Says "look" to whoever listens on a channel; carries no message itself."""

    def wake(self, news: Mapping[str, Mapping[bytes, int]]) -> None:
        """Wake whoever listens for these owners: channel -> last number of its log.

        Called after the commit, from any thread; must not block. Losing a wake-up must be harmless.
        """
        ...


class Gate(Protocol):
    """The grid operator's check of a trade before it is accepted.

    It is asked outside any transaction, and more than once for the same trade where a message is repeated.
    """

    def check(self, draft: TradeDraft) -> None:
        """Let the trade pass.

        Raises:
            ProtocolError: It may not pass (code `grid_limit`); the message says which limit, and what would pass.
        """
        ...


class Directory(Protocol):
    """Knows who takes part."""

    def knows(self, owner: str) -> bool:
        """Whether this public id belongs to an account that may trade."""
        ...


class Pass(Protocol):
    """What opened a socket in place of a session: `pass` in its ASGI scope, there put by the site."""

    @property
    def may_read(self) -> bool:
        """Whether it opens the owner's channels at all."""
        ...

    @property
    def may_say(self) -> bool:
        """Whether messages may be sent."""
        ...

    def holds(self) -> bool:
        """Whether it still opens anything; asked before each frame is taken or delivered, outside the event loop."""
        ...


class Listener(Protocol):
    """Is told what happened, at least once; must be idempotent by `Notice.key`."""

    def __call__(self, notices: Sequence[Notice]) -> None:
        """Take note. An exception means that the same notices come again later."""
        ...
