"""`[[assets]]`: what is planted, where, and which faults a scenario's owner is told."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandapower.networks
import pytest

from grid.assets.planting import planted
from grid.networks.feeder import Connection, Feeder, Generator, feeder_map
from grid.networks.pandapower_tables import feeder_from_pandapower
from grid.profiles import Profiles, read_profiles
from grid.scenarios.scenario import Scenario, ScenarioFaultError, parse_scenario
from grid.series import series_of

DAY = (1465509600, 1465596000)
OVERLAP = (
    "{arrival = 2016-06-10T08:00:00Z, departure = 2016-06-10T12:00:00Z, need_wh = 5},"
    "{arrival = 2016-06-10T11:00:00Z, departure = 2016-06-10T13:00:00Z, need_wh = 5}"
)
KINDS = {"ev": "vehicle", "heat-pump": "heat_pump", "battery": "battery", "pv": "generator", "wind": "wind"}


def scenario(fixtures_folder: Path, assets: Any) -> Scenario:
    folder = fixtures_folder / "scenarios"
    raw = tomllib.loads((folder / "june-day.toml").read_text(encoding="utf-8"))
    return parse_scenario({**raw, "assets": assets}, folder=folder)


def owners(feeder: Feeder, kind: str) -> set[str]:
    return {cn.name for cn in feeder.connections if getattr(cn, KINDS[kind]) is not None}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_share_plants_on_top_of_the_networks_own(
    fixtures_folder: Path, rural_feeder: Feeder, kind: str
) -> None:
    tables = scenario(fixtures_folder, [{"kind": kind, "share": 0.2}]).assets
    grown = planted(rural_feeder, tables, 7, DAY)
    assert len(owners(grown, kind)) == len(owners(rural_feeder, kind)) + round(0.2 * 153)
    assert planted(rural_feeder, tables, 7, DAY) == grown
    assert owners(planted(rural_feeder, tables, 8, DAY), kind) != owners(grown, kind)


def test_a_larger_share_reaches_the_same_homes_and_more(fixtures_folder: Path, rural_feeder: Feeder) -> None:
    few, many = (
        planted(rural_feeder, scenario(fixtures_folder, [{"kind": "ev", "share": share}]).assets, 7, DAY)
        for share in (0.1, 0.5)
    )
    assert owners(few, "ev") < owners(many, "ev")
    stays = {cn.name: cn.vehicle for cn in many.connections}
    assert all(stays[cn.name] == cn.vehicle for cn in few.connections if cn.vehicle)


def test_vehicles_come_in_the_evening_and_leave_before_they_come_again(
    fixtures_folder: Path, rural_feeder: Feeder
) -> None:
    tables = scenario(fixtures_folder, [{"kind": "ev", "share": 1.0, "daily_share": 1.0}]).assets
    week = (DAY[0], DAY[0] + 7 * 86400)
    vehicles = [cn.vehicle for cn in planted(rural_feeder, tables, 7, week).connections if cn.vehicle]
    stays = [stay for vehicle in vehicles for stay in vehicle.sessions]
    for vehicle in vehicles:
        ends = [at for stay in vehicle.sessions for at in (stay.arrival, stay.departure)]
        assert ends == sorted(ends)
        assert not any(at % 900 for at in ends)
    hours = [(stay.arrival + 7200) % 86400 / 3600 for stay in stays]
    assert 16.5 < sum(hours) / len(hours) < 18.5
    assert 8_500 < sum(stay.need_wh for stay in stays) / len(stays) < 9_500


def test_a_vehicle_that_stays_long_leaves_when_it_would_come_again(
    fixtures_folder: Path, rural_feeder: Feeder
) -> None:
    hours = {
        f"{day}{end}_hour": hour
        for day in ("", "weekend_")
        for end, hour in (("arrival", 8.0), ("departure", 20.0))
    }
    table = {"kind": "ev", "share": 0.1, "daily_share": 1.0, **hours}
    week = (DAY[0], DAY[0] + 7 * 86400)
    grown = planted(rural_feeder, scenario(fixtures_folder, [table]).assets, 7, week)
    for stays in (cn.vehicle.sessions for cn in grown.connections if cn.vehicle):
        assert [stay.departure for stay in stays[:-1]] == [stay.arrival for stay in stays[1:]]


def test_listed_stays_and_named_homes(fixtures_folder: Path, street: Feeder) -> None:
    table = {
        "kind": "ev",
        "connections": ["plain", "far away"],
        "sessions": tomllib.loads(
            "s = [{arrival = 2016-06-10T08:00:00+02:00, departure = 2016-06-10T09:00:00+02:00, need_wh = 5},"
            " {arrival = 2017-06-10T08:00:00+02:00, departure = 2017-06-10T09:00:00+02:00, need_wh = 5}]"
        )["s"],
    }
    grown = planted(street, scenario(fixtures_folder, [table]).assets, 7, DAY)
    found = {cn.name: cn.vehicle for cn in grown.connections if cn.vehicle}
    assert list(found) == ["plain", "far away"]
    assert [(stay.departure - stay.arrival, stay.need_wh) for stay in found["plain"].sessions] == [(3600, 5)]


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"kind": "evv", "share": 0.1}, r"\[\[assets\]\] number 2: kind 'evv' is unknown; choose"),
        ({"share": 0.1}, "number 2: has no kind; choose one of battery, ev"),
        ({"kind": "pv", "share": 1.5}, r"number 2: share = 1\.5: Expected `float` <= 1\.0"),
        ({"kind": "pv", "share": 0.1, "watts": 3}, "number 2: watts: is no field here; known are"),
        ({"kind": "pv"}, "number 2: share, connections: give one of them"),
        ({"kind": "pv", "share": 0.1, "connections": ["a"]}, "number 2: share, connections: give one"),
        ({"kind": "pv", "connections": ["a", "a"]}, "number 2: connections: names one twice"),
        ({"kind": "ev", "share": 0.1, "zone": "Mars/Sea"}, "number 2: zone: 'Mars/Sea' is unknown"),
        ({"kind": "heat-pump", "share": 0.1, "max_celsius": 18.0}, "number 2: min_celsius: must be below"),
    ],
)
def test_a_faulty_table_is_named_with_its_remedy(
    fixtures_folder: Path, table: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ScenarioFaultError, match=complaint):
        scenario(fixtures_folder, [{"kind": "ev", "share": 0.1}, table])


@pytest.mark.parametrize(
    ("stays", "complaint"),
    [
        (
            "{arrival = 2016-06-10T08:00:00, departure = 2016-06-10T09:00:00+02:00, need_wh = 5}",
            "has no offset",
        ),
        (
            "{arrival = 2016-06-10T08:01:00Z, departure = 2016-06-10T09:00:00Z, need_wh = 5}",
            "on a quarter-hour",
        ),
        (
            "{arrival = 2016-06-10T09:00:00Z, departure = 2016-06-10T09:00:00Z, need_wh = 5}",
            "lie after arrival",
        ),
        (OVERLAP, "overlap or are out of order"),
    ],
)
def test_faulty_stays_are_named(fixtures_folder: Path, stays: str, complaint: str) -> None:
    table = {"kind": "ev", "share": 0.1, "sessions": tomllib.loads(f"s = [{stays}]")["s"]}
    with pytest.raises(ScenarioFaultError, match=complaint):
        scenario(fixtures_folder, [table])


def test_assets_that_are_no_array_are_refused(fixtures_folder: Path) -> None:
    with pytest.raises(ScenarioFaultError, match=r"write \[\[assets\]\] above each"):
        scenario(fixtures_folder, {"kind": "ev", "share": 0.1})


def test_equipment_without_a_place_is_told_all_at_once(fixtures_folder: Path, street: Feeder) -> None:
    tables = scenario(
        fixtures_folder,
        [
            {"kind": "ev", "connections": ["nowhere"]},
            {"kind": "battery", "connections": ["neighbour"]},
            {"kind": "battery", "share": 0.9},
            {"kind": "pv", "share": 0.5},
        ],
    ).assets
    with pytest.raises(ScenarioFaultError) as caught:
        planted(street, tables, 7, DAY)
    assert caught.value.faults == (
        "[[assets]] number 1: connections: 'nowhere' is none of this network; check the name",
        "[[assets]] number 2: connections: 'neighbour' has one already; leave it out",
        "[[assets]] number 3: share: only 2 of 4 connections have no battery yet; give less",
        "[[assets]] number 4: profile: the network has no PV to copy from; name a profile",
    )


def test_a_connection_without_assets_is_what_it_was(street: Feeder) -> None:
    assert planted(street, (), 7, DAY) is street
    assert Connection("bare", 0, None).generators == ()
    assert not Connection("bare", 0, None).sells


def test_a_networks_own_turbine_is_wind() -> None:
    feeder = feeder_from_pandapower(
        pandapower.networks.create_cigre_network_mv(with_der="pv_wind"), name="cigre"
    )
    plants = [plant for cn in feeder.connections for plant in cn.generators]
    assert [plant.name for plant in plants if plant.is_wind] == ["WKA 7"]
    assert len(plants) == 9
    assert sum(connection["wind_kw"] for connection in feeder_map(feeder)["connections"]) == 1500


@pytest.mark.parametrize("week", ["january", "june"])
def test_real_wind_comes_along_for_the_weeks_of_the_feeder(fixtures_folder: Path, week: str) -> None:
    folder = fixtures_folder / "profiles"
    homes, wind = (
        read_profiles(folder / f"{code}.{week}.csv.gz")
        for code in ("1-LV-rural3--2-sw", "1-MV-rural--0-sw.wind")
    )
    assert wind.slot_start.tolist() == homes.slot_start.tolist()
    assert sorted(wind.columns) == ["WP4", "WP7"]
    for column in wind.columns.values():
        assert -1e-5 <= column.min() < 0.01  # a still turbine draws a little
        assert 0.9 < column.max() <= 1


def test_what_a_plant_draws_is_load(street: Feeder) -> None:
    """A turbine of 40 kW that draws 10 W, then feeds in half: 2.5 Wh are load, as the register counts them."""
    slots = DAY[0] + 900 * np.arange(3, dtype=np.int64)
    profiles = Profiles(slots, {"gust": np.array([-0.00025, -0.00025, 0.5])})
    turbine = Generator("turbine", 0.04, 0.0, "gust", is_wind=True)
    homes = [replace(cn, wind=turbine if cn.name == "plain" else None) for cn in street.connections]
    series = series_of(replace(street, connections=tuple(homes)), profiles, DAY[0], DAY[0] + 2700)
    assert series.wind_wh is not None
    assert series.wind_wh[:, 2].tolist() == [0, 0, 5000]
    assert series.load_wh[:, 2].tolist() == [502, 503, 500]
    assert series.pv_wh[:, 0].tolist() == [15_000] * 3
