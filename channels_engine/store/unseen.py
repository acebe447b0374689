"""Transactions that were mined, and whose event never came."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

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
    """An event of its kind that is as new as what it brought, or the channel's end."""
    newest = getattr(unpack_effect(item.kind, bytes(item.payload)), "newest", None)
    version = 0 if newest is None else newest.state.version
    return any(
        event.name in _ENDS
        or (event.name in _SHOWN_BY[item.kind] and int(event.arguments.get("version", 0)) >= version)
        for event in events
    )
