"""Billing periods: by the calendar of the merchant's zone, so that a day of 23 or 25 hours is a day.

Times are epoch seconds UTC; a period is [start, end). Pure.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MONTH, WEEK, DAY = "month", "week", "day"
CYCLES = (MONTH, WEEK, DAY)


def local_day(at: int, zone: ZoneInfo) -> date:
    """The calendar day of a moment."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone).date()


def midnight(day: date, zone: ZoneInfo) -> int:
    """When a calendar day begins."""
    return int(datetime.combine(day, time(), zone).timestamp())


def period_of(at: int, zone: ZoneInfo, cycle: str) -> tuple[int, int]:
    """The period that a moment lies in: its calendar month, week (from Monday) or day.

    Raises:
        ValueError: There is no such cycle.
    """
    first, after = _days(local_day(at, zone), cycle)
    return midnight(first, zone), midnight(after, zone)


def _days(day: date, cycle: str) -> tuple[date, date]:
    if cycle == MONTH:
        first = day.replace(day=1)
        return first, (first + timedelta(days=32)).replace(day=1)
    if cycle == WEEK:
        first = day - timedelta(days=day.weekday())
        return first, first + timedelta(days=7)
    if cycle == DAY:
        return day, day + timedelta(days=1)
    raise ValueError(f"There is no billing cycle {cycle!r}: one of {', '.join(CYCLES)}.")


def days_within(start: int, end: int, zone: ZoneInfo) -> list[date]:
    """The calendar days of a period, in order."""
    last = local_day(end - 1, zone)
    days = [local_day(start, zone)]
    while days[-1] < last:
        days.append(days[-1] + timedelta(days=1))
    return days
