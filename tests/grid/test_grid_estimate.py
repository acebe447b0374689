"""The gate's estimate: its margin holds, and its verdicts are those of a power flow."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grid.assets import Needs, home_of
from grid.flow.powerflow import PowerFlow
from grid.gate.admittance import LinearFeeder, agrees, equations, linear_feeder, times
from grid.gate.check import Gate
from grid.gate.estimate import Estimate
from grid.gate.limits import Limits
from grid.gate.nominations import Nomination, SlotCase
from grid.gate.room import linear_of
from grid.gate.verdicts import Verdict
from grid.networks.feeder import Feeder, Shunt
from grid.simulation import Simulation, SimulationState

SLOT = 1_465_455_600
WIDE = Limits()


@pytest.fixture(scope="module")
def rural_equations(rural_feeder: Feeder) -> LinearFeeder:
    return equations(rural_feeder)


@pytest.fixture(scope="module")
def street_flow(street: Feeder) -> PowerFlow:
    return PowerFlow(street)


def test_the_equations_are_those_of_the_power_flow(rural_feeder: Feeder, street: Feeder) -> None:
    cut = replace(street.lines[1], name="stub", to_closed=False, c_nf=200.0, g_us=1.0)
    stub = replace(street, lines=(*street.lines, cut))
    tapped = replace(street, transformers=(replace(street.transformers[0], tap_steps=-1, tap_side="lv"),))
    shunted = replace(street, shunts=(Shunt("coil", 2, 0.001, 0.004),))
    spare = replace(
        street, transformers=(*street.transformers, replace(street.transformers[0], lv_closed=False))
    )
    for feeder in (rural_feeder, street, stub, tapped, shunted, spare):
        assert linear_feeder(PowerFlow(feeder)) is not None


def test_equations_that_give_something_else_are_not_used(street: Feeder) -> None:
    other = replace(street, lines=(replace(street.lines[0], r_ohm=0.2501), street.lines[1]))
    assert not agrees(equations(other), PowerFlow(street))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 12))
def test_the_truth_lies_within_the_margin(rural_equations: LinearFeeder, seed: int, scale: float) -> None:
    linear, chance = rural_equations, np.random.default_rng(seed)
    size = len(linear.at)
    s_kva = chance.normal(0, 2, size) + 1j * chance.normal(0, 0.3, size)
    around = Estimate.around(linear, WIDE, s_kva)
    assert around
    where, more = chance.choice(size, 4, replace=False), chance.normal(0, scale, 4)
    before, then = around.shift(where[:2], more[:2]), around.shift(where[2:], more[2:])
    margin = around.margin(before.plus(then))
    assert margin
    states = []
    for count in (0, 2, 4):
        moved = s_kva.copy()
        moved[where[:count]] += more[:count]
        v = linear.solve(moved)
        states.append(np.concatenate((v, times(linear.branches, v))))
    error = np.abs(states[2] - states[0] - before.change - then.change)
    assert (error <= margin[1] + 1e-8).all()
    known = around.changes(before, then, margin[0])
    assert known
    falls, rises, _ = known
    change = np.abs(states[2]) - np.abs(states[1])
    assert (change >= falls - 1e-8).all()
    assert (change[np.isfinite(rises)] <= rises[np.isfinite(rises)] + 1e-8).all()


def test_far_away_nothing_is_sure(street: Feeder) -> None:
    around = Estimate.around(equations(street), WIDE, np.full(4, 2 + 0j))
    assert around
    assert around.margin(around.shift([0], [500.0])) is None
    assert not around.inside(None, around.shift([0], [500.0]))


def same(nomination: Nomination, fast: Gate, exact: Gate) -> bool:
    """Whether both say the same. What passes may be several stretches: then each names the end of one of them."""
    mine, theirs = fast.accept(nomination), exact.accept(nomination)
    if mine.max_passing_wh != theirs.max_passing_wh:
        if (
            mine.max_passing_wh
            and not exact.check(replace(nomination, quantity_wh=mine.max_passing_wh)).accepted
        ):
            return False
        if exact.check(replace(nomination, quantity_wh=mine.max_passing_wh + 1)).accepted:
            return False
    return told(mine) == told(theirs)


def told(verdict: Verdict) -> tuple[object, ...]:
    breach = verdict.breach
    return verdict.accepted, *((breach.kind, breach.place, round(breach.value, 5)) if breach else ())


nominations = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(1, 12_000)), min_size=1, max_size=7
)
bounds = st.builds(Limits, st.floats(0.9, 1.04), st.floats(1.045, 1.12), st.floats(5, 120), st.floats(2, 60))


@settings(max_examples=60, deadline=None)
@given(
    nominations,
    bounds,
    st.lists(st.integers(0, 6_000), min_size=4, max_size=4),
    st.sampled_from((0, 60, 300)),
)
@example([(0, 1, 9_000), (0, 2, 4_000), (1, 2, 900)], Limits(), [6_000, 0, 100, 6_000], 0)
def test_fast_and_exact_verdicts_are_the_same(
    street_flow: PowerFlow, asked: list[tuple[int, int, int]], limits: Limits, load_wh: list[int], firm: int
) -> None:
    homes = [home_of(connection, firm) for connection in street_flow.feeder.connections]
    needs = [Needs(wh, 15_000 if i == 0 else 0, 20_000 if i == 3 else 0) for i, wh in enumerate(load_wh)]
    case = SlotCase(SLOT, homes, needs, np.full(4, 0.2))
    fast, exact = (Gate(street_flow, limits, case, estimating=mode) for mode in (True, False))
    for number, (seller, step, wh) in enumerate(asked):
        nomination = Nomination(str(number), seller, (seller + step) % 4, SLOT, wh)
        assert same(nomination, fast, exact)
        if number % 3 == 2 and fast.accepted:
            for gate in (fast, exact):
                gate.withdraw(gate.accepted[0].id)
    assert exact.tally.estimated == exact.tally.renewed == 0
    assert fast.tally.solved <= exact.tally.solved


@pytest.mark.parametrize(
    ("number", "vm_max", "loading"), [(8, 1.07, 100.0), (15, 1.05, 100.0), (15, 1.07, 20.0)]
)
def test_they_are_the_same_on_a_real_feeder_that_is_full(
    congested: Simulation, number: int, vm_max: float, loading: float
) -> None:
    limits = Limits(0.9, vm_max, loading, loading)
    plan = congested.plan(SimulationState(congested.slots[number], congested.start_state().soc_wh))
    case = SlotCase(plan.slot_start, congested.homes, plan.expected, congested.reactive_kvar(plan.slot_start))
    fast, exact = (Gate(congested.power_flow, limits, case, estimating=mode) for mode in (True, False))
    chance, size = np.random.default_rng(number), len(congested.homes)
    for i in range(50):
        seller = int(chance.integers(0, size))
        buyer = (seller + int(chance.integers(1, size))) % size
        nomination = Nomination(str(i), seller, buyer, plan.slot_start, int(chance.integers(50, 6_000)))
        assert same(nomination, fast, exact)
    if (vm_max, loading) == (1.07, 100.0):
        assert fast.tally.solved < exact.tally.solved / 2, "most are decided without a power flow"
    assert linear_of(congested.power_flow) is linear_of(congested.power_flow), "made once"
