"""A day without trading against `pandapower.timeseries.run_timeseries` on the same feeder and profiles."""

import csv
import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from pandapower.control import ConstControl
from pandapower.timeseries import DFData, OutputWriter, run_timeseries

from grid.flow.pandapower_reference import pandapower_net
from grid.market.mechanism import SlotTrades, TradingSlot
from grid.networks.feeder import Feeder
from grid.networks.files import feeder_to_json
from grid.scenarios.scenario import load_scenario
from grid.simulation import Simulation, open_simulation
from grid.study import Study

CODE = "1-LV-rural3--2-sw"
FloatArray = npt.NDArray[np.float64]


class Nobody:
    """A mechanism under which nobody trades."""

    name = "nobody"
    over_channels = False

    def play(self, slot: TradingSlot) -> SlotTrades:
        return SlotTrades((), (), slot.beliefs)


@pytest.fixture(scope="module")
def without_batteries(rural_feeder: Feeder) -> Feeder:
    return replace(
        rural_feeder, connections=tuple(replace(cn, battery=None) for cn in rural_feeder.connections)
    )


@pytest.fixture(scope="module")
def simulation(
    tmp_path_factory: pytest.TempPathFactory, fixtures_folder: Path, without_batteries: Feeder
) -> Simulation:
    """The June day from files, everything that is not used at home fed into the grid."""
    folder = tmp_path_factory.mktemp("day")
    (folder / "feeder.json").write_bytes(feeder_to_json(without_batteries))
    text = (fixtures_folder / "scenarios" / "june-day.toml").read_text()
    text = text.replace(f"../networks/{CODE}.json", "feeder.json").replace('"../', f'"{fixtures_folder}/')
    text = text.replace("firm_export_permille = 700", "firm_export_permille = 1000")
    (folder / "day.toml").write_text(text)
    return open_simulation(load_scenario(folder / "day.toml"))


@pytest.fixture(scope="module")
def played(simulation: Simulation) -> list[dict[str, Any]]:
    slots = list(Study(simulation, Nobody()).slots())
    assert len(slots) == 96
    assert not any(slot["trades"] or slot["curtailed_wh"] or slot["breaches"] for slot in slots)
    return slots


def by_pandapower(feeder: Feeder, p_kw: FloatArray, q_kvar: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(slots, buses) voltages and (slots,) losses in Wh per quarter-hour."""
    net = pandapower_net(feeder)
    for variable, power in (("p_mw", p_kw), ("q_mvar", q_kvar)):
        data = DFData(pd.DataFrame(power / 1e3, columns=net.load.index))
        ConstControl(
            net, "load", variable, element_index=net.load.index, profile_name=net.load.index, data_source=data
        )
    wanted = [("res_ext_grid", "p_mw"), ("res_bus", "vm_pu"), ("res_line", "pl_mw"), ("res_trafo", "pl_mw")]
    # The first of them makes pandapower compute whole results; without it there are no losses (KeyError).
    writer = OutputWriter(net, time_steps=range(len(p_kw)), output_path=None, log_variables=wanted)
    quick_but_whole = {
        "trafo": False,
        "gen": False,
        "bus_pq": True,
    }  # pandapower's own default leaves losses out
    run_timeseries(net, time_steps=range(len(p_kw)), verbose=False, numba=False, recycle=quick_but_whole)
    found = {key: table.to_numpy() for key, table in writer.output.items()}
    lost_mw = found["res_line.pl_mw"].sum(axis=1) + found["res_trafo.pl_mw"].sum(axis=1)
    return found["res_bus.vm_pu"], lost_mw * 1e6 / 4


def profile_columns(file: Path, start: int) -> Callable[[str], FloatArray]:
    """The day's 96 values of a profile, straight from the file."""
    with gzip.open(file, "rt") as text:
        rows = [row for row in csv.DictReader(text) if start <= int(row["slot_start"]) < start + 96 * 900]
    return lambda name: np.array([float(row[name]) for row in rows])


def powers(feeder: Feeder, column: Callable[[str], FloatArray]) -> tuple[FloatArray, FloatArray]:
    """(96, connections) kW and kvar by ratings and profiles."""
    p_kw, q_kvar = np.zeros((2, 96, len(feeder.connections)))
    for i, cn in enumerate(feeder.connections):
        if cn.load:
            p_kw[:, i] += cn.load.p_mw * 1e3 * column(f"{cn.load.profile}_pload")
            q_kvar[:, i] += cn.load.q_mvar * 1e3 * column(f"{cn.load.profile}_qload")
        if cn.generator:
            p_kw[:, i] -= cn.generator.p_mw * 1e3 * column(str(cn.generator.profile))
    return p_kw, q_kvar


def test_metered_exchanges_give_the_same_in_pandapowers_time_series(
    simulation: Simulation, played: list[dict[str, Any]]
) -> None:
    """The same Wh: what is left is the solvers' tolerance and the rounding of the stored slot (1e-6 pu, 1 Wh)."""
    meters = np.array([slot["meters"] for slot in played])
    q_kvar = np.array([simulation.reactive_kvar(start) for start in simulation.slots])
    vm_pu, losses_wh = by_pandapower(simulation.feeder, (meters[:, :, 0] - meters[:, :, 1]) * 4 / 1e3, q_kvar)
    assert np.abs(vm_pu - np.array([slot["vm_pu"] for slot in played])).max() < 1e-6
    assert np.abs(losses_wh - np.array([slot["losses_wh"] for slot in played])).max() < 0.51


def test_profiles_give_the_same_in_pandapowers_time_series(
    simulation: Simulation, played: list[dict[str, Any]], fixtures_folder: Path
) -> None:
    """From the profile file on, unrounded: a slot's whole Wh are up to 4 W off at each of 153 homes.

    That moves voltages by less than 1e-4 pu, a slot's losses by a few Wh, and the day's losses by 0.1 %.
    """
    column = profile_columns(fixtures_folder / "profiles" / f"{CODE}.june.csv.gz", simulation.scenario.start)
    vm_pu, losses_wh = by_pandapower(simulation.feeder, *powers(simulation.feeder, column))
    ours = np.array([slot["losses_wh"] for slot in played])
    assert np.abs(vm_pu - np.array([slot["vm_pu"] for slot in played])).max() < 1e-4
    assert np.abs(losses_wh - ours).max() < 5
    assert ours.sum() == pytest.approx(losses_wh.sum(), rel=1e-3)
