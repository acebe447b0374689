"""How figures, amounts and times are written and read in each language of the site.

`static/web/js/ui/format.js` follows the same rules; `fixtures/vectors/formats.json` holds both to them. English follows
CLDR's `en-GB`, German `de` as DIN 5008 has it. Integers stay exact: no float touches money.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

NO_BREAK_SPACE = "\u00a0"
MINUS = "\u2212"
NOTHING = "–"
MICRO = 1_000_000
CENT = 10_000
FINE_DECIMALS = 4
DAY = 86_400
HOUR = 3600
MINUTE = 60
SLOT_S = 900
DATES = frozenset({"date", "day", "month"})


@dataclass(frozen=True, slots=True)
class Language:
    """What differs between the languages, other than words."""

    point: str
    group: str
    money: str
    date: str
    short_day: str
    moment: str
    span: str
    months: tuple[str, ...]
    short_months: tuple[str, ...]
    weekdays: tuple[str, ...]
    days: str


ENGLISH = Language(
    point=".",
    group=",",
    money="{sign}€{figure}",
    date="{day} {short_month} {year}",
    short_day="{weekday} {day} {short_month}",
    moment="{date}, {time}",
    span="{date}, {time}\u2009–\u2009{end}",
    months=(
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    short_months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    weekdays=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    days="days",
)
GERMAN = Language(
    point=",",
    group=".",
    money="{sign}{figure}\u00a0€",
    date="{day:02}.{month:02}.{year}",
    short_day="{weekday}, {day:02}.{month:02}.",
    moment="{date}, {time}\u00a0Uhr",
    span="{date}, {time}\u2009–\u2009{end}\u00a0Uhr",
    months=(
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ),
    short_months=("Jan", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"),
    weekdays=("Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"),
    days="Tage",
)
LANGUAGES = {"en": ENGLISH, "de": GERMAN}


def language(code: str | None = None) -> Language:
    """The rules of a language; without a code, of the one that is active; English where there are none."""
    return LANGUAGES.get((code or get_language() or "en")[:2], ENGLISH)


def plain(value: int, decimals: int, shown: int, code: str | None = None) -> str:
    """`value` divided by 10**decimals, cut to `shown` decimals, without groups: as a person types it."""
    whole, fraction = divmod(abs(value), 10**decimals)
    digits = f"{fraction:0{decimals}d}"[:shown]
    return f"{'-' if value < 0 else ''}{whole}{language(code).point if digits else ''}{digits}"


def scaled(value: int, decimals: int, shown: int, code: str | None = None) -> str:
    """`value` divided by 10**decimals, cut (never rounded up) to `shown` decimals, in groups of three digits."""
    rules = language(code)
    whole, _point, fraction = plain(abs(value), decimals, shown, code).partition(rules.point)
    grouped = f"{int(whole):,}".replace(",", rules.group)
    return f"{MINUS if value < 0 else ''}{grouped}{rules.point if fraction else ''}{fraction}"


def grouped(value: float, decimals: int, code: str | None = None) -> str:
    """A measured value, rounded, in groups of three digits, with a true minus sign unless it shows nought."""
    rules = language(code)
    text = f"{abs(value):,.{decimals}f}"
    sign = MINUS if value < 0 and any(digit in "123456789" for digit in text) else ""
    return sign + text.translate(str.maketrans(",.", rules.group + rules.point))


def euros(value: float, code: str | None = None) -> str:
    """Euros of a report, rounded to cents; what was paid is written by `money`."""
    text = grouped(value, 2, code)
    return _with_euro(text.removeprefix(MINUS), code, negative=text.startswith(MINUS), signed=False)


def _with_euro(figure: str, code: str | None, *, negative: bool, signed: bool) -> str:
    sign = MINUS if negative else "+" if signed else ""
    return language(code).money.format(sign=sign, figure=figure)


def money(value: int, code: str | None = None, *, signed: bool = False, exact: bool = False) -> str:
    """Micro-units as euros with cents, under one euro with what is left of a cent.

    Args:
        value: Micro-units.
        code: Language; the active one by default.
        signed: Show a plus before what is more than nothing.
        exact: To the last micro-unit: where a figure is proven by a signature.
    """
    fine = abs(value) < MICRO and value % CENT != 0
    figure = scaled(abs(value), 6, 6 if exact else FINE_DECIMALS if fine else 2, code)
    if exact:
        point = language(code).point
        whole, _point, fraction = figure.partition(point)
        figure = f"{whole}{point}{fraction.rstrip('0').ljust(2, '0')}"
    return _with_euro(figure, code, negative=value < 0, signed=signed and value > 0)


def price(value: int, code: str | None = None) -> str:
    """Micro-units per kWh as cents per kWh."""
    return f"{scaled(value, 4, 2, code)}{NO_BREAK_SPACE}ct/kWh"


def energy(value: int, code: str | None = None, *, signed: bool = False) -> str:
    """Wh as kWh with all three decimals."""
    return f"{'+' if signed and value > 0 else ''}{scaled(value, 3, 3, code)}{NO_BREAK_SPACE}kWh"


class NumberError(ValueError):
    """What was typed can't be taken as an amount; says what to type instead.

    Args:
        code: `no_number`, `ambiguous` or `too_fine`.
        words: For the person.
    """

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


_SPACES = re.compile(r"(?<=\d)[ \u00a0\u2009\u202f'’](?=\d{3}(?!\d))")
_DIGITS = re.compile(r"\d{1,15}", re.ASCII)
_GROUPS = re.compile(r"[1-9]\d{0,2}([.,])\d{3}(?:\1\d{3})*", re.ASCII)
_PARTS = re.compile(r"(.*?)(?:([.,])(\d*))?", re.ASCII)


def parse(text: str, decimals: int, code: str | None = None) -> int:
    """A typed number as an integer of its smallest unit: exactly what was meant, or a refusal.

    Both signs separate decimals where nothing else can be meant: "249,90" and "249.90" are the same in every language.
    One sign of the other language before three digits can mean two things ("1.234" in German), so it is refused.

    Args:
        text: What was typed, such as "1.234,50" in German.
        decimals: How many decimals the unit has.
        code: Language; the active one by default.

    Raises:
        NumberError: not a number, negative, unclear, or finer than the unit.
    """
    point = language(code).point
    bare = _SPACES.sub("", text.strip())
    groups = _GROUPS.fullmatch(bare)
    if groups and bare.count(groups[1]) == 1 and groups[1] != point:
        raise NumberError("ambiguous", _ambiguous(bare, groups[1], point))
    if groups and bare.count(groups[1]) > 1:
        whole, fraction = bare.replace(groups[1], ""), ""
    else:
        whole, fraction = _halves(bare)
    if not _DIGITS.fullmatch(whole):
        example = plain(25, 2, 2, code)
        said = _("“%(text)s” is no number; type for example %(example)s.")
        nothing = _("Type a number, for example %(example)s.")
        words = (said if bare else nothing) % {"text": text.strip(), "example": example}
        raise NumberError("no_number", words)
    if len(fraction) > decimals:
        raise NumberError("too_fine", _("At most %(decimals)s decimals.") % {"decimals": decimals})
    return int(whole + fraction.ljust(decimals, "0"))


def _halves(bare: str) -> tuple[str, str]:
    """Digits before and behind the decimal sign; what isn't well formed stays as it is, and so is no number."""
    match = _PARTS.fullmatch(bare)
    if match is None or match[2] is None:
        return bare, ""
    whole, sign, fraction = match[1], match[2], match[3]
    if (grouped := _GROUPS.fullmatch(whole)) and grouped[1] != sign:
        whole = whole.replace(grouped[1], "")
    return whole, fraction


def _ambiguous(bare: str, sign: str, point: str) -> str:
    return _("“%(text)s” can mean two things: type %(whole)s, or %(part)s.") % {
        "text": bare,
        "whole": bare.replace(sign, ""),
        "part": bare.replace(sign, point),
    }


def when(seconds: float, form: str = "datetime", code: str | None = None, zone: tzinfo | None = None) -> str:
    """A time as people of a language write it.

    Args:
        seconds: Since the epoch.
        form: `datetime`, `date`, `time`, `clock` (with seconds), `day` (weekday and day), `month`, or `slot` for the
            quarter-hour that starts then; it ends by the clock of its start, also where clocks change at its end.
        code: Language; the active one by default.
        zone: In which zone; the reader's by default (`marketplace.accounts.zones`).
    """
    rules = language(code)
    at = datetime.fromtimestamp(seconds, tz=zone or timezone.get_current_timezone())
    names = {
        "weekday": rules.weekdays[at.weekday()],
        "day": at.day,
        "month": at.month,
        "short_month": rules.short_months[at.month - 1],
        "year": at.year,
    }
    shown = {"time": f"{at:%H:%M}", "clock": f"{at:%H:%M:%S}", "date": rules.date.format(**names)}
    if form in shown:
        return shown[form]
    if form == "slot":
        end = at.replace(tzinfo=None) + timedelta(seconds=SLOT_S)
        return rules.span.format(**shown, end=f"{end:%H:%M}")
    if form == "day":
        return rules.short_day.format(**names)
    if form == "month":
        return f"{rules.months[at.month - 1]} {at.year}"
    return rules.moment.format(**shown)


def utc_offset(seconds: float, zone: tzinfo | None = None) -> str:
    """How far a zone is from UTC at a time, such as "UTC+01:00"; the reader's by default."""
    at = datetime.fromtimestamp(seconds, tz=zone or timezone.get_current_timezone())
    east = at.utcoffset() or timedelta()
    hours, minutes = divmod(abs(east) // timedelta(minutes=1), 60)
    return f"UTC{MINUS if east < timedelta() else '+'}{hours:02}:{minutes:02}"


def told(at: datetime | float | None, form: str = "datetime") -> str:
    """A time within a sentence, which may be read anywhere: in the reader's zone, and which offset that has then.

    Args:
        at: An aware datetime, or seconds since the epoch; nothing is an en dash.
        form: As for `when`.
    """
    if at is None:
        return NOTHING
    seconds = at.timestamp() if isinstance(at, datetime) else at
    return when(seconds, form) if form in DATES else f"{when(seconds, form)} {utc_offset(seconds)}"


def civil(day: date | str | None) -> str:
    """A date that no time zone moves, such as a birthday (ISO 8601); what is none stays as it is."""
    try:
        found = day if isinstance(day, date) else date.fromisoformat(day or "")
    except ValueError:
        return str(day) if day else NOTHING
    return when(datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp(), "date", zone=UTC)


def duration(seconds: int, code: str | None = None) -> str:
    """A time span in the largest unit that says enough: 59 s, 15 min, 2 h, 30 days."""
    size, unit = _unit(max(0, seconds), language(code))
    return f"{(max(0, seconds) + size // 2) // size}{NO_BREAK_SPACE}{unit}"


def _unit(seconds: int, rules: Language) -> tuple[int, str]:
    if seconds >= 2 * DAY:
        return DAY, rules.days
    if seconds >= 2 * HOUR or seconds == HOUR:
        return HOUR, "h"
    if seconds >= 2 * MINUTE or seconds == MINUTE:
        return MINUTE, "min"
    return 1, "s"
