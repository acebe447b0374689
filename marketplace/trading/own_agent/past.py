"""A connection's past: what its meter showed, and what its neighbours had left, slot by slot.

A slot that the live market played is known from its record; the days before from the same recorded load and sun, with
no trade in them. Energy in Wh, prices in micro-units per kWh.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

import msgspec

from grid.assets import SLOT_SECONDS
from grid.models import SlotResult
from grid.scenarios.inputs import read_inputs
from grid.scenarios.scenario import Scenario
from grid.simulation import Simulation, open_simulation
from marketplace.accounts.models import User
from marketplace.trading.live.view import MarketView, simulation_of
from marketplace.trading.meters.selectors import read_slots
from marketplace.trading.models import Meter
from marketplace.trading.own_agent.dry_run import PastSlot
from marketplace.trading.own_agent.planner import Quote, Slot

DAYS = 7
DAY_SECONDS = 24 * 3600
NEIGHBOURS = 4
"""Partners of a dry run on each side of a slot, those with the most, where the person has no channel yet."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A slot that is over, every connection of the feeder: drawn, fed in and stored; and the mean price of its trades."""

    start: int
    import_wh: tuple[int, ...]
    export_wh: tuple[int, ...]
    stored_wh: tuple[int, ...]
    left_import_wh: tuple[int, ...]
    left_export_wh: tuple[int, ...]
    price_per_kwh: int | None


def recorded(market: MarketView, *, since: int) -> list[Recorded]:
    """Past slots of the live market's feeder from `since` on, in order, up to the slot that is being played."""
    begin = market.simulation.scenario.start
    before = [one for one in _before(market.run.scenario) if since <= one.start < begin]
    return [*before, *_played(market.run.pk, market.run.next_slot, max(since, begin))]


@lru_cache(maxsize=4)
def _played(run: UUID, next_slot: int, since: int) -> tuple[Recorded, ...]:
    rows = SlotResult.objects.filter(run=run, index__lt=next_slot, slot_start__gte=since)
    return tuple(_of_slot(row.slot_start, row.data) for row in rows.order_by("index").iterator(48))


def _of_slot(start: int, data: dict[str, list[list[int]]]) -> Recorded:
    meters, bills = data["meters"], data["bills"]
    return Recorded(
        start,
        tuple(reading[0] for reading in meters),
        tuple(reading[1] for reading in meters),
        tuple(data["homes"]["soc_wh"]),  # type: ignore[call-overload]  # a slot's JSON
        tuple(bill[0] for bill in bills),
        tuple(bill[1] for bill in bills),
        data["price_mean"],  # type: ignore[arg-type]  # as above
    )


@lru_cache(maxsize=2)
def _before(scenario_name: str) -> tuple[Recorded, ...]:
    """The last days before a scenario begins, as far as its profiles go back."""
    earlier = _earlier(simulation_of(scenario_name).scenario)
    if earlier is None:
        return ()
    state = earlier.start_state()
    return tuple(_expected(earlier, state.soc_wh, slot) for slot in earlier.slots)


def _earlier(scenario: Scenario) -> Simulation | None:
    """The same feeder in the days before the scenario; None where its profiles don't go back."""
    _, profiles = read_inputs(scenario)
    start = max(int(profiles.slot_start[0]), scenario.start - DAYS * DAY_SECONDS)
    if start >= scenario.start:
        return None
    begin = datetime.fromtimestamp(start, UTC)
    period = msgspec.structs.replace(scenario.period, start=begin, end=scenario.period.start)
    return open_simulation(replace(scenario, period=period, events=()))


def _expected(simulation: Simulation, stored: tuple[int, ...], slot_start: int) -> Recorded:
    positions = simulation.plan(simulation.state_at(simulation.start_state(), slot_start)).positions
    needs = tuple(position.deficit_wh for position in positions)
    surplus = tuple(position.surplus_wh for position in positions)
    return Recorded(slot_start, needs, surplus, stored, needs, surplus, None)


@dataclass(frozen=True, slots=True)
class OwnPast:
    """A person's past for a dry run: `source` is `meter` (its own readings) or `replay` (its connection's record)."""

    source: str
    slots: tuple[PastSlot, ...]


def own_past(user: User, market: MarketView, connection: int, partners: frozenset[int]) -> OwnPast:
    """The last days of a person, newest last.

    Args:
        user: Whose meter counts where it has readings; its slots meet the neighbours of the same time of day.
        market: The live market.
        connection: The person's, on its feeder.
        partners: Connections to trade with; none means the neighbours with the most.
    """
    known = recorded(market, since=market.playing - DAYS * DAY_SECONDS)
    price = _usual_price(market, known)
    metered = _metered(user)
    if not metered:
        slots = (_past_slot(_own(one, connection), one, connection, partners, price) for one in known)
        return OwnPast("replay", tuple(slots))
    around = {one.start % DAY_SECONDS: one for one in known} | {one.start: one for one in known}
    found = ((slot, around.get(slot.start) or around.get(slot.start % DAY_SECONDS)) for slot in metered)
    return OwnPast(
        "meter", tuple(_past_slot(slot, one, connection, partners, price) for slot, one in found if one)
    )


def _metered(user: User) -> list[Slot]:
    """What the person's own meter showed on its last days."""
    meter = Meter.objects.filter(prosumer__owner=user.owner, removed_at__isnull=True).order_by("pk").last()
    if meter is None:
        return []
    last = meter.readings.order_by("-slot_end").values_list("slot_end", flat=True).first()
    if last is None:
        return []
    rows = read_slots(meter, start=max(meter.installed_at, last - DAYS * DAY_SECONDS), end=last)
    return [Slot(row.slot_start, row.export_wh, row.import_wh) for row in rows]


def _own(one: Recorded, connection: int) -> Slot:
    figures = (row[connection] for row in (one.export_wh, one.import_wh, one.stored_wh))
    return Slot(one.start, *figures)


def _usual_price(market: MarketView, known: list[Recorded]) -> int:
    """The mean of all slots with trades; the middle of the tariff where there was none: so neighbours' agents begin."""
    prices = [one.price_per_kwh for one in known if one.price_per_kwh is not None]
    tariff = market.simulation.scenario.tariff
    return sum(prices) // len(prices) if prices else (tariff.retail_per_kwh + tariff.feed_in_per_kwh) // 2


def _past_slot(slot: Slot, around: Recorded, me: int, partners: frozenset[int], usual: int) -> PastSlot:
    price = usual if around.price_per_kwh is None else around.price_per_kwh
    quotes = (
        Quote(str(index), sells, slot.start, left, price)
        for sells, row in ((True, around.left_export_wh), (False, around.left_import_wh))
        for index, left in _most(row, me, partners)
    )
    return PastSlot(slot, tuple(quotes))


def _most(row: tuple[int, ...], me: int, partners: frozenset[int]) -> Iterator[tuple[int, int]]:
    if partners:
        return ((index, row[index]) for index in sorted(partners - {me}) if row[index])
    others = ((index, left) for index, left in enumerate(row) if left and index != me)
    return iter(sorted(others, key=lambda pair: (-pair[1], pair[0]))[:NEIGHBOURS])


def newest(market: MarketView, slots: int) -> list[Recorded]:
    """The last slots of the record, in order."""
    return recorded(market, since=market.playing - slots * SLOT_SECONDS)
