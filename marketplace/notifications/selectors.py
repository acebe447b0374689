"""Reading notices."""

from dataclasses import dataclass

from django.db.models import QuerySet

from marketplace.accounts.models import User
from marketplace.notifications.kinds import KINDS, Kind
from marketplace.notifications.models import Notice, Preference, PushDevice

MANY = 99


@dataclass(frozen=True, slots=True)
class Wish:
    """Where a person wants to hear of a kind; on the site it stands always."""

    kind: str
    email: bool
    push: bool


def notices_of(user: User, *, kind: str = "", unread: bool = False) -> QuerySet[Notice]:
    """A person's notices, newest first."""
    found = Notice.objects.filter(user=user)
    if kind:
        found = found.filter(kind=kind)
    return found.filter(read_at__isnull=True) if unread else found


def unread_count(user: User) -> int:
    """How many are unread, counted up to `MANY`."""
    return Notice.objects.filter(user=user, read_at__isnull=True).order_by()[:MANY].count()


def wishes_of(user: User) -> dict[str, Wish]:
    """By kind, those that people can be told of."""
    said = {row.kind: row for row in Preference.objects.filter(user=user)}
    return {name: _wish(name, kind, said.get(name)) for name, kind in KINDS.items()}


def wish_of(user: User, kind: str) -> Wish:
    """For one kind."""
    return _wish(kind, KINDS[kind], Preference.objects.filter(user=user, kind=kind).first())


def _wish(name: str, kind: Kind, said: Preference | None) -> Wish:
    return Wish(name, said.email, said.push) if said else Wish(name, kind.urgent, kind.urgent)


def devices_of(user: User) -> QuerySet[PushDevice]:
    """Browsers that show a person's notices, newest first."""
    return PushDevice.objects.filter(user=user).order_by("-created_at")
