"""What a client signs: drafts of the next state, for browsers' servers, agents and tests.

All raise `LocalProtocolError` where the draft can't be made. A client that holds its key apart from the
machine remembers the highest version that it ever signed and gives it as `above`: a signature that a server
refused may have been kept, and no version may be signed twice (invariant 2).
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar

from channels_engine.core.drafts import draft_change, draft_final, draft_settlement, draft_trade
from channels_engine.core.errors import LocalProtocolError, Violation
from channels_engine.core.offers import live_offer
from channels_engine.core.rules import disputed_version, own_version
from channels_engine.core.state import Endpoint, LiveOffer
from channels_engine.core.types import ChannelState, Delivery, DisputeRequest, FundingChange

P = ParamSpec("P")
R = TypeVar("R")


def _local(draft: Callable[P, R]) -> Callable[P, R]:
    @wraps(draft)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return draft(*args, **kwargs)
        except Violation as violation:
            raise LocalProtocolError(violation.code, violation.message) from None

    return wrapper


def next_version(endpoint: Endpoint, above: int = 0) -> int:
    """The version that our next proposal must have: above all known ones, odd for A, even for B."""
    return own_version(endpoint, above)


@_local
def next_state_for_offer(endpoint: Endpoint, offer: bytes, above: int = 0) -> ChannelState:
    """The state that accepts the peer's live offer with this `Offer.id`."""
    live = live_offer(endpoint, offer, endpoint.peer)
    return draft_trade(endpoint, live, endpoint.me, own_version(endpoint, above)).state


@_local
def next_state_for_settlement(
    endpoint: Endpoint, deliveries: Sequence[Delivery], above: int = 0
) -> ChannelState:
    """The state that settles these deliveries, in this order (it decides whose refund the balance covers)."""
    return draft_settlement(endpoint, deliveries, endpoint.me, own_version(endpoint, above)).state


@_local
def final_state(endpoint: Endpoint, above: int = 0) -> ChannelState:
    """The state that closes the channel as it is."""
    return draft_final(endpoint, endpoint.me, own_version(endpoint, above)).state


@_local
def next_change(
    endpoint: Endpoint, funding_a: int, funding_b: int, valid_until: int, above: int = 0
) -> FundingChange:
    """The top-up or withdrawal after which the balances are these; the ledger takes it until `valid_until`."""
    return draft_change(endpoint, funding_a, funding_b, valid_until, own_version(endpoint, above))


@_local
def dispute_request(endpoint: Endpoint) -> DisputeRequest:
    """What our user signs to let a dispute go to the ledger."""
    return DisputeRequest(endpoint.channel, disputed_version(endpoint))


def state_of_version(endpoint: Endpoint, version: int) -> ChannelState | None:
    """The proposed or current state of this version: what a confirmation of it signs."""
    known = (endpoint.staged, endpoint.dropped, *endpoint.refused, endpoint.current)
    return next((item.state for item in known if item is not None and item.state.version == version), None)


def change_of_version(endpoint: Endpoint, version: int) -> FundingChange | None:
    """The proposed, pledged or last change of the funding of this version: what a confirmation of it signs."""
    staged, pledge = endpoint.staged, endpoint.pledge
    known = (
        None if staged is None else staged.change,
        None if pledge is None else pledge.change,
        endpoint.funded,
    )
    return next((change for change in known if change is not None and change.version == version), None)


def accepted_offer(endpoint: Endpoint, offer: bytes) -> LiveOffer | None:
    """The peer's offer with this `Offer.id` that we accepted and that is not countersigned: what `enforce.offer` signs."""
    known = (endpoint.dropped, *endpoint.refused, endpoint.staged)
    found = (item.offer for item in known if item is not None and item.proposer is endpoint.me)
    return next((live for live in found if live is not None and live.offer.id == offer), None)
