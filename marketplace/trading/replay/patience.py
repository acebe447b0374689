"""Waiting for a ledger that is away for a moment: a replay outlives it."""

import time
from collections.abc import Callable
from typing import TypeVar

from contracts.connection import LedgerUnavailableError
from contracts.gateway import LedgerTimeoutError
from marketplace.accounts.errors import AwayError

T = TypeVar("T")
LEDGER_PATIENCE_S = 300
LOOK_AGAIN_S = 0.5
PASSING = frozenset({"ledger_away", "ledger_busy"})

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


def is_passing(error: Exception) -> bool:
    """Whether the ledger may be back in a moment, so that the same step may be taken again."""
    if isinstance(error, AwayError):
        return error.code in PASSING
    return isinstance(error, LedgerUnavailableError | LedgerTimeoutError)


def patiently(step: Callable[[], T], progress: Progress) -> T:
    """Take a step that may be repeated; while the ledger is away, say so and take it again.

    Raises:
        LedgerError, AwayError: It refuses, or it is away for longer than `LEDGER_PATIENCE_S`.
    """
    deadline = time.monotonic() + LEDGER_PATIENCE_S
    while True:
        try:
            return step()
        except Exception as error:
            if not is_passing(error) or time.monotonic() > deadline:
                raise
            progress(waiting_for(error), 0, 0)
        time.sleep(LOOK_AGAIN_S)


def waiting_for(error: Exception) -> str:
    """What the person sees meanwhile: who is away, and the remedy."""
    return f"Waiting: {error}"
