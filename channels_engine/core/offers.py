"""Negotiation: signed offers, counter-offers, rejections, withdrawals. Nothing moves."""

from msgspec.structs import replace

from channels_engine.core import effects as fx
from channels_engine.core import inputs
from channels_engine.core.errors import Violation
from channels_engine.core.messages import Counter, OfferMade, Reject, Withdraw
from channels_engine.core.rules import check_offer, require_before_farewell, require_signer
from channels_engine.core.state import Endpoint, LiveOffer
from channels_engine.core.types import Offer, Side

Step = tuple[Endpoint, tuple[fx.Effect, ...]]
# A peer may come to these without breaking a rule: its offer and our update crossed on their way.
_RACES = frozenset({"closing_down", "stale_base", "offer_expired", "insufficient_balance"})


def find_offer(endpoint: Endpoint, offer: bytes, offeror: Side) -> LiveOffer | None:
    """The live offer of that side with this `Offer.id`, if there is one."""
    for live in endpoint.offers:
        if live.offeror is offeror and live.offer.id == offer:
            return live
    return None


def live_offer(endpoint: Endpoint, offer: bytes, offeror: Side) -> LiveOffer:
    """The live offer of that side with this `Offer.id`.

    Raises:
        Violation: There is none.
    """
    found = find_offer(endpoint, offer, offeror)
    if found is None:
        raise Violation(
            "unknown_offer",
            f"No offer 0x{offer.hex()} is live: it expired, was withdrawn or answered; ask for a new one.",
        )
    return found


def without(endpoint: Endpoint, gone: LiveOffer | None) -> tuple[LiveOffer, ...]:
    """All live offers but this one."""
    return tuple([live for live in endpoint.offers if live != gone])


def offer(endpoint: Endpoint, change: inputs.ActionOffer | inputs.ReceiveOffer, now: int) -> Step:
    """Take up a signed offer. One that answers another takes that one's place."""
    mine = isinstance(change, inputs.ActionOffer)
    sender = endpoint.me if mine else endpoint.peer
    signed = change.offer
    made = LiveOffer(signed.value, signed.signature, sender)
    require_signer(endpoint, signed, sender)
    if mine and change.answers is not None:
        live_offer(endpoint, change.answers, endpoint.peer)
    known = find_offer(endpoint, made.offer.id, sender)
    if known is not None and not mine and known.offer == made.offer:
        return endpoint, ()
    try:
        _require_fit(endpoint, made, known, now)
    except Violation as violation:
        if mine or violation.code not in _RACES:
            raise
        return endpoint, (fx.SendMessage(Reject(made.offer.id, violation.code)),)
    kept = _kept(endpoint, change.answers, sender, now)
    _require_room(endpoint, kept, sender)
    effects = (fx.SendMessage(_message(change)),) if isinstance(change, inputs.ActionOffer) else ()
    return replace(endpoint, offers=(*kept, made)), effects


def _require_fit(endpoint: Endpoint, made: LiveOffer, known: LiveOffer | None, now: int) -> None:
    if known is not None:
        raise Violation("offer_known", "An offer with this id is live; give each offer its own id.")
    if endpoint.dispute_due is not None and made.offeror is endpoint.me:
        raise Violation("dispute_pending", "A dispute is raised; trade again when it is answered.")
    require_before_farewell(endpoint)
    check_offer(endpoint, made.offer, made.offeror, now)


def _kept(endpoint: Endpoint, answered: bytes | None, sender: Side, now: int) -> tuple[LiveOffer, ...]:
    return tuple(
        live
        for live in endpoint.offers
        if live.offer.valid_until > now and not (live.offer.id == answered and live.offeror is sender.other)
    )


def _require_room(endpoint: Endpoint, kept: tuple[LiveOffer, ...], sender: Side) -> None:
    if sum(live.offeror is sender for live in kept) >= endpoint.policy.max_live_offers:
        raise Violation(
            "too_many_offers",
            f"{endpoint.policy.max_live_offers} offers are live; withdraw one or wait until one expires.",
        )


def _message(change: inputs.ActionOffer) -> OfferMade | Counter:
    made: Offer = change.offer.value
    if change.answers is None:
        return OfferMade(made, change.offer.signature)
    return Counter(change.answers, made, change.offer.signature)


def reject(endpoint: Endpoint, change: inputs.ActionReject, _: int) -> Step:
    """Our user declines the peer's offer."""
    declined = live_offer(endpoint, change.offer, endpoint.peer)
    message = Reject(change.offer, change.reason)
    return replace(endpoint, offers=without(endpoint, declined)), (fx.SendMessage(message),)


def withdraw(endpoint: Endpoint, change: inputs.ActionWithdraw, _: int) -> Step:
    """Our user takes its offer back; one that is accepted already can only be refused."""
    taken = live_offer(endpoint, change.offer, endpoint.me)
    message = Withdraw(change.offer)
    return replace(endpoint, offers=without(endpoint, taken)), (fx.SendMessage(message),)


def rejected(endpoint: Endpoint, change: inputs.ReceiveReject, _: int) -> Step:
    """The peer declined our offer; if it is gone already, nothing changes."""
    return _gone(endpoint, find_offer(endpoint, change.offer, endpoint.me))


def withdrawn(endpoint: Endpoint, change: inputs.ReceiveWithdraw, _: int) -> Step:
    """The peer took its offer back; if it is gone already, nothing changes."""
    return _gone(endpoint, find_offer(endpoint, change.offer, endpoint.peer))


def _gone(endpoint: Endpoint, gone: LiveOffer | None) -> Step:
    return (endpoint if gone is None else replace(endpoint, offers=without(endpoint, gone))), ()
