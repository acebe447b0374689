"""People's own measured series, bound to the connections of a feeder."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grid.networks.feeder import Feeder, Generator
from grid.networks.files import feeder_to_json
from grid.profiles import ProfileFaultError, Profiles, merged
from grid.scenarios.inputs import covering, with_measured
from grid.scenarios.scenario import parse_scenario
from grid.scenarios.sections import SeriesTable
from grid.simulation import open_simulation
from grid.study import Study

START = int(datetime(2026, 6, 1, 10, tzinfo=UTC).timestamp())
SLOTS = 8


def file(name: str = "own.csv", start: int = START, **absolute: float) -> Profiles:
    columns = {column: np.full(SLOTS, kw) for column, kw in absolute.items()}
    return Profiles(np.arange(start, start + 900 * SLOTS, 900), {}, columns, file=name)


def bound(street: Feeder, *files: Profiles, tables: tuple[SeriesTable, ...] = ()) -> dict[str, list[float]]:
    feeder, profiles = with_measured(street, files, tables)
    kw = {}
    for connection in feeder.connections:
        for kind, element in (("load", connection.load), ("generation", connection.generator)):
            if element and element.profile:
                column = f"{element.profile}_pload" if kind == "load" else element.profile
                kw[f"{connection.name} {kind}"] = (profiles.column(column) * element.p_mw * 1e3).tolist()
    return kw


def test_equal_names_bind(street: Feeder) -> None:
    own = file(plant=1.5, plant_export=30.0, neighbour_import=2.5, plain_generation=4.0)
    assert bound(street, own) == {
        "plant load": [1.5] * SLOTS,
        "plant generation": [30.0] * SLOTS,
        "neighbour load": [2.5] * SLOTS,
        "plain generation": [4.0] * SLOTS,
    }
    assert bound(street, file(pv=7.0)) == {"plant generation": [7.0] * SLOTS}


def test_a_files_only_column_may_bear_any_name(street: Feeder) -> None:
    assert bound(street, file("plain.csv.gz", value=2.0), file("plant_pv.xml", value=9.0)) == {
        "plain load": [2.0] * SLOTS,
        "plant generation": [9.0] * SLOTS,
    }


def test_a_turbines_series_is_the_turbines(street: Feeder) -> None:
    mill = Generator("mill", 0.05, 0.0, None)
    windy = (replace(street.connections[0], wind=mill), replace(street.connections[2], wind=mill))
    for connection, column in ((windy[0], "mill"), (windy[1], "plain_generation")):
        feeder, profiles = with_measured(replace(street, connections=(connection,)), [file(**{column: 10.0})])
        wind = feeder.connections[0].wind
        assert wind is not None
        assert (wind.p_mw, profiles.column(str(wind.profile))[0]) == (0.05, 0.2)
        assert feeder.connections[0].generator == connection.generator


def test_ratings_and_power_factor_stay(street: Feeder) -> None:
    feeder, _ = with_measured(street, [file(plant=1.5, plant_pv=30.0, plain_pv=4.0)])
    plant, plain = feeder.connections[0], feeder.connections[2]
    assert plant.load is not None
    assert plant.generator is not None
    assert plain.generator is not None
    assert (plant.load.p_mw, plant.generator.p_mw, plain.generator.p_mw) == (0.002, 0.06, 0.004)


def test_a_mapping_binds_any_name(street: Feeder) -> None:
    tables = (
        SeriesTable(connection="plain", column="M-17", file="b.csv"),
        SeriesTable(connection="plain", column="M-18", kind="generation"),
    )
    own = (file("a.csv", **{"M-17": 9.0, "M-18": 3.0, "garage": 1.0}), file("b.csv", **{"M-17": 2.0}))
    assert bound(street, *own, tables=tables) == {
        "plain load": [2.0] * SLOTS,
        "plain generation": [3.0] * SLOTS,
    }


@pytest.mark.parametrize(
    ("columns", "tables", "expected"),
    [
        ({"Plant": 1.0}, (), "own.csv: column 'Plant' belongs to no connection of the network; name it as a connection (plant,"),
        ({"plain": 1.0, "plain_load": 2.0}, (), "own.csv: columns 'plain' and 'plain_load' both give the load of plain; keep one"),
        ({"a": 1.0}, (SeriesTable(connection="nobody", column="a"),), "[[grid.series]] number 1: connection 'nobody' is not in"),
        ({"a": 1.0}, (SeriesTable(connection="plain", column="b"),), "[[grid.series]] number 1: column 'b' is not; columns in kW"),
        (
            {"a": 1.0},
            (SeriesTable(connection="plain", column="a", file="x.csv"),),
            "[[grid.series]] number 1: column 'a' is not in x.csv; columns in kW or kWh of the period are a",
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_bound_is_told(
    street: Feeder, columns: dict[str, float], tables: tuple[SeriesTable, ...], expected: str
) -> None:
    with pytest.raises(ProfileFaultError) as caught:
        with_measured(street, [file(**columns)], tables)
    assert str(caught.value.faults[0]).startswith(expected)


def test_files_of_one_period_are_read_together_and_others_are_left_aside() -> None:
    first, later = file("a.csv", x=1.0), file("c.csv", start=START + 900 * SLOTS, x=9.0)
    second = file("b.csv", start=START + 1800, x=5.0, y=2.0)
    found = covering([later, first, second], START + 1800, START + 3600)
    assert [one.file for one in found] == ["a.csv", "b.csv"]
    together = merged(found)
    assert (together.start, together.end) == (START + 1800, START + 900 * SLOTS)
    assert {name: set(values) for name, values in together.absolute.items()} == {"x": {1.0}, "y": {2.0}}
    with pytest.raises(ProfileFaultError, match=r"a\.csv: period .* must lie on quarter-hours within"):
        covering([first, later], START + 900, START + 900 * (SLOTS + 2))


def scenario_of(folder: Path, street: Feeder, **grid: Any) -> dict[str, Any]:
    (folder / "street.json").write_bytes(feeder_to_json(street))
    start, end = (datetime.fromtimestamp(at, UTC) for at in (START, START + 900 * SLOTS))
    return {
        "name": "own",
        "description": "Own files.",
        "seed": 1,
        "grid": {"network": "street.json", "profiles": ["own.csv"], **grid},
        "period": {"start": start, "end": end},
        "tariff": {"retail_per_kwh": 300_000, "feed_in_per_kwh": 80_000, "imbalance_per_kwh": 350_000},
    }


def test_an_own_network_and_csv_run_as_a_scenario(tmp_path: Path, street: Feeder) -> None:
    local = [datetime.fromtimestamp(START + 900 * i, UTC).strftime("%d.%m.%Y %H:%M") for i in range(SLOTS)]
    lines = "".join(f"{stamp};0,25;{i};0,5\n" for i, stamp in enumerate(local))
    (tmp_path / "own.csv").write_text("Zeit;plain [kWh];plant_export [kWh];neighbour [kWh]\n" + lines)
    raw = scenario_of(tmp_path, replace(street, source_vm_pu=1.0), zone="UTC")
    simulation = open_simulation(parse_scenario(raw, folder=tmp_path))
    slots = list(Study(simulation).slots())
    assert len(slots) == SLOTS
    for i, slot in enumerate(slots):
        assert slot["consumption_wh"] == 500 + 250 + 500 + 500
        assert slot["production_wh"] + slot["curtailed_wh"] == 1000 * i
