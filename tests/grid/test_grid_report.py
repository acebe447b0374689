"""A report's data: what a reader is told first, by hand-made slots, and series that come back as they went in."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grid.gate.limits import Limits
from grid.networks.feeder import feeder_map
from grid.results.collection import Collection, Setting, collect
from grid.results.findings import busiest, extremes, figures, headline, households, outside
from grid.results.packing import Grid, pack, unpack
from grid.results.report import EmptyRunError, report_of, study_report
from grid.results.summary import ENERGY
from grid.scenarios.sections import Tariff
from grid.simulation import Simulation, open_simulation

TARIFF = Tariff(retail_per_kwh=300_000, feed_in_per_kwh=100_000, imbalance_per_kwh=400_000)
START = 1_465_464_600


@pytest.fixture(scope="module")
def setting(street: Any) -> Setting:
    return Setting(
        title="street",
        description="",
        start=START,
        end=START + 1800,
        offset_s=7200,
        mechanism="bilateral",
        strategy="adaptive",
        seed=1,
        limits=Limits(0.9, 1.07, 100.0, 100.0),
        tariff=TARIFF,
        names=("plant", "neighbour", "plain", "far away"),
        feeder=feeder_map(street),
    )


def slot(number: int, *, high: float = 1.06, sold_wh: int = 0, **changes: Any) -> dict[str, Any]:
    """The plant feeds in 1,000 Wh, the neighbour draws 600; `sold_wh` of it as a trade at 200,000."""
    amount = sold_wh * 200_000 // 1000
    trade = {
        "id": "t",
        "channel": None,
        "seller": "plant",
        "buyer": "neighbour",
        "quantity_wh": sold_wh,
        "price_per_kwh": 200_000,
        "amount": amount,
        "delivered_wh": sold_wh,
        "refund": 0,
        "estimated": False,
    }
    rest_in, rest_out = 600 - sold_wh, 1000 - sold_wh
    return dict.fromkeys(ENERGY, 0) | {
        "slot_start": START + 900 * number,
        "vm_pu": [1.05, 1.04, high, 1.03],
        "line_loading_percent": [40.0, 85.0],
        "trafo_loading_percent": [50.0],
        "import_wh": 0,
        "export_wh": 390,
        "production_wh": 1000,
        "consumption_wh": 600,
        "charged_wh": 0,
        "discharged_wh": 0,
        "losses_wh": 10,
        "curtailed_wh": 50,
        "traded_wh": sold_wh,
        "delivered_wh": sold_wh,
        "refund": 0,
        "price_mean": 200_000 if sold_wh else None,
        "trades": [trade] if sold_wh else [],
        "refused": [],
        "breaches": [],
        "unserved_wh": 0,
        "hidden_wh": 0,
        "unaccounted_wh": 0,
        "fees": 0,
        "losses_charges": [],
        "welfare": 0,
        "welfare_possible": 0,
        "dead_buses": [],
        "events": [],
        "readings": {"measured": 4, "estimated": 0, "corrected": 0},
        "meter_faults": [],
        "corrections": [],
        "meters": [[0, 1000], [600, 0], [0, 0], [0, 0]],
        "bills": [[0, rest_out, 0, rest_out * 100], [rest_in, 0, rest_in * 300, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
        "homes": {"soc_wh": [0, 0, 0, 0]},
    } | changes  # fmt: skip


def runs(setting: Setting, traded: list[dict[str, Any]]) -> tuple[Collection, Collection]:
    plain = [slot(number) for number in range(len(traded))]
    return collect(setting, traded), collect(setting, plain)


def test_the_headline_by_hand(setting: Setting) -> None:
    run, alone = runs(setting, [slot(0, sold_wh=500), slot(1)])
    head = headline(run, alone)
    assert (head["outside"], head["outside_alone"], head["slots"]) == (0, 0, 2)
    # Each side of the trade gains 0.5 kWh times 0.1 on the supplier's price.
    assert head["saved"] == 2 * 50_000
    assert (head["better_off"], head["worse_off"], head["households"]) == (2, 0, 4)
    assert head["traded_share"] == 500 / 1200
    by_name = {row["name"]: row for row in households(run, alone)}
    assert by_name["plant"]["before"] == -200_000
    assert by_name["plant"]["after"] == -250_000
    assert by_name["neighbour"]["saved"] == 50_000


def test_limits_exceeded_by_the_market_are_told_from_those_that_were_anyway(setting: Setting) -> None:
    breach = {"breaches": [{"kind": "voltage", "place": "end", "value": 1.11, "limit": 1.1}]}
    run = collect(setting, [slot(0, high=1.0701), slot(1, high=1.075), slot(2, **breach)])
    alone = collect(setting, [slot(0, high=1.0701), slot(1), slot(2)])
    head = headline(run, alone)
    assert outside(run) == {START, START + 900, START + 1800}
    assert (head["outside_by_market"], head["outside_alone"]) == (2, 1)
    assert head["excess"] == {"voltage_pu": 0.005}
    worst = extremes(run)
    assert (worst["vm_max"].place, worst["vm_max"].slot_start) == ("end", START + 900)
    assert worst["vm_min"].value == 1.03  # the source's own voltage is given, and no result
    assert worst["line"].place == "short cable"
    row = busiest(run, alone)["buses"][0]
    assert (row["name"], row["hours"], row["high_alone"]) == ("end", 0.5, pytest.approx(1.0701))
    assert busiest(run, alone)["lines"][0]["hours"] == 0.75


def test_a_bus_without_supply_has_no_voltage(setting: Setting) -> None:
    dark = slot(1, high=0.0, dead_buses=[2], events=["line-outage"], unserved_wh=70)
    everywhere = slot(2, dead_buses=[0, 1, 2, 3], vm_pu=[0.0] * 4, events=["line-outage"])
    run = collect(setting, [slot(0), dark, everywhere])
    assert outside(run) == frozenset()
    assert extremes(run)["vm_min"].value == 1.03
    low = unpack(run.series()["vm_min"])[:, 0]
    assert low[:2] == pytest.approx([1.03, 1.03], abs=1e-4)
    assert np.isnan(low[2])
    assert run.events == {"line-outage": [START + 900, START + 2700, 2]}
    assert headline(run, run)["unserved_wh"] == 70
    assert np.isnan(unpack(run.frames(1)["vm"])[1]).tolist() == [False, False, True, False]


def test_corrections_change_what_a_pair_traded(setting: Setting) -> None:
    trade = {"id": "t", "seller": "plant", "buyer": "neighbour", "delivered_wh": -100, "refund": 20_000}
    correction = {"delivered_wh": -100, "refund": 20_000, "readings": 1, "supplier": 0, "net_import_wh": 0}
    fixed = slot(1, corrections=[correction | {"trades": [trade], "bills": []}])
    run = collect(setting, [slot(0, sold_wh=500), fixed])
    assert run.pairs == {(0, 1): [400, 80_000, 1]}


def test_a_value_at_its_limit_is_not_beyond_it(setting: Setting) -> None:
    run, _ = runs(setting, [slot(0, high=1.07, line_loading_percent=[100.0, 20.0])])
    assert outside(run) == frozenset()


def test_losses_of_money_are_shown_as_losses(setting: Setting) -> None:
    dear = slot(0, sold_wh=500)
    dear["trades"][0] |= {"price_per_kwh": 400_000, "amount": 200_000}
    run, alone = runs(setting, [dear])
    by_name = {row["name"]: row["saved"] for row in households(run, alone)}
    assert by_name["neighbour"] == -50_000
    assert headline(run, alone)["worse_off"] == 1
    figure = {figure.name: figure for figure in figures(run, alone)}
    assert figure["Saved"].market == 100_000
    assert figure["Allocative efficiency"].market == 500 / 600
    assert figure["Peak in percent"].market == 100.0


def test_nothing_is_divided_by_zero(setting: Setting) -> None:
    still = dict.fromkeys(("import_wh", "export_wh", "production_wh", "consumption_wh", "losses_wh"), 0)
    quiet = slot(0, curtailed_wh=0, meters=[[0, 0]] * 4, bills=[[0, 0, 0, 0]] * 4, **still)
    run = collect(setting, [quiet])
    shares = [f.market for f in figures(run, run) if f.unit in ("share", "percent")]
    assert shares == [None] * len(shares)
    with pytest.raises(EmptyRunError):
        report_of(Collection(setting), Collection(setting))


def test_packed_values_come_back_within_half_a_step() -> None:
    values = [1.0, None, 3.5, -2.25]
    back = unpack(pack(values))[:, 0]
    assert np.isnan(back[1])
    assert back[[0, 2, 3]] == pytest.approx([1.0, 3.5, -2.25], abs=(3.5 + 2.25) / 65_534)
    assert unpack(pack([5, 5]))[:, 0].tolist() == [5, 5]
    assert unpack(pack([None]))[0, 0] != unpack(pack([None]))[0, 0]
    rows = Grid(0.4, 2e-5)
    for row in ([0.95, 1.07], [1.1, 9.0]):
        rows.add(row)
    assert unpack(rows.packed(2))[0] == pytest.approx([0.95, 1.07], abs=1e-5)
    assert rows.array()[1, 1] == pytest.approx(0.4 + 2e-5 * 65_534)  # beyond the last code


def test_a_long_run_shows_fewer_frames_and_all_slots(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grid.results.report.FRAME_BYTES", 2 * 7 * 2 * 4)
    run, alone = runs(setting, [slot(number) for number in range(10)])
    content = report_of(run, alone)
    assert content["every"] == 3
    assert content["market"]["frames"]["vm"]["shape"] == [4, 4]
    assert content["market"]["series"]["vm_max"]["shape"] == [10, 1]


def test_by_phase_each_end_of_the_band_counts(setting: Setting) -> None:
    phases = slot(0, high=0.95, vm_high_pu=[1.05, 1.04, 1.08, 1.03], unbalance_percent=[0.0, 0.1, 2.5, 0.0])
    run = collect(setting, [phases])
    assert outside(run) == {START}
    assert (extremes(run)["vm_min"].value, extremes(run)["vm_max"].value) == (0.95, 1.08)
    assert unpack(run.frames(1)["vm"])[0, 2] == pytest.approx(1.08)
    series = run.series()
    assert unpack(series["vm_min"])[0, 0] == pytest.approx(0.95)
    assert unpack(series["vm_max"])[0, 0] == pytest.approx(1.08)


def test_a_study_gives_a_report_without_ledger(june_day: Simulation) -> None:
    from msgspec.structs import replace as change  # noqa: PLC0415  its name is that of dataclasses here

    scenario = june_day.scenario
    noon = scenario.period.start.replace(hour=12)
    period = change(scenario.period, start=noon, end=noon.replace(hour=13))
    content = study_report(open_simulation(replace(scenario, period=period)))
    assert content["slots"] == 4
    assert content["ledger"] is None
    assert content["about"]["offset_s"] == 7200
    assert len(content["households"]) == content["about"]["homes"]
    assert sum(pair[2] for pair in content["trading"]["pairs"]) == content["headline"]["traded_wh"]
