"""What the operator does when the grid is full: it rations, it pays for remedies, it cuts back, and it keeps the limits."""

from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.assets import Home, Needs, home_of
from grid.flow.powerflow import PowerFlow
from grid.gate.actions import Action, acting
from grid.gate.check import Gate
from grid.gate.closing import Closed, ClosingSlot
from grid.gate.limits import Limits, breaches
from grid.gate.nominations import Attempt, Nomination, NominationError, SlotCase, attempts_of
from grid.gate.remedies import Remedy, booked, remedies_for
from grid.gate.rules import GateRules, Rationing
from grid.market.bilateral import first_beliefs
from grid.market.matching import match_partners
from grid.market.mechanism import trading_slot
from grid.market.mechanisms import mechanism_named
from grid.metering import Reading, TradeTerms, settle
from grid.networks.feeder import Feeder
from grid.networks.files import load_feeder
from grid.scenarios.scenario import Scenario
from grid.scenarios.sections import GateSection, Tariff
from grid.simulation import Simulation

SLOT = 1_465_455_600
PLANT, NEIGHBOUR, PLAIN, FAR = range(4)
PV_WH = 15_000
PAID = GateRules(
    remedies=True, curtailment_per_kwh=82_000, battery_per_kwh=320_000, remedy_limit_per_kwh=10_000_000
)


@pytest.fixture(scope="module")
def flow(street: Feeder) -> PowerFlow:
    return PowerFlow(street)


def case_of(
    feeder: Feeder, *, firm: int = 0, pv_wh: int = PV_WH, load_wh: int = 100, soc_wh: int = 0
) -> SlotCase:
    homes = [home_of(connection, firm) for connection in feeder.connections]
    needs = [
        Needs(load_wh, pv_wh if i == PLANT else 0, soc_wh if home.battery_capacity_wh else 0)
        for i, home in enumerate(homes)
    ]
    return SlotCase(SLOT, homes, needs, np.zeros(len(homes)))


def sale(quantity_wh: int, buyer: int = PLAIN, name: str = "n", seller: int = PLANT) -> Nomination:
    return Nomination(name, seller, buyer, SLOT, quantity_wh)


def rationed(
    flow: PowerFlow, rule: Rationing, asked: list[int], vm_max: float = 1.1
) -> tuple[Gate, list[int]]:
    gate = Gate(flow, Limits(vm_max_pu=vm_max), case_of(flow.feeder), rules=GateRules(rule))
    buyers = (PLAIN, FAR, PLAIN, FAR)
    sales = [sale(wh, buyers[i % 4] if wh else PLAIN, str(i)) for i, wh in enumerate(asked)]
    verdicts = gate.accept_all(sales, [100_000 * (1 + i % 3) for i in range(len(sales))])
    return gate, [verdict.granted_wh for verdict in verdicts]


asks = st.lists(st.integers(1, 4_000), min_size=2, max_size=5)


@settings(max_examples=25, deadline=None)
@given(asks, st.sampled_from(("first-come", "pro-rata", "price")), st.floats(1.055, 1.1))
def test_no_rule_breaks_a_limit_or_gives_more_than_asked(
    flow: PowerFlow, asked: list[int], rule: Rationing, vm_max: float
) -> None:
    gate, granted = rationed(flow, rule, asked, vm_max)
    before = Gate(flow, Limits(vm_max_pu=vm_max), case_of(flow.feeder)).flows().vm_pu.max()
    assert all(0 <= got <= wh for got, wh in zip(granted, asked, strict=True))
    assert gate.flows().vm_pu.max() <= max(vm_max, before) + 2e-8
    assert {n.id: n.quantity_wh for n in gate.accepted} == {str(i): wh for i, wh in enumerate(granted) if wh}
    if rule == "pro-rata":
        share = sum(granted) / sum(asked)
        assert all(abs(got - share * wh) <= 1 for got, wh in zip(granted, asked, strict=True))
    _, roomier = rationed(flow, rule, asked, vm_max + 0.01)
    assert sum(roomier) >= sum(granted)
    if rule == "pro-rata":
        assert all(more >= got for more, got in zip(roomier, granted, strict=True))


def test_the_first_the_dearest_or_all_alike(flow: PowerFlow) -> None:
    asked = [4_000, 4_000, 4_000]
    room = sum(rationed(flow, "pro-rata", asked)[1])
    assert 4_000 < room < 12_000
    first = rationed(flow, "first-come", asked)[1]
    assert first[0] == 4_000
    assert first[2] < 4_000
    dearest = rationed(flow, "price", asked)[1]
    assert dearest[2] == 4_000
    assert dearest[0] < 4_000
    alike = rationed(flow, "pro-rata", asked)[1]
    assert max(alike) - min(alike) <= 1
    assert abs(sum(first) - room) < 200, "a battery takes a part of what is sold to it"


def test_who_strains_no_full_place_gives_nothing_up(flow: PowerFlow) -> None:
    gate = Gate(flow, Limits(), case_of(flow.feeder), rules=GateRules("pro-rata"))
    far = sale(80, FAR, "far", seller=PLAIN)
    verdicts = gate.accept_all([sale(5_000, PLAIN, "a"), far, sale(7_000, PLAIN, "b")], [0, 0, 0])
    assert [verdict.accepted for verdict in verdicts] == [False, True, False]
    assert verdicts[0].breach
    assert "is granted" in verdicts[0].words
    assert gate.accept_all([far], [0])[0].granted_wh == 80, "asked again it changes nothing"
    with pytest.raises(NominationError, match="share an id"):
        gate.accept_all([sale(1), sale(1)], [0, 0])


def test_a_battery_nearby_is_paid_to_make_room(flow: PowerFlow) -> None:
    plain = Gate(flow, Limits(), case_of(flow.feeder))
    gate = Gate(flow, Limits(), case_of(flow.feeder), rules=PAID)
    wish = sale(9_000)
    assert not plain.check(wish).accepted
    verdict = gate.check(wish)
    assert verdict.accepted
    (remedy,) = verdict.remedies
    assert (remedy.connection, remedy.kind) == (NEIGHBOUR, "charge"), (
        "the battery at the end, not the far one"
    )
    assert verdict.cost == remedy.compensation == -(-remedy.wh * 320_000 // 1000)
    assert sum(remedy.shares.values()) == remedy.compensation
    assert "neighbour charges" in verdict.words
    assert "pay half each" in verdict.words
    assert gate.accept(wish).accepted
    assert gate.flows().vm_pu.max() <= 1.1 + 2e-8
    assert gate.remedies == (remedy,)
    less = replace(remedy, wh=remedy.wh - 2)
    assert acting(*_home(flow, NEIGHBOUR), 0, 0, Action("charge", less.wh)).charged_wh == less.wh
    again = Gate(flow, Limits(), case_of(flow.feeder), gate.accepted, rules=PAID)
    assert again.remedies == gate.remedies, "a restarted gate binds the same"
    gate.withdraw("n")
    assert gate.remedies == ()
    assert gate.flows().vm_pu == pytest.approx(plain.flows().vm_pu, abs=1e-9)


def _home(flow: PowerFlow, index: int) -> tuple[Home, Needs]:
    case = case_of(flow.feeder)
    return case.homes[index], case.needs[index]


def test_a_remedy_that_costs_too_much_is_named_and_not_taken(flow: PowerFlow) -> None:
    thrifty = replace(PAID, remedy_limit_per_kwh=1)
    gate = Gate(flow, Limits(), case_of(flow.feeder), rules=thrifty)
    verdict = gate.accept(sale(9_000))
    assert not verdict.accepted
    assert verdict.cost > 0
    assert "is more than may be spent on it" in verdict.words
    assert 0 < verdict.max_passing_wh < 9_000
    assert gate.accepted == gate.remedies == ()


def test_firm_export_can_be_the_remedy(street: Feeder) -> None:
    rival = replace(street.connections[PLAIN], generator=street.connections[PLANT].generator)
    feeder = replace(street, connections=(*street.connections[:2], rival, street.connections[3]))
    case = case_of(feeder, firm=200)
    case = replace(
        case,
        needs=[replace_pv(needs, 3_500 if i == PLAIN else needs.pv_wh) for i, needs in enumerate(case.needs)],
    )
    gate = Gate(PowerFlow(feeder), Limits(), case, rules=PAID)
    verdict = gate.check(sale(7_000, FAR))
    assert verdict.accepted
    assert [(remedy.connection, remedy.kind) for remedy in verdict.remedies] == [(PLAIN, "curtail")]
    sold = acting(case.homes[PLAIN], case.needs[PLAIN], 2_000, 0, Action("curtail", 9_000))
    assert sold.export_wh == 2_000, "what is sold is not touched"


def replace_pv(needs: Needs, pv_wh: int) -> Needs:
    return Needs(needs.load_wh, pv_wh, needs.soc_wh)


def test_remedies_are_performed_and_money_is_conserved(flow: PowerFlow) -> None:
    case, wish = case_of(flow.feeder), sale(9_000)
    gate = Gate(flow, Limits(), case, rules=PAID)
    gate.accept(wish)
    came = replace(case, needs=[Needs(needs.load_wh + 40, needs.pv_wh, needs.soc_wh) for needs in case.needs])
    closed = closing(flow, Limits(), came, gate.accepted, rules=PAID, remedies=gate.remedies).close()
    assert closed.nominated_permille == 1000
    (done,) = closed.remedies
    assert done.wh == closed.exchanges[NEIGHBOUR].charged_wh > 0
    readings = [Reading(i, SLOT, ex.import_wh, ex.export_wh) for i, ex in enumerate(closed.exchanges)]
    plain = settle(
        [TradeTerms("n", PLANT, PLAIN, 9_000, 200_000, 380_000)],
        readings, retail_per_kwh=320_000, feed_in_per_kwh=82_000,
    )  # fmt: skip
    paid = booked(plain, closed.remedies)
    moved = [b.credit - b.charge - a.credit + a.charge for a, b in zip(plain.bills, paid.bills, strict=True)]
    assert sum(moved) == 0
    assert moved[NEIGHBOUR] == done.compensation
    assert moved[PLANT] + moved[PLAIN] == -done.compensation
    assert booked(plain, ()) is plain
    assert remedies_for([wish], gate.remedies) == gate.remedies
    assert remedies_for([sale(1, FAR)], gate.remedies) == ()


def closing(
    flow: PowerFlow, limits: Limits, case: SlotCase, accepted: object = (), **more: object
) -> ClosingSlot:
    return ClosingSlot(flow, limits, case, accepted, **more)


wattages = st.fixed_dictionaries(
    {
        "pv_wh": st.integers(0, 15_000),
        "load_wh": st.integers(100, 3_000),
        "soc_wh": st.integers(0, 40_000),
        "firm": st.integers(0, 300),
    }
)


@settings(max_examples=20, deadline=None)
@given(wattages, st.integers(0, 12_000), st.integers(0, 12_000), st.floats(1.06, 1.1), st.floats(0.95, 1.03))
def test_planted_agents_break_no_limit_that_could_be_kept(  # noqa: PLR0917  drawn by Hypothesis
    flow: PowerFlow, slot_of: dict[str, int], huge: int, charge: int, high: float, low: float
) -> None:
    """Huge sales at the weakest bus, batteries that charge unnominated at peak, sellers that ignore refusals."""
    limits = Limits(vm_min_pu=low, vm_max_pu=high, line_percent=60, transformer_percent=40)
    case = case_of(flow.feeder, **slot_of)
    gate = Gate(flow, limits, case)
    wishes = [sale(1_500), sale(huge + 1, FAR, "huge"), sale(charge + 1, NEIGHBOUR, "c", seller=PLAIN)]
    refused = [wish for wish in wishes if not gate.accept(wish).accepted]
    cheats = attempts_of([*refused, Attempt(NEIGHBOUR, import_wh=charge), Attempt(FAR, export_wh=huge)])
    honest = closing(flow, limits, case)
    base = honest.flows(honest.close().exchanges)
    slot = closing(flow, limits, case, gate.accepted, attempts=cheats)
    flows = slot.flows(slot.close().exchanges)
    unavoidable = {(b.kind, b.place) for b in breaches(flow.feeder, limits, base)}
    assert {(b.kind, b.place) for b in breaches(flow.feeder, limits, flows)} <= unavoidable


def test_attempts_come_last_and_take_nothing_from_others(flow: PowerFlow) -> None:
    case = case_of(flow.feeder, pv_wh=14_000, soc_wh=20_000)
    limits = Limits()
    alone = closing(flow, limits, case, [sale(1_500)]).close()
    cheat = closing(flow, limits, case, [sale(1_500)], attempts=[Attempt(NEIGHBOUR, export_wh=9_000)]).close()
    assert alone.surplus_permille == cheat.surplus_permille < 1000
    assert cheat.exchanges[PLANT] == alone.exchanges[PLANT]
    assert cheat.attempted_permille < 1000
    roomy = closing(flow, Limits(vm_max_pu=1.4), case, attempts=[Attempt(NEIGHBOUR, export_wh=900)]).close()
    assert roomy.attempted_permille == 1000
    assert roomy.exchanges[NEIGHBOUR].export_wh == 900


@pytest.fixture(scope="module")
def hard_case() -> tuple[PowerFlow, SlotCase]:
    """SimBench's 1-LV-rural1--2-sw (ODbL, University of Kassel and others) in its case lPV, batteries full."""
    feeder = load_feeder(Path(__file__).with_name("hard_case.json"))
    homes = [home_of(connection, 1000) for connection in feeder.connections]
    needs, q_kvar = [], []
    for connection, home in zip(feeder.connections, homes, strict=True):
        load, pv_mw = connection.load, sum(plant.p_mw for plant in connection.generators)
        drawn = load.p_mw * 0.1 if load else 0
        needs.append(Needs(round(drawn * 250_000), round(pv_mw * 0.95 * 250_000), home.battery_capacity_wh))
        q_kvar.append(load.q_mvar * 122.543 if load else 0.0)
    return PowerFlow(feeder), SlotCase(SLOT, homes, needs, np.array(q_kvar))


def test_the_hard_case_comes_into_its_limits(hard_case: tuple[PowerFlow, SlotCase]) -> None:
    flow, case = hard_case
    loose = closing(flow, Limits(), case)
    before = loose.flows(loose.close().exchanges)
    assert before.transformer_percent.max() == pytest.approx(355, abs=15)
    rules = GateRules(curtail_firm=True, curtailment_per_kwh=82_000)
    slot = closing(flow, Limits(), case, rules=rules)
    closed: Closed = slot.close()
    after = slot.flows(closed.exchanges)
    assert breaches(flow.feeder, Limits(), after) == ()
    assert after.transformer_percent.max() == pytest.approx(100, abs=1), "no more is cut than must be"
    assert 0 < closed.firm_permille < 400
    assert sum(ex.curtailed_wh for ex in closed.exchanges) == sum(remedy.wh for remedy in closed.remedies) > 0
    assert all(remedy.payers is None and not remedy.shares for remedy in closed.remedies)


def test_the_gate_of_the_hard_case_has_no_room_left(hard_case: tuple[PowerFlow, SlotCase]) -> None:
    flow, case = hard_case
    gate = Gate(flow, Limits(), case, rules=GateRules(curtail_firm=True))
    seller = max(range(len(case.needs)), key=lambda i: case.needs[i].pv_wh)
    buyer = next(i for i, needs in enumerate(case.needs) if not needs.pv_wh)
    verdict = gate.accept(Nomination("all", seller, buyer, SLOT, case.needs[seller].pv_wh))
    assert not verdict.accepted
    assert verdict.breach
    assert gate.flows().transformer_percent.max() <= 100 + 1e-4


def test_prices_of_the_rules_come_from_the_tariff_where_none_are_given() -> None:
    tariff = Tariff(retail_per_kwh=320_000, feed_in_per_kwh=82_000, imbalance_per_kwh=380_000)
    rules = GateSection(remedies=True, battery_per_kwh=5).rules(tariff)
    assert (rules.curtailment_per_kwh, rules.battery_per_kwh, rules.remedy_limit_per_kwh) == (
        82_000,
        5,
        119_000,
    )
    assert Remedy(0, "a", "curtail", 1, 3, (1, 2)).shares == {1: 2, 2: 1}


@pytest.mark.parametrize("rule", ["pro-rata", "price"])
@pytest.mark.parametrize("mechanism", ["bilateral", "pay-as-clear"])
def test_agents_trade_under_every_rule(congested: Simulation, rule: Rationing, mechanism: str) -> None:
    gate_rules = GateSection(rationing=rule, remedies=rule == "price", remedy_limit_per_kwh=10_000_000)
    scenario = replace(congested.scenario, gate=gate_rules)
    noon = congested.slots[14]
    sim = copy_of(congested, scenario)
    plan = sim.plan(replace(sim.start_state(), slot_start=noon))
    gate = sim.gate(plan)
    beliefs = first_beliefs(plan.tariff, len(sim.homes))
    slot = trading_slot(sim, plan, gate, match_partners(congested.feeder, 4), beliefs)
    traded = mechanism_named(mechanism).play(slot)
    assert {n.id: n.quantity_wh for n in gate.accepted} == {t.id: t.quantity_wh for t in traded.trades}
    assert len(traded.trades) > 20
    outcome = sim.close(plan, gate.accepted, (), gate.remedies)
    assert {r.connection for r in outcome.remedies} <= {r.connection for r in gate.remedies}


def copy_of(simulation: Simulation, scenario: Scenario) -> Simulation:
    """The same simulation under other rules."""
    other = copy(simulation)
    other.scenario = scenario
    return other
