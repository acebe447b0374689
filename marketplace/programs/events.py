"""What webhooks are told, and how it is found: notices when they are made, trades and closed channels in the engine's rows.

Rows are looked through again and again from a mark on; what was found twice is told once, by its key.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.db import models
from django.db.models import Q

from channels_engine.store.models import Endpoint, LedgerEvent, TradeRecord
from marketplace.accounts.models import User
from marketplace.notifications.kinds import KINDS
from marketplace.notifications.models import Notice
from marketplace.programs.models import Delivery, Watermark, Webhook
from marketplace.trading.selectors import CLOSING_EVENTS

TRADE, CLOSED, PING, ALL = "trade.agreed", "channel.closed", "ping", "*"
AT_ONCE = 2000
OVERLAP = 500
"""Rows that are looked at once more: PostgreSQL may show a lower number after a higher one."""


Find: TypeAlias = Callable[["models.QuerySet[Any]", set[str], float], Iterable["Event"]]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to somebody, at `at` (epoch seconds)."""

    owner: str
    name: str
    key: str
    at: float
    data: dict[str, Any]


def names() -> list[str]:
    """What a webhook may ask for, beside all of it."""
    return [TRADE, CLOSED, *(f"notice.{kind}" for kind in KINDS)]


def of_notice(notice: Notice) -> Event:
    """A notice as an event."""
    data = {"kind": notice.kind, "url": notice.url, "details": notice.details}
    return Event(
        notice.user.owner, f"notice.{notice.kind}", f"notice:{notice.pk}", notice.created_at.timestamp(), data
    )


def _of_trade(row: TradeRecord) -> Iterator[Event]:
    shown = {"trade": row.trade, "channel": row.channel, "quantity_wh": row.quantity_wh}
    shown |= {"price_per_kwh": str(row.price_per_kwh), "amount": str(row.amount)}
    shown |= {"slot_start": row.slot_start, "slot_end": row.slot_end, "agreed_at": row.at}
    for owner, role in ((row.seller, "seller"), (row.buyer, "buyer")):
        yield Event(owner, TRADE, f"trade:{row.trade}", row.at, {**shown, "role": role})


def _of_closing(row: LedgerEvent, owners: list[str], at: float) -> Iterator[Event]:
    data = {"channel": row.channel, "transaction": row.transaction_hash, "block": row.block_number}
    for owner in owners:
        yield Event(owner, CLOSED, f"closed:{row.channel}", at, data)


def enqueue(events: Iterable[Event]) -> None:
    """Put events on their way to every webhook that wants them and was there when they happened."""
    found = list(events)
    hooks: dict[str, list[Webhook]] = {}
    wanted = Webhook.objects.filter(user__owner__in={one.owner for one in found}, disabled_at=None)
    for hook in wanted.select_related("user").defer("secret", "old_secret"):
        hooks.setdefault(hook.user.owner, []).append(hook)
    rows = [
        Delivery(webhook=hook, event=one.name, key=one.key, data=one.data)
        for one in found
        for hook in hooks.get(one.owner, ())
        if {one.name, ALL} & set(hook.events) and one.at >= int(hook.created_at.timestamp())
    ]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)


def on_notice(notice: Notice, **_context: object) -> None:
    """A notice was committed."""
    enqueue([of_notice(notice)])


def look(now: float) -> None:
    """Enqueue what happened since the last look."""
    hooked = User.objects.filter(webhooks__disabled_at=None, webhooks__isnull=False)
    owners = set(hooked.values_list("owner", flat=True))
    for name, model, find, overlap in SOURCES:
        mark, _made = Watermark.objects.get_or_create(name=name)
        rows = model._default_manager.order_by("pk")  # noqa: SLF001  Django's public name for it
        ahead = rows.filter(pk__gt=mark.row).values_list("pk", flat=True)
        end = max(ahead[:AT_ONCE] if owners else ahead.reverse()[:1], default=mark.row)
        if owners:
            enqueue(find(rows.filter(pk__gt=mark.row - overlap, pk__lte=end), owners, now))
        Watermark.objects.filter(pk=name).update(row=end)


def _notices(rows: "models.QuerySet[Any]", owners: set[str], _now: float) -> Iterator[Event]:
    yield from map(of_notice, rows.filter(user__owner__in=owners).select_related("user"))


def _trades(rows: "models.QuerySet[Any]", owners: set[str], _now: float) -> Iterator[Event]:
    for row in rows.filter(Q(seller__in=owners) | Q(buyer__in=owners)):
        yield from (one for one in _of_trade(row) if one.owner in owners)


def _closings(rows: "models.QuerySet[Any]", owners: set[str], now: float) -> Iterator[Event]:
    found = list(rows.filter(name__in=CLOSING_EVENTS))
    sides: dict[str, list[str]] = {}
    mine = Endpoint.objects.filter(channel__in={row.channel for row in found}, owner__in=owners)
    for channel, owner in mine.values_list("channel", "owner"):
        sides.setdefault(channel, []).append(owner)
    for row in found:
        yield from _of_closing(row, sides.get(row.channel, []), now)


SOURCES: tuple[tuple[str, type[models.Model], Find, int], ...] = (
    ("notices", Notice, _notices, OVERLAP),
    ("trades", TradeRecord, _trades, OVERLAP),
    ("closings", LedgerEvent, _closings, 0),  # written by one process, in order
)
