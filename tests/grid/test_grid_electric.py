"""A street with a vehicle, a heat pump, a turbine and batteries, traded slot by slot: the whole loop."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grid.forecast import Forecast
from grid.gate.nominations import Nomination
from grid.market.bilateral import Bilateral, first_beliefs
from grid.market.matching import match_partners
from grid.market.mechanism import trading_slot
from grid.networks.feeder import Feeder
from grid.networks.files import feeder_to_json
from grid.scenarios.scenario import parse_scenario
from grid.simulation import Simulation, SimulationState, SlotOutcome, open_simulation

START = 1452664800  # 13 January 2016, 6:00 UTC
SLOTS = 48
ASSETS = """
[[assets]]
kind = "ev"
control = "flexible"
connections = ["plain"]
power_w = 4_000
[[assets.sessions]]
arrival = 2016-01-13T05:00:00Z
departure = 2016-01-13T08:00:00Z
need_wh = 9_000
[[assets.sessions]]
arrival = 2016-01-13T09:30:00Z
departure = 2016-01-13T10:00:00Z
need_wh = 5_000
[[assets.sessions]]
arrival = 2016-01-13T12:00:00Z
departure = 2016-01-13T17:00:00Z
need_wh = 9_000
[[assets]]
kind = "ev"
connections = ["neighbour"]
power_w = 4_000
[[assets.sessions]]
arrival = 2016-01-13T07:00:00Z
departure = 2016-01-13T12:00:00Z
need_wh = 2_000
[[assets]]
kind = "heat-pump"
control = "flexible"
connections = ["far away", "neighbour"]
start_permille = 20
capacity_wh_per_k = 3_000.0
[[assets]]
kind = "wind"
connections = ["far away"]
power_w = 8_000
profile = "half"
"""


@pytest.fixture(scope="module")
def electric(street: Feeder, tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    return open_street(street, tmp_path_factory.mktemp("electric"))


def open_street(street: Feeder, folder: Path, more: str = "") -> Simulation:
    (folder / "street.json").write_bytes(feeder_to_json(street))
    rows = [f"{START + i * 900},0.5" for i in range(-8, SLOTS + 8)]
    (folder / "none.csv").write_text("\n".join(["slot_start,half", *rows]) + "\n", encoding="utf-8")
    raw: dict[str, Any] = tomllib.loads(ASSETS + more) | {
        "name": "street",
        "description": "",
        "seed": 5,
        "grid": {"network": "street.json", "profiles": ["none.csv"], "load_scale": 0.0, "pv_scale": 0.1},
        "period": tomllib.loads("start = 2016-01-13T06:00:00Z\nend = 2016-01-13T18:00:00Z"),
        "tariff": {"retail_per_kwh": 320_000, "feed_in_per_kwh": 82_000, "imbalance_per_kwh": 380_000},
        "market": {"strategy": "zero-intelligence"},
        "forecast": {
            "wind_error": 0.2,
            "ev_error": 0.1,
            "heat_pump_error": 0.1,
            "persistence": 0.5,
        },
    }
    return open_simulation(parse_scenario(raw, folder=folder))


def play(sim: Simulation, state: SimulationState, *, trading: bool = True) -> Iterator[SlotOutcome]:
    pairs = match_partners(sim.feeder, 3) if trading else ()
    beliefs: tuple[int, ...] = first_beliefs(sim.scenario.tariff, len(sim.homes))
    while not sim.finished(state):
        plan = sim.plan(state)
        gate = sim.gate(plan)
        played = Bilateral().play(trading_slot(sim, plan, gate, pairs, beliefs))
        beliefs = played.beliefs
        yield (outcome := sim.close(plan, gate.accepted))
        state = outcome.state


@pytest.fixture(scope="module")
def outcomes(electric: Simulation) -> list[SlotOutcome]:
    return list(play(electric, electric.start_state()))


def test_every_slot_balances_and_every_store_stays_in_its_bounds(
    electric: Simulation, outcomes: list[SlotOutcome]
) -> None:
    assert len(outcomes) == SLOTS
    for outcome in outcomes:
        outcome.check()
        assert min(outcome.state.soc_wh) >= 0
        assert all(0 <= heat <= 6000 for heat in outcome.state.heat_wh)
        assert all(0 <= need <= 9000 for need in outcome.state.ev_need_wh)
    assert sum(outcome.total("wind_wh") for outcome in outcomes) > 40_000
    assert all(outcome.unmet_heat_wh == 0 for outcome in outcomes)


def test_vehicles_leave_with_what_they_need_and_what_is_impossible_is_told(
    outcomes: list[SlotOutcome],
) -> None:
    """Half an hour at 4 kW brings 1800 of the second stay's 5000 Wh; all else is met."""
    assert {i: o.unmet_ev_wh for i, o in enumerate(outcomes) if o.unmet_ev_wh} == {15: 3200}
    drawn = [outcome.exchanges[2].ev_wh for outcome in outcomes]
    first = 9000 - 4 * 900  # it has charged since 5:00
    assert sum(drawn[:8]) * 900 // 1000 in range(first, first + 8)
    assert drawn[14:16] == [1000, 1000]
    assert sum(drawn[24:44]) * 900 // 1000 in range(9000, 9020)
    assert [outcome.exchanges[1].ev_wh for outcome in outcomes[3:8]] == [0, 1000, 1000, 223, 0]


def test_flexible_equipment_takes_more_only_as_bought(
    electric: Simulation, outcomes: list[SlotOutcome]
) -> None:
    alone = list(play(electric, electric.start_state(), trading=False))
    early = slice(24, 33)
    assert sum(outcome.exchanges[2].ev_wh for outcome in alone[early]) == 0
    assert sum(outcome.exchanges[2].ev_wh for outcome in outcomes[early]) > 0
    assert all(
        outcome.state.heat_wh[0] <= 120 for outcome in alone
    )  # at the lower edge, its owner has no plant
    assert alone[-1].state.heat_wh[1] > 5_900  # full, its owner's wind had nowhere better to go
    assert [outcome.unmet_ev_wh for outcome in alone] == [outcome.unmet_ev_wh for outcome in outcomes]


def test_a_resumed_run_is_the_same(electric: Simulation, outcomes: list[SlotOutcome]) -> None:
    state = SimulationState.from_json(outcomes[13].state.to_json())
    assert state == outcomes[13].state
    alone = list(play(electric, electric.start_state(), trading=False))
    again = play(electric, SimulationState.from_json(alone[13].state.to_json()), trading=False)
    assert [next(again) for _ in range(10)] == alone[14:24]


def test_what_a_later_slot_starts_with_can_be_said_before(
    electric: Simulation, outcomes: list[SlotOutcome]
) -> None:
    state = outcomes[4].state
    for ahead, need in ((6, state.ev_need_wh[1]), (8, 0), (14, 5000), (16, 0), (24, 9000)):
        later = electric.state_at(state, START + ahead * 900)
        assert later.ev_need_wh[1] == need
        assert (later.soc_wh, later.heat_wh) == (state.soc_wh, state.heat_wh)
        assert electric.plan(later).slot_start == START + ahead * 900
    assert electric.state_at(state, state.slot_start) == state


def test_a_nomination_moves_the_vehicle_and_the_imbalance_is_its_owners(electric: Simulation) -> None:
    """Beyond what it can take, what was bought is not drawn; the meter shows it."""
    plan = electric.plan(SimulationState(START + 24 * 900, (0, 40_000, 0, 40_000), (0, 9000), (3000, 3000)))
    room = plan.expected[2].ev_room_wh
    assert room == 1000
    taken = electric.close(plan, [Nomination("t", 3, 2, plan.slot_start, 600)])
    assert (taken.exchanges[2].ev_wh, taken.exchanges[2].import_wh) == (600, 600)
    most = electric.close(plan, [Nomination("t", 3, 2, plan.slot_start, 9_000)])
    assert (most.exchanges[2].ev_wh, most.exchanges[2].import_wh) == (1000, 1000)


def test_the_feeders_file_keeps_equipment(electric: Simulation) -> None:
    kept = msgspec.convert(msgspec.to_builtins(electric.feeder), Feeder)
    assert kept == electric.feeder


def test_agents_expect_needs_and_demands_with_an_error_of_their_own(electric: Simulation) -> None:
    """The uncontrolled vehicle wants all it needs, 900 Wh stored of 1000; the heat pump at its lower edge what is lost."""
    start = START + 8 * 900
    plan = electric.plan(SimulationState(start, (0, 0, 0, 0), (700, 0), (0, 0)))
    forecast, heat = Forecast(electric.scenario.forecast, 5, 4, shiftable=True), electric._outlook.houses
    errors = forecast.factors(start)
    need = round(700 * errors.vehicle[1])
    assert need != 700
    assert plan.expected[1].ev_base_wh == -(-need * 1000 // 900)
    for index, (lost, cop) in zip((1, 3), heat.conditions(8), strict=True):
        assert plan.expected[index].heat_base_wh == -(-round(lost * errors.heat[index]) * 1000 // cop)
    assert plan.expected[3].wind_wh == round(1000 * errors.wind[3])


OUTAGE = """
[[events]]
kind = "line-outage"
line = "long cable"
announced = false
start = 2016-01-13T09:30:00Z
end = 2016-01-13T10:00:00Z
"""


def test_vehicles_and_houses_catch_up_after_an_outage_or_are_told(street: Feeder, tmp_path: Path) -> None:
    """The vehicle of the second stay is there for those two slots only; the third stay's has time enough."""
    dark = list(play(open_street(street, tmp_path, OUTAGE), SimulationState(START, (0,) * 4, (0, 0), (0, 0))))
    assert [dark[i].total("ev_wh") + dark[i].exchanges[1].heat_pump_wh for i in (14, 15)] == [0, 0]
    assert dark[15].unmet_ev_wh == 5000
    assert min(dark[14].unmet_heat_wh, dark[15].unmet_heat_wh) > 500
    assert [sum(dark[i].unserved_wh) for i in (13, 14, 15)] == [0, 0, 0]
    assert sum(outcome.unmet_ev_wh for outcome in dark) == 5000
    assert dark[16].unmet_heat_wh == 0
