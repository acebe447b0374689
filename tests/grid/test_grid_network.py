"""Networks: our JSON, pandapower's, faults with remedies, and the map."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandapower
import pandapower.networks
import pytest

from grid.networks.check import check_feeder
from grid.networks.feeder import (
    Feeder,
    NetworkFaultError,
    electrical_distances,
    feeder_map,
    tree_layout,
)
from grid.networks.files import feeder_to_json, load_feeder
from grid.networks.pandapower_tables import feeder_from_pandapower


def test_rural_feeder_is_whole(rural_feeder: Feeder) -> None:
    assert len(rural_feeder.buses) == 129
    assert len(rural_feeder.connections) == 153
    assert sum(cn.generator is not None for cn in rural_feeder.connections) == 27 + 16
    assert sum(cn.battery is not None for cn in rural_feeder.connections) == 16
    assert all(cn.load for cn in rural_feeder.connections)
    assert rural_feeder.transformers[0].tap_steps == -1
    assert "ODbL" in rural_feeder.attribution


def test_json_round_trip(rural_feeder: Feeder, tmp_path: Path) -> None:
    (tmp_path / "net.json").write_bytes(feeder_to_json(rural_feeder))
    assert load_feeder(tmp_path / "net.json") == rural_feeder


def test_pandapower_json_is_read(tmp_path: Path) -> None:
    net = pandapower.networks.case33bw()
    pandapower.to_json(net, str(tmp_path / "case33.json"))
    feeder = load_feeder(tmp_path / "case33.json")
    assert feeder == feeder_from_pandapower(net, name="case33")
    assert len(feeder.lines) == 32


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is no JSON"),
        ("[]", "neither wattnote-feeder-1 nor a pandapower net"),
        ('{"format": "wattnote-feeder-1"}', "missing required field `name`"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "net.json").write_text(content)
    with pytest.raises(NetworkFaultError, match=rf"net\.json: .*{complaint}"):
        load_feeder(tmp_path / "net.json")
    with pytest.raises(NetworkFaultError, match="check the path"):
        load_feeder(tmp_path / "none.json")


def test_all_faults_are_collected(street: Feeder) -> None:
    lines = (replace(street.lines[0], max_i_ka=0.0), replace(street.lines[1], to_closed=False))
    with pytest.raises(NetworkFaultError) as caught:
        check_feeder(replace(street, lines=lines))
    assert caught.value.faults == (
        "long cable: needs a rated current and an impedance above zero",
        "start: is cut off from the source; close a switch or remove the bus",
    )
    with pytest.raises(
        NetworkFaultError, match="plant: is at a bus that does not exist; give it a bus below 4"
    ):
        check_feeder(replace(street, connections=(replace(street.connections[0], bus=7),)))


def spoil_source(net: Any) -> None:
    pandapower.create_ext_grid(net, 5, vm_pu=1.02)


def spoil_load(net: Any) -> None:
    net.load.loc[3, "const_z_p_percent"] = 40.0


def spoil_kind(net: Any) -> None:
    pandapower.create_gen(net, 4, p_mw=0.1)


def spoil_switch(net: Any) -> None:
    pandapower.create_switch(net, 3, 4, "b", z_ohm=0.1)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (spoil_source, "ext_grid: 2 in service at different voltages; give all one"),
        (spoil_load, "load 3: depends on voltage"),
        (spoil_kind, "gen: elements of this kind are not modelled"),
        (spoil_switch, "has an impedance; set z_ohm to 0"),
    ],
)
def test_what_is_not_modelled_is_named(spoil: Any, complaint: str) -> None:
    net = pandapower.networks.case33bw()
    spoil(net)
    with pytest.raises(NetworkFaultError, match=complaint):
        feeder_from_pandapower(net, name="case33")


def test_tap_changers_that_are_no_ratio_are_named() -> None:
    net = pandapower.networks.create_cigre_network_mv()
    net.trafo["tap_changer_type"] = "Symmetrical"
    with pytest.raises(NetworkFaultError, match="only ratio taps are modelled") as caught:
        feeder_from_pandapower(net, name="cigre")
    assert len(caught.value.faults) == 2


def test_buses_joined_by_a_closed_switch_are_one() -> None:
    net = pandapower.networks.case33bw()
    extra = pandapower.create_bus(net, 12.66)
    pandapower.create_switch(net, 32, extra, "b")
    pandapower.create_load(net, extra, 0.01)
    feeder = feeder_from_pandapower(net, name="joined")
    assert len(feeder.buses) == 33
    assert feeder.connections[-1].bus == 32


def test_plants_join_the_biggest_free_load_of_their_bus() -> None:
    net = pandapower.create_empty_network()
    for _ in range(2):
        pandapower.create_bus(net, 0.4)
    pandapower.create_ext_grid(net, 0)
    pandapower.create_line_from_parameters(net, 0, 1, 0.1, 0.2, 0.08, 200, 0.2)
    for p_mw in (0.001, 0.003, 0.002):
        pandapower.create_load(net, 1, p_mw)
    for p_mw in (0.01, 0.02, 0.03, 0.04):
        pandapower.create_sgen(net, 1, p_mw)
    feeder = feeder_from_pandapower(net, name="homes")
    found = [(cn.load and cn.load.p_mw, cn.generator and cn.generator.p_mw) for cn in feeder.connections]
    assert found == [(0.001, 0.03), (0.003, 0.01), (0.002, 0.02), (None, 0.04)]


def test_map_has_every_element_and_no_two_buses_on_one_spot(rural_feeder: Feeder) -> None:
    drawn = json.loads(json.dumps(feeder_map(rural_feeder)))
    assert len(drawn["nodes"]) == 129
    assert len(drawn["edges"]) == 127 + 1
    assert sorted(i for node in drawn["nodes"] for i in node["connections"]) == list(range(153))
    ids = {node["id"] for node in drawn["nodes"]}
    assert all(edge["source"] in ids and edge["target"] in ids for edge in drawn["edges"])
    assert len(set(tree_layout(rural_feeder))) == 129


def test_electrical_distance_grows_along_the_cable(street: Feeder) -> None:
    ohms = electrical_distances(street, 2)
    assert ohms[2] == 0
    assert ohms[1] == pytest.approx(0.2518, abs=1e-3)
    assert ohms[3] > ohms[1]
