"""Where a thread's CPU goes, by phase; costs nothing where nobody asks.

    with Stopwatch() as watch:
        ...
    watch.seconds    # {"storage": 1.2, "": 0.1}

An inner phase interrupts the outer one, so that the seconds of all phases add up to the whole.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

_current = threading.local()


class Stopwatch:
    """CPU seconds of one thread, by phase; "" is what belongs to none."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._phase = ""
        self._since = 0.0

    def __enter__(self) -> Self:
        self._since = time.thread_time()
        _current.watch = self
        return self

    def __exit__(self, *_: object) -> None:
        self.turn("")
        _current.watch = None

    def turn(self, phase: str) -> str:
        """Count for another phase from now on; the one before."""
        now, before = time.thread_time(), self._phase
        self.seconds[before] = self.seconds.get(before, 0.0) + now - self._since
        self._phase, self._since = phase, now
        return before


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Count what happens within for this phase, if this thread has a stopwatch running."""
    watch: Stopwatch | None = getattr(_current, "watch", None)
    if watch is None:
        yield
        return
    before = watch.turn(name)
    try:
        yield
    finally:
        watch.turn(before)
