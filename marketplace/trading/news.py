"""What people's channels ask of them, told as notices: the logs of channels and contracts, read on from a bookmark.

Nothing is added to what a message costs: only what was written since the last look is read, by its number. An entry may
become visible after one with a higher number, so that the last ones are looked at again; a notice is told once.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.urls import reverse
from django.utils import timezone

from channels_engine.store.models import Channel, Contract, Endpoint, LogEntry, Sender
from marketplace.accounts.models import User
from marketplace.notifications.models import Bookmark, Notice
from marketplace.notifications.services import notify
from marketplace.trading.models import Prosumer

NAME = "channels"
AGAIN = 200
"""Entries before the bookmark that are looked at once more."""
AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Told:
    """A notice that an entry is worth: its kind, and where in the entry's body its clock stands."""

    kind: str
    until: Callable[[Mapping[str, Any]], Any] = lambda _body: None


BY_PARTNER = {
    "offer": Told("offer_waits", lambda body: body["offer"]["validUntil"]),
    "counter": Told("offer_waits", lambda body: body["offer"]["validUntil"]),
    "channel.open_request": Told("opening_asked"),
    "funding.request": Told("funding_asked"),
    "close.request": Told("closing_asked"),
    "dispute.raise": Told("dispute_raised"),
}
BY_LEDGER = {
    "ledger.opened": Told("channel_opened"),
    "ledger.disputed": Told("channel_disputed", lambda body: body["deadline"]),
    "ledger.resolved": Told("dispute_answered"),
    "ledger.offer_enforced": Told("offer_enforced", lambda body: body["deadline"]),
    "ledger.finalised": Told("channel_closed"),
}
IN_CONTRACTS = {"esc.propose": "terms_proposed", "esc.accept": "terms_accepted"}
ACCEPTED = "update.request"
ANSWERS = frozenset({"counter", "reject", ACCEPTED})
TYPES = (*BY_PARTNER, *BY_LEDGER, *IN_CONTRACTS, *ANSWERS)


def tell_news() -> int:
    """Tell people what is new in their channels; gives how many entries were looked at."""
    newest = LogEntry.objects.aggregate(newest=Max("pk"))["newest"] or 0
    mark, is_new = Bookmark.objects.get_or_create(name=NAME, defaults={"position": newest})
    if is_new or newest <= mark.position:
        return 0
    news = LogEntry.objects.filter(pk__gt=mark.position - AGAIN, pk__lte=newest, type__in=TYPES)
    entries = list(news.order_by("pk")[:AT_ONCE])
    until = entries[-1].pk if len(entries) == AT_ONCE else newest
    with transaction.atomic():
        _tell_all(entries)
        Bookmark.objects.filter(name=NAME, position__lt=until).update(position=until)
    return len(entries)


def _tell_all(entries: list[LogEntry]) -> None:
    numbers = {entry.log for entry in entries}
    names = dict(Channel.objects.filter(number__in=numbers).values_list("number", "channel"))
    contracts = {row.number: row for row in Contract.objects.filter(number__in=numbers)}
    sides = list(Endpoint.objects.filter(channel__in=names.values()))
    users = _people(sides, contracts.values())
    slugs = _slugs(
        {side.peer for side in sides} | {o for c in contracts.values() for o in (c.owner_a, c.owner_b)}
    )
    for entry in entries:
        if entry.log in contracts:
            _tell_of_contract(entry, contracts[entry.log], users, slugs)
        for side in (one for one in sides if one.channel == names.get(entry.log)):
            if side.owner in users:
                _tell_of_channel(entry, side, users[side.owner], slugs)


def _people(sides: Iterable[Endpoint], contracts: Iterable[Contract]) -> dict[str, User]:
    owners = {side.owner for side in sides} | {o for c in contracts for o in (c.owner_a, c.owner_b)}
    return {user.owner: user for user in User.objects.filter(owner__in=owners, is_active=True)}


def _slugs(owners: set[str]) -> dict[str, str]:
    return dict(Prosumer.objects.filter(owner__in=owners).values_list("owner", "slug"))


def _tell_of_contract(
    entry: LogEntry, contract: Contract, users: Mapping[str, User], slugs: Mapping[str, str]
) -> None:
    kind = IN_CONTRACTS.get(entry.type)
    if kind is None:
        return
    pair = contract.owner_a, contract.owner_b
    teller, told = pair if entry.sender == Sender.A else pair[::-1]
    if told in users and users.keys() >= {teller, told}:  # agents answer within seconds, beside the person
        notify(
            user=users[told], kind=kind, key=contract.conversation, url=_desk(teller, slugs), partner=teller
        )


def _tell_of_channel(entry: LogEntry, side: Endpoint, user: User, slugs: Mapping[str, str]) -> None:
    if entry.sender == side.side:
        if entry.type in ANSWERS:
            _settle_offers(user, side.channel)
        return
    body: Mapping[str, Any] = json.loads(entry.body)
    told = BY_LEDGER.get(entry.type) or BY_PARTNER.get(entry.type)
    if entry.type == ACCEPTED:
        told = Told("offer_accepted")
    if told is None:
        return
    until = told.until(body)
    details: dict[str, str | int] = {"partner": side.peer}
    if until is not None:
        details["until_at"] = int(until)
    page = (
        _desk(side.peer, slugs)
        if told.kind.startswith("offer_")
        else reverse("web:channel", args=[side.channel])
    )
    notify(user=user, kind=told.kind, key=f"{side.channel}/{entry.seq}", url=page, **details)


def _settle_offers(user: User, channel: str) -> None:
    """Who answered an offer needs no word of it any more."""
    waiting = Notice.objects.filter(
        user=user, kind="offer_waits", key__startswith=f"{channel}/", read_at__isnull=True
    )
    waiting.update(read_at=timezone.now())


def _desk(owner: str, slugs: Mapping[str, str]) -> str:
    return reverse("web:trade", args=[slugs[owner]]) if owner in slugs else reverse("web:partners")


def names_of(owners: set[str]) -> dict[str, str]:
    """Display names of partners by owner."""
    return dict(Prosumer.objects.filter(owner__in=owners).values_list("owner", "display_name"))
