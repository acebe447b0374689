"""What every home needs in a slot: as it comes, and as it is expected."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from grid.assets import Exchange, Needs
from grid.assets.heat import Houses
from grid.assets.vehicle import Stays
from grid.flow.powerflow import FloatArray
from grid.forecast import Factors, Forecast
from grid.networks.feeder import Feeder
from grid.profiles import Profiles
from grid.series import Series


class Carried(Protocol):
    """What goes from slot to slot, Wh; `grid.simulation.SimulationState` is it."""

    @property
    def soc_wh(self) -> tuple[int, ...]:
        """Charge of the batteries, per connection."""

    @property
    def ev_need_wh(self) -> tuple[int, ...]:
        """What each vehicle at its charger still needs, in the order of their connections."""

    @property
    def heat_wh(self) -> tuple[int, ...]:
        """Heat above the band's lower edge in each heated house, in the order of their connections."""


@dataclass(frozen=True, slots=True)
class Afterwards:
    """After a slot: what vehicles need and houses hold, what vehicles that left and houses lacked; Wh."""

    ev_need_wh: tuple[int, ...]
    heat_wh: tuple[int, ...]
    unmet_ev_wh: int
    unmet_heat_wh: int


class Outlook:
    """The truth of a scenario with its seeded errors; rows are the scenario's slots."""

    def __init__(self, series: Series, stays: Stays, houses: Houses, forecast: Forecast) -> None:
        self.series, self.stays, self.houses, self._forecast = series, stays, houses, forecast

    def actual(self, row: int, carried: Carried) -> tuple[Needs, ...]:
        """As it comes, per connection."""
        truth, wind = self.series, self.series.wind_wh
        blown = None if wind is None else wind[row].tolist()
        needs = _inflexible(truth.load_wh[row].tolist(), truth.pv_wh[row].tolist(), blown, carried.soc_wh)
        return self._with_shiftable(needs, row, carried, None)

    def expected(self, row: int, slot_start: int, carried: Carried) -> tuple[Needs, ...]:
        """As agents expect it, per connection."""
        truth, wind, errors = self.series, self.series.wind_wh, self._forecast.factors(slot_start)
        needs = _inflexible(
            _whole(truth.load_wh[row] * errors.load),
            _whole(truth.pv_wh[row] * errors.pv),
            None if wind is None else _whole(wind[row] * errors.wind),
            carried.soc_wh,
        )
        return self._with_shiftable(needs, row, carried, errors)

    def _with_shiftable(
        self, needs: list[Needs], row: int, carried: Carried, errors: Factors | None
    ) -> tuple[Needs, ...]:
        for index, must, may in self._vehicles(row, carried.ev_need_wh, errors):
            needs[index] = _with_vehicle(needs[index], must, may)
        for index, must, may in self._heat_pumps(row, carried.heat_wh, errors):
            needs[index] = _with_heat(needs[index], must, may)
        return tuple(needs)

    def _vehicles(
        self, row: int, need_wh: Sequence[int], errors: Factors | None
    ) -> Iterator[tuple[int, int, int]]:
        """(connection, must, may) of the vehicles."""
        left = self.stays.slots_left[row].tolist()
        for charger, need, slots in zip(self.stays.chargers, need_wh, left, strict=True):
            wanted = need if errors is None else _rounded(need * errors.vehicle[charger.connection])
            yield charger.connection, *charger.shift(wanted, slots)

    def _heat_pumps(
        self, row: int, heat_wh: Sequence[int], errors: Factors | None
    ) -> Iterator[tuple[int, int, int]]:
        """(connection, must, may) of the heat pumps."""
        slots = zip(self.houses.houses, heat_wh, self.houses.conditions(row), strict=True)
        for house, heat, (demand, cop) in slots:
            wanted = demand if errors is None else _rounded(demand * errors.heat[house.connection])
            yield house.connection, *house.shift(heat, wanted, cop)

    def after(self, row: int, carried: Carried, exchanges: Sequence[Exchange]) -> Afterwards:
        """What a slot's exchanges made of vehicles and houses."""
        charged = [exchanges[charger.connection].ev_wh for charger in self.stays.chargers]
        heated = [exchanges[house.connection].heat_pump_wh for house in self.houses.houses]
        needs, unmet = self.stays.after(row, carried.ev_need_wh, charged)
        heat, lacked = self.houses.after(row, carried.heat_wh, heated)
        return Afterwards(needs, heat, unmet, lacked)


def _inflexible(load: list[int], pv: list[int], wind: list[int] | None, soc_wh: Sequence[int]) -> list[Needs]:
    """Households and plants, per connection; `wind` is None where no turbine stands."""
    if wind is None:
        return [Needs(*three) for three in zip(load, pv, soc_wh, strict=True)]
    return [
        Needs(own, sun + blown, soc, blown)
        for own, sun, soc, blown in zip(load, pv, soc_wh, wind, strict=True)
    ]


def _with_vehicle(needs: Needs, must_wh: int, may_wh: int) -> Needs:
    return Needs(needs.load_wh + must_wh, needs.pv_wh, needs.soc_wh, needs.wind_wh, must_wh, may_wh)


def _with_heat(needs: Needs, must_wh: int, may_wh: int) -> Needs:
    return Needs(
        needs.load_wh + must_wh, needs.pv_wh, needs.soc_wh, needs.wind_wh, needs.ev_base_wh, needs.ev_room_wh,
        must_wh, may_wh,
    )  # fmt: skip


def _whole(values: FloatArray) -> list[int]:
    """Whole, non-negative Wh, rounded half to even."""
    whole: npt.NDArray[np.int64] = np.maximum(0, np.rint(values)).astype(np.int64)
    listed: list[int] = whole.tolist()
    return listed


def _rounded(value: float) -> int:
    return max(0, round(float(value)))


def open_outlook(
    feeder: Feeder, profiles: Profiles, series: Series, forecast: Forecast, period: tuple[int, int]
) -> Outlook:
    """The outlook on [start, end) of a feeder."""
    everyone = list(enumerate(feeder.connections))
    vehicles = [(i, cn.vehicle) for i, cn in everyone if cn.vehicle is not None]
    pumps = [(i, cn.heat_pump) for i, cn in everyone if cn.heat_pump is not None]
    return Outlook(series, Stays(vehicles, *period), Houses(pumps, profiles, *period), forecast)
