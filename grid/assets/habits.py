"""When vehicles come and go: stays at the charger as listed, or drawn per local day from a habit.

The habit is an assumption of ours, no fit to data: arrival and departure are normal about their hours, earlier arrivals
on weekends, the need is log-normal, a stay begins on a share of the days, and the vehicle leaves on the next day. Its
defaults bring 6.3 kWh a day, in many small charges, which is the harder case for a feeder. Users of a large trial
plugged in two to three times a week (Gonzalez Venegas, Petit and Perez, "Plug-in behavior of electric vehicles users:
insights from a large-scale trial and impacts for grid integration studies", 2021): a daily share of 0.35 with twice the
need is nearer to them. Every number can be set.
"""

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from grid.assets.chance import stream
from grid.assets.home import SLOT_SECONDS
from grid.assets.tables import EvTable
from grid.equipment import Session

SATURDAY = 5


def sessions_of(table: EvTable, seed: int, connection: int, start: int, end: int) -> tuple[Session, ...]:
    """Stays of one vehicle that touch [start, end), in order, none overlapping."""
    if table.sessions:
        listed = (Session(int(s.arrival.timestamp()), int(s.departure.timestamp()), s.need_wh)
                  for s in table.sessions)  # fmt: skip
        return tuple(stay for stay in listed if stay.departure > start and stay.arrival < end)
    return tuple(
        stay
        for stay in _drawn(table, seed, connection, start, end)
        if stay.departure > start and stay.arrival < end
    )


def _drawn(table: EvTable, seed: int, connection: int, start: int, end: int) -> Iterator[Session]:
    zone = ZoneInfo(table.zone)
    first = datetime.fromtimestamp(start, UTC).astimezone(zone).date() - timedelta(days=1)
    last = datetime.fromtimestamp(end, UTC).astimezone(zone).date() + timedelta(days=1)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    drawn = [_day(table, seed, connection, day, zone) for day in days]
    for (happens, arrival, departure, need), (_, back, *_) in pairwise(drawn):
        leaves = min(departure, back)  # it can't come again before it has left
        if happens and leaves > arrival:
            yield Session(arrival, leaves, need)


def _day(table: EvTable, seed: int, connection: int, day: date, zone: ZoneInfo) -> tuple[bool, int, int, int]:
    """(whether a stay begins on that day, arrival, departure on the next day, need in Wh)."""
    random = stream(seed, "stay of a vehicle", connection, day.toordinal())
    chance, (early, late, more) = random.random(), random.standard_normal(3).tolist()
    after = day + timedelta(days=1)
    arrives = table.weekend_arrival_hour if day.weekday() >= SATURDAY else table.arrival_hour
    leaves = table.weekend_departure_hour if after.weekday() >= SATURDAY else table.departure_hour
    variance = math.log1p(table.need_spread**2)
    need = table.need_wh * math.exp(math.sqrt(variance) * more - variance / 2)
    return (
        chance < table.daily_share,
        _slot(day, arrives + table.arrival_spread_hours * early, zone),
        _slot(after, leaves + table.departure_spread_hours * late, zone),
        min(table.battery_wh, max(1, round(need))),
    )


def _slot(day: date, hour: float, zone: ZoneInfo) -> int:
    """The quarter-hour that holds a local time of the day, epoch seconds; the day's edges hold what lies beyond."""
    minute = int(min(max(hour, 0.0), 23.99) * 60)
    moment = datetime.combine(day, time(minute // 60, minute % 60), tzinfo=zone)
    return int(moment.timestamp()) // SLOT_SECONDS * SLOT_SECONDS
