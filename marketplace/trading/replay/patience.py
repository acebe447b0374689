"""Waiting for what passes: a ledger that is away, a proposal that runs out, a dispute that is answered."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from channels_engine.submissions import Outcome, Refused
from contracts.connection import LedgerUnavailableError
from contracts.gateway import LedgerTimeoutError
from marketplace.accounts.errors import AwayError

T = TypeVar("T")
LEDGER_PATIENCE_S = 300
LOOK_AGAIN_S = 0.5
PASSING_FAULTS = frozenset({"ledger_away", "ledger_busy"})
PASSING_CODES = frozenset(
    {
        "closing_down",
        "dispute_pending",
        "not_now",
        "not_staged",
        "stale_base",
        "staged_expired",
        "superseded",
        "unanswered_proposal",
        "unknown_offer",
    }
)
"""Refusals that a timer or the ledger takes away: a proposal from before a long pause, a dispute that is answered."""
REFUSAL_PATIENCE_S = 120

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


def is_passing(error: Exception) -> bool:
    """Whether the ledger may be back in a moment, so that the same step may be taken again."""
    if isinstance(error, AwayError):
        return error.code in PASSING_FAULTS
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


def insist(step: Callable[[], Sequence[Outcome]], pump: Callable[[], bool]) -> Sequence[Outcome]:
    """Take a step, and again as long as something of it must wait; what is done is not done twice.

    Args:
        step: Gives one outcome for each thing to do.
        pump: Brings timers that are due and the ledger's events; whether there were any.

    Returns:
        The last outcomes; among them may be refusals that did not pass.
    """
    outcomes, deadline = step(), time.monotonic() + REFUSAL_PATIENCE_S
    while any(map(_passes, outcomes)) and time.monotonic() < deadline:
        if not pump():
            time.sleep(LOOK_AGAIN_S)
        outcomes = step()
    return outcomes


def _passes(outcome: Outcome) -> bool:
    return isinstance(outcome, Refused) and outcome.code in PASSING_CODES
