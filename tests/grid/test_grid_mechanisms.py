"""Every mechanism on the real feeder: energy and money are conserved, nobody is worse off on what was agreed."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as change

from grid.charges import GridOperator
from grid.comparison import compared, row_of, with_mechanism
from grid.flow.powerflow import PowerFlow
from grid.losses import allocate_marginal, apportion_signed, loss_sensitivities
from grid.market.bilateral import situation_of
from grid.market.own_strategies import StrategyError, find_strategy
from grid.market.strategies import STRATEGIES
from grid.metering import amount
from grid.networks.feeder import Feeder
from grid.scenarios.scenario import Scenario, ScenarioFaultError, load_scenario
from grid.scenarios.sections import FeesSection, MechanismName
from grid.simulation import open_simulation
from grid.study import Study

NAMES: tuple[MechanismName, ...] = get_args(MechanismName)
FEES = {
    "none": FeesSection(),
    "flat": FeesSection(model="flat", per_kwh=30_000, losses="pro-rata"),
    "distance": FeesSection(model="distance", per_kwh=1_000, per_kwh_ohm=200_000, losses="marginal"),
    "loss-sensitivity": FeesSection(model="loss-sensitivity", per_kwh=4_000, seller_permille=300),
}
GOLDEN = "5e78a33d150ef4e76eeaad0c048972388823e1506a9d8ef63038c473a99f6dcc"


@pytest.fixture(scope="module")
def noon(fixtures_folder: Path) -> Scenario:
    """Three quarter-hours of a sunny noon with a tight voltage band, foreseen exactly."""
    scenario = load_scenario(fixtures_folder / "scenarios" / "default.toml")
    start, end = (datetime(2016, 6, 9, 11, minute, tzinfo=UTC) for minute in (0, 45))
    exact = change(scenario.forecast, load_error=0.0, pv_error=0.0)
    return replace(scenario, period=change(scenario.period, start=start, end=end), forecast=exact)


def played(scenario: Scenario, mechanism: MechanismName, fees: str) -> list[dict[str, Any]]:
    chosen = replace(with_mechanism(scenario, mechanism), fees=FEES[fees])
    return list(Study(open_simulation(chosen)).slots())


@pytest.mark.parametrize("fees", FEES)
@pytest.mark.parametrize("mechanism", NAMES)
def test_energy_and_money_are_conserved_and_trades_are_rational(
    noon: Scenario, mechanism: MechanismName, fees: str
) -> None:
    slots = played(noon, mechanism, fees)
    tariff = noon.tariff
    assert any(slot["trades"] for slot in slots) == (mechanism != "retailer")
    for slot in slots:
        supply = slot["production_wh"] + slot["discharged_wh"] + slot["import_wh"]
        assert supply == slot["consumption_wh"] + slot["charged_wh"] + slot["export_wh"] + slot["losses_wh"]
        for trade in slot["trades"]:
            assert trade["amount"] == amount(trade["quantity_wh"], trade["price_per_kwh"])
            got = trade["price_per_kwh"] * trade["delivered_wh"] - 1000 * trade["fee_seller"]
            paid = trade["price_per_kwh"] * trade["delivered_wh"] + 1000 * trade["fee_buyer"]
            assert got >= tariff.feed_in_per_kwh * trade["delivered_wh"] - 1000
            assert paid <= tariff.retail_per_kwh * trade["delivered_wh"] + 1000
        assert slot["fees"] == sum(trade["fee_seller"] + trade["fee_buyer"] for trade in slot["trades"])
        assert (slot["fees"] > 0) == (fees != "none" and mechanism != "retailer")
        without = sum(
            amount(meter[0] - took, tariff.retail_per_kwh) - amount(fed, tariff.feed_in_per_kwh)
            for meter, took, fed in zip(slot["meters"], *_traded(slot), strict=True)
        )
        charged = sum(bill[2] - bill[3] for bill in slot["bills"])
        assert charged - without == slot["fees"] + sum(slot["losses_charges"])
        if FEES[fees].losses != "none":
            assert sum(slot["losses_allocated_wh"]) == slot["losses_wh"]


def _traded(slot: dict[str, Any]) -> tuple[Sequence[int], Sequence[int]]:
    """Per connection (import that trades covered, energy settled at the feed-in price)."""
    return (
        [meter[0] - bill[0] for meter, bill in zip(slot["meters"], slot["bills"], strict=True)],
        [bill[1] for bill in slot["bills"]],
    )


def test_mechanisms_compare_on_the_same_scenario(noon: Scenario) -> None:
    rows = {row["mechanism"]: row for row in map(row_of, compared(noon, NAMES))}
    assert tuple(rows) == NAMES
    assert rows["retailer"]["efficiency"] == rows["retailer"]["saved"] == 0
    assert all(0 < rows[name]["efficiency"] <= 1 for name in NAMES if name != "retailer")
    assert rows["pay-as-bid"]["price_mean"] > rows["pay-as-clear"]["price_mean"]
    assert rows["pay-as-offer"]["price_mean"] < rows["pay-as-bid"]["price_mean"]
    assert all(row["worst_off"] >= -row["trades"] for row in rows.values()), "what was foreseen came"


def test_the_same_seed_gives_the_same_trades_on_any_machine(noon: Scenario) -> None:
    """Without congestion, so that no verdict of the gate, a float against a limit, has a say."""
    wide = replace(noon, limits_section=change(noon.limits_section, vm_max_pu=1.2, line_percent=900.0))
    trades = [
        [
            (t["id"], t["quantity_wh"], t["price_per_kwh"])
            for slot in played(wide, name, "none")
            for t in slot["trades"]
        ]
        for name in NAMES
    ]
    assert hashlib.sha256(json.dumps(trades).encode()).hexdigest() == GOLDEN


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_trades_at_auctions(noon: Scenario, name: str) -> None:
    scenario = replace(noon, market=change(noon.market, strategy=name, mechanism="double-auction"))
    assert Study(open_simulation(scenario)).run()["welfare"]["efficiency"] > 0.5


def test_who_is_averse_to_risk_offers_less_the_more_it_doubts(noon: Scenario) -> None:
    strategy = STRATEGIES["risk-averse"]
    mine = situation_of(noon.tariff, sells=True, flexible=False, belief_per_kwh=200_000, turn=0, rounds=1)
    offers = [strategy.offered_wh(mine, 1000, deviation) for deviation in (0, 100, 400, 4000)]
    assert offers == sorted(offers, reverse=True)
    assert offers[0] == 1000 > offers[1] > offers[2] > offers[3] == 0
    assert STRATEGIES["adaptive"].offered_wh(mine, 1000, 400) == 1000
    buyer = replace(mine, sells=False)
    assert strategy.offered_wh(buyer, 1000, 400) == 1000


def test_the_documented_strategy_runs_and_uploads_may_not_name_one(
    tmp_path: Path, fixtures_folder: Path
) -> None:
    page = (fixtures_folder.parent / "docs" / "market.md").read_text()
    (tmp_path / "patient.py").write_text(page.split("```python\n")[1].split("```")[0])
    text = (fixtures_folder / "scenarios" / "june-day.toml").read_text()
    text = text.replace(
        'strategy = "adaptive"', 'strategy = "patient.py:Patient"\nmechanism = "pay-as-clear"'
    )
    text = text.replace('"../', f'"{fixtures_folder}/')
    path = tmp_path / "own.toml"
    path.write_text(text)
    scenario = load_scenario(path, own_code=True)
    assert scenario.strategy.name == "patient"
    start = datetime(2016, 6, 10, 11, tzinfo=UTC)
    short = replace(scenario, period=change(scenario.period, start=start, end=start.replace(minute=15)))
    assert Study(open_simulation(short)).run()["trades"] > 10
    with pytest.raises(
        ScenarioFaultError, match="own code runs from a scenario file on the command line only"
    ):
        load_scenario(path)


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        ("genius", "unknown; choose one of adaptive, risk-averse"),
        ("nowhere.py:It", "no Python file beside the scenario"),
        ("no_such_module:It", "can't be loaded .ModuleNotFoundError"),
        ("json:JSONDecoder", "has no name, reserve"),
    ],
)
def test_strategies_that_are_none_are_named(tmp_path: Path, reference: str, complaint: str) -> None:
    with pytest.raises(StrategyError, match=complaint):
        find_strategy(reference, tmp_path, own_code=True)


@given(st.integers(0, 10_000), st.lists(st.integers(-500, 1000), min_size=1, max_size=8))
def test_signed_shares_sum_exactly(total: int, weights: list[int]) -> None:
    if sum(weights) <= 0:
        with pytest.raises(ValueError, match="positive sum"):
            apportion_signed(total, weights)
        return
    shares = apportion_signed(total, weights)
    assert sum(shares) == total
    assert all(
        abs(share - total * weight / sum(weights)) < 1 for share, weight in zip(shares, weights, strict=True)
    )
    net = [weight or 1 for weight in weights]
    assert sum(allocate_marginal(total, total // 3, [1000] * len(net), net)) == total


def test_marginal_losses_are_those_of_the_power_flow(street: Feeder) -> None:
    """Far homes lose more a kWh than near ones, a plant that feeds a neighbour's load lowers the losses."""
    flow, p_kw, q_kvar = PowerFlow(street), np.array([8.0, 0.0, 4.0, 4.0]), np.zeros(4)
    ppm = loss_sensitivities(flow, p_kw, q_kvar)
    assert ppm[0] == ppm[1] == ppm[2] > ppm[3] > 0
    more = np.stack([p_kw, p_kw + np.array([0.01, 0, 0, 0])])
    losses = flow.run(more, np.zeros((2, 4))).losses_kw
    assert ppm[0] / 1e6 == pytest.approx((losses[1] - losses[0]) / 0.01, rel=0.01)
    shares = allocate_marginal(400, 60, ppm, [2000, -500, 1000, 1000])
    assert sum(shares) == 400
    assert shares[1] < 0 < shares[3] < shares[2]


def test_fees_follow_their_model(noon: Scenario) -> None:
    plan = (simulation := open_simulation(noon)).plan(simulation.start_state())
    fees = {
        name: GridOperator(open_simulation(replace(noon, fees=section))).fees(plan)
        for name, section in FEES.items()
    }
    assert fees["none"].ends(0, 1) == (0, 0)
    assert fees["flat"].ends(0, 1) == fees["flat"].least == (15_000, 15_000)
    near, far = (sum(fees["distance"].ends(0, other)) for other in (0, 100))
    assert near == 1_000 < far == sum(fees["distance"].ends(100, 0))
    pairs = [fees["loss-sensitivity"].ends(a, b) for a in range(0, 150, 10) for b in range(0, 150, 15)]
    assert min(map(min, pairs)) >= 0
    assert len({sum(pair) for pair in pairs}) > 10


HOUR = ("--from", "2016-06-10T12:00:00+02:00", "--to", "2016-06-10T12:30:00+02:00")


def test_the_command_prints_mechanisms_side_by_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "both.json"
    call_command(
        "compare", "june-day", *HOUR, "--mechanisms", "pay-as-clear,retailer", "--json", str(written)
    )
    head, clear, retailer = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["mechanism", "trades", "refused"]
    assert clear.startswith("pay-as-clear ")
    assert retailer.split()[:3] == ["retailer", "0", "0"]
    content = json.loads(written.read_text())
    assert [row["mechanism"] for row in content["mechanisms"]] == ["pay-as-clear", "retailer"]
    with pytest.raises(CommandError, match="bazaar: unknown; choose of bilateral"):
        call_command("compare", "june-day", "--mechanisms", "bazaar")


def test_an_auction_is_replayed_in_books_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {
        "--json": tmp_path / "run.json",
        "--report": tmp_path / "run.html",
        "--export": tmp_path / "tables",
    }
    files = [str(part) for pair in paths.items() for part in pair]
    call_command("replay", "june-day", *HOUR, "--mechanism", "double-auction", *files)
    shown = capsys.readouterr()
    assert "settled in books, not over channels" in shown.err
    content = json.loads(paths["--json"].read_text())
    assert content["run"] is None
    assert content["summary"]["funding"] == "books"
    assert content["summary"]["trades"] == sum(len(slot["trades"]) for slot in content["slots"]) > 10
    assert "ledger" not in content["summary"]
    assert "<html" in paths["--report"].read_text()
    assert list(paths["--export"].iterdir())
