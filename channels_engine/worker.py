"""The engine's background work, one `tick` at a time: the ledger's events, timers, the outbox, agents.

Runs in any process, or several: what it does is idempotent, and what it has yet to do is in the database.
"""

import logging
import threading
from collections.abc import Callable, Sequence

from django.db import close_old_connections

logger = logging.getLogger(__name__)
PAUSE_SECONDS = 0.25


class Worker:
    """Calls its parts in turn; one that fails is logged and tried again, and holds up no other."""

    def __init__(self, parts: Sequence[Callable[[], object]], *, pause: float = PAUSE_SECONDS) -> None:
        self._parts = parts
        self._pause = pause
        self._stopped = threading.Event()

    def tick(self) -> None:
        """Once through all parts."""
        for part in self._parts:
            try:
                part()
            except Exception:
                logger.exception("The engine's worker stumbled; it goes on with the next part.")
                close_old_connections()

    def run(self) -> None:
        """Tick until `stop`."""
        while not self._stopped.is_set():
            self.tick()
            self._stopped.wait(self._pause)

    def stop(self) -> None:
        """End `run` after its current tick; callable from a signal handler or another thread."""
        self._stopped.set()
