"""The newest log entries of this process, so that delivering them needs no query."""

from collections.abc import Sequence
from threading import Lock

from channels_engine.frames import Entry

KEPT_PER_CHANNEL = 32
MAX_CHANNELS = 20_000


class Recent:
    """Entries committed by this process, per channel in order; a gap (another process wrote) empties a channel's."""

    def __init__(self) -> None:
        self._entries: dict[bytes, list[Entry]] = {}
        self._lock = Lock()

    def add(self, entries: Sequence[Entry]) -> None:
        """Remember entries after their commit. Two threads may commit in one order and arrive in another."""
        with self._lock:
            if len(self._entries) > MAX_CHANNELS:
                self._entries.clear()
            for entry in entries:
                self._append(entry)

    def _append(self, entry: Entry) -> None:
        kept = self._entries.get(entry.channel)
        if kept is None or kept[-1].seq != entry.seq - 1:
            if kept is None or kept[-1].seq < entry.seq:
                self._entries[entry.channel] = [entry]
            return
        kept.append(entry)
        if len(kept) > 2 * KEPT_PER_CHANNEL:
            del kept[:KEPT_PER_CHANNEL]

    def after(self, channel: bytes, seq: int, known_last: int) -> list[Entry] | None:
        """Entries after `seq`, or None where memory does not hold all of them up to `known_last`."""
        with self._lock:
            kept = self._entries.get(channel)
            if not kept or kept[0].seq > seq + 1 or kept[-1].seq < known_last:
                return None
            return kept[max(seq + 1 - kept[0].seq, 0) :]
