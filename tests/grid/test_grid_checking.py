"""Networks and profiles checked together, by command: every fault with its place and remedy, or what was understood."""

import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grid.checking import check_network
from grid.networks.feeder import Feeder
from grid.networks.files import feeder_to_json

ROWS = "".join(f"2026-06-01T{i:02}:00Z,1,2\n" for i in range(4))
Change = Callable[[dict[str, Any]], Any]


def checked(street: Feeder, folder: Path, change: Change) -> list[str]:
    raw = json.loads(feeder_to_json(street))
    change(raw)
    (folder / "street.json").write_text(json.dumps(raw))
    report, feeder = check_network("street.json", folder)
    assert (feeder is None) == bool(report.faults)
    assert all(fault.file == "street.json" for fault in report.faults)
    return [fault.words for fault in report.faults]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda raw: raw.update(format="other"), "is neither wattnote-feeder-1 nor a pandapower net; save it with"),
        (lambda raw: raw["lines"][0].update(from_bus=99), "long cable: is at a bus that does not exist; give it a bus below 4"),
        (lambda raw: raw["lines"][1].update(max_i_ka=0), "short cable: needs a rated current and an impedance above zero"),
        (lambda raw: raw["transformers"][0].update(sn_mva=0), "station: needs sn_mva"),
        (lambda raw: raw["lines"][0].update(to_closed=False), "end: is cut off from the source; close a switch or remove the bus"),
        (lambda raw: raw["connections"][0].update(bus="end"), "connections 0 (plant): Expected `int`, got `str`"),
        (lambda raw: raw["buses"][1].pop("vn_kv"), "buses 1 (busbar): Object missing required field `vn_kv`"),
        (lambda raw: raw.update(lines={}), "lines: is no list; give one object per element"),
        (lambda raw: raw.update(source_bus=None), "Expected `int`, got `null`"),
    ],
)  # fmt: skip
def test_a_networks_faults_name_element_and_remedy(
    street: Feeder, tmp_path: Path, change: Change, expected: str
) -> None:
    found = checked(street, tmp_path, change)
    assert any(words.startswith(expected) for words in found), found


def test_all_faults_of_a_network_are_told(street: Feeder, tmp_path: Path) -> None:
    def spoil(raw: dict[str, Any]) -> None:
        raw["lines"][0]["max_i_ka"] = 0
        raw["transformers"][0]["vk_percent"] = -1
        raw["connections"][3]["bus"] = 77

    assert len(checked(street, tmp_path, spoil)) == 3
    lone = checked(street, tmp_path, lambda raw: raw["buses"].extend([{"name": "lone", "vn_kv": 0.4}] * 500))
    assert (len(lone), lone[-1]) == (101, "400 more faults are not listed; mend these first and check again")


def said(*arguments: str) -> tuple[str, str]:
    """What the command printed, and why it failed."""
    out = StringIO()
    try:
        call_command("check_inputs", *arguments, stdout=out)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def test_the_command_says_what_it_understood(street: Feeder, tmp_path: Path) -> None:
    network, meters = tmp_path / "street.json", tmp_path / "meters.csv"
    network.write_bytes(feeder_to_json(street))
    meters.write_text("time,plain_kWh,plant_export_kW\n" + ROWS)
    out, failure = said("--network", str(network), "--profiles", str(meters))
    assert failure == ""
    assert out.splitlines() == [
        "street.json: fine",
        "  4 buses, 2 lines, 1 transformers, 4 connections (1 with a plant, 2 with a battery)",
        "  profiles asked for: none",
        "meters.csv: fine",
        "  2026-06-01T00:00Z to 2026-06-01T04:00Z, a value every 60 min",
        "  plain (kWh): 4 kWh",
        "  plant_export (kW): 8 kWh",
        "Together: fine; 2 measured series bound to connections",
        "  without a series, at its rating all the time: 3 (plant, neighbour, far)",
    ]


def test_the_command_says_every_fault_and_fails(street: Feeder, tmp_path: Path) -> None:
    network, meters, other = (tmp_path / name for name in ("street.json", "meters.csv", "other.csv"))
    network.write_bytes(b"{}")
    meters.write_text("time,plain,b_kW\n" + ROWS)
    other.write_text("time,plain_kW,b_kW\n" + ROWS.replace(",2", ",x", 1))
    out, failure = said("--network", str(network), "--profiles", str(meters), str(other))
    assert failure == "3 faults."
    assert [line.split(";")[0] for line in out.splitlines()] == [
        "street.json: is neither wattnote-feeder-1 nor a pandapower net",
        "meters.csv, line 1: column 'plain' has no unit",
        "other.csv, line 2: column 'b_kW': 'x' is no number",
    ]
    assert said() == ("", "There is nothing to check; name a file with --network or --profiles.")


def test_what_does_not_fit_together_is_told(street: Feeder, tmp_path: Path) -> None:
    load = street.connections[2].load
    assert load is not None
    asking = replace(street.connections[2], load=replace(load, profile="H0-A"))
    (tmp_path / "street.json").write_bytes(
        feeder_to_json(replace(street, connections=(*street.connections[:2], asking, street.connections[3])))
    )
    (tmp_path / "a.csv").write_text("time,x_relative,y_relative\n" + ROWS)
    (tmp_path / "b.csv").write_text("time,x_relative,y_relative\n" + ROWS.replace("2026", "2027"))
    network = ("--network", str(tmp_path / "street.json"), "--profiles", str(tmp_path / "a.csv"))
    out, failure = said(*network)
    assert failure == "2 faults."
    assert (
        "the network asks for profile 'H0-A_qload', which no file has; add its column, or clear the profile"
        in out
    )
    assert (
        "the files have no common period (a.csv 2026-06-01T00:00Z to"
        in said(*network, str(tmp_path / "b.csv"))[0]
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 5000), st.integers(0, 30), st.binary(max_size=20))
def test_damaged_networks_give_faults_and_never_a_traceback(
    street: Feeder, tmp_path: Path, position: int, cut: int, noise: bytes
) -> None:
    whole = feeder_to_json(street)
    position %= len(whole)
    (tmp_path / "street.json").write_bytes(whole[:position] + noise + whole[position + cut :])
    report, feeder = check_network("street.json", tmp_path)
    assert bool(report.faults) == (feeder is None)


def test_what_is_understood_is_json(street: Feeder, tmp_path: Path) -> None:
    (tmp_path / "street.json").write_bytes(feeder_to_json(street))
    report, _ = check_network("street.json", tmp_path)
    assert json.loads(msgspec.json.encode(report.understood))["names"] == [
        "plant",
        "neighbour",
        "plain",
        "far away",
    ]
