"""Disputes: raised off-chain first, judged by the ledger; and what the ledger says is done.

The watchtower is here: a stale state on the ledger is answered at once with our newest one.
"""

from msgspec.structs import replace

from channels_engine.core import effects as fx
from channels_engine.core import inputs, restoring
from channels_engine.core.adoption import adopt, adopt_unknown, answer_dispute, answer_with_newest
from channels_engine.core.deliveries import enforce_deliveries
from channels_engine.core.errors import Violation
from channels_engine.core.evidence import bring_again, ledger_ready
from channels_engine.core.messages import DisputeRaise, UpdateAbort, UpdateFallback
from channels_engine.core.rules import (
    current_of,
    disputed_version,
    funded_total,
    own_proposals,
    require_signer,
)
from channels_engine.core.state import CoSigned, Dispute, Endpoint, Phase, Staged
from channels_engine.core.types import ChannelState, DisputeRequest, Side

Step = tuple[Endpoint, tuple[fx.Effect, ...]]


def raise_dispute(endpoint: Endpoint, change: inputs.ActionDispute, now: int) -> Step:
    """Ask the peer for what is missing; when the timer ends without it, the ledger is asked."""
    if endpoint.dispute_due is not None:
        raise Violation(
            "dispute_pending", "A dispute is raised already; it goes to the ledger when its time is up."
        )
    version, consent = disputed_version(endpoint), change.consent
    if consent is not None:
        require_signer(endpoint, consent, endpoint.me)
        if consent.value != DisputeRequest(endpoint.channel, version):
            raise Violation("wrong_consent", f"Sign the dispute of this channel with version {version}.")
    signature = None if consent is None else consent.signature
    raised = replace(
        endpoint,
        dispute_due=now + endpoint.policy.dispute_timeout_s,
        consent=signature or b"",
    )
    # The consent stays here until the ledger is asked. The attack: a peer that holds it answers, trades on, and then
    # disputes in our name with the old version, which is stale by then.
    return raised, (fx.SendMessage(DisputeRaise(version, change.reason)),)


def asked(endpoint: Endpoint, change: inputs.ReceiveDisputeRaise, _: int) -> Step:
    """The peer asks for our newest state: it gets it, unless its own is newer."""
    if endpoint.doubtful or current_of(endpoint).state.version < change.version:
        return endpoint, ()
    return endpoint, answer_with_newest(endpoint)


def answered(endpoint: Endpoint, change: inputs.ReceiveDisputeAnswer, now: int) -> Step:
    """The peer's newest co-signed state: taken if it is newer than ours, which ends an off-chain dispute."""
    state = change.by_a.value
    require_signer(endpoint, change.by_a, Side.A)
    require_signer(endpoint, change.by_b, Side.B)
    if state != change.by_b.value or state.channel != endpoint.channel:
        raise Violation("wrong_state", "Both signatures must be under one state of this channel.")
    endpoint = restoring.certain(endpoint, state.version)
    if state.version <= current_of(endpoint).state.version:
        return endpoint, ()
    if state.balance_a + state.balance_b != funded_total(endpoint):
        raise Violation(
            "not_conserved", "The state does not sum to what the ledger holds; it is worth nothing."
        )
    known = _proposal_of(endpoint, state)
    if known is None:
        return adopt_unknown(endpoint, CoSigned(state, change.by_a.signature, change.by_b.signature), now)
    counter = change.by_b if known.proposer is Side.A else change.by_a
    return adopt(endpoint, known, counter.signature, now)


def _proposal_of(endpoint: Endpoint, state: ChannelState) -> Staged | None:
    peers = () if endpoint.staged is None else (endpoint.staged,)
    return next((item for item in (*own_proposals(endpoint), *peers) if item.state == state), None)


def elapsed(endpoint: Endpoint, reason: str, consent: bytes) -> Step:
    """Go to the ledger with our newest state."""
    version = disputed_version(endpoint)
    effect = fx.LedgerDispute(ledger_ready(endpoint), consent, version)
    stopped, effects = halted(endpoint)
    if consent:
        stopped = replace(stopped, outstanding=(*endpoint.outstanding, (version, None)))
    return stopped, (*effects, effect, fx.NotifyPhase(reason))


def halted(endpoint: Endpoint) -> Step:
    """Disputed: nothing is staged or offered any more, and the peer is told."""
    staged = endpoint.staged
    mine = staged is not None and staged.proposer is endpoint.me
    stopped = replace(
        endpoint,
        phase=Phase.DISPUTED,
        staged=None,
        dropped=staged if mine else endpoint.dropped,
        offers=(),
        dispute_due=None,
        consent=b"",
        finalise_due=None,
    )
    if staged is None:
        return stopped, ()
    version = staged.state.version
    return stopped, (fx.SendMessage(UpdateFallback(version) if mine else UpdateAbort(version, "disputed")),)


def disputed(endpoint: Endpoint, change: inputs.LedgerDisputed, _: int) -> Step:
    """Somebody disputes on the ledger: answer a stale version at once, wait on our own, learn from a newer."""
    known = endpoint.dispute
    if known is not None and (known.version, known.deadline) == (change.version, change.deadline):
        return endpoint, ()
    stopped, effects = halted(endpoint)
    disputing = replace(stopped, dispute=Dispute(change.version, change.deadline))
    after, answer = answer_dispute(seen(disputing, change.version))
    told = (*overruled(endpoint), fx.NotifyPhase(f"disputed on the ledger with version {change.version}"))
    return after, (*effects, *answer, *ask_for_newer(after), *enforce_deliveries(after), *told)


def overruled(endpoint: Endpoint) -> tuple[fx.Effect, ...]:
    """What to say where the ledger's own version is replaced by another one."""
    return (fx.NotifyOverruled(),) if endpoint.dispute is not None and endpoint.dispute.enforced else ()


def seen(endpoint: Endpoint, version: int) -> Endpoint:
    """With this version known to be on the ledger."""
    known = max(endpoint.ledger_version, version)
    left = tuple(item for item in endpoint.outstanding if item[0] >= known)
    return replace(endpoint, ledger_version=known, outstanding=left)


def ask_for_newer(endpoint: Endpoint) -> tuple[fx.Effect, ...]:
    """If the ledger knows more than we do, nothing of ours can be called newer: ask the peer for its state."""
    version = current_of(endpoint).state.version
    if endpoint.ledger_version <= version:
        return ()
    return (fx.SendMessage(DisputeRaise(version, f"the ledger knows version {endpoint.ledger_version}")),)


def resolved(endpoint: Endpoint, change: inputs.LedgerResolved, now: int) -> Step:
    """A newer state was shown. The channel goes on; after its expiry the dispute does, with that state."""
    if change.deadline:
        return disputed(endpoint, inputs.LedgerDisputed(change.version, change.deadline), now)
    known = seen(endpoint, change.version)
    if endpoint.phase is not Phase.DISPUTED:
        return known, ()
    told = (
        *overruled(endpoint),
        fx.NotifyPhase(f"dispute resolved on the ledger with version {change.version}"),
    )
    if current_of(known).state.is_final:
        closing = replace(known, phase=Phase.CLOSING, dispute=None)
        return closing, (fx.LedgerFinalise(ledger_ready(closing)), *told)
    phase = Phase.OPEN if known.pledge is None else Phase.CHANGING
    opened = replace(known, phase=phase, dispute=None)
    return opened, (*ask_for_newer(opened), *bring_again(opened), *told)


def finalised(endpoint: Endpoint, change: inputs.LedgerFinalised, _: int) -> Step:
    """The ledger has paid out: the end, whatever we thought before."""
    if endpoint.phase is Phase.CLOSED and endpoint.payout == (change.balance_a, change.balance_b):
        return endpoint, ()
    paid, held = change.balance_a + change.balance_b, funded_total(endpoint)
    if paid != held or min(change.balance_a, change.balance_b) < 0:
        raise Violation(
            "not_conserved",
            f"The ledger reports a payout of {paid}, it held {held}; "
            "check the node and the contract's address.",
        )
    closed = replace(
        halted(endpoint)[0],
        phase=Phase.CLOSED,
        dropped=None,
        refused=(),
        dispute=None,
        pledge=None,
        ledger_version=max(endpoint.ledger_version, change.version),
        payout=(change.balance_a, change.balance_b),
    )
    told = fx.NotifyPhase(f"closed on the ledger with version {change.version}")
    return closed, (*_paid_out(endpoint, change.version), told)


def _paid_out(endpoint: Endpoint, version: int) -> tuple[fx.Effect, ...]:
    """Whether what was paid is the disputed state with its refunds, or a final one that both signed since."""
    dispute, newest = endpoint.dispute, current_of(endpoint).state
    if dispute is None:
        return ()
    if dispute.version != version or (newest.is_final and newest.version == version):
        return overruled(endpoint)
    return (fx.NotifyPaidOut(dispute.delivered, version),) if dispute.delivered else ()


def claim(endpoint: Endpoint, dispute: Dispute) -> Step:
    """The challenge period is over: have the disputed state paid out."""
    claimed = replace(endpoint, dispute=replace(dispute, claimed=True))
    return claimed, (fx.LedgerFinaliseDisputed(endpoint.channel, dispute.deadline),)


def finalise_late(endpoint: Endpoint) -> Step:
    """The peer signed the final state and left it to us to bring it to the ledger."""
    return replace(endpoint, finalise_due=None), (fx.LedgerFinalise(ledger_ready(endpoint)),)
