"""A view of a channel that comes from a backup: true once, maybe not the newest.

Since the backup this side may have signed newer states, which only others can show. Until one does, nothing
may be signed that could be a second state of some version, or a payout that is overtaken. The ledger's words
are still followed: a dispute with an older state than ours is answered, and what is due is claimed.
"""

from msgspec.structs import replace

from channels_engine.core.errors import Violation
from channels_engine.core.inputs import Input
from channels_engine.core.rules import earliest_due
from channels_engine.core.state import Endpoint, Phase

VERSIONS_SIGNED_SINCE = 2**16
"""More than anyone signs in a channel between two backups; a sixteenth of the leap that a peer allows."""
_OVER = (Phase.CLOSED, Phase.ABORTED)


def restored(endpoint: Endpoint) -> Endpoint:
    """The view as it may be used after a restore. Versions go on far above all that may have been signed since."""
    if endpoint.phase in _OVER:
        return endpoint
    staged = endpoint.staged
    ours = () if staged is None or staged.proposer is not endpoint.me else (staged,)
    view = replace(
        endpoint,
        phase=Phase.OPEN if endpoint.phase is Phase.STAGED else endpoint.phase,
        staged=None,
        refused=(*endpoint.refused, *ours),
        offers=(),
        dispute_due=None,
        consent=b"",
        highest_version=endpoint.highest_version + VERSIONS_SIGNED_SINCE,
        doubtful=True,
    )
    return replace(view, wake_at=earliest_due(view))


def require_certainty(change: Input) -> None:
    """Refuse what our own user signs while a newer state may exist.

    Raises:
        Violation: It is an action.
    """
    if type(change).__name__.startswith("Action"):
        raise Violation(
            "restored",
            "This channel was restored from a backup and newer states may exist; show the newest one first.",
        )


def certain(endpoint: Endpoint, version: int) -> Endpoint:
    """The doubt ends with something co-signed that is no older than ours."""
    current = endpoint.current
    if not endpoint.doubtful or (current is not None and version < current.state.version):
        return endpoint
    return replace(endpoint, doubtful=False)


def trusted(endpoint: Endpoint) -> Endpoint:
    """Its owner says that nothing newer exists."""
    return replace(endpoint, doubtful=False)
