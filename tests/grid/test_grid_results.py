"""What a run leaves: sums, exports that give back what was put in, and a baseline that nobody trades in."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace as change

from grid.metering import amount
from grid.results.baseline import without_market
from grid.results.export import Export, ExportError, export_all
from grid.results.summary import Tally, summarise
from grid.results.tables import TABLES, Places, closing_rows
from grid.scenarios.scenario import load_scenario
from grid.scenarios.sections import MeteringSection, Tariff
from grid.simulation import Simulation, open_simulation
from grid.study import Study

SLOTS = 6
DOCS = Path(__file__).resolve().parents[2] / "docs" / "replay.md"


@pytest.fixture(scope="module")
def noon(fixtures_folder: Path) -> Simulation:
    """An hour and a half around a sunny noon, with refusals and a breach."""
    scenario = load_scenario(fixtures_folder / "scenarios" / "june-week.toml")
    start, end = (datetime(2016, 6, 9, hour, minute, tzinfo=UTC) for hour, minute in ((11, 0), (12, 30)))
    tight = change(scenario.limits_section, vm_max_pu=1.06)
    period = change(scenario.period, start=start, end=end)
    return open_simulation(replace(scenario, period=period, limits_section=tight))


@pytest.fixture(scope="module")
def slots(noon: Simulation) -> list[dict[str, Any]]:
    return list(Study(noon).slots())


@pytest.fixture(scope="module")
def misread(noon: Simulation) -> list[dict[str, Any]]:
    """The same with meters that are not always right, so that every table has rows."""
    scenario = replace(noon.scenario, metering=MeteringSection(gap_permille=300, late_permille=400))
    return list(Study(open_simulation(scenario)).slots())


@pytest.fixture(scope="module")
def places(noon: Simulation) -> Places:
    return Places.of(noon.feeder, [connection.name for connection in noon.feeder.connections])


def test_sums_do_not_depend_on_how_the_slots_come(noon: Simulation, slots: list[dict[str, Any]]) -> None:
    names = Study(noon).names
    whole = summarise(names, noon.scenario.tariff, slots)
    tally = Tally(names, noon.scenario.tariff)
    for slot in reversed(slots):
        tally.add(json.loads(json.dumps(slot)))
    assert tally.summary() == whole
    assert whole["trades"] == sum(len(slot["trades"]) for slot in slots) > 50
    assert sum(row["sold_wh"] for row in whole["bills"]) == whole["energy"]["delivered_wh"]


def test_without_a_market_everybody_pays_the_supplier(noon: Simulation, slots: list[dict[str, Any]]) -> None:
    alone = list(without_market(noon).slots())
    summary = summarise(Study(noon).names, noon.scenario.tariff, alone)
    assert (summary["trades"], summary["refused"], summary["slots"]) == (0, 0, SLOTS)
    assert all(row["saved"] == 0 for row in summary["bills"])
    tariff = noon.scenario.tariff
    for index, row in enumerate(summary["bills"]):
        counted = [slot["meters"][index] for slot in alone]
        owed = sum(amount(i, tariff.retail_per_kwh) - amount(e, tariff.feed_in_per_kwh) for i, e in counted)
        assert row["bill_after"] == owed
    assert [slot["vm_pu"] for slot in alone] != [slot["vm_pu"] for slot in slots]
    assert all(sum(slot["homes"]["load_wh"]) == slot["consumption_wh"] for slot in alone + slots)


def read_csv(path: Path) -> list[dict[str, Any]]:
    kinds = {column.name: column.kind for column in TABLES[path.stem].columns}
    plain = {"int": int, "float": float, "str": str}
    rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
    return [
        {
            key: None if text == "" and kinds[key] != "str" else plain[kinds[key]](text)
            for key, text in row.items()
        }
        for row in rows
    ]


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".csv":
        return read_csv(path)
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    return list(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("kind", ["csv", "parquet", "json"])
def test_every_table_gives_back_what_was_put_in(
    tmp_path: Path, noon: Simulation, misread: list[dict[str, Any]], places: Places, kind: str
) -> None:
    slots = misread
    summary = summarise(places.homes, noon.scenario.tariff, slots)
    export_all(iter(slots), summary, tmp_path / "out", kind, places)
    for name, table in TABLES.items():
        names = [column.name for column in table.columns]
        expected = [
            dict(zip(names, row, strict=True))
            for row in (
                closing_rows(name, summary)
                if table.rows is None
                else (row for slot in slots for row in table.rows(slot, places))
            )
        ]
        got = read(tmp_path / "out" / f"{name}.{kind}")
        if kind == "csv":  # a text that is missing and one that is empty look alike there
            expected = [
                {k: "" if v is None and _is_text(table, k) else v for k, v in row.items()} for row in expected
            ]
        assert got == expected, name
        assert expected, name
    said = json.loads((tmp_path / "out" / "columns.json").read_text())
    assert said["trades"]["columns"]["price_per_kwh"]["unit"] == "micro-units/kWh"


def _is_text(table: Any, name: str) -> bool:
    return any(column.name == name and column.kind == "str" for column in table.columns)


def test_tables_add_up_to_the_slots(slots: list[dict[str, Any]], places: Places) -> None:
    homes = TABLES["homes"]
    at = {column.name: i for i, column in enumerate(homes.columns)}
    assert homes.rows
    for slot in islice(slots, 2):
        rows = list(homes.rows(slot, places))
        assert sum(row[at["pv_wh"]] for row in rows) == slot["production_wh"]
        supply = sum(row[at["pv_wh"]] + row[at["discharged_wh"]] + row[at["import_wh"]] for row in rows)
        use = sum(row[at["load_wh"]] + row[at["charged_wh"]] + row[at["export_wh"]] for row in rows)
        assert supply == use


def test_what_can_not_be_exported_is_said(tmp_path: Path, places: Places) -> None:
    with pytest.raises(ExportError, match="parquet"):
        export_all([], {}, tmp_path / "out", "xlsx", places)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ExportError, match="'nothing'"):
        Export({"nothing": io.BytesIO()}, "csv", places)


def test_key_figures_are_none_where_nothing_happened() -> None:
    tariff = Tariff(retail_per_kwh=300_000, feed_in_per_kwh=80_000, imbalance_per_kwh=400_000)
    summary = summarise(["a"], tariff, [])
    figures = summary["kpis"]
    assert figures["self_sufficiency"] is figures["allocative_efficiency"] is figures["losses_share"] is None
    assert summary["prices"]["mean"] is None


def test_every_column_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    missing = [
        f"{table.name}.{column.name}"
        for table in TABLES.values()
        for column in table.columns
        if f"`{column.name}`" not in text
    ]
    assert not missing
