"""Outages, crowds, clouds and agents that break the rules: what they do, what they can't do, what is told."""

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hamlet import NOON, event, hamlet, hamlet_feeder, write_hamlet

from grid.events.outages import changed
from grid.events.sections import Derating, LineOutage, TransformerOutage
from grid.flow.pandapower_reference import reference
from grid.flow.powerflow import PowerFlow
from grid.gate.nominations import Nomination
from grid.market.misconduct import DefiedGate, sort_out
from grid.metering import amount
from grid.scenarios.scenario import ScenarioFaultError, parse_scenario
from grid.simulation import open_simulation
from grid.study import Study

HOUR = dt.timedelta(hours=1)
SUNNY = {"network": "hamlet.json", "profiles": ["hamlet.csv.gz"], "pv_scale": 4.0, "firm_export_permille": 0}
WINDOW = {"start": NOON, "end": NOON + HOUR}


def played(folder: Path, *events: dict[str, Any], **tables: Any) -> list[dict[str, Any]]:
    return list(Study(hamlet(folder, *events, **tables)).slots())


def test_a_transformer_outage_leaves_the_feeder_dark_and_counts_what_was_not_served(tmp_path: Path) -> None:
    quiet = played(tmp_path)
    slots = played(tmp_path, event("transformer-outage", 4, 7))
    for i, (slot, other) in enumerate(zip(slots, quiet, strict=True)):
        dark = 4 <= i <= 7
        assert slot["dead_buses"] == ([1, 2, 3] if dark else [])
        assert slot["events"] == (["transformer-outage"] if dark else [])
        assert slot["consumption_wh"] + slot["unserved_wh"] == other["consumption_wh"]
        assert (slot["unserved_wh"] > 0) is dark
        if dark:
            assert slot["vm_pu"] == [1.02, 0, 0, 0]
            assert slot["breaches"] == slot["trades"] == []
            assert slot["meters"] == [[0, 0]] * 8
            assert slot["import_wh"] == slot["export_wh"] == slot["losses_wh"] == slot["production_wh"] == 0
            assert slot["curtailed_wh"] == other["production_wh"] + other["curtailed_wh"]


def test_a_line_outage_darkens_one_branch_and_batteries_there_rest(tmp_path: Path) -> None:
    simulation = hamlet(tmp_path, event("line-outage", 0, 15, line="west"))
    state = simulation.start_state()
    plan = simulation.plan(state)
    outcome = simulation.close(plan, ())
    west = [i for i, cn in enumerate(simulation.feeder.connections) if cn.bus == 2]
    assert outcome.dead_buses == (2,)
    assert [i for i, wh in enumerate(outcome.unserved_wh) if wh] == west
    assert all(outcome.state.soc_wh[i] == state.soc_wh[i] for i in west)
    assert all(plan.positions[i].surplus_wh == plan.positions[i].deficit_wh == 0 for i in west)


def test_who_is_surprised_by_an_outage_reckons_with_it_from_the_second_slot_on(tmp_path: Path) -> None:
    slots = played(tmp_path, event("transformer-outage", 2, 4, announced=False))
    assert slots[2]["trades"]
    assert slots[2]["delivered_wh"] == 0
    assert slots[2]["refund"] > 0
    assert not slots[3]["trades"]


def test_half_a_transformer_carries_twice_the_loading_and_pandapower_agrees() -> None:
    feeder = hamlet_feeder()
    half, derated = (
        changed(feeder, (event,))
        for event in (
            TransformerOutage(remaining_permille=500, **WINDOW),
            Derating(element="station", rating_permille=500, **WINDOW),
        )
    )
    p_kw, q_kvar = np.full((1, 8), 5.0), np.full((1, 8), 1.0)
    normal, one_unit, limited = (PowerFlow(net).run(p_kw, q_kvar) for net in (feeder, half, derated))
    expected = reference(half, p_kw, q_kvar)
    assert np.abs(one_unit.vm_pu - expected.vm_pu).max() < 1e-6
    assert np.abs(one_unit.transformer_percent - expected.transformer_percent).max() < 1e-3
    assert one_unit.transformer_percent[0, 0] == pytest.approx(2 * normal.transformer_percent[0, 0], rel=0.01)
    assert one_unit.vm_pu.min() < normal.vm_pu.min()
    assert limited.transformer_percent[0, 0] == pytest.approx(2 * normal.transformer_percent[0, 0])
    assert (limited.vm_pu == normal.vm_pu).all()


def test_an_open_line_is_what_pandapower_makes_of_it(rural_feeder: Any) -> None:
    feeder = changed(rural_feeder, (LineOutage(line=rural_feeder.lines[10].name, **WINDOW),))
    ours = PowerFlow(feeder, dead_parts=True)
    live = reference(feeder, np.ones((1, 153)), np.zeros((1, 153))).vm_pu[0]
    dead = np.isnan(live)
    p_kw = np.array([[0.0 if dead[cn.bus] else 1.0 for cn in feeder.connections]])
    flows = ours.run(p_kw, np.zeros((1, 153)))
    assert dead.any()
    assert (flows.vm_pu[0][dead] == 0).all()
    assert np.abs(flows.vm_pu[0][~dead] - live[~dead]).max() < 1e-6


def test_a_derated_transformer_makes_the_gate_refuse(tmp_path: Path) -> None:
    tables = {"grid": SUNNY, "limits": {"vm_max_pu": 1.3}}
    free = played(tmp_path, **tables)
    tight = played(tmp_path, event("derating", 0, 15, element="station", rating_permille=300), **tables)
    assert sum(slot["curtailed_wh"] for slot in tight) > sum(slot["curtailed_wh"] for slot in free)
    assert max(slot["trafo_loading_percent"][0] for slot in tight) < 100.001


def test_crowd_and_clouds_come_unexpected(tmp_path: Path) -> None:
    quiet = played(tmp_path)
    crowd = played(tmp_path, event("flash-crowd", 3, 5, share=0.5, extra_kw=2.0))
    gains = [b["consumption_wh"] - a["consumption_wh"] for a, b in zip(quiet, crowd, strict=True)]
    assert gains == [4 * 500 if 3 <= i <= 5 else 0 for i in range(16)]
    assert crowd[3]["traded_wh"] == quiet[3]["traded_wh"]
    clouds = played(tmp_path, event("cloud-front", 3, 5, remaining_permille=100))
    assert clouds[3]["traded_wh"] == quiet[3]["traded_wh"] > clouds[3]["delivered_wh"]
    assert clouds[3]["refund"] > 0


def malicious(behaviour: str, share: float = 1.0, **fields: Any) -> dict[str, Any]:
    return event("malicious-agents", 0, 15, share=share, behaviours=[behaviour], **fields)


def test_oversellers_and_defaulters_owe_what_they_did_not_deliver(tmp_path: Path) -> None:
    honest = played(tmp_path)
    boasting = played(tmp_path, malicious("oversell"))
    missing = [
        sum(slot["traded_wh"] - slot["delivered_wh"] for slot in slots) for slots in (honest, boasting)
    ]
    assert missing[1] > missing[0] == 0
    silent = played(tmp_path, malicious("never-deliver"))
    assert sum(slot["traded_wh"] for slot in silent) > 0 == sum(slot["delivered_wh"] for slot in silent)
    for slot in (*boasting, *silent):
        for trade in slot["trades"]:
            shortfall = trade["quantity_wh"] - trade["delivered_wh"]
            replaced = amount(shortfall, 320_000)
            assert trade["amount"] - trade["refund"] + replaced <= amount(trade["quantity_wh"], 320_000) + 1


def test_false_meters_are_told_by_the_energy_that_nobody_shows(tmp_path: Path) -> None:
    simulation = hamlet(tmp_path, malicious("false-meter", lie_permille=500))
    plan = simulation.plan(simulation.start_state())
    outcome = simulation.close(plan, ())
    shown = sum(r.import_wh - r.export_wh for r in outcome.readings)
    at_source = outcome.feeder_import_wh - outcome.feeder_export_wh
    assert outcome.hidden_wh == at_source - outcome.losses_wh - shown > 0
    assert played(tmp_path)[0]["hidden_wh"] == 0


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_what_the_gate_refused_flows_for_nobody(tmp_path: Path, share: float) -> None:
    tables = {"grid": SUNNY, "limits": {"vm_max_pu": 1.018}}
    honest = played(tmp_path, **tables)
    slots = played(tmp_path, malicious("ignore-gate", share), **tables)
    assert any(slot["refused"] for slot in honest)
    assert max(max(slot["vm_pu"]) for slot in slots) <= max(max(slot["vm_pu"]) for slot in honest)
    defied = [
        trade
        for slot in slots
        for trade in slot["trades"]
        if trade["id"] in {refusal["nomination"]["id"] for refusal in slot["refused"]}
    ]
    assert any(trade["quantity_wh"] > trade["delivered_wh"] for trade in defied)


def test_it_takes_two_to_defy_the_gate(tmp_path: Path) -> None:
    simulation = hamlet(tmp_path, grid=SUNNY, limits={"vm_max_pu": 1.018})
    gate = simulation.gate(simulation.plan(simulation.start_state()))
    much = Nomination("much", 2, 1, simulation.slots[0], 4_000)
    assert not gate.check(much).accepted
    for defiant, passes in (([1], False), ([2], False), ([1, 2], True)):
        defied = DefiedGate(gate, defiant)
        assert defied.accept(much).accepted is passes
        assert [v.accepted for v in defied.defied.values()] == ([False] if passes else [])
        assert gate.accepted == ()
    accepted, unaccepted = sort_out([much, dataclasses.replace(much, id="other", buyer=5)], [much])
    assert [n.id for n in accepted] == ["other"]
    assert unaccepted == (much,)


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (
            {"kind": "earthquake"},
            r"\[\[events\]\] number 1: kind 'earthquake' is unknown; choose one of cloud-front,",
        ),
        ({"kind": None}, r"\[\[events\]\] number 1: has no kind; choose one of"),
        ({"end": NOON}, r"number 1: end must lie after start"),
        ({"end": NOON + 9 * HOUR}, r"number 1: must lie inside the \[period\]"),
        ({"start": NOON.replace(tzinfo=None)}, "start has no offset; write it like"),
        ({"start": NOON.replace(minute=7)}, "start must lie on a quarter-hour"),
        ({"share": 2}, r"\[\[events\]\] number 1: share = 2: Expected `float` <= 1.0"),
        ({"extra_kw": None}, r"\[\[events\]\] number 1: extra_kw: is missing"),
        (
            {"colour": "red"},
            r"\[\[events\]\] number 1: colour: is no field here; known are end, extra_kw",
        ),
    ],
)
def test_faults_of_events_name_place_and_remedy(
    tmp_path: Path, broken: dict[str, Any], complaint: str
) -> None:
    table = event("flash-crowd", 0, 3, share=0.5, extra_kw=1.0) | broken
    raw = write_hamlet(tmp_path) | {"events": [{k: v for k, v in table.items() if v is not None}]}
    with pytest.raises(ScenarioFaultError, match=complaint):
        parse_scenario(raw, folder=tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        event("transformer-outage", 0, 1, transformer="stattion"),
        event("line-outage", 0, 1, line="nowhere"),
        event("derating", 0, 1, element="pole", rating_permille=500),
    ],
)
def test_elements_that_the_network_lacks_are_named_with_those_that_it_has(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    with pytest.raises(
        ScenarioFaultError, match=r"\[\[events\]\] number 1: .* is no such element of hamlet; name one of"
    ):
        hamlet(tmp_path, wrong)


def test_groups_fare_as_their_bills_say(tmp_path: Path) -> None:
    summary = Study(hamlet(tmp_path, malicious("never-deliver", share=0.5))).run()
    groups = summary["groups"]
    assert set(groups) == {"honest", "never-deliver"}
    assert groups["never-deliver"]["households"] == groups["honest"]["households"] == 4
    assert sum(group["bill_after"] for group in groups.values()) == sum(
        b["bill_after"] for b in summary["bills"]
    )
    assert (
        groups["honest"]["refunds_received"] + groups["never-deliver"]["refunds_received"]
        == summary["settlement"]["refund"]
    )
    assert groups["honest"]["saved"] > 0 == groups["honest"]["refunds_paid"]
    assert groups["never-deliver"]["refunds_paid"] > 0 == groups["never-deliver"]["sold_wh"]
    assert Study(hamlet(tmp_path)).run()["groups"] == {}


def test_the_same_seed_draws_the_same_agents_and_another_does_not(tmp_path: Path) -> None:
    raw = write_hamlet(tmp_path) | {"events": [malicious("oversell", 0.5)]}
    drawn = [
        open_simulation(parse_scenario(raw | {"seed": s}, folder=tmp_path)).timeline.malicious
        for s in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0]) == 4
