"""The machine: one table says what may happen when, one function does it.

`apply` is pure and total: the same inputs give the same states, so that a log replays. A refused input
raises and leaves the state untouched. Effects are to be done after the new state is durable.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from msgspec.structs import replace

from channels_engine.core import (
    deliveries,
    disputes,
    enforcement,
    funding,
    inputs,
    offers,
    opening,
    reorganisation,
    restoring,
    timers,
    updates,
)
from channels_engine.core.effects import Effect
from channels_engine.core.errors import (
    LedgerProtocolError,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
    Violation,
)
from channels_engine.core.inputs import Input
from channels_engine.core.rules import check_invariants, earliest_due
from channels_engine.core.state import Endpoint, Phase

Step: TypeAlias = tuple[Endpoint, tuple[Effect, ...]]
Handler: TypeAlias = Callable[[Any, Any, int], Step]


def _unchanged(endpoint: Endpoint, _: Input, __: int) -> Step:
    """Late or repeated: it has had its effect."""
    return endpoint, ()


_REQUEST: Mapping[type, Handler] = {
    inputs.ActionRequestOpen: opening.request,
    inputs.ReceiveOpenRequest: opening.request,
}
# From every phase on: the clock, a repeated request, the ledger's last word, and that it takes its words back.
_ALWAYS: Mapping[type, Handler] = {
    inputs.ReceiveOpenRequest: opening.request,
    inputs.TimerElapsed: timers.elapsed,
    inputs.LedgerFinalised: disputes.finalised,
    inputs.LedgerRolledBack: reorganisation.rolled_back,
}
_UNOPENED: Mapping[type, Handler] = {**_ALWAYS, inputs.LedgerOpened: opening.opened}
_ON_LEDGER: Mapping[type, Handler] = {
    **_ALWAYS,
    inputs.LedgerOpened: _unchanged,
    inputs.LedgerDisputed: disputes.disputed,
    inputs.LedgerResolved: disputes.resolved,
    inputs.LedgerFundingChanged: funding.changed,
    inputs.LedgerTimePassed: funding.time_passed,
    inputs.LedgerOfferEnforced: enforcement.offer_enforced,
    inputs.LedgerDeliveryEnforced: deliveries.enforced,
    inputs.LedgerCheckpointed: enforcement.checkpointed,
    inputs.ReceiveOpenConfirm: _unchanged,
    inputs.ReceiveDisputeRaise: disputes.asked,
    inputs.ReceiveDisputeAnswer: disputes.answered,
    inputs.ReceiveUpdateRequest: updates.receive,
    inputs.ReceiveSettleRequest: updates.receive,
    inputs.ReceiveCloseRequest: updates.receive,
    inputs.ReceiveConfirm: updates.confirmed,
    inputs.ReceiveUpdateAbort: updates.aborted,
    inputs.ReceiveUpdateFallback: updates.fell_back,
    inputs.ReceiveReject: offers.rejected,
    inputs.ReceiveWithdraw: offers.withdrawn,
    inputs.ReceiveFundingRequest: funding.receive,
    inputs.ReceiveFundingConfirm: funding.confirmed,
    inputs.ReceiveFundingAnswer: funding.answered,
    inputs.ReceiveEnforceOffer: enforcement.told,
    inputs.ReceiveEnforceDelivery: deliveries.shown,
    inputs.ReceiveCheckpoint: _unchanged,
}
_TRADING: Mapping[type, Handler] = {
    **_ON_LEDGER,
    inputs.ActionOffer: offers.offer,
    inputs.ReceiveOffer: offers.offer,
    inputs.ActionReject: offers.reject,
    inputs.ActionWithdraw: offers.withdraw,
    inputs.ActionDispute: disputes.raise_dispute,
    inputs.ActionCheckpoint: enforcement.checkpoint,
    inputs.ActionEnforceOffer: enforcement.enforce,
}

TABLE: Mapping[Phase | None, Mapping[type, Handler]] = MappingProxyType(
    {
        None: _REQUEST,
        Phase.REQUESTED: {
            **_UNOPENED,
            inputs.ActionConfirmOpen: opening.confirm,
            inputs.ReceiveOpenConfirm: opening.confirm,
            inputs.ActionAbortOpen: opening.abort,
            inputs.ReceiveOpenAbort: opening.abort,
        },
        Phase.FUNDING: {**_UNOPENED, inputs.ReceiveOpenConfirm: _unchanged},
        Phase.OPEN: {
            **_TRADING,
            inputs.ActionAccept: updates.propose,
            inputs.ActionSettle: updates.propose,
            inputs.ActionClose: updates.propose,
            inputs.ActionRequestFunding: funding.request,
        },
        Phase.STAGED: {
            **_TRADING,
            inputs.ActionConfirm: updates.confirm,
            inputs.ActionAbortUpdate: updates.abort,
            inputs.ActionConfirmFunding: funding.confirm,
        },
        Phase.CHANGING: {
            **_ON_LEDGER,
            inputs.ActionDispute: disputes.raise_dispute,
            inputs.ActionCheckpoint: enforcement.checkpoint,
        },
        Phase.CLOSING: _ON_LEDGER,
        Phase.DISPUTED: {**_ON_LEDGER, inputs.ActionEnforceDelivery: deliveries.shown},
        Phase.CLOSED: {
            **_ALWAYS,
            inputs.LedgerOpened: _unchanged,
            inputs.LedgerDisputed: _unchanged,
            inputs.LedgerResolved: _unchanged,
            inputs.LedgerFundingChanged: _unchanged,
            inputs.LedgerTimePassed: _unchanged,
            inputs.LedgerOfferEnforced: _unchanged,
            inputs.LedgerDeliveryEnforced: _unchanged,
            inputs.LedgerCheckpointed: _unchanged,
            inputs.ReceiveOpenConfirm: _unchanged,
            inputs.ReceiveUpdateAbort: _unchanged,
            inputs.ReceiveReject: _unchanged,
            inputs.ReceiveWithdraw: _unchanged,
        },
        Phase.ABORTED: {
            **_UNOPENED,
            inputs.ReceiveOpenAbort: _unchanged,
            inputs.ReceiveOpenConfirm: _unchanged,
        },
    },
)

_ORIGINS: Mapping[str, type[ProtocolError]] = {
    "Action": LocalProtocolError,
    "Receive": RemoteProtocolError,
    "Ledger": LedgerProtocolError,
    "Timer": LocalProtocolError,
}


def _blamed(kind: type) -> type[ProtocolError]:
    return next(error for prefix, error in _ORIGINS.items() if kind.__name__.startswith(prefix))


_BLAME: Mapping[type, type[ProtocolError]] = MappingProxyType(
    {kind: _blamed(kind) for kind in Input.__args__}
)


def apply(endpoint: Endpoint | None, change: Input, now: int) -> Step:
    """Apply one input to one party's view.

    Args:
        endpoint: The view before; None before the channel was asked for.
        change: What happened; its prefix tells the origin.
        now: Seconds since the epoch, UTC.

    Returns:
        The view after, and what is to be done once it is durable.

    Raises:
        LocalProtocolError: Our own user asked for what is forbidden.
        RemoteProtocolError: The peer broke the protocol.
        LedgerProtocolError: The ledger reported what can't be.
        InvariantError: A bug; nothing may be stored.
    """
    try:
        after, effects = _handler(endpoint, change)(endpoint, change, now)
    except Violation as violation:
        raise _BLAME[type(change)](violation.code, violation.message) from violation
    if after is not endpoint:
        due = earliest_due(after)
        if due != after.wake_at:
            after = replace(after, wake_at=due)
        check_invariants(endpoint, after)
    return after, effects


def _handler(endpoint: Endpoint | None, change: Input) -> Handler:
    phase = None if endpoint is None else endpoint.phase
    handler = TABLE[phase].get(type(change))
    if handler is None:
        where = "before it is requested" if phase is None else f"while it is {phase.value}"
        raise Violation(
            "not_now", f"{type(change).__name__} can't happen to a channel {where}; read its state first."
        )
    if endpoint is not None and endpoint.doubtful:
        restoring.require_certainty(change)
    return handler
