"""The tables `[[assets]]` of a scenario file: equipment that is planted on top of the network's own (docs/scenarios.md)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, ClassVar, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from grid.assets.home import SLOT_SECONDS
from grid.equipment import Sink
from grid.scenarios.sections import Permille, Section, Share
from grid.words import Words

Control: TypeAlias = Literal["uncontrolled", "flexible"]
Watts = Annotated[int, msgspec.Meta(ge=4, le=1_000_000_000)]
WattHours = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
Hour = Annotated[float, msgspec.Meta(ge=0, lt=24)]
Hours = Annotated[float, msgspec.Meta(ge=0, le=12)]
Celsius = Annotated[float, msgspec.Meta(ge=-60, le=60)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
MIN_EFFICIENCY = 100


class AssetTable(Section, frozen=True):
    """Where equipment stands: a share of all connections with a load, drawn by the scenario's seed, or named ones."""

    kind: ClassVar[str]
    share: Share | None = None
    connections: tuple[str, ...] = ()

    def faults(self) -> Iterator[Words]:
        """What no single field can show."""
        if (self.share is None) == (not self.connections):
            yield Words("share, connections: give one of them: a share of all, or names")
        if len(set(self.connections)) < len(self.connections):
            yield Words("connections: names one twice; each gets one")


class SessionTable(Section, frozen=True):
    """One stay of a vehicle, with offsets; `need_wh` is what its battery must take in."""

    arrival: datetime
    departure: datetime
    need_wh: WattHours


class EvTable(AssetTable, frozen=True, tag_field="kind", tag="ev"):
    """Electric vehicles. Their stays are listed in `sessions`, or drawn per local day from the habit below."""

    kind: ClassVar[str] = "ev"
    control: Control = "uncontrolled"
    power_w: Watts = 11_000
    efficiency_permille: Annotated[int, msgspec.Meta(ge=MIN_EFFICIENCY, le=1000)] = 900
    battery_wh: WattHours = 60_000
    need_wh: WattHours = 9_000
    need_spread: Share = 0.5
    daily_share: Share = 0.7
    arrival_hour: Hour = 18.0
    departure_hour: Hour = 7.5
    weekend_arrival_hour: Hour = 15.5
    weekend_departure_hour: Hour = 10.0
    arrival_spread_hours: Hours = 1.5
    departure_spread_hours: Hours = 1.0
    zone: str = "Europe/Berlin"
    sessions: tuple[SessionTable, ...] = ()

    def faults(self) -> Iterator[Words]:
        """Besides: sessions in order on quarter-hours, a zone that exists."""
        yield from AssetTable.faults(self)
        yield from _zone_faults(self.zone)
        for number, stay in enumerate(self.sessions, 1):
            yield from (
                Words("sessions, number %(number)s: %(fault)s", number=number, fault=words)
                for words in _stay_faults(stay)
            )
        clear = all(stay.arrival.tzinfo and stay.departure.tzinfo for stay in self.sessions)
        if clear and any(
            a.departure > b.arrival for a, b in zip(self.sessions, self.sessions[1:], strict=False)
        ):
            yield Words("sessions: overlap or are out of order; a vehicle leaves before it comes again")


class HeatPumpTable(AssetTable, frozen=True, tag_field="kind", tag="heat-pump"):
    """Air-source heat pumps, each with a house of one zone."""

    kind: ClassVar[str] = "heat-pump"
    control: Control = "uncontrolled"
    power_w: Watts = 3_000
    loss_w_per_k: Positive = 160.0
    capacity_wh_per_k: Positive = 9_000.0
    gains_w: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 400.0
    min_celsius: Celsius = 20.0
    max_celsius: Celsius = 22.0
    start_permille: Permille = 500
    sink: Sink = "floor"
    temperature: str | None = None
    mean_celsius: Celsius = 9.5
    season_kelvin: Annotated[float, msgspec.Meta(ge=0, le=40)] = 9.5
    day_kelvin: Annotated[float, msgspec.Meta(ge=0, le=20)] = 4.0

    def faults(self) -> Iterator[Words]:
        """Besides: a band that is one."""
        yield from AssetTable.faults(self)
        if self.min_celsius >= self.max_celsius:
            yield Words("min_celsius: must be below max_celsius; the band is what can be shifted")


class BatteryTable(AssetTable, frozen=True, tag_field="kind", tag="battery"):
    """Home batteries; the efficiency is that of one way."""

    kind: ClassVar[str] = "battery"
    power_w: Watts = 5_000
    capacity_wh: WattHours = 10_000
    efficiency_permille: Annotated[int, msgspec.Meta(ge=MIN_EFFICIENCY, le=1000)] = 975


class PvTable(AssetTable, frozen=True, tag_field="kind", tag="pv"):
    """PV plants; without a profile each draws one of those that the network's own plants have."""

    kind: ClassVar[str] = "pv"
    power_w: Watts = 8_000
    profile: str | None = None


class WindTable(AssetTable, frozen=True, tag_field="kind", tag="wind"):
    """Wind turbines; without a profile all share one synthetic wind (`grid.assets.wind`)."""

    kind: ClassVar[str] = "wind"
    power_w: Watts = 10_000
    profile: str | None = None


AnyAssetTable: TypeAlias = EvTable | HeatPumpTable | BatteryTable | PvTable | WindTable


def _zone_faults(zone: str) -> Iterator[Words]:
    """Whether a zone's name is one."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield Words("zone: %(zone)s is unknown; write a name like Europe/Berlin", zone=repr(zone))


def _stay_faults(stay: SessionTable) -> Iterator[Words]:
    ends = {"arrival": stay.arrival, "departure": stay.departure}
    naive = [key for key, moment in ends.items() if moment.tzinfo is None]
    yield from (
        Words("%(key)s has no offset; write it like 2016-06-15T18:00:00+02:00", key=key) for key in naive
    )
    if naive:
        return
    yield from (
        Words("%(key)s must lie on a quarter-hour", key=key)
        for key, at in ends.items()
        if at.timestamp() % SLOT_SECONDS
    )
    if stay.arrival >= stay.departure:
        yield Words("departure must lie after arrival")
