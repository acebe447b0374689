"""Every named grid against `pandapower.runpp` with its default settings: kept results, and a few solved anew each run.

`python fixtures/agreement/make_reference.py --check` solves all of them anew by pandapower.
"""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from grid.flow.pandapower_reference import reference
from grid.flow.powerflow import PowerFlow
from grid.networks.library import KERBER

FRESH = (
    "case33bw",
    "create_cigre_network_lv",
    "create_cigre_network_mv_all",
    "create_kerber_landnetz_kabel_2",
)
FRESH_FROM_KEPT = ("1-LV-rural1--2-no_sw", "1-MV-comm--0-sw")


@pytest.fixture(scope="module")
def script(fixtures_folder: Path) -> ModuleType:
    path = fixtures_folder / "agreement" / "make_reference.py"
    spec = importlib.util.spec_from_file_location("make_reference", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def kept(script: ModuleType) -> dict[str, Any]:
    return {case.name: case for case in script.read_cases()}


def test_all_named_grids_are_kept(kept: dict[str, Any]) -> None:
    assert sum(name.startswith("1-LV-") for name in kept) == 36
    assert sum(name.startswith("1-MV-") for name in kept) == 24
    assert set(KERBER) < set(kept)
    assert {
        "case33bw",
        "create_cigre_network_lv",
        "create_cigre_network_mv",
        "create_cigre_network_mv_pv_wind",
    } < set(kept)
    assert len(kept) == 87
    assert all("ODbL" in case.feeder.attribution for name, case in kept.items() if name.startswith("1-"))


def test_every_grid_agrees_with_runpp(script: ModuleType, kept: dict[str, Any]) -> None:
    apart = {name: script.furthest(case) for name, case in kept.items()}
    assert {name: far for name, far in apart.items() if far[0] >= script.VM_TOLERANCE_PU} == {}
    assert {name: far for name, far in apart.items() if far[1] >= script.LOADING_TOLERANCE_PERCENT} == {}
    assert {name: far for name, far in apart.items() if far[2] >= 1e-3} == {}
    assert max(vm_pu for vm_pu, _, _ in apart.values()) < 1e-9


@pytest.mark.parametrize("name", FRESH)
def test_a_grid_solved_anew_is_the_kept_one(script: ModuleType, kept: dict[str, Any], name: str) -> None:
    """The network as pandapower makes it today, solved by pandapower today."""
    case = script.case_of(f"pandapower:{name}")
    np.testing.assert_allclose(case.vm_pu, kept[name].vm_pu, rtol=0, atol=1e-9)
    np.testing.assert_allclose(case.line_percent, kept[name].line_percent, rtol=0, atol=1e-5)
    for part in ("buses", "lines", "transformers", "shunts", "source_bus", "source_vm_pu"):
        assert getattr(case.feeder, part) == getattr(kept[name].feeder, part)


@pytest.mark.parametrize("name", FRESH_FROM_KEPT)
def test_a_kept_feeder_solved_anew_by_pandapower(script: ModuleType, kept: dict[str, Any], name: str) -> None:
    p_kw, q_kvar = script.injections(kept[name])
    ours, theirs = PowerFlow(kept[name].feeder).run(p_kw, q_kvar), reference(kept[name].feeder, p_kw, q_kvar)
    assert np.abs(ours.vm_pu - theirs.vm_pu).max() < 1e-9
    assert np.abs(ours.transformer_percent - theirs.transformer_percent).max() < 1e-6
    np.testing.assert_allclose(theirs.vm_pu, kept[name].vm_pu, rtol=0, atol=1e-9)


def test_a_wrong_tap_would_be_seen(script: ModuleType, kept: dict[str, Any]) -> None:
    """The check can fail: SimBench's empty tap_changer_type, read as pandapower reads it, is 2e-2 pu off."""
    case = kept["1-LV-rural3--2-sw"]
    flat = tuple(replace(trafo, tap_steps=0.0) for trafo in case.feeder.transformers)
    vm_pu, percent, _ = script.furthest(replace(case, feeder=replace(case.feeder, transformers=flat)))
    assert vm_pu > 1e-2
    assert percent > 0.1
