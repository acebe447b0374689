"""Transactions that were mined, and whose event never came."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from channels_engine.codec import to_hex
from channels_engine.core import effects as fx
from channels_engine.core.typed_data import struct_hash
from channels_engine.store.blobs import unpack_effect
from channels_engine.store.models import LedgerEvent, OutboxItem

CHANNELS_PER_QUERY = 500
"""Below the number of variables that any SQLite takes in one statement."""
_ENDS = ("ChannelFinalised", "DisputeFinalised")
_SHOWN_BY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "LedgerOpenChannel": ("ChannelOpened",),
        "LedgerDispute": ("ChannelDisputed",),
        "LedgerResolve": ("DisputeResolved",),
        "LedgerFinalise": (),
        "LedgerFinaliseDisputed": (),
        "LedgerChangeFunding": ("FundingChanged",),
        "LedgerEnforceOffer": ("OfferEnforced",),
        "LedgerEnforceDelivery": ("DeliveryEnforced",),
        "LedgerCheckpoint": ("ChannelCheckpointed",),
    }
)


def among(*, since: int, until: int) -> list[int]:
    """Ids of outbox items that were done in (since, until], epoch seconds, and have left no event."""
    done = OutboxItem.objects.filter(
        lane=OutboxItem.Lane.LEDGER, done_at__gt=since, done_at__lte=until, error="", kind__in=_SHOWN_BY
    )
    items = list(done.order_by("id"))
    parts = (items[start : start + CHANNELS_PER_QUERY] for start in range(0, len(items), CHANNELS_PER_QUERY))
    return [pk for part in parts for pk in _unseen(part)]


def _unseen(items: Sequence[OutboxItem]) -> Iterator[int]:
    shown: dict[str, list[LedgerEvent]] = {}
    for event in LedgerEvent.objects.filter(channel__in={item.channel for item in items}):
        shown.setdefault(event.channel, []).append(event)
    return (item.pk for item in items if not _is_shown(item, shown.get(item.channel, ())))


def _is_shown(item: OutboxItem, events: Iterable[LedgerEvent]) -> bool:
    """An event of its kind that tells of what it brought, or of something newer; or the channel's end."""
    effect = unpack_effect(item.kind, bytes(item.payload))
    return any(
        event.name in _ENDS or (event.name in _SHOWN_BY[item.kind] and _tells_of(effect, event))
        for event in events
    )


def _tells_of(effect: fx.Effect, event: LedgerEvent) -> bool:
    match effect:
        case fx.LedgerEnforceDelivery(offer=offer):
            return bool(event.arguments["trade"] == to_hex(struct_hash(offer)))
        case fx.LedgerChangeFunding(change):
            return int(event.arguments["version"]) >= change.version
        case fx.LedgerOpenChannel() | fx.LedgerFinalise() | fx.LedgerFinaliseDisputed():
            return True
        case fx.LedgerDispute(consent=b""):  # after the expiry, about whatever the ledger knew
            return True
        case fx.LedgerDispute(newest) | fx.LedgerResolve(newest) | fx.LedgerCheckpoint(newest):
            return int(event.arguments["version"]) >= newest.state.version
        case fx.LedgerEnforceOffer(newest):
            return int(event.arguments["version"]) > newest.state.version
        case _:
            raise TypeError(f"{type(effect).__name__} is no business of the ledger.")
