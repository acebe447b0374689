"""Delivery against payment in a dispute: what the meter signed is refunded by the ledger, if the peer won't.

No user's signature is needed, so that the machine shows by itself what it knows of.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from channels_engine.core import effects as fx
from channels_engine.core import inputs, merkle
from channels_engine.core.errors import Violation
from channels_engine.core.evidence import ledger_ready
from channels_engine.core.inputs import Verified
from channels_engine.core.messages import EnforceDelivery, SignedDelivery
from channels_engine.core.rules import current_of, seller_of
from channels_engine.core.state import Dispute, Endpoint, Phase
from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import ZERO_HASH, Delivery, Offer, Side

Step = tuple[Endpoint, tuple[fx.Effect, ...]]


def require_metered(endpoint: Endpoint, deliveries: Iterable[Verified[Delivery]]) -> None:
    """Refuse deliveries that the terms' metering key did not sign."""
    for delivery in deliveries:
        if delivery.signer != endpoint.terms.metering:
            raise Violation(
                "wrong_signer", "A delivery must be signed by the metering key of the contract's terms."
            )


def with_metered(endpoint: Endpoint, deliveries: Iterable[Verified[Delivery]]) -> Endpoint:
    """With these deliveries kept, one for each trade: the newest that was shown."""
    known = {signed.delivery.trade: signed for signed in endpoint.metered}
    for proof in deliveries:
        known[proof.value.trade] = SignedDelivery(proof.value, proof.signature)
    return replace(endpoint, metered=tuple(known.values()))


def still_open(endpoint: Endpoint) -> Endpoint:
    """Without the deliveries of trades that are settled."""
    if not endpoint.metered:
        return endpoint
    waiting = {trade.id for trade in endpoint.open_trades}
    kept = tuple(signed for signed in endpoint.metered if signed.delivery.trade in waiting)
    return replace(endpoint, metered=kept)


def shown(
    endpoint: Endpoint, change: inputs.ActionEnforceDelivery | inputs.ReceiveEnforceDelivery, _: int
) -> Step:
    """Deliveries for a dispute: what is owed to us goes to the ledger at once."""
    require_metered(endpoint, change.deliveries)
    if isinstance(change, inputs.ReceiveEnforceDelivery):
        open_here = _disputable(endpoint)
        after = with_metered(endpoint, (one for one in change.deliveries if one.value.trade in open_here))
        return after, enforce_deliveries(after)
    for proof in change.deliveries:
        _require_deliverable(endpoint, proof.value)
    after = with_metered(endpoint, change.deliveries)
    claims = enforce_deliveries(after)
    told = EnforceDelivery(tuple(SignedDelivery(one.value, one.signature) for one in change.deliveries))
    return after, (fx.SendMessage(told), *claims)


def _require_deliverable(endpoint: Endpoint, delivery: Delivery) -> None:
    offer = _disputable(endpoint).get(delivery.trade)
    if offer is None or delivery.channel != endpoint.channel:
        raise Violation(
            "unknown_trade",
            f"Trade 0x{delivery.trade.hex()} is not open here; show deliveries of open trades.",
        )
    if delivery.delivered_wh > offer[0].quantity_wh:
        raise Violation("delivered_too_much", "More was delivered than this trade is about; nothing is owed.")


def _disputable(endpoint: Endpoint) -> dict[bytes, tuple[Offer, Side]]:
    """Trades that can be refunded in a dispute of ours: their offers and sellers."""
    found = {trade.id: (trade.offer(endpoint.channel), trade.seller) for trade in endpoint.open_trades}
    dispute, enforcing = endpoint.dispute, endpoint.enforcing
    if dispute is not None and dispute.enforced and enforcing is not None:
        offer = enforcing.offer
        if struct_hash(offer) == dispute.enforced:
            found[dispute.enforced] = offer, seller_of(offer, enforcing.offeror)
    return found


def enforce_deliveries(endpoint: Endpoint) -> tuple[fx.Effect, ...]:
    """What the running dispute must refund to us, by all deliveries that we know of."""
    dispute = endpoint.dispute
    if endpoint.phase is not Phase.DISPUTED or dispute is None or not endpoint.metered:
        return ()
    base = dispute.version - 1 if dispute.enforced else dispute.version
    known = base == current_of(endpoint).state.version and not endpoint.history_lost
    trades = _disputable(endpoint)
    return tuple(
        _claim(endpoint, dispute, *trades[signed.delivery.trade], signed)
        for signed in endpoint.metered
        if (known or signed.delivery.trade == dispute.enforced)
        and _is_owed(endpoint, dispute, signed.delivery, trades.get(signed.delivery.trade))
    )


def _is_owed(
    endpoint: Endpoint, dispute: Dispute, delivery: Delivery, trade: tuple[Offer, Side] | None
) -> bool:
    if trade is None or delivery.trade in dispute.delivered:
        return False
    offer, seller = trade
    return seller is endpoint.peer and delivery.delivered_wh < offer.quantity_wh


def _claim(
    endpoint: Endpoint, dispute: Dispute, offer: Offer, seller: Side, signed: SignedDelivery
) -> fx.LedgerEnforceDelivery:
    root, listed = merkle.history_root(endpoint.tree), merkle.open_list(endpoint.open_trades)
    if signed.delivery.trade == dispute.enforced:
        root, listed = ZERO_HASH, b""
    return fx.LedgerEnforceDelivery(
        ledger_ready(endpoint), offer, seller, root, listed, signed, dispute.deadline
    )


def enforced(endpoint: Endpoint, change: inputs.LedgerDeliveryEnforced, _: int) -> Step:
    """The ledger refunded a trade; it counts if the disputed state is what is paid out."""
    dispute = endpoint.dispute
    if dispute is None or change.trade in dispute.delivered:
        return endpoint, ()
    noted = replace(dispute, delivered=(*dispute.delivered, change.trade))
    told = fx.NotifyEnforced(change.trade, change.delivered_wh, change.refund)
    return replace(endpoint, dispute=noted), (told,)
