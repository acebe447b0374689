"""Group commit: what many threads and sockets submit while one commit runs goes into the next one together.

One thread a process. A lone submission is committed at once; under load the batches grow by themselves,
so that the price of an fsync is shared.
"""

import logging
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import NamedTuple

from django.db import DatabaseError, connection

from channels_engine.runtime import Runtime
from channels_engine.submissions import Outcome, Refused, Submission

logger = logging.getLogger(__name__)
MAX_BATCH = 2000
UNAVAILABLE = Refused(
    "unavailable", "The relay can't store messages now; nothing changed. Send the same id again."
)


class _Waiting(NamedTuple):
    submission: Submission
    future: "Future[Outcome]"


class Writer:
    """Feeds one runtime from any number of threads; `submit` never blocks."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def submit(self, submission: Submission) -> "Future[Outcome]":
        """Queue a submission; its outcome comes when it is durable."""
        self._ensure_started()
        waiting = _Waiting(submission, Future())
        self._queue.put(waiting)
        return waiting.future

    def stop(self) -> None:
        """Finish what is queued, then end the thread."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join()

    def _ensure_started(self) -> None:
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="engine-writer", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        try:
            while (first := self._queue.get()) is not None:
                batch, ended = self._gather(first)
                self._commit(batch)
                if ended:
                    return
        finally:
            connection.close()

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """Everything that waits now, up to a full batch."""
        batch = [first]
        while len(batch) < MAX_BATCH:
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                break
            if waiting is None:
                return batch, True
            batch.append(waiting)
        return batch, False

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        try:
            outcomes = self.runtime.process([waiting.submission for waiting in batch])
        except DatabaseError:
            logger.exception("A batch of %d submissions could not be stored.", len(batch))
            connection.close()  # the next batch gets a fresh connection
            outcomes = [UNAVAILABLE] * len(batch)
        except Exception:
            logger.exception("A batch of %d submissions failed.", len(batch))
            outcomes = [UNAVAILABLE] * len(batch)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.future.set_result(outcome)
