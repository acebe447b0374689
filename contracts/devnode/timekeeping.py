"""The node's time: the wall clock, moved by an offset that tests may set. No I/O."""

from dataclasses import dataclass, replace

from .errors import INVALID_PARAMS, RpcError

MAX_TIMESTAMP = 2**63 - 1


@dataclass(frozen=True, slots=True)
class NodeTime:
    """Seconds added to the wall clock, and a timestamp set for the next block alone (0 for none)."""

    offset: int = 0
    next_timestamp: int = 0

    def of_next_block(self, parent_timestamp: int, now: int) -> int:
        """Timestamp for a block mined at wall-clock second `now`.

        Blocks of one second share it, as on anvil: were each a second later than the last, a burst
        of blocks would run ahead of the wall clock and expire every deadline that users set by it.
        """
        return max(parent_timestamp, self.next_timestamp or now + self.offset)

    def after_block(self, timestamp: int, now: int) -> "NodeTime":
        """The time to go on with; a set timestamp moves all later blocks too."""
        return NodeTime(timestamp - now) if self.next_timestamp else self

    def increased(self, seconds: int) -> "NodeTime":
        """Moved forward by `seconds`; RpcError if that is negative or beyond any clock."""
        if not 0 <= seconds <= MAX_TIMESTAMP - self.offset:
            raise RpcError(INVALID_PARAMS, f"time can't be moved by {seconds} s")
        return replace(self, offset=self.offset + seconds)

    def with_next(self, timestamp: int, parent_timestamp: int) -> "NodeTime":
        """With the next block's timestamp set; RpcError if that is before its parent."""
        if not parent_timestamp <= timestamp <= MAX_TIMESTAMP:
            raise RpcError(
                INVALID_PARAMS, f"timestamp {timestamp} is before the last block's {parent_timestamp}"
            )
        return replace(self, next_timestamp=timestamp)
