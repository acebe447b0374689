"""The truth of a scenario: what every load and plant does in each slot, from its files."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from grid.assets.wind import SYNTHETIC_WIND, synthetic_wind
from grid.flow.powerflow import FloatArray
from grid.metering import register_wh
from grid.networks.feeder import Connection, Feeder, Generator
from grid.profiles import Profiles
from grid.scenarios.scenario import Scenario

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Series:
    """The truth, on the scenario's slots: (slots, connections) Wh of load, of PV and other plants but wind, of wind.

    `q_kvar` is reactive load; `wind_wh` is None where no turbine stands.
    """

    load_wh: IntArray
    pv_wh: IntArray
    q_kvar: FloatArray
    wind_wh: IntArray | None = None


def scaled(feeder: Feeder, scenario: Scenario) -> Feeder:
    """The feeder with the scenario's load and PV scales in the ratings; `pv_scale` is that of every plant."""
    grid = scenario.grid

    def plant(given: Generator | None) -> Generator | None:
        return given and replace(given, p_mw=given.p_mw * grid.pv_scale, q_mvar=given.q_mvar * grid.pv_scale)

    def scale(cn: Connection) -> Connection:
        load = cn.load
        return replace(
            cn,
            load=load
            and replace(load, p_mw=load.p_mw * grid.load_scale, q_mvar=load.q_mvar * grid.load_scale),
            generator=plant(cn.generator),
            wind=plant(cn.wind),
        )

    return replace(feeder, connections=tuple(scale(cn) for cn in feeder.connections))


def series_of(feeder: Feeder, profiles: Profiles, start: int, end: int, *, seed: int = 0) -> Series:
    """The truth of [start, end): ratings times profiles, an element without a profile at its rating.

    Turbines without a column share the synthetic wind of `seed`. Meters are read from the file's first slot on, so that a slot's Wh don't depend on where a replay starts.
    """
    window = profiles.window(start, end)
    slots = len(profiles.slot_start)
    synthetic = functools.cache(lambda: synthetic_wind(seed, slots))

    def power(rated_mw: float, name: str | None) -> FloatArray:
        if name == SYNTHETIC_WIND and name not in profiles.columns:
            return rated_mw * 1e3 * synthetic()
        return rated_mw * 1e3 * (profiles.column(name) if name else np.ones(slots))

    def load(cn: Connection, kind: str) -> FloatArray:
        if cn.load is None:
            return np.zeros(slots)
        name = cn.load.profile and f"{cn.load.profile}_{kind}load"
        return power(cn.load.p_mw if kind == "p" else cn.load.q_mvar, name)

    def feed_in(plants: Iterable[Generator], *, reactive: bool = False) -> FloatArray:
        powers = [power(plant.q_mvar if reactive else plant.p_mw, plant.profile) for plant in plants]
        return np.sum(powers, axis=0) if powers else np.zeros(slots)

    def metered(columns: Iterable[FloatArray]) -> IntArray:
        return register_wh(np.column_stack(list(columns)))[window]

    everyone = feeder.connections
    reactive = [load(cn, "q") - feed_in(cn.generators, reactive=True) for cn in everyone]
    other = [[plant for plant in cn.generators if not plant.is_wind] for cn in everyone]
    wind = [[plant for plant in cn.generators if plant.is_wind] for cn in everyone]
    load_wh, pv_wh = _drawn_to_load(metered(load(cn, "p") for cn in everyone), metered(map(feed_in, other)))
    wind_wh = None
    if any(wind):
        load_wh, wind_wh = _drawn_to_load(load_wh, metered(map(feed_in, wind)))
    return Series(load_wh, pv_wh, np.column_stack(reactive)[window], wind_wh)


def _drawn_to_load(load_wh: IntArray, plants_wh: IntArray) -> tuple[IntArray, IntArray]:
    """(load, generation): what a plant draws is load. SimBench's still turbines draw a few watts."""
    drawn = np.minimum(plants_wh, 0)
    return load_wh - drawn, plants_wh - drawn
