"""Scenario files: those that come with the project, and faults with their remedies."""

import datetime as dt
import tomllib
from pathlib import Path
from typing import Any

import pytest

from grid.metering import amount
from grid.scenarios.scenario import ScenarioFaultError, load_scenario, parse_scenario
from grid.simulation import open_simulation
from grid.study import Study

LIBRARY = {
    "pv-30": (92, []),
    "pv-60": (92, []),
    "pv-90": (92, []),
    "ev-evening": (72, []),
    "transformer-outage": (72, ["transformer-outage"]),
    "cyber-fault": (48, ["malicious-agents"]),
    "flash-crowd": (76, ["flash-crowd"]),
}
"""A slot of interest, and the events in it."""
SCENARIOS = (
    "default", "june-day", "january-day", "june-week", "january-week", "quick", "january-electric", *LIBRARY,
)  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenarios_that_come_along_run(fixtures_folder: Path, name: str) -> None:
    simulation = open_simulation(load_scenario(fixtures_folder / "scenarios" / f"{name}.toml"))
    plan = simulation.plan(simulation.start_state())
    assert simulation.scenario.name == name
    assert len(plan.positions) == 153
    assert simulation.close(plan, ()).losses_wh > 0


@pytest.mark.parametrize("name", LIBRARY)
def test_the_library_shows_what_it_says(fixtures_folder: Path, name: str) -> None:
    slot, events = LIBRARY[name]
    path = fixtures_folder / "scenarios" / f"{name}.toml"
    raw = tomllib.loads(path.read_text())
    start = raw["period"]["start"] + dt.timedelta(minutes=15 * slot)
    raw["period"] = {"start": start, "end": start + dt.timedelta(minutes=30)}
    for table in raw.get("events", []):
        table["start"], table["end"] = max(start, table["start"]), min(raw["period"]["end"], table["end"])
    raw["events"] = [table for table in raw.get("events", []) if table["start"] < table["end"]]
    simulation = open_simulation(parse_scenario(raw, folder=path.parent))
    with_pv = sum(cn.generator is not None for cn in simulation.feeder.connections) / 153
    assert with_pv == pytest.approx(float(name[3:]) / 100 if name.startswith("pv-") else 43 / 153, abs=0.005)
    played = list(Study(simulation).slots())
    assert [slot["events"] for slot in played] == [events, events]
    assert f"| `{name}` |" in (fixtures_folder.parent / "docs" / "scenarios.md").read_text()


def test_in_a_cyber_fault_no_honest_home_pays_for_the_cheats(fixtures_folder: Path) -> None:
    """A buyer whose trade failed pays no more for its energy than the supplier asks; own forecast errors aside."""
    study = Study(open_simulation(load_scenario(fixtures_folder / "scenarios" / "cyber-fault.toml")))
    cheats = {study.names[i] for i in study.simulation.timeline.malicious}
    failed = 0

    def check(slot: dict[str, Any]) -> None:
        nonlocal failed
        for trade in slot["trades"]:
            missing = trade["quantity_wh"] - trade["delivered_wh"]
            if trade["buyer"] not in cheats and trade["seller"] in cheats and missing:
                failed += 1
                paid = trade["amount"] - trade["refund"] + amount(missing, 320_000)
                assert paid <= amount(trade["quantity_wh"], 320_000) + 1

    groups = study.run(check)["groups"]
    assert failed > 100
    assert groups["honest"]["households"] == 102
    assert groups["honest"]["saved"] > 0
    assert groups["honest"]["refunds_received"] > groups["honest"]["refunds_paid"]


def test_the_documented_equipment_can_be_planted(fixtures_folder: Path) -> None:
    text = (fixtures_folder.parent / "docs" / "scenarios.md").read_text()
    raw = tomllib.loads((fixtures_folder / "scenarios" / "june-day.toml").read_text())
    shown = text.split("## Equipment")[1].split("```toml")[1].split("```")[0]
    scenario = parse_scenario({**raw, **tomllib.loads(shown)}, folder=fixtures_folder / "scenarios")
    assert [table.kind for table in scenario.assets] == ["ev", "ev", "heat-pump", "battery", "pv", "wind"]
    assert open_simulation(scenario).feeder.name == "1-LV-rural3--2-sw"


def test_every_scenario_in_the_folder_is_listed(fixtures_folder: Path) -> None:
    assert {path.stem for path in (fixtures_folder / "scenarios").glob("*.toml")} == set(SCENARIOS)


def test_the_documented_example_is_valid(fixtures_folder: Path) -> None:
    text = (fixtures_folder.parent / "docs" / "scenarios.md").read_text()
    raw = tomllib.loads(text.split("```toml")[1].split("```")[0])
    scenario = parse_scenario(raw, folder=fixtures_folder / "scenarios")
    assert scenario.limits.vm_max_pu == 1.07


@pytest.fixture
def raw(fixtures_folder: Path) -> dict[str, Any]:
    return tomllib.loads((fixtures_folder / "scenarios" / "default.toml").read_text())


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("grid.pv_scale", -1, r"\[grid\] pv_scale = -1: Expected `float` >= 0"),
        ("grid.pv_scal", 1, r"\[grid\] pv_scal: is no field here; known are .*pv_scale"),
        ("grid.network", "nowhere.json", r"\[grid\] nowhere.json: no such file"),
        ("tariff.feed_in_per_kwh", 320_000, "feed_in_per_kwh: must be below retail_per_kwh"),
        (
            "tariff.retail_per_kwh",
            0.32,
            r"\[tariff\] retail_per_kwh = 0.32: Expected `int`, got `float`",
        ),
        (
            "market.strategy",
            "genius",
            "strategy: 'genius' is unknown; choose one of adaptive, risk-averse, zero-intelligence",
        ),
        ("market.partners", 0, r"\[market\] partners = 0: Expected `int` >= 1"),
        ("funding.mode", "cash", r"\[funding\] mode = 'cash': Invalid enum value 'cash'"),
        ("limits.vm_max_pu", 0.9, r"\[limits\] vm_max_pu = 0.9: Expected `float` > 1"),
        ("forecast.pv_error", 2, r"\[forecast\] pv_error = 2: Expected `float` <= 1"),
    ],
)
def test_faults_name_section_and_remedy(
    raw: dict[str, Any], fixtures_folder: Path, field: str, value: Any, complaint: str
) -> None:
    section, name = field.split(".")
    raw[section][name] = value
    with pytest.raises(ScenarioFaultError, match=complaint):
        parse_scenario(raw, folder=fixtures_folder / "scenarios")


def test_period_faults(raw: dict[str, Any], fixtures_folder: Path) -> None:
    good = raw["period"]["start"]
    for start, complaint in (
        (good.replace(tzinfo=None), "start: has no offset; write it like"),
        (good.replace(minute=7), "start: must lie on a quarter-hour"),
        (raw["period"]["end"], "end: must lie after start"),
    ):
        raw["period"]["start"] = start
        with pytest.raises(ScenarioFaultError, match=complaint):
            parse_scenario(raw, folder=fixtures_folder / "scenarios")


def test_all_faults_come_at_once(raw: dict[str, Any], fixtures_folder: Path) -> None:
    del raw["tariff"], raw["seed"]
    raw["extra"] = 1
    raw["market"]["rounds"] = 0
    with pytest.raises(ScenarioFaultError) as caught:
        parse_scenario(raw, folder=fixtures_folder / "scenarios")
    assert len(caught.value.faults) >= 4


def test_file_faults(tmp_path: Path) -> None:
    with pytest.raises(ScenarioFaultError, match=r"none\.toml: can't be read"):
        load_scenario(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = \n")
    with pytest.raises(ScenarioFaultError, match=r"bad\.toml: is no TOML.*line 1"):
        load_scenario(tmp_path / "bad.toml")
