"""The extracted fixtures against SimBench itself, and the days on which clocks change."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandapower
import pytest
import simbench

from grid import kpis
from grid.flow.powerflow import PowerFlow
from grid.networks.feeder import Feeder
from grid.profiles import local_to_slots, read_profiles
from grid.simulation import series_of

CODE = "1-LV-rural3--2-sw"


@pytest.fixture(scope="module")
def script(fixtures_folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("extract_simbench", fixtures_folder / "extract_simbench.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def net(script: ModuleType) -> Any:
    return script.load_grid(CODE)


@pytest.fixture(scope="module")
def absolute(net: Any) -> dict[str, Any]:
    tables = simbench.get_absolute_values(net, profiles_instead_of_study_cases=True)
    return {f"{element} {variable}": frame.to_numpy() for (element, variable), frame in tables.items()}


@pytest.mark.parametrize("week", ["january", "june"])
def test_voltages_and_loadings_of_random_slots_equal_pandapower(
    net: Any, absolute: dict[str, Any], rural_feeder: Feeder, fixtures_folder: Path, week: str
) -> None:
    slots = read_profiles(fixtures_folder / "profiles" / f"{CODE}.{week}.csv.gz").slot_start
    year = local_to_slots(net.profiles["load"]["time"].tolist())
    rows = np.random.default_rng(11).choice(np.flatnonzero(np.isin(year, slots)), 10, replace=False)
    of_plant = {cn.generator.name: i for i, cn in enumerate(rural_feeder.connections) if cn.generator}
    of_battery = {cn.battery.name: i for i, cn in enumerate(rural_feeder.connections) if cn.battery}
    p_mw = absolute["load p_mw"][rows].copy()
    for column, name in enumerate(net.sgen.name):
        p_mw[:, of_plant[name]] -= absolute["sgen p_mw"][rows, column]
    for column, name in enumerate(net.storage.name):
        p_mw[:, of_battery[name]] += absolute["storage p_mw"][rows, column]
    flows = PowerFlow(rural_feeder).run(p_mw * 1e3, absolute["load q_mvar"][rows] * 1e3)
    for i, row in enumerate(rows):
        net.load.p_mw, net.load.q_mvar = absolute["load p_mw"][row], absolute["load q_mvar"][row]
        net.sgen.p_mw, net.storage.p_mw = absolute["sgen p_mw"][row], absolute["storage p_mw"][row]
        pandapower.runpp(net, numba=False, tolerance_mva=1e-11)
        assert np.abs(flows.vm_pu[i] - net.res_bus.vm_pu.to_numpy()).max() < 1e-6
        assert np.abs(flows.line_percent[i] - net.res_line.loading_percent.to_numpy()).max() < 1e-3
        assert np.abs(flows.transformer_percent[i] - net.res_trafo.loading_percent.to_numpy()).max() < 1e-3
        losses_kw = 1e3 * (net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum())
        assert flows.losses_kw[i] == pytest.approx(losses_kw, abs=1e-3)


def test_fixture_is_what_the_script_extracts(
    script: ModuleType, rural_feeder: Feeder, fixtures_folder: Path
) -> None:
    kept = read_profiles(fixtures_folder / "profiles" / f"{CODE}.june.csv.gz")
    fresh_net = script.load_grid(CODE)
    end = int(kept.slot_start[-1]) + 900
    feeder, profiles = script.extract(fresh_net, CODE, int(kept.slot_start[0]), end)
    assert feeder == rural_feeder
    assert profiles.columns.keys() == kept.columns.keys()
    for name, column in kept.columns.items():
        np.testing.assert_allclose(column, profiles.columns[name], rtol=0, atol=1e-9)


def test_metered_week_equals_simbench_energy_to_the_wh(
    net: Any, absolute: dict[str, Any], rural_feeder: Feeder, fixtures_folder: Path
) -> None:
    profiles = read_profiles(fixtures_folder / "profiles" / f"{CODE}.june.csv.gz")
    start, end = int(profiles.slot_start[0]), int(profiles.slot_start[-1]) + 900
    series = series_of(rural_feeder, profiles, start, end)
    year = local_to_slots(net.profiles["load"]["time"].tolist())
    first = int(np.searchsorted(year, start))
    expected_wh = absolute["load p_mw"][first : first + 672].sum(axis=0) * 1e6 / 4
    assert np.abs(series.load_wh.sum(axis=0) - expected_wh).max() <= 0.51
    assert (series.load_wh >= 0).all()


@pytest.mark.parametrize(
    ("days", "count"), [(("2016-03-27", "2016-03-28"), 92), (("2016-10-30", "2016-10-31"), 100)]
)
def test_script_extracts_the_days_on_which_clocks_change(  # noqa: PLR0917  fixtures, passed by name
    script: ModuleType,
    net: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    days: tuple[str, str],
    count: int,
) -> None:
    monkeypatch.setattr(script, "load_grid", lambda _code: net)
    script.main([CODE, *days, "--name", "day", "--folder", str(tmp_path)])
    profiles = read_profiles(tmp_path / "profiles" / f"{CODE}.day.csv.gz")
    assert len(profiles.slot_start) == count
    assert set(np.diff(profiles.slot_start)) == {900}


def test_wind_is_what_the_script_extracts(script: ModuleType, fixtures_folder: Path, tmp_path: Path) -> None:
    script.main(
        [
            "1-MV-rural--0-sw",
            "2016-01-11",
            "2016-01-18",
            "--name",
            "january",
            "--wind",
            "--folder",
            str(tmp_path),
        ]
    )
    name = Path("profiles") / "1-MV-rural--0-sw.wind.january.csv.gz"
    kept, fresh = read_profiles(fixtures_folder / name), read_profiles(tmp_path / name)
    assert kept.slot_start.tolist() == fresh.slot_start.tolist()
    assert {n: column.tolist() for n, column in kept.columns.items()} == {
        n: column.tolist() for n, column in fresh.columns.items()
    }


def test_key_figures_of_a_year_are_those_of_the_data_set() -> None:
    """Pooled per quarter-hour over all of 2016, without a grid: 0.624 of the generation is used, 0.326 of the load met."""
    tables = simbench.get_absolute_values(
        simbench.get_simbench_net("1-LV-rural1--0-sw"), profiles_instead_of_study_cases=True
    )
    load_wh, pv_wh = (
        np.rint(tables[element, "p_mw"].sum(axis=1).to_numpy() * 1e6 / 4).astype(np.int64)
        for element in ("load", "sgen")
    )
    import_wh = np.maximum(load_wh - pv_wh, 0)
    used = kpis.self_consumed_wh(load_wh.tolist(), import_wh.tolist(), [0] * len(load_wh))
    assert len(load_wh) == 35_136
    assert round(kpis.self_consumption(used, int(pv_wh.sum())) or 0, 3) == 0.624
    assert round(kpis.self_sufficiency(used, int(load_wh.sum())) or 0, 3) == 0.326
