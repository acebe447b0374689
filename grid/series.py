"""The truth of a scenario: what every load and plant does in each slot, from its files."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from grid.metering import register_wh
from grid.network import Connection, Feeder
from grid.powerflow import FloatArray
from grid.profiles import Profiles
from grid.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Series:
    """The truth, on the scenario's slots: (slots, connections) load and PV in Wh, reactive load in kvar."""

    load_wh: npt.NDArray[np.int64]
    pv_wh: npt.NDArray[np.int64]
    q_kvar: FloatArray


def covering(scenario: Scenario, files: Sequence[Profiles]) -> Profiles:
    """The file that holds the period; where none does, the first one says what is wrong."""
    return next((p for p in files if p.slot_start[0] <= scenario.start < p.slot_start[-1]), files[0])


def scaled(feeder: Feeder, scenario: Scenario) -> Feeder:
    """The feeder with the scenario's load and PV scales in the ratings."""

    def scale(cn: Connection) -> Connection:
        load, pv, grid = cn.load, cn.generator, scenario.grid
        return replace(
            cn,
            load=load
            and replace(load, p_mw=load.p_mw * grid.load_scale, q_mvar=load.q_mvar * grid.load_scale),
            generator=pv and replace(pv, p_mw=pv.p_mw * grid.pv_scale, q_mvar=pv.q_mvar * grid.pv_scale),
        )

    return replace(feeder, connections=tuple(scale(cn) for cn in feeder.connections))


def series_of(feeder: Feeder, profiles: Profiles, start: int, end: int) -> Series:
    """The truth of [start, end): ratings times profiles, an element without a profile at its rating.

    Meters are read from the file's first slot on, so that a slot's Wh don't depend on where a replay starts.
    """
    window = profiles.window(start, end)
    ones = np.ones(len(profiles.slot_start))

    def power(rated_mw: float, name: str | None) -> FloatArray:
        return rated_mw * 1e3 * (profiles.column(name) if name else ones)

    def load(cn: Connection, kind: str) -> FloatArray:
        if cn.load is None:
            return 0 * ones
        name = cn.load.profile and f"{cn.load.profile}_{kind}load"
        return power(cn.load.p_mw if kind == "p" else cn.load.q_mvar, name)

    def generation(cn: Connection, *, reactive: bool) -> FloatArray:
        if cn.generator is None:
            return 0 * ones
        return power(cn.generator.q_mvar if reactive else cn.generator.p_mw, cn.generator.profile)

    everyone = feeder.connections
    return Series(
        load_wh=register_wh(np.column_stack([load(cn, "p") for cn in everyone]))[window],
        pv_wh=register_wh(np.column_stack([generation(cn, reactive=False) for cn in everyone]))[window],
        q_kvar=np.column_stack([load(cn, "q") - generation(cn, reactive=True) for cn in everyone])[window],
    )
