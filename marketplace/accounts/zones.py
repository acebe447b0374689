"""By which clock a person is told times: the device that reads, else where they read last, else the feeder's."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.utils import timezone

from marketplace.accounts.languages import in_language_of
from marketplace.accounts.models import User

LONGEST = 64


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo | None:
    """A zone of the IANA's list; None for anything else that a device may say."""
    if not 0 < len(name) <= LONGEST or not name.isascii():
        return None
    try:
        return ZoneInfo(name)
    except (
        ZoneInfoNotFoundError,
        ValueError,
        OSError,
    ):  # also names of folders, and ways out of the list's own
        return None


def feeder_zone() -> ZoneInfo:
    """Where the market's homes stand: the clock of whoever has told none."""
    return ZoneInfo(settings.FEEDER_ZONE)


def zone_of(user: User) -> ZoneInfo:
    """Of times that are written to a person outside a request of theirs."""
    return zone_named(user.time_zone) or feeder_zone()


def keep_zone(*, user: User, name: str) -> None:
    """Keep where a person reads now, so that mail to them has the same times."""
    if name != user.time_zone and zone_named(name):
        User.objects.filter(pk=user.pk).update(time_zone=name)
        user.time_zone = name


@contextmanager
def written_to(user: User) -> Iterator[None]:
    """Words within the block are in a person's language, times by their clock."""
    with in_language_of(user), timezone.override(zone_of(user)):
        yield
