"""Elements beyond lines, transformers and loads, each against `pandapower.runpp` on the net it came from."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandapower
import pytest

from grid.flow.pandapower_reference import reference
from grid.flow.powerflow import PowerFlow
from grid.networks.check import check_feeder
from grid.networks.feeder import Feeder, Load, NetworkFaultError
from grid.networks.pandapower_faults import in_service
from grid.networks.pandapower_tables import bus_numbers, feeder_from_pandapower

CABLE = (0.3, 0.2, 0.08, 400.0, 0.3)


@pytest.fixture
def net() -> Any:
    """Two stations in a ring with a spur, loads and a plant."""
    net = pandapower.create_empty_network()
    for kv in (20.0, 20.0, 0.4, 0.4, 0.4, 0.4):
        pandapower.create_bus(net, kv)
    pandapower.create_ext_grid(net, 0, vm_pu=1.03)
    pandapower.create_line_from_parameters(net, 0, 1, 3.0, 0.2, 0.12, 250, 0.2)
    for high, low in ((0, 2), (1, 3)):
        pandapower.create_transformer(net, high, low, "0.4 MVA 20/0.4 kV")
    for start, end in ((2, 4), (3, 4), (4, 5)):
        pandapower.create_line_from_parameters(net, start, end, *CABLE)
    for bus, kw in ((4, 60), (5, 30), (3, 20)):
        pandapower.create_load(net, bus, kw / 1e3, kw / 4e3)
    pandapower.create_sgen(net, 5, 0.02)
    return net


def shunt(net: Any) -> None:
    pandapower.create_shunt(net, 4, q_mvar=-0.03, p_mw=0.004, vn_kv=0.42, step=2)


def ward(net: Any) -> None:
    pandapower.create_ward(net, 5, 0.01, 0.002, 0.005, -0.004)


def impedance(net: Any) -> None:
    pandapower.create_impedance(net, 2, 5, rft_pu=0.1, xft_pu=0.05, sn_mva=0.3)


def second_source(net: Any) -> None:
    bus = pandapower.create_bus(net, 20.0)
    pandapower.create_ext_grid(net, bus, vm_pu=1.03)
    pandapower.create_line_from_parameters(net, bus, 1, 2.0, 0.2, 0.12, 250, 0.2)


def open_transformer(net: Any) -> None:
    pandapower.create_switch(net, 3, 1, "t", closed=False)


def parallel_and_derated(net: Any) -> None:
    net.trafo.loc[1, ["parallel", "df", "tap_pos"]] = 2, 0.8, -2
    net.line.loc[1, ["parallel", "df"]] = 2, 0.7


def taps_below(net: Any) -> None:
    net.trafo["tap_side"], net.trafo["tap_pos"] = "lv", 1


def turned_ring(net: Any) -> None:
    """One station turns by 150 degrees and the other by 180: power circulates."""
    net.trafo.loc[1, "shift_degree"] = 180.0
    net.trafo["vk_percent"] = 40.0


def out_of_service(net: Any) -> None:
    bus = pandapower.create_bus(net, 0.4, in_service=False)
    pandapower.create_line_from_parameters(net, 5, bus, *CABLE)
    pandapower.create_load(net, bus, 0.05)
    net.line.loc[2, "in_service"] = False
    net.load.loc[2, "scaling"] = 0.5


def conductance(net: Any) -> None:
    net.line["g_us_per_km"], net.line["c_nf_per_km"] = 200.0, 0.0


def sixty_hertz(net: Any) -> None:
    net.f_hz = 60.0
    net.line["c_nf_per_km"] = 5000.0


def by_phase(net: Any) -> None:
    pandapower.create_asymmetric_load(net, 4, p_a_mw=0.004, p_b_mw=0.002, q_b_mvar=0.001)
    pandapower.create_asymmetric_sgen(net, 5, p_c_mw=0.003)


@pytest.mark.parametrize(
    "change",
    [shunt, ward, impedance, second_source, open_transformer, parallel_and_derated, taps_below, turned_ring,
     out_of_service, conductance, sixty_hertz, by_phase],
)  # fmt: skip
def test_elements_agree_with_runpp(net: Any, change: Any) -> None:
    change(net)
    pandapower.runpp(net, tolerance_mva=1e-11, numba=False)
    feeder = feeder_from_pandapower(net, name="ring")
    flows = PowerFlow(feeder).run(*rated(feeder))
    number = bus_numbers(net)
    for bus, place in number.items():
        assert flows.vm_pu[0, place] == pytest.approx(net.res_bus.vm_pu[bus], abs=1e-9)
    lines = [i for i, row in in_service(net, "line").iterrows() if row.to_bus in number]
    theirs = net.res_line.loading_percent[lines].to_numpy()
    assert flows.line_percent[0, : len(lines)] == pytest.approx(theirs, abs=1e-6)
    assert flows.transformer_percent[0] == pytest.approx(net.res_trafo.loading_percent.to_numpy(), abs=1e-6)
    assert flows.source_kw[0] == pytest.approx(net.res_ext_grid.p_mw.sum() * 1e3, abs=1e-5)


@pytest.mark.parametrize("change", [shunt, open_transformer, turned_ring, conductance])
def test_the_reference_knows_them_too(net: Any, change: Any) -> None:
    change(net)
    feeder = feeder_from_pandapower(net, name="ring")
    ours, theirs = PowerFlow(feeder).run(*rated(feeder)), reference(feeder, *rated(feeder))
    assert np.abs(ours.vm_pu - theirs.vm_pu).max() < 1e-9
    assert ours.losses_kw == pytest.approx(theirs.losses_kw, abs=1e-5)


def rated(feeder: Feeder) -> tuple[Any, Any]:
    def sum_of(cn: Any, field: str) -> float:
        load, plants = (
            getattr(cn.load, field) if cn.load else 0.0,
            sum(getattr(g, field) for g in cn.generators),
        )
        return float(load - plants) * 1e3

    return tuple(np.array([[sum_of(cn, field) for cn in feeder.connections]]) for field in ("p_mw", "q_mvar"))


def test_a_loop_that_turns_by_odd_degrees_is_named(net: Any) -> None:
    net.trafo.loc[1, "shift_degree"] = 163.0
    with pytest.raises(
        NetworkFaultError, match="shifts the phase within a loop; give a shift_degree that is"
    ):
        feeder_from_pandapower(net, name="ring")


def test_odd_degrees_without_a_loop_move_nothing(net: Any) -> None:
    net.trafo["shift_degree"] = 163.0
    feeder = feeder_from_pandapower(net, name="ring")
    turned = replace(
        feeder, transformers=tuple(replace(trafo, shift_degree=150.0) for trafo in feeder.transformers)
    )
    assert np.array_equal(
        PowerFlow(feeder).run(*rated(feeder)).vm_pu, PowerFlow(turned).run(*rated(turned)).vm_pu
    )


@pytest.mark.parametrize(
    ("table", "column", "value", "complaint"),
    [
        ("trafo", "tap_dependency_table", True, "only ratio taps are modelled"),
        ("trafo", "vkr_percent", 9.0, "vkr_percent is above vk_percent"),
        ("trafo", "leakage_reactance_ratio_hv", 0.9, "leakage_reactance_ratio_hv must be 0.5"),
        ("trafo", "tap2_pos", 1.0, "has a second tap changer"),
        ("ext_grid", "in_service", False, "ext_grid: none in service"),
        ("ext_grid", "bus", 99, "ext_grid 0 (no name): bus 99 does not exist"),
        ("line", "parallel", 0, "line 0 (no name): parallel is 0; give 1 or more"),
        ("line", "length_km", 0.0, "length_km is 0; it must be above zero"),
        ("load", "p_mw", float("inf"), "load 0 (no name): p_mw is no number"),
        ("bus", "in_service", False, "ext_grid 0: its bus is out of service; put bus 0 in service"),
    ],
)
def test_unusable_columns_are_named(net: Any, table: str, column: str, value: object, complaint: str) -> None:
    net[table][column] = value
    with pytest.raises(NetworkFaultError) as caught:
        feeder_from_pandapower(net, name="ring")
    assert any(complaint in fault for fault in caught.value.faults)


def test_an_impedance_that_is_no_line_is_named(net: Any) -> None:
    pandapower.create_impedance(net, 0, 2, rft_pu=0.1, xft_pu=0.05, sn_mva=0.3)
    with pytest.raises(
        NetworkFaultError, match="impedance 0: differs by direction, joins two voltage levels"
    ):
        feeder_from_pandapower(net, name="ring")


def test_a_rating_of_zero_is_a_fault_and_no_crash(street: Feeder) -> None:
    with pytest.raises(NetworkFaultError, match="station: needs sn_mva and vk_percent above zero"):
        check_feeder(replace(street, transformers=(replace(street.transformers[0], sn_mva=0.0),)))


@pytest.mark.parametrize(
    ("part", "changes", "complaint"),
    [
        ("lines", {"from_bus": 0}, "long cable: joins mv (20 kV) and end (0.4 kV); correct a bus's voltage"),
        ("lines", {"to_bus": 1}, "long cable: starts and ends at busbar"),
        ("lines", {"c_nf": 1e300}, "long cable: c_nf is 1e+300; give the number in that unit"),
        ("lines", {"r_ohm": float("nan")}, "long cable: r_ohm is nan"),
        ("transformers", {"vn_hv_kv": 0.4, "vn_lv_kv": 20.0}, "station: vn_hv_kv is 0.4 at mv of 20 kV"),
        ("transformers", {"vkr_percent": 5.0}, "station: vkr_percent must lie within vk_percent"),
        ("transformers", {"tap_steps": -30.0}, "station: its taps take away half of the turns"),
        ("transformers", {"lv_bus": 0, "vn_lv_kv": 20.0}, "station: has both sides at mv"),
        ("buses", {"vn_kv": 0.0}, "mv: has a nominal voltage of 0 kV; give one above zero"),
        ("connections", {"load": Load("plant", float("inf"), 0.0, None)}, "plant: p_mw is inf"),
    ],
)  # fmt: skip
def test_what_no_power_flow_can_use_is_named(
    street: Feeder, part: str, changes: dict[str, Any], complaint: str
) -> None:
    first, *others = getattr(street, part)
    with pytest.raises(NetworkFaultError) as caught:
        check_feeder(replace(street, **{part: (replace(first, **changes), *others)}))
    assert any(complaint in fault for fault in caught.value.faults)


def test_a_source_in_volts_is_named(street: Feeder) -> None:
    with pytest.raises(NetworkFaultError, match="source: a voltage of 400 pu is none of a grid"):
        check_feeder(replace(street, source_vm_pu=400.0))
