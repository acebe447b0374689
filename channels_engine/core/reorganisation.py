"""The ledger takes back what it said: a reorganisation dropped blocks with events of this channel.

Whatever the ledger told is forgotten; whatever both sides signed is kept, since signatures do not reorganise.
The runtime then tells again what the ledger still holds, so that each kind of event needs no undoing of its own.
"""

from msgspec.structs import replace

from channels_engine.core import effects as fx
from channels_engine.core.evidence import ledger_ready
from channels_engine.core.inputs import LedgerRolledBack
from channels_engine.core.rules import current_of
from channels_engine.core.state import Endpoint, Phase

Step = tuple[Endpoint, tuple[fx.Effect, ...]]
_BEFORE_THE_LEDGER = (Phase.REQUESTED, Phase.FUNDING, Phase.ABORTED)


def rolled_back(endpoint: Endpoint, _: LedgerRolledBack, __: int) -> Step:
    """Back to before the ledger's first word; nothing is traded until it speaks again.

    What we have staged ourselves the peer may still complete, as if it had refused it.
    """
    if endpoint.phase in _BEFORE_THE_LEDGER:
        return endpoint, ()
    staged = endpoint.staged
    ours = () if staged is None or staged.proposer is not endpoint.me else (staged,)
    after = replace(
        endpoint,
        phase=Phase.FUNDING if all(endpoint.opening_signatures) else Phase.REQUESTED,
        staged=None,
        refused=(*endpoint.refused, *ours),
        offers=(),
        dispute=None,
        ledger_version=0,
        finalise_due=None,
        payout=None,
    )
    return after, (fx.NotifyPhase("a reorganisation of the ledger took back what it said"),)


def reopened(endpoint: Endpoint) -> Step:
    """The opening is on the ledger again: go on with what both signed, and close again where that was final."""
    if not current_of(endpoint).state.is_final:
        return replace(endpoint, phase=Phase.OPEN), ()
    closing = replace(endpoint, phase=Phase.CLOSING)
    return closing, (fx.LedgerFinalise(ledger_ready(closing)),)
