"""Top-up and withdrawal while a channel stays open: settled at the balances, funded anew, one co-signed change.

The ledger takes the change until its `valid_until`. So from the moment of our signature until the ledger shows
the change, or its own clock is past that time without it, we sign nothing else (`Endpoint.pledge`): a state
signed in between would be worth nothing beside new fundings, or the change would undo it.
"""

from msgspec.structs import replace

from channels_engine.core import effects as fx
from channels_engine.core import inputs, merkle, restoring
from channels_engine.core.adoption import answer_with_newest
from channels_engine.core.drafts import draft_change
from channels_engine.core.errors import Violation
from channels_engine.core.evidence import bring_again, ledger_ready_change
from channels_engine.core.messages import (
    DisputeRaise,
    FundingConfirm,
    FundingRequest,
    Permit,
    UpdateAbort,
)
from channels_engine.core.rules import (
    changed_state,
    current_of,
    funded_total,
    is_as_funded,
    require_before_farewell,
    require_free,
    require_nothing_outstanding,
    require_own_version,
    require_peer_version,
    require_signer,
)
from channels_engine.core.state import Before, CoSigned, Endpoint, Phase, Pledge, Purpose, Staged
from channels_engine.core.types import ZERO_ADDRESS, ChannelState, FundingChange, Side
from channels_engine.core.updates import known_version, stage

Step = tuple[Endpoint, tuple[fx.Effect, ...]]

_RACES = frozenset(
    {
        "bad_funding",
        "changing",
        "closing_down",
        "history_lost",
        "refunds_at_risk",
        "stale_base",
        "superseded",
        "too_late",
    },
)


def request(endpoint: Endpoint, change: inputs.ActionRequestFunding, now: int) -> Step:
    """Our user asks: from here on we sign nothing else, since the peer can complete this."""
    require_free(endpoint, now)
    require_signer(endpoint, change.change, endpoint.me)
    wanted = change.change.value
    require_own_version(endpoint, wanted.version)
    require_before_farewell(endpoint)
    _require_draft(endpoint, wanted, now)
    _require_proof(endpoint, wanted, change.permit, endpoint.me)
    signature = change.change.signature
    pledged = _pledged(wanted, endpoint.me, signature, change.permit)
    asked = replace(
        endpoint,
        phase=Phase.CHANGING,
        pledge=pledged,
        highest_version=wanted.version,
        offers=(),
    )
    return asked, (fx.SendMessage(FundingRequest(wanted, signature, change.permit)),)


def _require_draft(endpoint: Endpoint, wanted: FundingChange, now: int) -> None:
    draft = draft_change(endpoint, wanted.funding_a, wanted.funding_b, wanted.valid_until, wanted.version)
    if draft != wanted:
        raise Violation("wrong_state", "The change is not the one that follows from the current state.")
    policy = endpoint.policy
    first, last = now + policy.close_timeout_s, now + policy.max_change_s
    if not first < wanted.valid_until <= last or wanted.valid_until >= endpoint.opening.expiry:
        raise Violation(
            "too_late",
            f"At {now} a change must be valid until between {first} and {last}, and before the channel's "
            "expiry; sign another one.",
        )


def _require_proof(endpoint: Endpoint, wanted: FundingChange, proof: Permit | None, side: Side) -> None:
    """A deposit that grows needs a permit; nothing else is proven, since the ledger knows the notes."""
    opening = endpoint.opening
    source = opening.source_a if side is Side.A else opening.source_b
    before, after = (
        (wanted.balance_a, wanted.funding_a) if side is Side.A else (wanted.balance_b, wanted.funding_b)
    )
    grows = source == ZERO_ADDRESS and after > before
    if grows is not (proof is not None):
        raise Violation(
            "bad_funding", f"Side {side.name} shows a permit for what its deposit grows by, and else nothing."
        )


def _pledged(wanted: FundingChange, proposer: Side, signature: bytes, permit: Permit | None) -> Pledge:
    blank = Pledge(wanted, changed_state(wanted), proposer, (b"", b""), (None, None))
    return _signed(blank, proposer, signature, permit)


def _signed(pledge: Pledge, side: Side, signature: bytes, permit: Permit | None) -> Pledge:
    signatures, permits = list(pledge.signatures), list(pledge.permits)
    signatures[side], permits[side] = signature, permit
    return replace(pledge, signatures=(signatures[0], signatures[1]), permits=(permits[0], permits[1]))


def receive(endpoint: Endpoint, change: inputs.ReceiveFundingRequest, now: int) -> Step:
    """Stage the peer's wish, or answer why not."""
    wanted = change.change.value
    require_signer(endpoint, change.change, endpoint.peer)
    if wanted.channel != endpoint.channel:
        raise Violation("wrong_channel", "The change names another channel; sign it for this one.")
    require_peer_version(endpoint, wanted.version)
    staged, pledge, current = endpoint.staged, endpoint.pledge, current_of(endpoint).state
    if (staged is not None and staged.change == wanted) or (pledge is not None and pledge.change == wanted):
        return endpoint, ()
    if wanted.version <= current.version:
        return endpoint, answer_with_newest(endpoint)
    try:
        fitting = _fitting(endpoint, change, now)
    except Violation as violation:
        if violation.code not in _RACES:
            raise
        return known_version(endpoint, wanted.version), (
            fx.SendMessage(UpdateAbort(wanted.version, violation.code)),
        )
    return stage(endpoint, fitting), (fx.NotifyStaged(Purpose.FUNDING, wanted.version),)


def _fitting(endpoint: Endpoint, change: inputs.ReceiveFundingRequest, now: int) -> Staged:
    wanted = change.change.value
    if endpoint.phase is Phase.CHANGING:
        raise Violation("changing", "Another change of the funding waits for the ledger.")
    if endpoint.phase not in (Phase.OPEN, Phase.STAGED) or now >= endpoint.opening.expiry:
        raise Violation("closing_down", "The channel is disputed, closing or expired.")
    if wanted.version <= endpoint.highest_version:
        raise Violation("superseded", f"Version {endpoint.highest_version} is known already.")
    if wanted.base != current_of(endpoint).state.version:
        raise Violation("stale_base", f"The channel is at version {current_of(endpoint).state.version}.")
    require_before_farewell(endpoint)
    _require_draft(endpoint, wanted, now)
    _require_proof(endpoint, wanted, change.permit, endpoint.peer)
    return Staged(
        Purpose.FUNDING,
        changed_state(wanted),
        endpoint.peer,
        change.change.signature,
        wanted.valid_until - endpoint.policy.close_timeout_s,
        open_trades=endpoint.open_trades,
        tree=endpoint.tree,
        change=wanted,
        permit=change.permit,
    )


def confirm(endpoint: Endpoint, change: inputs.ActionConfirmFunding, now: int) -> Step:
    """Our user agrees: who completes the signatures brings the change to the ledger."""
    staged, signed = endpoint.staged, change.change
    if staged is None or staged.change is None:
        raise Violation("not_staged", "No change of the funding awaits our signature.")
    require_nothing_outstanding(endpoint, now)
    require_signer(endpoint, signed, endpoint.me)
    if signed.value != staged.change:
        raise Violation("wrong_state", "Sign the staged change of the funding, and nothing else.")
    if now >= staged.expires_at:
        raise Violation("staged_expired", f"The change could be confirmed until {staged.expires_at}.")
    if endpoint.dropped is not None:
        raise Violation("unanswered_proposal", "A proposal of ours is unanswered; wait for its end.")
    _require_proof(endpoint, signed.value, change.permit, endpoint.me)
    asked = _pledged(staged.change, staged.proposer, staged.signature, staged.permit)
    pledge = _signed(asked, endpoint.me, signed.signature, change.permit)
    after = replace(endpoint, phase=Phase.CHANGING, staged=None, offers=(), pledge=pledge)
    message = FundingConfirm(signed.value.version, signed.signature, change.permit)
    return after, (fx.SendMessage(message), ledger_ready_change(after, pledge))


def confirmed(endpoint: Endpoint, change: inputs.ReceiveFundingConfirm, now: int) -> Step:
    """The peer agreed to what we asked for, and brings it to the ledger; we do, if that does not come in time."""
    require_signer(endpoint, change.change, endpoint.peer)
    pledge, wanted = endpoint.pledge, change.change.value
    if endpoint.funded is not None and wanted.version <= endpoint.funded.version:
        return endpoint, ()
    if pledge is None or pledge.change != wanted:
        raise Violation("not_staged", f"No change of version {wanted.version} of ours awaits an answer.")
    if pledge.signatures[endpoint.peer]:
        return endpoint, ()
    _require_proof(endpoint, wanted, change.permit, endpoint.peer)
    complete = _signed(pledge, endpoint.peer, change.change.signature, change.permit)
    due = now + endpoint.policy.close_timeout_s if endpoint.phase is Phase.CHANGING else None
    return replace(endpoint, pledge=complete, finalise_due=due), (
        fx.NotifyPhase("both signed the change of the funding"),
    )


def bring(endpoint: Endpoint) -> Step:
    """The peer left the change to us: bring it to the ledger."""
    return replace(endpoint, finalise_due=None), bring_again(endpoint)


def changed(endpoint: Endpoint, change: inputs.LedgerFundingChanged, _: int) -> Step:
    """The ledger settled the channel and funded it anew: all states from here on sum to the new fundings."""
    pledge, before = endpoint.pledge, current_of(endpoint)
    known = pledge is not None and pledge.change.version == change.version
    if endpoint.funded is not None and change.version <= endpoint.funded.version:
        return _told_again(endpoint, known=known), ()
    held = funded_total(endpoint)
    if change.balance_a + change.balance_b != held or min(change.funding_a, change.funding_b) < 0:
        raise Violation(
            "not_conserved",
            f"The ledger settled {change.balance_a + change.balance_b}, it held {held}; check the node.",
        )
    funded = pledge.change if pledge is not None and known else _as_told(before.state, change)
    signatures = pledge.signatures if pledge is not None and known else (b"", b"")
    made = CoSigned(changed_state(funded), *signatures)
    after = _refunded(endpoint, funded, _newer(before, made), lost=not known)
    told = fx.NotifyFunded(change.version, change.funding_a, change.funding_b)
    if known:
        return after, (told,)
    ask = DisputeRaise(change.version, "the ledger knows a change of the funding that this side lost")
    return after, (fx.SendMessage(ask), told)


def _told_again(endpoint: Endpoint, *, known: bool) -> Endpoint:
    """A change that we knew. After a reorganisation the wait for it ends so."""
    if not known:
        return endpoint
    phase = Phase.OPEN if endpoint.phase is Phase.CHANGING else endpoint.phase
    return replace(endpoint, phase=phase, pledge=None)


def _newer(before: CoSigned, made: CoSigned) -> CoSigned:
    """A state above the change counts on, if the ledger would still take it."""
    same = before.state.balance_a + before.state.balance_b == made.state.balance_a + made.state.balance_b
    return before if same and before.state.version > made.state.version else made


def _as_told(state: ChannelState, change: inputs.LedgerFundingChanged) -> FundingChange:
    """The change as far as the ledger tells it, on top of the counters and trades that we know."""
    return FundingChange(
        state.channel,
        change.version,
        state.version,
        change.balance_a,
        change.balance_b,
        change.funding_a,
        change.funding_b,
        state.energy_to_a,
        state.energy_to_b,
        state.trades_root,
        0,
    )


def _refunded(endpoint: Endpoint, funded: FundingChange, current: CoSigned, *, lost: bool) -> Endpoint:
    version, farewell = funded.version, endpoint.farewell
    dropped = endpoint.dropped
    return replace(
        endpoint,
        phase=Phase.DISPUTED if endpoint.phase is Phase.DISPUTED else Phase.OPEN,
        current=current,
        funded=funded,
        pledge=None,
        highest_version=max(endpoint.highest_version, version),
        ledger_version=max(endpoint.ledger_version, version),
        offers=(),
        staged=None,
        dropped=dropped if dropped is not None and dropped.state.version > version else None,
        refused=tuple(item for item in endpoint.refused if item.state.version > version),
        farewell=farewell if farewell is not None and farewell.version > version else None,
        finalise_due=None,
        dispute_due=None,
        consent=b"",
        history_lost=endpoint.history_lost or lost,
        unchanged=Before(current_of(endpoint), endpoint.funded, endpoint.open_trades, endpoint.tree),
    )


def time_passed(endpoint: Endpoint, change: inputs.LedgerTimePassed, _: int) -> Step:
    """Only the ledger's own clock ends a pledge: ours says nothing about blocks that we have not seen."""
    pledge = endpoint.pledge
    if pledge is None or change.at <= pledge.change.valid_until:
        return endpoint, ()
    phase = Phase.OPEN if endpoint.phase is Phase.CHANGING else endpoint.phase
    due = None if endpoint.phase is Phase.CHANGING else endpoint.finalise_due
    lapsed = replace(endpoint, phase=phase, pledge=None, finalise_due=due)
    told = fx.NotifyPhase("the change of the funding lapsed")
    lost = endpoint.unchanged
    if lost is None or endpoint.funded is None or endpoint.funded.version != pledge.change.version:
        return lapsed, (told,)
    return _unchanged(lapsed, lost), (told,)


def _unchanged(endpoint: Endpoint, lost: Before) -> Endpoint:
    """A reorganisation took the change back and it is too late for it: what it replaced counts again."""
    return replace(
        endpoint,
        current=lost.current,
        funded=lost.funded,
        open_trades=lost.open_trades,
        tree=lost.tree,
        unchanged=None,
    )


def answered(endpoint: Endpoint, change: inputs.ReceiveFundingAnswer, now: int) -> Step:
    """The co-signed change on which the peer's channel stands: completes what we pledged or lost."""
    wanted = change.by_a.value
    require_signer(endpoint, change.by_a, Side.A)
    require_signer(endpoint, change.by_b, Side.B)
    if wanted != change.by_b.value or wanted.channel != endpoint.channel:
        raise Violation("wrong_state", "Both signatures must be under one change of this channel.")
    endpoint = restoring.certain(endpoint, wanted.version)
    pledge, funded = endpoint.pledge, endpoint.funded
    if pledge is not None and pledge.change == wanted and not all(pledge.signatures):
        theirs = change.by_b if endpoint.me is Side.A else change.by_a
        complete = _signed(pledge, endpoint.peer, theirs.signature, pledge.permits[endpoint.peer])
        due = now if endpoint.phase is Phase.CHANGING else None
        return replace(endpoint, pledge=complete, finalise_due=due), ()
    if funded is None or not is_as_funded(endpoint) or not _same_change(funded, wanted):
        return endpoint, ()
    current = current_of(endpoint)
    if funded == wanted and current.signature_a and current.signature_b:
        return endpoint, ()
    return _learned(endpoint, wanted, (change.by_a.signature, change.by_b.signature)), ()


def _same_change(one: FundingChange, other: FundingChange) -> bool:
    return (one.version, one.funding_a, one.funding_b) == (other.version, other.funding_a, other.funding_b)


def _learned(endpoint: Endpoint, funded: FundingChange, signatures: tuple[bytes, bytes]) -> Endpoint:
    """The trades are known again if ours are those that the change names."""
    ours = merkle.trades_root(endpoint.tree, merkle.open_list(endpoint.open_trades))
    return replace(
        endpoint,
        funded=funded,
        current=CoSigned(changed_state(funded), *signatures),
        history_lost=ours != funded.trades_root,
    )
