"""The slot loop on the real feeder: balance, physics, the gate's grip on it, and resuming."""

import dataclasses
import json

import numpy as np
import pytest

from grid.flow.pandapower_reference import reference
from grid.gate.nominations import Nomination
from grid.market.bilateral import Bilateral, first_beliefs
from grid.market.matching import match_partners
from grid.market.mechanism import trading_slot
from grid.metering import settle
from grid.simulation import BalanceError, Simulation, SimulationState, SlotOutcome, SlotPlan


def trade_slot(sim: Simulation, plan: SlotPlan, seed: int = 1) -> tuple[SlotOutcome, int, int]:
    """One slot with all agents: outcome, number of trades, number of refusals."""
    gate = sim.gate(plan)
    pairs = match_partners(sim.feeder, sim.scenario.market.partners)
    slot = trading_slot(sim, plan, gate, pairs, first_beliefs(plan.tariff, len(sim.homes)))
    played = Bilateral().play(dataclasses.replace(slot, seed=seed))
    outcome = sim.close(plan, gate.accepted)
    settle(played.trades, outcome.readings, retail_per_kwh=320_000, feed_in_per_kwh=82_000)
    return outcome, len(played.trades), len(played.refusals)


def at_slot(sim: Simulation, number: int) -> SlotPlan:
    return sim.plan(SimulationState(sim.slots[number], sim.start_state().soc_wh))


@pytest.fixture(scope="module")
def june_outcomes(june_day: Simulation) -> list[SlotOutcome]:
    state, outcomes = june_day.start_state(), []
    while not june_day.finished(state):
        outcome, *_ = trade_slot(june_day, june_day.plan(state))
        outcomes.append(outcome)
        state = outcome.state
    return outcomes


def test_a_june_day_balances_in_every_slot(june_day: Simulation, june_outcomes: list[SlotOutcome]) -> None:
    assert [outcome.slot_start for outcome in june_outcomes] == list(june_day.slots)
    assert len(june_outcomes) == 96
    for outcome in june_outcomes:
        supply = outcome.total("pv_wh") + outcome.total("discharged_wh") + outcome.feeder_import_wh
        use = (
            outcome.total("load_wh")
            + outcome.total("charged_wh")
            + outcome.feeder_export_wh
            + outcome.losses_wh
        )
        assert supply == use
        assert outcome.losses_wh > 0
    stored = sum(june_outcomes[-1].state.soc_wh) - sum(june_day.start_state().soc_wh)
    charged = sum(outcome.total("charged_wh") - outcome.total("discharged_wh") for outcome in june_outcomes)
    assert charged - stored == sum(outcome.total("battery_loss_wh") for outcome in june_outcomes)
    assert sum(outcome.total("pv_wh") for outcome in june_outcomes) > 1_000_000


def test_voltages_of_the_day_equal_pandapower(june_day: Simulation, june_outcomes: list[SlotOutcome]) -> None:
    chosen = np.random.default_rng(2).choice(len(june_outcomes), 20, replace=False)
    p_kw = np.array([[ex.net_import_wh * 4 / 1000 for ex in june_outcomes[i].exchanges] for i in chosen])
    q_kvar = np.array([june_day.reactive_kvar(june_outcomes[i].slot_start) for i in chosen])
    expected = reference(june_day.feeder, p_kw, q_kvar)
    for row, i in enumerate(chosen):
        assert np.abs(np.array(june_outcomes[i].vm_pu) - expected.vm_pu[row]).max() < 1e-6
        assert np.abs(np.array(june_outcomes[i].line_percent) - expected.line_percent[row]).max() < 1e-3
        assert june_outcomes[i].losses_wh == pytest.approx(expected.losses_kw[row] * 250, abs=0.51)
        at_source = june_outcomes[i].feeder_import_wh - june_outcomes[i].feeder_export_wh
        assert at_source == pytest.approx(expected.source_kw[row] * 250, abs=1)


def test_a_replay_resumed_from_its_checkpoint_is_the_same(
    june_day: Simulation, june_outcomes: list[SlotOutcome]
) -> None:
    for i in (10, 50):
        state = SimulationState.from_json(june_outcomes[i - 1].state.to_json())
        outcome, *_ = trade_slot(june_day, june_day.plan(state))
        assert outcome == june_outcomes[i]


def test_outcomes_are_json_able(june_outcomes: list[SlotOutcome]) -> None:
    shown = json.loads(json.dumps(june_outcomes[50].as_dict()))
    assert len(shown["vm_pu"]) == 129
    assert len(shown["exchanges"]) == 153


def test_forecast_errs_as_told_and_the_same_every_time(june_day: Simulation) -> None:
    plan = at_slot(june_day, 50)
    assert june_day.plan(plan.state) == plan
    truth = june_day.close(plan, ()).exchanges
    ratio = [e.load_wh / t.load_wh for e, t in zip(plan.expected, truth, strict=True) if t.load_wh > 40]
    assert len(ratio) > 20
    assert 0.04 < np.std(ratio) < 0.2


def test_the_gate_refuses_some_trades_of_the_demo(congested: Simulation) -> None:
    state, trades, refusals, curtailed = congested.start_state(), 0, 0, 0
    for _ in range(18):
        outcome, traded, refused = trade_slot(congested, congested.plan(state))
        trades, refusals, curtailed = trades + traded, refusals + refused, curtailed + outcome.curtailed_wh
        state = outcome.state
    assert trades > 500
    assert 0 < refusals < trades / 10
    assert curtailed > 0


def noon_with_full_batteries(sim: Simulation) -> SlotPlan:
    return sim.plan(SimulationState(sim.slots[14], tuple(home.battery_capacity_wh for home in sim.homes)))


def big_sale(sim: Simulation, plan: SlotPlan) -> tuple[Nomination, int]:
    """The feeder's biggest surplus, sold to a home without a battery."""
    best = max(plan.positions, key=lambda pos: pos.surplus_wh)
    buyer = next(
        i for i, home in enumerate(sim.homes) if not home.battery_capacity_wh and i != best.connection
    )
    return Nomination("big", best.connection, buyer, plan.slot_start, best.surplus_wh), best.firm_export_wh


def test_a_refused_trade_is_curtailed_and_an_accepted_one_flows(congested: Simulation) -> None:
    plan = noon_with_full_batteries(congested)
    gate = congested.gate(plan)
    sale, firm_wh = big_sale(congested, plan)
    verdict = gate.check(sale)
    assert not verdict.accepted
    without = congested.close(plan, ()).exchanges[sale.seller]
    assert without.curtailed_wh > 0
    passing = dataclasses.replace(sale, quantity_wh=max(firm_wh, verdict.max_passing_wh))
    assert gate.accept(passing).accepted
    with_trade = congested.close(plan, gate.accepted)
    assert with_trade.exchanges[sale.seller].export_wh >= min(passing.quantity_wh, without.export_wh)
    assert max(with_trade.vm_pu) <= congested.scenario.limits.vm_max_pu + 1e-6 or with_trade.breaches


def test_agents_that_ignore_their_refusal_break_no_limit(congested: Simulation) -> None:
    """All surplus nominated without asking: the operator cuts it, and sellers are short in the meter."""
    plan = noon_with_full_batteries(congested)
    base = congested.close(plan, ())
    buyer = next(i for i, home in enumerate(congested.homes) if not home.has_generator)
    cheats = [
        Nomination(f"cheat{pos.connection}", pos.connection, buyer, plan.slot_start, pos.surplus_wh)
        for pos in plan.positions
        if pos.surplus_wh
    ]
    outcome = congested.close(plan, cheats)
    assert outcome.nominated_permille < 1000
    assert outcome.surplus_permille == 0
    limit = max(congested.scenario.limits.vm_max_pu, *base.vm_pu)
    assert max(outcome.vm_pu) <= limit + 1e-6
    short = sum(max(0, n.quantity_wh - outcome.exchanges[n.seller].export_wh) for n in cheats)
    assert short > 0
    assert outcome.curtailed_wh > 0


def test_an_unbalanced_slot_is_an_error(june_outcomes: list[SlotOutcome]) -> None:
    broken = dataclasses.replace(june_outcomes[0], losses_wh=june_outcomes[0].losses_wh + 1)
    with pytest.raises(BalanceError, match="Wh"):
        broken.check()
