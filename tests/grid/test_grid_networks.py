"""Networks by reference: collections, MATPOWER, files of others; and every fault at once."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandapower
import pandapower.networks
import pytest

from grid.flow.powerflow import PowerFlow
from grid.networks.feeder import Feeder, NetworkFaultError
from grid.networks.files import is_file_reference, open_network
from grid.networks.library import BUILT_IN

CASE = """function mpc = loop
mpc.version = '2';
mpc.baseMVA = 10;   % MVA
mpc.bus = [  % bus_i type Pd Qd Gs Bs area Vm Va baseKV zone Vmax Vmin
    1 3 0 0 0 0 1 1 0 110 1 1.1 0.9;
    2 1 1.5 0.5 0 0.2 1 1 0 20 1 1.1 0.9;
    3 1 2.0 0.4 0.05 0 1 1 0 20 1 1.1 0.9; 4 1 -1.0 -0.1 0 0 1 1 0 20 1 1.1 0.9;
    5 4 1 1 0 0 1 1 0 20 1 1.1 0.9;
    6 1 0.1 0.02 0 0 1 1 0 0.4 1 1.1 0.9;
];
mpc.gen = [
    1 0 0 Inf -Inf 1.02 100 1 10 0;
    3 0.7 0.1 1 -1 1 100 1 10 0;
];
mpc.branch = [
    1 2 0.005 0.05 0.002 8 0 0 0.98 0 1 -360 360;
    2 3 0.01, 0.03, 0.004 6 0 0 0 0 1 -360 360;
    3 4 0.02 0.03 0 0 0 0 0 0 1 -360 360;
    2 4 0.02 0.05 0 0 0 0 0 0 1 ...
        -360 360;
    6 4 0.2 0.5 0.01 0.25 0 0 1.05 0 1 -360 360;
    4 5 0.02 0.05 0 0 0 0 0 0 0 -360 360;
];
"""


def at_ratings(feeder: Feeder) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    pairs = [(cn.load, cn.generator) for cn in feeder.connections]
    p = [((ld.p_mw if ld else 0) - (gen.p_mw if gen else 0)) * 1e3 for ld, gen in pairs]
    q = [((ld.q_mvar if ld else 0) - (gen.q_mvar if gen else 0)) * 1e3 for ld, gen in pairs]
    return np.array([p]), np.array([q])


def written(folder: Path, text: str) -> Path:
    (folder / "case.m").write_text(text, encoding="utf-8")
    return folder


def solved_by_admittance() -> npt.NDArray[np.float64]:
    """Magnitudes of CASE's buses 1, 2, 3, 4, 6 by its nodal equations, as MATPOWER's manual (section 3) writes them."""
    place = {1: 0, 2: 1, 3: 2, 4: 3, 6: 4}
    y = np.zeros((5, 5), dtype=complex)
    for f, t, r, x, b, tap in (
        (1, 2, 0.005, 0.05, 0.002, 0.98), (2, 3, 0.01, 0.03, 0.004, 1), (3, 4, 0.02, 0.03, 0, 1),
        (2, 4, 0.02, 0.05, 0, 1), (6, 4, 0.2, 0.5, 0.01, 1.05),
    ):  # fmt: skip
        i, j, ys = place[f], place[t], 1 / complex(r, x)
        y[i, i] += (ys + 0.5j * b) / tap**2
        y[j, j] += ys + 0.5j * b
        y[i, j] -= ys / tap
        y[j, i] -= ys / tap
    y[[1, 2], [1, 2]] += np.array([0.02j, 0.005])
    s = -np.array([1.5 + 0.5j, 2.0 + 0.4j - 0.7 - 0.1j, -1.0 - 0.1j, 0.1 + 0.02j]) / 10
    v = np.full(5, 1.02, dtype=complex)
    for _ in range(100):
        v[1:] = np.linalg.solve(y[1:, 1:], np.conj(s / v[1:]) - y[1:, 0] * v[0])
    return np.abs(v)


def test_matpower_case_solves_as_its_equations(tmp_path: Path) -> None:
    feeder = open_network("case.m", written(tmp_path, CASE))
    assert [bus.name for bus in feeder.buses] == ["Bus 1", "Bus 2", "Bus 3", "Bus 4", "Bus 6"]
    assert (len(feeder.lines), len(feeder.transformers), len(feeder.shunts)) == (3, 2, 6)
    flows = PowerFlow(feeder).run(*at_ratings(feeder))
    assert np.abs(flows.vm_pu[0] - solved_by_admittance()).max() < 1e-8


def matpower_33() -> str:
    """The 33-bus case as MATPOWER keeps it: ohms and kW, converted by code at its end."""
    net = pandapower.networks.case33bw()
    rows = ["1 3 0 0 0 0 1 1 0 12.66 1 1.1 0.9;"]
    rows += [
        f"{bus + 1} 1 {p * 1e3} {q * 1e3} 0 0 1 1 0 12.66 1 1.1 0.9;"
        for bus, p, q in zip(net.load.bus, net.load.p_mw, net.load.q_mvar, strict=True)
    ]
    lines = [
        f"{ln.from_bus + 1} {ln.to_bus + 1} {ln.r_ohm_per_km} {ln.x_ohm_per_km} 0 0 0 0 0 0 {int(ln.in_service)} -360 360;"
        for ln in net.line.itertuples()
    ]
    return "\n".join(
        (
            "function mpc = case33bw",
            "mpc.baseMVA = 100;",
            "mpc.bus = [", *rows, "];",
            "mpc.gen = [ 1 0 0 10 -10 1 100 1 10 0 ];",
            "mpc.branch = [", *lines, "];",
            "%% convert branch impedances from Ohms to p.u.",
            "[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD, GS, BS] = idx_bus;",
            "Vbase = mpc.bus(1, BASE_KV) * 1e3;      %% in Volts",
            "Sbase = mpc.baseMVA * 1e6;              %% in VA",
            "mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / (Vbase^2 / Sbase);",
            "%% convert loads from kW to MW",
            "mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;",
        )
    )  # fmt: skip


def test_matpowers_33_bus_case_gives_the_published_losses(tmp_path: Path) -> None:
    feeder = open_network("case.m", written(tmp_path, matpower_33()))
    flows = PowerFlow(feeder).run(*at_ratings(feeder))
    assert flows.losses_kw[0] == pytest.approx(202.67, abs=0.01)
    assert flows.vm_pu[0].argmin() == 17
    assert flows.vm_pu[0, 17] == pytest.approx(0.9131, abs=5e-5)


@pytest.mark.parametrize(
    ("old", "new", "complaints"),
    [
        ("1 3 0 0 0 0 1", "1 1 0 0 0 0 1", ["0 reference buses", "0 generators run at the reference bus"]),
        ("baseMVA = 10;", "baseMVA = ten;", ["mpc.baseMVA: is no number above zero"]),
        ("2 1 1.5 0.5", "2 2 1.5 half", ["mpc.bus row 2: half is no usable number"]),
        ("2 1 1.5 0.5", "2 7 NaN 0.5", ["mpc.bus row 2: nan is no usable number"]),
        ("2 1 1.5 0.5", "3 7 1.5 0.5", ["numbers are not unique", "type 7 is unknown", "row 1 (1-2): is at a bus", "row 2 (2-3)", "row 4 (2-4)"]),
        ("3 0.7 0.1 1", "9 0.7 0.1 1", ["mpc.gen: is at bus 9, which does not exist"]),
        ("4 1 -1.0", "4 2 -1.0", []),
        ("3 1 2.0", "3 2 2.0", ["mpc.gen at bus 3: holds the voltage (bus type 2)"]),
        ("2 3 0.01, 0.03", "2 3 0.01, 0.0", ["row 2 (2-3): r below zero or x not above it"]),
        ("0 20 1 1.1 0.9;\n    3", "0 0 1 1.1 0.9;\n    3", ["mpc.bus 2: baseKV must be above zero"]),
        ("function mpc", "mpc.bus(2, PD) = 4;\nfunction mpc", ["line 1: mpc.bus(2, PD) = 4; changes the case by code"]),
        ("mpc.gen = [", "mpc.gens = [", ["mpc.gen: is missing or empty"]),
        ("3 4 0.02 0.03 0 0 0 0 0 0 1 -360 360;", "3 4 0.02;", ["mpc.branch row 3: has 3 columns; give at least 11"]),
    ],
)  # fmt: skip
def test_matpower_faults_are_named(tmp_path: Path, old: str, new: str, complaints: list[str]) -> None:
    assert old in CASE
    folder = written(tmp_path, CASE.replace(old, new, 1))
    if not complaints:
        assert open_network("case.m", folder)
        return
    with pytest.raises(NetworkFaultError) as caught:
        open_network("case.m", folder)
    assert len(caught.value.faults) == len(complaints)
    for fault, complaint in zip(caught.value.faults, complaints, strict=True):
        assert complaint in fault
        assert fault.startswith("case.m: ")


def test_references_are_told_apart() -> None:
    assert is_file_reference("../networks/a.json")
    assert is_file_reference("case.m")
    assert not is_file_reference("simbench:1-LV-rural1--0-sw")
    assert not is_file_reference("pandapower:case33bw")


def test_built_in_networks_are_the_same_each_time(tmp_path: Path) -> None:
    name = "pandapower:create_kerber_landnetz_kabel_1"
    assert open_network(name, tmp_path) == open_network(name, tmp_path)
    assert (
        open_network("pandapower:create_cigre_network_mv_pv_wind", tmp_path).name
        == "cigre_network_mv_pv_wind"
    )


@pytest.mark.parametrize(
    "name", ["os", "runpp", "from_json", "case33bw.__globals__", "pandapower:case33bw", ""]
)
def test_only_listed_networks_are_made(tmp_path: Path, name: str) -> None:
    assert name not in BUILT_IN
    with pytest.raises(NetworkFaultError, match="is not offered; choose one of case33bw"):
        open_network(f"pandapower:{name}", tmp_path)


def test_simbench_by_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NetworkFaultError, match="is no SimBench grid"):
        open_network("simbench:1-LV-rural9--0-sw", tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(NetworkFaultError, match=r"pip install 'wattnote\[simbench\]'"):
        open_network("simbench:1-LV-rural1--0-sw", tmp_path)


def spoilt(content: dict[str, Any], table: str, column: str, row: int, value: object) -> None:
    frame = json.loads(content["_object"][table]["_object"])
    frame["data"][row][frame["columns"].index(column)] = value
    content["_object"][table]["_object"] = json.dumps(frame)


def street_json(folder: Path, *changes: tuple[str, str, int, object]) -> Path:
    net = pandapower.networks.simple_four_bus_system()
    content = json.loads(pandapower.to_json(net, None))
    for change in changes:
        spoilt(content, *change)
    (folder / "net.json").write_text(json.dumps(content))
    return folder


def test_all_faults_of_a_pandapower_file_are_named_at_once(tmp_path: Path) -> None:
    folder = street_json(
        tmp_path, ("line", "r_ohm_per_km", 0, None), ("line", "to_bus", 1, 77), ("load", "p_mw", 1, None),
        ("trafo", "sn_mva", 0, 0.0), ("bus", "vn_kv", 2, -0.4),
    )  # fmt: skip
    with pytest.raises(NetworkFaultError) as caught:
        open_network("net.json", folder)
    assert sorted(caught.value.faults) == sorted((
        "bus 2 (bus3): vn_kv is -0.4; it must be above zero",
        "line 0 (line1): r_ohm_per_km is no number; give one",
        "line 1 (line2): to_bus 77 does not exist; give a bus of table bus",
        "trafo 0 (transformer): sn_mva is 0; it must be above zero",
        "load 1 (load2): p_mw is no number; give one",
    ))  # fmt: skip


def test_a_pandapower_file_runs_no_code(tmp_path: Path) -> None:
    """A file names a module and a function or class for pandapower's own reader to import and call."""
    mine = {"_module": "wave", "_class": "function", "_object": "open"}
    folder = street_json(
        tmp_path, ("load", "name", 0, json.dumps(mine)), ("line", "name", 0, json.dumps([mine]))
    )
    content = json.loads((folder / "net.json").read_text())
    content["_object"]["controller"] = mine
    content["_object"]["name"] = mine
    content["_object"]["bus"]["dtype"] = mine
    (folder / "net.json").write_text(json.dumps(content))
    import sys  # noqa: PLC0415  only to see what was imported

    feeder = open_network("net.json", folder)
    assert "wave" not in sys.modules
    assert [cn.name for cn in feeder.connections if cn.load] == ["Load 0", "load2"]


@pytest.mark.parametrize("in_service", [True, False])
def test_controllers_are_no_silent_loss(tmp_path: Path, *, in_service: bool) -> None:
    folder = street_json(tmp_path)
    content = json.loads((folder / "net.json").read_text())
    split = {"columns": ["object", "in_service"], "index": [0], "data": [[{"_module": "wave"}, in_service]]}
    content["_object"]["controller"] = {"_object": json.dumps(split)}
    (folder / "net.json").write_text(json.dumps(content))
    if not in_service:
        assert open_network("net.json", folder).connections
        return
    with pytest.raises(NetworkFaultError) as caught:
        open_network("net.json", folder)
    assert [fault for fault in caught.value.faults if fault.startswith("controller:")]


@pytest.mark.parametrize(
    ("table", "content"),
    [
        ("bus", "not a table"),
        ("bus", {"_object": "{"}),
        ("line", {"_object": '{"columns": ["a"], "index": [0], "data": [[1, 2]]}'}),
        ("load", {"_object": '{"columns": [1], "index": [0], "data": [[1]]}'}),
        ("trafo", [1, 2]),
    ],
)
def test_tables_in_no_form_are_named(tmp_path: Path, table: str, content: object) -> None:
    folder = street_json(tmp_path)
    whole = json.loads((folder / "net.json").read_text())
    whole["_object"][table] = content
    (folder / "net.json").write_text(json.dumps(whole))
    with pytest.raises(NetworkFaultError, match=rf"net\.json: .*{table}.*save the network again"):
        open_network("net.json", folder)


def test_all_faults_of_our_own_format_are_named_at_once(tmp_path: Path, fixtures_folder: Path) -> None:
    raw = json.loads((fixtures_folder / "networks" / "1-LV-rural3--2-sw.json").read_text())
    raw["lines"][3]["r_ohm"] = "much"
    del raw["connections"][5]["name"]
    raw["buses"] = "none"
    raw["source_vm_pu"] = None
    (tmp_path / "net.json").write_text(json.dumps(raw))
    with pytest.raises(NetworkFaultError) as caught:
        open_network("net.json", tmp_path)
    faults = caught.value.faults
    assert len(faults) == 4
    assert "buses: is no list" in faults[0]
    assert "lines 3 (" in faults[1]
    assert "`float`, got `str` - at `$.r_ohm`" in faults[1]
    assert "connections 5: Object missing required field `name`" in faults[2]
    assert "$.source_vm_pu" in faults[3]
    assert all(fault.endswith("docs/networks.md describes the format") for fault in faults)


def test_a_simbench_code_gives_what_was_extracted(tmp_path: Path, rural_feeder: Feeder) -> None:
    assert open_network("simbench:1-LV-rural3--2-sw", tmp_path) == rural_feeder
