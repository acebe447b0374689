"""Power flows against pandapower, against published results, and where they have none."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandapower
import pandapower.networks
import pytest

from grid.flow.pandapower_reference import reference
from grid.flow.powerflow import Flows, PowerFlow, PowerFlowError
from grid.networks.feeder import Feeder
from grid.networks.pandapower_tables import feeder_from_pandapower

VM_TOLERANCE_PU = 1e-6
LOADING_TOLERANCE_PERCENT = 1e-3
# name in pandapower.networks, arguments, losses kW, bus of the lowest voltage, its vm_pu, highest trafo loading;
# pandapower's bus 17 is the paper's 18th.
# case33bw: Baran and Wu, IEEE Trans. Power Delivery 4 (1989); the others pinned with pandapower 3.5.6.
GOLDEN = [
    ("case33bw", {}, 202.67, "Bus 17", 0.9131, None),
    ("create_cigre_network_lv", {}, None, "Bus C12", 0.91227, 85.25),
    ("create_cigre_network_mv", {}, None, "Bus 11", 0.92298, 101.41),
    ("create_cigre_network_mv", {"with_der": "pv_wind"}, None, None, 0.94692, 93.81),
]


def rated(feeder: Feeder) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Injections at the ratings, one slot."""
    pairs = [(cn.load, cn.generator) for cn in feeder.connections]
    p = [((ld.p_mw if ld else 0) - (gen.p_mw if gen else 0)) * 1e3 for ld, gen in pairs]
    q = [((ld.q_mvar if ld else 0) - (gen.q_mvar if gen else 0)) * 1e3 for ld, gen in pairs]
    return np.array([p]), np.array([q])


def assert_agree(ours: Flows, theirs: Flows) -> None:
    assert np.abs(ours.vm_pu - theirs.vm_pu).max() < VM_TOLERANCE_PU
    assert np.abs(ours.line_percent - theirs.line_percent).max(initial=0) < LOADING_TOLERANCE_PERCENT
    assert (
        np.abs(ours.transformer_percent - theirs.transformer_percent).max(initial=0)
        < LOADING_TOLERANCE_PERCENT
    )
    assert np.abs(ours.losses_kw - theirs.losses_kw).max() < 1e-3
    assert np.abs(ours.source_kw - theirs.source_kw).max() < 1e-3
    assert np.abs(ours.transformer_kw - theirs.transformer_kw).max(initial=0) < 1e-3


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case[0] + "".join(case[1].values()))
def test_published_and_pinned_cases(
    case: tuple[str, dict[str, Any], float | None, str | None, float, float | None],
) -> None:
    name, arguments, losses_kw, bus, vm_pu, trafo = case
    feeder = feeder_from_pandapower(getattr(pandapower.networks, name)(**arguments), name=name)
    p_kw, q_kvar = rated(feeder)
    flows = PowerFlow(feeder).run(p_kw, q_kvar)
    assert flows.vm_pu.min() == pytest.approx(vm_pu, abs=5e-5)
    if bus is not None:
        assert feeder.buses[int(flows.vm_pu[0].argmin())].name == bus
    if losses_kw is not None:
        assert flows.losses_kw[0] == pytest.approx(losses_kw, abs=0.01)
    if trafo is not None:
        assert flows.transformer_percent.max() == pytest.approx(trafo, abs=0.01)
    assert_agree(flows, reference(feeder, p_kw, q_kvar))


@pytest.mark.parametrize("side", ["hv", "lv"])
@pytest.mark.parametrize("parallel", [1, 2])
def test_taps_parallel_units_and_open_line_ends(side: str, parallel: int) -> None:
    net = pandapower.networks.create_kerber_landnetz_freileitung_1()
    net.trafo["tap_side"], net.trafo["tap_neutral"], net.trafo["tap_pos"] = side, 0, 2
    net.trafo["tap_step_percent"], net.trafo["parallel"], net.trafo["df"] = 2.5, parallel, 0.9
    net.trafo["tap_changer_type"] = "Ratio"
    net.line["c_nf_per_km"], net.line["g_us_per_km"] = 5000.0, 300.0
    spur = pandapower.create_bus(net, 0.4)
    pandapower.create_line_from_parameters(
        net, int(net.line.to_bus.iloc[-1]), spur, 0.2, 0.2, 0.08, 5000.0, 0.2, parallel=parallel
    )
    loop = pandapower.create_line_from_parameters(
        net, int(net.line.to_bus.iloc[1]), int(net.line.to_bus.iloc[-2]), 0.2, 0.2, 0.08, 5000.0, 0.2
    )
    pandapower.create_switch(net, int(net.line.from_bus.loc[loop]), loop, "l", closed=False)
    feeder = feeder_from_pandapower(net, name="kerber")
    pandapower.runpp(net, numba=False, tolerance_mva=1e-11)
    flows = PowerFlow(feeder).run(*rated(feeder))
    assert np.abs(flows.vm_pu[0] - net.res_bus.vm_pu.to_numpy()).max() < VM_TOLERANCE_PU
    assert (
        np.abs(flows.line_percent[0] - net.res_line.loading_percent.to_numpy()).max()
        < LOADING_TOLERANCE_PERCENT
    )
    loading = net.res_trafo.loading_percent.to_numpy()
    assert np.abs(flows.transformer_percent[0] - loading).max() < LOADING_TOLERANCE_PERCENT


def test_batch_equals_single_slots(rural_feeder: Feeder) -> None:
    rng = np.random.default_rng(5)
    p_kw = rng.uniform(-3, 3, (40, len(rural_feeder.connections)))
    q_kvar = rng.uniform(-0.5, 0.5, p_kw.shape)
    power_flow = PowerFlow(rural_feeder)
    together = power_flow.run(p_kw, q_kvar, threading=0)
    for i in (0, 17, 39):
        alone = power_flow.run(p_kw[i : i + 1], q_kvar[i : i + 1])
        assert np.abs(together.vm_pu[i] - alone.vm_pu[0]).max() < 1e-8
    assert_agree(together, reference(rural_feeder, p_kw, q_kvar))


def test_slots_without_solution_are_named(street: Feeder) -> None:
    p_kw = np.zeros((5, 4))
    p_kw[[1, 3], 2] = 5_000
    with pytest.raises(PowerFlowError, match=r"slot\(s\) 1, 3 of the batch") as caught:
        PowerFlow(street).run(p_kw, np.zeros_like(p_kw))
    assert caught.value.slots == (1, 3)
