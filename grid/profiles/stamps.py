"""Timestamps of people's files to epoch seconds: with an offset, as epoch seconds, or naive in a named zone.

Naive stamps are told apart by their order where an hour comes twice; without a zone they are refused.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import numpy as np

from grid.assets import SLOT_SECONDS
from grid.profiles.faults import refuse
from grid.profiles.profiles import IntArray
from grid.words import Words, WordsError

SIMBENCH_FORMAT = "%d.%m.%Y %H:%M"
SIMBENCH_ZONE = "Europe/Berlin"
NO_ZONE = Words(
    "has no offset; write it like 2026-03-01T00:00:00+01:00, or name the zone that the file's times are in, such as Europe/Berlin"
)
_EPOCH = re.compile(r"\d{9,10}(?:\.0+)?", re.ASCII)
_ANY_EPOCH = re.compile(r"\d{1,10}(?:\.0+)?", re.ASCII)
_MILLISECONDS = re.compile(r"\d{12,13}", re.ASCII)
_GERMAN = re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}[ T]\d{1,2}:\d{2}(:\d{2})?", re.ASCII)
_DAY = re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}", re.ASCII)
_SLASHED = re.compile(r"\d{1,2}/\d{1,2}/\d{2,4}.*", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1971, 2199


class StampError(WordsError):
    """A stamp that can't be read; says what is wrong with it and the remedy."""


def zone_named(name: str) -> ZoneInfo:
    """A zone of the IANA database. Raises StampError."""
    if name not in _zones():
        raise StampError(
            Words(
                "zone %(name)s is unknown; name it as the IANA database does, such as Europe/Berlin",
                name=repr(name),
            )
        )
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


class Clock:
    """Reads one stamp after the other, in the order of the file.

    Args:
        zone: Of naive stamps; None refuses them.
        form: strptime's, for stamps that are written in another way than the known ones.
        epochs: Whether every number is epoch seconds; else only those from 1973 on, as 20160301 may be a date.
    """

    def __init__(self, zone: ZoneInfo | None, form: str | None = None, *, epochs: bool = False) -> None:
        self._zone, self._form, self._last = zone, form, -(2**62)
        self._epochs = _ANY_EPOCH if epochs else _EPOCH
        self._quarters: dict[datetime, tuple[int, int]] = {}

    def epoch(self, text: str) -> int:
        """Epoch seconds. Raises StampError."""
        text = text.strip()
        if self._epochs.fullmatch(text):
            return int(float(text))
        moment = self._moment(text)
        if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            raise StampError(
                Words(
                    "%(text)s lies outside of %(first_year)s to %(last_year)s; is the date right?",
                    text=repr(text),
                    first_year=_FIRST_YEAR,
                    last_year=_LAST_YEAR,
                )
            )
        return self.epoch_of(moment, text)

    def epoch_of(self, moment: datetime, said: str) -> int:
        """Epoch seconds of a moment with an offset, or of a naive one in the zone, `said` so. Raises StampError."""
        if moment.tzinfo is not None:
            return int(moment.timestamp())
        if self._zone is None:
            raise StampError(Words("%(said)s %(no_zone)s", said=said, no_zone=NO_ZONE))
        first, second = self._both(moment, said)
        self._last = second if first <= self._last else first
        return self._last

    def _moment(self, text: str) -> datetime:
        try:
            if self._form is not None:
                return datetime.strptime(text, self._form)  # noqa: DTZ007  naive by nature; the zone is attached later
            if _GERMAN.fullmatch(text):
                seconds = ":%S" if text.count(":") > 1 else ""
                return datetime.strptime(text.replace("T", " "), SIMBENCH_FORMAT + seconds)  # noqa: DTZ007  as above
            return datetime.fromisoformat(text)
        except ValueError:
            raise StampError(_unreadable(text)) from None

    def _both(self, naive: datetime, said: str) -> tuple[int, int]:
        """Epoch seconds of a local time before and after clocks go back; equal but for the hour that comes twice."""
        over = (naive.minute % 15) * 60 + naive.second
        quarter = naive.replace(minute=naive.minute // 15 * 15, second=0, microsecond=0)
        if quarter not in self._quarters:
            self._quarters[quarter] = self._looked_up(quarter, said)
        first, second = self._quarters[quarter]
        return first + over, second + over

    def _looked_up(self, naive: datetime, said: str) -> tuple[int, int]:
        first, second = (int(naive.replace(tzinfo=self._zone, fold=fold).timestamp()) for fold in (0, 1))
        if datetime.fromtimestamp(first, self._zone).replace(tzinfo=None) != naive:
            raise StampError(
                Words(
                    "%(said)s does not exist in %(zone)s (clocks go forward); is the zone right?",
                    said=said,
                    zone=str(self._zone),
                )
            )
        return first, second


def _unreadable(text: str) -> Words:
    if _MILLISECONDS.fullmatch(text):
        return Words(
            "%(text)s looks like milliseconds; times as numbers are epoch seconds: divide by 1000",
            text=repr(text),
        )
    if _DAY.fullmatch(text):
        return Words(
            "%(text)s has no time of day; write date and time into one column, like 2026-03-01 00:15",
            text=repr(text),
        )
    if "24:00" in text:
        return Words("%(text)s: write 24:00 as 00:00 of the next day", text=repr(text))
    if _SLASHED.fullmatch(text):
        return Words("%(text)s may mean two dates; write it like 2026-03-01 00:15", text=repr(text))
    return Words(
        "%(text)s is no time; write it like 2026-03-01T00:15:00+01:00 or 2026-03-01 00:15",
        text=repr(text[:40]),
    )


def local_to_slots(
    stamps: Sequence[str], *, zone: str = SIMBENCH_ZONE, form: str = SIMBENCH_FORMAT
) -> IntArray:
    """Naive local stamps in order of time -> UTC slot starts.

    An hour that comes twice (end of summer time) is told apart by its order, never by its name; a stamp in the hour
    that clocks skip does not exist and is refused.

    Raises:
        ProfileFaultError: names the first stamp that doesn't exist or doesn't follow its predecessor by 900 s.
    """
    clock, slots = Clock(zone_named(zone), form), np.empty(len(stamps), dtype=np.int64)
    for i, stamp in enumerate(stamps):
        try:
            slots[i] = clock.epoch(stamp)
        except StampError as error:
            refuse("", Words("row %(row)s: %(fault)s", row=i + 1, fault=error.words))
        if slots[i] % SLOT_SECONDS or (i and slots[i] - slots[i - 1] != SLOT_SECONDS):
            refuse(
                "",
                Words(
                    "row %(row)s: %(stamp)s does not follow %(before)s by 15 minutes; sort and fill gaps",
                    row=i + 1,
                    stamp=stamp,
                    before=stamps[i - 1],
                ),
            )
    return slots
