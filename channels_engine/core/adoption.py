"""A state becomes current because both sides signed it: the one place that replaces `current`."""

from msgspec.structs import replace

from channels_engine.core import effects as fx
from channels_engine.core.deliveries import still_open
from channels_engine.core.evidence import ledger_ready
from channels_engine.core.messages import DisputeAnswer, FundingAnswer, UpdateAbort
from channels_engine.core.rules import is_as_funded
from channels_engine.core.state import CoSigned, Endpoint, Phase, Purpose, Staged, Trade, TradesTree
from channels_engine.core.types import Side

Step = tuple[Endpoint, tuple[fx.Effect, ...]]


def adopt(endpoint: Endpoint, proposal: Staged, countersignature: bytes, now: int) -> Step:
    """Make a proposal current that its other side has countersigned."""
    ordered = (proposal.signature, countersignature)
    by_a, by_b = ordered if proposal.proposer is Side.A else ordered[::-1]
    current = CoSigned(proposal.state, by_a, by_b)
    after, refusals = _with_current(endpoint, current, proposal.open_trades, proposal.tree)
    after = still_open(after)
    told = _told(proposal)
    if endpoint.phase is Phase.DISPUTED:
        return _answering(after, (*refusals, told))
    if proposal.purpose is not Purpose.CLOSE:
        return after, (*refusals, told)
    return _closing(after, (*refusals, told), proposal, now)


def adopt_unknown(endpoint: Endpoint, current: CoSigned, now: int) -> Step:
    """Make a co-signed state current whose trades we don't know: we lost data, and the peer restored the state."""
    after, refusals = _with_current(endpoint, current, (), endpoint.tree, lost=True)
    effects = (*refusals, fx.NotifyPhase("learned a newer state from the peer"))
    if endpoint.phase is Phase.DISPUTED:
        return _answering(after, effects)
    if current.state.is_final:
        return replace(after, phase=Phase.CLOSING, finalise_due=now), effects
    return after, effects


def _with_current(
    endpoint: Endpoint,
    current: CoSigned,
    open_trades: tuple[Trade, ...],
    tree: TradesTree,
    *,
    lost: bool = False,
) -> Step:
    """Replace `current`; what was staged or dropped is over, or stays behind as our unanswered signature."""
    version, staged = current.state.version, endpoint.staged
    mine = staged is not None and staged.proposer is endpoint.me
    left = staged if mine else endpoint.dropped
    after = replace(
        endpoint,
        phase=_phase_after(endpoint),
        current=current,
        highest_version=max(endpoint.highest_version, version),
        offers=(),
        staged=None,
        dropped=left if left is not None and left.state.version > version else None,
        refused=endpoint.refused and tuple(item for item in endpoint.refused if item.state.version > version),
        farewell=current.state if current.state.is_final else endpoint.farewell,
        dispute_due=None,
        consent=b"",
        open_trades=open_trades,
        tree=tree,
        history_lost=lost,
    )
    if staged is None or mine or staged.state.version <= version:
        return after, ()
    return after, (fx.SendMessage(UpdateAbort(staged.state.version, "stale_base")),)


def _phase_after(endpoint: Endpoint) -> Phase:
    """A dispute goes on, and so does the wait for a change of the funding that we signed."""
    if endpoint.phase is Phase.DISPUTED:
        return Phase.DISPUTED
    return Phase.OPEN if endpoint.pledge is None else Phase.CHANGING


def _told(proposal: Staged) -> fx.Effect:
    version = proposal.state.version
    if proposal.trade is not None:
        return fx.NotifyTraded(proposal.trade, version)
    if proposal.purpose is Purpose.SETTLE:
        return fx.NotifySettled(proposal.settles, proposal.refund, version)
    return fx.NotifyPhase("both signed the final state")


def _closing(after: Endpoint, effects: tuple[fx.Effect, ...], proposal: Staged, now: int) -> Step:
    """Who completes the signatures finalises at once; the proposer does, if that has not come in time."""
    if proposal.proposer is after.me:
        due = now + after.policy.close_timeout_s
        return replace(after, phase=Phase.CLOSING, finalise_due=due), effects
    return replace(after, phase=Phase.CLOSING), (*effects, fx.LedgerFinalise(ledger_ready(after)))


def _answering(after: Endpoint, effects: tuple[fx.Effect, ...]) -> Step:
    answered, answer = answer_dispute(after)
    return answered, (*effects, *answer)


def answer_dispute(endpoint: Endpoint) -> Step:
    """Bring our newest state to the ledger, if it is newer than the disputed one (the watchtower's duty).

    What the ledger made of an offer is beaten by what both signed of the same version, too.
    """
    dispute, current = endpoint.dispute, endpoint.current
    if dispute is None or current is None or is_as_funded(endpoint):
        return endpoint, ()
    if current.state.version < dispute.version + (not dispute.enforced):
        return endpoint, ()
    answer = fx.LedgerResolve(ledger_ready(endpoint), dispute.deadline)
    return replace(endpoint, dispute=replace(dispute, answered=True)), (answer,)


def answer_with_newest(endpoint: Endpoint) -> tuple[fx.Effect, ...]:
    """Our newest co-signed state for the peer. Version 0 it can see on the ledger."""
    if endpoint.current is None or endpoint.current.state.version == 0:
        return ()
    newest, funded = ledger_ready(endpoint), endpoint.funded
    if funded is not None and is_as_funded(endpoint):
        if not (newest.signature_a and newest.signature_b):
            return ()
        return (fx.SendMessage(FundingAnswer(funded, newest.signature_a, newest.signature_b)),)
    return (fx.SendMessage(DisputeAnswer(newest.state, newest.signature_a, newest.signature_b)),)
