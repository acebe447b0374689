"""Updates: one side signs the next state, the other countersigns or refuses; timers end what is left open.

The same handlers serve trades, settlements and closings, which differ in their drafts only.
Crossing proposals: both sides may propose at once. Their versions differ by parity, and the higher one wins
on both sides: its proposer refuses the lower one, the other side drops its own and may countersign.
"""

from collections.abc import Mapping
from typing import TypeAlias

from msgspec.structs import replace

from channels_engine.core import effects as fx
from channels_engine.core import inputs
from channels_engine.core.adoption import adopt, answer_with_newest
from channels_engine.core.deliveries import require_metered, with_metered
from channels_engine.core.drafts import draft_final, draft_settlement, draft_trade
from channels_engine.core.errors import Violation
from channels_engine.core.messages import (
    CloseConfirm,
    CloseRequest,
    SettleConfirm,
    SettleRequest,
    SignedDelivery,
    UpdateAbort,
    UpdateConfirm,
    UpdateFallback,
    UpdateRequest,
)
from channels_engine.core.offers import live_offer, without
from channels_engine.core.rules import (
    check_still_valid,
    current_of,
    own_proposals,
    require_before_farewell,
    require_free,
    require_nothing_outstanding,
    require_own_version,
    require_peer_version,
    require_signer,
)
from channels_engine.core.state import Endpoint, Phase, Purpose, Staged
from channels_engine.core.types import ChannelState, Side

Step = tuple[Endpoint, tuple[fx.Effect, ...]]
Accepting: TypeAlias = inputs.ActionAccept | inputs.ReceiveUpdateRequest
Settling: TypeAlias = inputs.ActionSettle | inputs.ReceiveSettleRequest
Closing: TypeAlias = inputs.ActionClose | inputs.ReceiveCloseRequest
Proposal: TypeAlias = Accepting | Settling | Closing
# `isinstance` is several times slower on a union than on a tuple, and this is the hot path.
_ACCEPTING = (inputs.ActionAccept, inputs.ReceiveUpdateRequest)
_SETTLING = (inputs.ActionSettle, inputs.ReceiveSettleRequest)

# What an honest peer may run into, because its proposal and ours, or a clock, crossed: answered, not blamed.
_RACES = frozenset(
    {
        "changing",
        "closing_down",
        "history_lost",
        "insufficient_balance",
        "offer_expired",
        "open_trades",
        "stale_base",
        "superseded",
        "too_many_trades",
        "unknown_offer",
        "unknown_trade",
    },
)


def propose(
    endpoint: Endpoint,
    change: inputs.ActionAccept | inputs.ActionSettle | inputs.ActionClose,
    now: int,
) -> Step:
    """Stage our own signed next state and send it."""
    require_free(endpoint, now)
    signed = change.state
    require_signer(endpoint, signed, endpoint.me)
    require_own_version(endpoint, signed.value.version)
    require_before_farewell(endpoint, signed.value)
    staged = _matching(endpoint, change, endpoint.me, now)
    if signed.value.is_final:
        endpoint = replace(endpoint, farewell=signed.value)
    if staged.settles:
        endpoint = _remember(endpoint, change)
    return stage(endpoint, staged), (fx.SendMessage(_request(change)),)


def _remember(endpoint: Endpoint, change: object) -> Endpoint:
    """With the deliveries of a settlement kept: in a dispute the ledger takes them without the peer."""
    if not isinstance(change, _SETTLING):
        return endpoint
    return with_metered(endpoint, change.deliveries)


def receive(
    endpoint: Endpoint,
    change: inputs.ReceiveUpdateRequest | inputs.ReceiveSettleRequest | inputs.ReceiveCloseRequest,
    now: int,
) -> Step:
    """Stage the peer's signed next state, or answer why not."""
    state = change.state.value
    require_signer(endpoint, change.state, endpoint.peer)
    if state.channel != endpoint.channel:
        raise Violation("wrong_channel", "The state names another channel; sign it for this one.")
    require_peer_version(endpoint, state.version)
    current = current_of(endpoint).state
    if endpoint.staged is not None and endpoint.staged.state == state:
        return endpoint, ()
    if current == state:
        return endpoint, answer_with_newest(endpoint)
    if state.version <= current.version:
        raise Violation(
            "stale_version", f"Version {state.version} is not above {current.version}; propose anew."
        )
    try:
        staged = _fitting(endpoint, change, now)
    except Violation as violation:
        if violation.code not in _RACES:
            raise
        refusal = fx.SendMessage(UpdateAbort(state.version, violation.code))
        news = answer_with_newest(endpoint) if state.base < current.version else ()
        return known_version(endpoint, state.version), (*news, refusal)
    told = fx.NotifyStaged(staged.purpose, state.version)
    if staged.settles:
        endpoint = _remember(endpoint, change)
    return stage(endpoint, staged), (told,)


def _fitting(endpoint: Endpoint, change: Proposal, now: int) -> Staged:
    state = change.state.value
    if endpoint.phase is Phase.CHANGING:
        raise Violation("changing", "A change of the funding waits for the ledger; propose again after it.")
    if endpoint.phase not in (Phase.OPEN, Phase.STAGED) or now >= endpoint.opening.expiry:
        raise Violation("closing_down", "The channel is disputed, closing or expired.")
    if state.version <= endpoint.highest_version:
        raise Violation(
            "superseded", f"Version {endpoint.highest_version} is known already; take a higher one."
        )
    if state.base != current_of(endpoint).state.version:
        raise Violation("stale_base", f"The channel is at version {current_of(endpoint).state.version}.")
    require_before_farewell(endpoint, state)
    return _matching(endpoint, change, endpoint.peer, now)


def _matching(endpoint: Endpoint, change: Proposal, proposer: Side, now: int) -> Staged:
    """Our own draft with the proposer's signature, if that signature is under exactly this draft."""
    draft = _draft(endpoint, change, proposer, change.state.value.version, now)
    if draft.state != change.state.value:
        raise Violation(
            "wrong_state", f"The signed state is not the one that follows from this {draft.purpose.value}."
        )
    policy = endpoint.policy
    if draft.purpose is Purpose.TRADE:
        expires_at = min(draft.expires_at, now + policy.update_timeout_s)
    else:
        expires_at = now + policy.settle_timeout_s
    return replace(draft, signature=change.state.signature, expires_at=expires_at)


def _draft(endpoint: Endpoint, change: Proposal, proposer: Side, version: int, now: int) -> Staged:
    if isinstance(change, _ACCEPTING):
        live = live_offer(endpoint, change.offer, proposer.other)
        check_still_valid(endpoint, live.offer, now)
        return draft_trade(endpoint, live, proposer, version)
    if isinstance(change, _SETTLING):
        require_metered(endpoint, change.deliveries)
        return draft_settlement(endpoint, [signed.value for signed in change.deliveries], proposer, version)
    return draft_final(endpoint, proposer, version)


def stage(endpoint: Endpoint, staged: Staged) -> Endpoint:
    """With this next state staged; an own one that it overtakes is dropped, and stays usable by the peer."""
    mine, overtaken = staged.proposer is endpoint.me, endpoint.staged
    dropped = overtaken if not mine and overtaken and overtaken.proposer is endpoint.me else endpoint.dropped
    return replace(
        endpoint,
        phase=Phase.STAGED,
        staged=staged,
        dropped=dropped,
        offers=without(endpoint, staged.offer),
        highest_version=staged.state.version,
    )


def known_version(endpoint: Endpoint, version: int) -> Endpoint:
    """With this version taken note of, so that it isn't used again."""
    if version <= endpoint.highest_version:
        return endpoint
    return replace(endpoint, highest_version=version)


def _request(
    change: inputs.ActionAccept | inputs.ActionSettle | inputs.ActionClose,
) -> UpdateRequest | SettleRequest | CloseRequest:
    state: ChannelState = change.state.value
    signature = change.state.signature
    if isinstance(change, inputs.ActionAccept):
        return UpdateRequest(change.offer, state, signature)
    if isinstance(change, inputs.ActionSettle):
        deliveries = tuple(SignedDelivery(signed.value, signed.signature) for signed in change.deliveries)
        return SettleRequest(deliveries, state, signature)
    return CloseRequest(state, signature)


_CONFIRM: Mapping[Purpose, type[UpdateConfirm | SettleConfirm | CloseConfirm]] = {
    Purpose.TRADE: UpdateConfirm,
    Purpose.SETTLE: SettleConfirm,
    Purpose.CLOSE: CloseConfirm,
}


def confirm(endpoint: Endpoint, change: inputs.ActionConfirm, now: int) -> Step:
    """Countersign the peer's proposal: it is current from here on."""
    staged = _peers(endpoint)
    signed = change.state
    require_nothing_outstanding(endpoint, now)
    require_signer(endpoint, signed, endpoint.me)
    if staged.change is not None or signed.value != staged.state:
        raise Violation(
            "wrong_state", f"Sign the staged state of version {staged.state.version}, and nothing else."
        )
    if now >= staged.expires_at:
        raise Violation(
            "staged_expired", f"Version {staged.state.version} could be confirmed until {staged.expires_at}."
        )
    after, effects = adopt(endpoint, staged, signed.signature, now)
    message = _CONFIRM[staged.purpose](staged.state.version, signed.signature)
    return after, (fx.SendMessage(message), *effects)


def _peers(endpoint: Endpoint) -> Staged:
    if endpoint.staged is None or endpoint.staged.proposer is endpoint.me:
        raise Violation("not_staged", "No state of the peer awaits our signature.")
    return endpoint.staged


def confirmed(endpoint: Endpoint, change: inputs.ReceiveConfirm, now: int) -> Step:
    """The peer countersigned our proposal, in time or late: co-signed is co-signed."""
    state = change.state.value
    require_signer(endpoint, change.state, endpoint.peer)
    for ours in own_proposals(endpoint):
        if ours.state == state:
            return adopt(endpoint, ours, change.state.signature, now)
    if endpoint.current is not None and endpoint.current.state == state:
        return endpoint, ()
    raise Violation("not_staged", f"No version {state.version} of ours awaits a countersignature.")


def abort(endpoint: Endpoint, change: inputs.ActionAbortUpdate, _: int) -> Step:
    """Our user refuses the peer's proposal."""
    staged = _peers(endpoint)
    if staged.state.version != change.version:
        raise Violation("not_staged", f"Version {staged.state.version} is staged, not {change.version}.")
    return unstaged(endpoint), (fx.SendMessage(UpdateAbort(change.version, change.reason)),)


def unstaged(endpoint: Endpoint) -> Endpoint:
    """Open again, nothing staged."""
    return replace(endpoint, phase=Phase.OPEN, staged=None)


def aborted(endpoint: Endpoint, change: inputs.ReceiveUpdateAbort, _: int) -> Step:
    """The peer refuses our proposal. Late or repeated refusals change nothing.

    The refusal is unsigned: a relay could forge it while the peer countersigns. So the proposal is kept,
    and a countersignature that comes after all is taken.
    """
    staged, dropped = endpoint.staged, endpoint.dropped
    if staged is not None and staged.proposer is endpoint.me and staged.state.version == change.version:
        return replace(unstaged(endpoint), refused=_refused(endpoint, staged)), (
            fx.NotifyPhase(change.reason),
        )
    if dropped is not None and dropped.state.version == change.version:
        return replace(endpoint, dropped=None, refused=_refused(endpoint, dropped)), ()
    pledge = endpoint.pledge
    if pledge is not None and pledge.change.version == change.version:
        return endpoint, (fx.NotifyPhase(f"the peer refuses the change of the funding: {change.reason}"),)
    return endpoint, ()


def _refused(endpoint: Endpoint, proposal: Staged) -> tuple[Staged, ...]:
    return (*endpoint.refused, proposal)[-endpoint.policy.max_refused :]


def fell_back(endpoint: Endpoint, change: inputs.ReceiveUpdateFallback, _: int) -> Step:
    """The peer gave its proposal up and asks what became of it: co-signed here, or refused for good."""
    require_peer_version(endpoint, change.version)
    if current_of(endpoint).state.version >= change.version:
        return endpoint, answer_with_newest(endpoint)
    refusal = (fx.SendMessage(UpdateAbort(change.version, "fallback")),)
    staged = endpoint.staged
    if staged is not None and staged.proposer is endpoint.peer and staged.state.version == change.version:
        return unstaged(endpoint), (*refusal, fx.NotifyPhase("the peer gave its proposal up"))
    return known_version(endpoint, change.version), refusal


def elapsed(endpoint: Endpoint, staged: Staged) -> Step:
    """Time is up for what is staged: drop our own and ask the peer, or refuse the peer's."""
    version = staged.state.version
    if staged.proposer is endpoint.me:
        dropped = replace(unstaged(endpoint), dropped=staged)
        return dropped, (fx.SendMessage(UpdateFallback(version)), fx.NotifyPhase("no answer in time"))
    return unstaged(endpoint), (
        fx.SendMessage(UpdateAbort(version, "expired")),
        fx.NotifyPhase("not confirmed in time"),
    )
