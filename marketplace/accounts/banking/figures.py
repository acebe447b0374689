"""What statements show of somebody's month: regular income, regular outgoings, loan instalments.

*Regular* is what the same other side pays or gets in at least two months, and in at least two of three of the
months that the statements cover, each time within `SPREAD_PERCENT` of the middle amount. It counts with its
middle amount, the smaller of two. What comes and goes once counts for nothing.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from marketplace.accounts.banking.records import BankStatement, Booking

SPREAD_PERCENT = 25
LEAST_MONTHS = 2
INSTALMENT = re.compile(
    r"\b(rate|ratenzahlung|ratenkredit|darlehen|kredit|tilgung|finanzierung|leasing|loan|instal?lment|mortgage|baufinanzierung)\b"
)
_NOISE = re.compile(r"[^a-z ]+")


@dataclass(frozen=True, slots=True)
class Regular:
    """Something that comes or goes every month; `amount` is above zero for income."""

    party: str
    amount: int
    times: int
    is_instalment: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """One account's months. Amounts are monthly and not negative; `outgoings` has the instalments in it."""

    iban: str
    holder: str
    start: date
    end: date
    days: int
    bookings: int
    income: int
    outgoings: int
    instalments: int
    regular: tuple[Regular, ...]


def figures_of(statements: Sequence[BankStatement]) -> tuple[Figures, ...]:
    """Figures by account, the longest period first; overlapping files of an account count once."""
    accounts: dict[str, list[BankStatement]] = defaultdict(list)
    for statement in statements:
        accounts[statement.iban].append(statement)
    found = [_figures(files) for files in accounts.values()]
    return tuple(sorted(found, key=lambda one: (-one.days, one.iban)))


def _figures(files: Sequence[BankStatement]) -> Figures:
    bookings = _together(files)
    months = len({(booking.day.year, booking.day.month) for booking in bookings})
    regular = tuple(_regular(bookings, months))
    out = [one for one in regular if one.amount < 0]
    return Figures(
        iban=files[0].iban,
        holder=next((one.holder for one in files if one.holder), ""),
        start=min(one.start for one in files),
        end=max(one.end for one in files),
        days=_covered(files),
        bookings=len(bookings),
        income=sum(one.amount for one in regular if one.amount > 0),
        outgoings=-sum(one.amount for one in out),
        instalments=-sum(one.amount for one in out if one.is_instalment),
        regular=regular,
    )


def _together(files: Sequence[BankStatement]) -> list[Booking]:
    """All bookings; where files overlap, each day is taken from the file that has most of it."""
    by_day: dict[date, list[Booking]] = {}
    for file in files:
        mine: dict[date, list[Booking]] = defaultdict(list)
        for booking in file.bookings:
            mine[booking.day].append(booking)
        for day, found in mine.items():
            by_day[day] = max(by_day.get(day, []), found, key=len)
    return [booking for day in sorted(by_day) for booking in by_day[day]]


def _covered(files: Sequence[BankStatement]) -> int:
    """Days that at least one of the files covers."""
    days, upto = 0, date.min
    for one in sorted(files, key=lambda file: file.start):
        start = max(one.start.toordinal(), upto.toordinal() + 1)
        days += max(0, one.end.toordinal() - start + 1)
        upto = max(upto, one.end)
    return days


def _regular(bookings: Sequence[Booking], months: int) -> list[Regular]:
    groups: dict[tuple[bool, str], list[Booking]] = defaultdict(list)
    for booking in bookings:
        key = party_key(booking.party) or party_key(booking.text)
        groups[booking.amount > 0, key].append(booking)
    return [found for _, group in sorted(groups.items()) if (found := _as_regular(group, months))]


def _as_regular(group: Sequence[Booking], months: int) -> Regular | None:
    sums: dict[tuple[int, int], int] = defaultdict(int)
    for booking in group:
        sums[booking.day.year, booking.day.month] += booking.amount
    seen = sorted(sums.values(), key=abs)
    middle = seen[(len(seen) - 1) // 2]
    near = [amount for amount in seen if 100 * abs(amount - middle) <= SPREAD_PERCENT * abs(middle)]
    if len(near) < LEAST_MONTHS or 3 * len(near) < 2 * months:
        return None
    said = " ".join(f"{booking.party} {booking.text}" for booking in group).casefold()
    is_instalment = middle < 0 and bool(INSTALMENT.search(said))
    return Regular(group[0].party, middle, len(near), is_instalment)


def party_key(name: str) -> str:
    """Letters of a name, so that "Muster GmbH 03/2026" and "MUSTER GMBH 04/2026" are one."""
    bare = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return " ".join(_NOISE.sub(" ", bare).split())
