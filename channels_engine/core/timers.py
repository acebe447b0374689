"""The clock: what is due is done, one thing at a time; an early or repeated ring does nothing."""

from channels_engine.core import disputes, funding, opening, updates
from channels_engine.core import effects as fx
from channels_engine.core.inputs import TimerElapsed
from channels_engine.core.rules import earliest_due, staged_until
from channels_engine.core.state import Endpoint, Phase

Step = tuple[Endpoint, tuple[fx.Effect, ...]]


def elapsed(endpoint: Endpoint, _: TimerElapsed, now: int) -> Step:
    """Do the most urgent of what is due; `wake_at` then tells when to come again."""
    due = earliest_due(endpoint)
    if due is None or now < due:
        return endpoint, ()
    match endpoint.phase:
        case Phase.REQUESTED | Phase.FUNDING:
            return opening.elapsed(endpoint, now)
        case Phase.CLOSING:
            return disputes.finalise_late(endpoint)
        case Phase.DISPUTED if endpoint.dispute is not None:
            return disputes.claim(endpoint, endpoint.dispute)
        case _:
            return _trading(endpoint, now)


def _trading(endpoint: Endpoint, now: int) -> Step:
    if now >= endpoint.opening.expiry + endpoint.policy.expiry_grace_s:
        return disputes.elapsed(endpoint, "the channel expired", b"")
    if endpoint.dispute_due is not None and now >= endpoint.dispute_due:
        return disputes.elapsed(endpoint, "the peer did not answer the dispute", endpoint.consent)
    if endpoint.finalise_due is not None and now >= endpoint.finalise_due:
        return funding.bring(endpoint)
    staged = endpoint.staged
    if staged is not None and now >= staged_until(endpoint, staged):
        return updates.elapsed(endpoint, staged)
    return endpoint, ()
