"""The ledger takes back what it said: a reorganisation dropped blocks with events of this channel.

Whatever the ledger told is forgotten; whatever both sides signed is kept, since signatures do not reorganise.
The runtime then tells again what the ledger still holds, so that each kind of event needs no undoing of its own.
"""

from msgspec.structs import replace

from channels_engine.core import effects as fx
from channels_engine.core.evidence import bring_again, ledger_ready
from channels_engine.core.inputs import LedgerRolledBack
from channels_engine.core.rules import changed_state, current_of, is_as_funded
from channels_engine.core.state import Endpoint, Phase, Pledge

Step = tuple[Endpoint, tuple[fx.Effect, ...]]
_BEFORE_THE_LEDGER = (Phase.REQUESTED, Phase.FUNDING, Phase.ABORTED)


def rolled_back(endpoint: Endpoint, _: LedgerRolledBack, __: int) -> Step:
    """Back to before the ledger's first word; nothing is traded until it speaks again.

    What we have staged ourselves the peer may still complete, as if it had refused it. A change of the funding
    waits for the ledger again, as when it was signed.
    """
    if endpoint.phase in _BEFORE_THE_LEDGER:
        return endpoint, ()
    staged = endpoint.staged
    ours = () if staged is None or staged.proposer is not endpoint.me else (staged,)
    after = replace(
        endpoint,
        phase=Phase.FUNDING if all(endpoint.opening_signatures) else Phase.REQUESTED,
        pledge=endpoint.pledge or _pledged_again(endpoint),
        staged=None,
        refused=(*endpoint.refused, *ours),
        offers=(),
        dispute=None,
        ledger_version=0,
        finalise_due=None,
        payout=None,
    )
    told = fx.NotifyPhase("a reorganisation of the ledger took back what it said")
    return after, (fx.NotifyOverruled(), told)


def _pledged_again(endpoint: Endpoint) -> Pledge | None:
    """The last change that the ledger took; its signatures are known where the channel stands on it."""
    funded, current = endpoint.funded, endpoint.current
    if funded is None or current is None:
        return None
    signed = (current.signature_a, current.signature_b) if is_as_funded(endpoint) else (b"", b"")
    return Pledge(funded, changed_state(funded), endpoint.me, signed, (None, None))


def reopened(endpoint: Endpoint) -> Step:
    """The opening is on the ledger again: go on with what both signed, and close again where that was final."""
    if not current_of(endpoint).state.is_final:
        waits = endpoint.pledge is not None
        opened = replace(endpoint, phase=Phase.CHANGING if waits else Phase.OPEN)
        return opened, bring_again(opened)
    closing = replace(endpoint, phase=Phase.CLOSING)
    return closing, (fx.LedgerFinalise(ledger_ready(closing)),)
