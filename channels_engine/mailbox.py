"""What one socket has seen of which log, and how much it may still be sent. No I/O."""

from channels_engine.frames import WINDOW


class Mailbox:
    """Positions per channel, and the window of unacknowledged frames of one socket."""

    def __init__(self, positions: dict[bytes, int]) -> None:
        self.positions = positions
        self.latest = dict(positions)
        self.pending: set[bytes] = set()
        self.states: set[bytes] = set()
        self.changed: set[bytes] = set()
        self._sent = 0
        self._acknowledged = 0

    @property
    def unacknowledged(self) -> int:
        """Frames sent and not yet acknowledged."""
        return self._sent - self._acknowledged

    @property
    def has_room(self) -> bool:
        """Whether log entries may be delivered now."""
        return self.unacknowledged < WINDOW

    @property
    def is_abused(self) -> bool:
        """Whether the client goes on asking without acknowledging what it got."""
        return self.unacknowledged >= 2 * WINDOW

    def count(self) -> None:
        """One frame goes out."""
        self._sent += 1

    def acknowledge(self, received: int) -> bool:
        """The client has received so many frames; False if it can't have."""
        if not self._acknowledged <= received <= self._sent:
            return False
        self._acknowledged = received
        return True

    def hear(self, channel: bytes, last: int) -> None:
        """There are entries up to `last`."""
        if last > self.latest.get(channel, 0):
            self.latest[channel] = last
            self.changed.add(channel)
            self.pending.add(channel)

    def rewind(self, channel: bytes, after: int, last: int, *, states: bool) -> None:
        """Deliver again after `after`."""
        self.positions[channel] = after
        self.latest[channel] = last
        self.pending.add(channel)
        if states:
            self.states.add(channel)
            self.changed.add(channel)

    def reach(self, channel: bytes, seq: int) -> None:
        """Delivered up to `seq`."""
        self.positions[channel] = seq
        if seq >= self.latest.get(channel, 0):
            self.latest[channel] = seq
            self.pending.discard(channel)

    def take_changed(self) -> list[bytes]:
        """Followed channels whose state changed since the last time."""
        changed = [channel for channel in self.changed if channel in self.states]
        self.changed.clear()
        return changed
