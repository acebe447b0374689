"""The gate: it refuses what breaks limits, names what passes to the watt-hour, and changes nothing by asking."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grid.assets import Needs, home_of
from grid.flow.powerflow import PowerFlow
from grid.gate.check import Gate
from grid.gate.limits import Limits, breaches
from grid.gate.nominations import Nomination, NominationError, SlotCase
from grid.gate.search import largest_passing
from grid.networks.feeder import Feeder

SLOT = 1_465_455_600
PLANT, NEIGHBOUR, PLAIN, FAR = range(4)
PV_WH = 15_000


def gate_of(
    feeder: Feeder, *, limits: Limits | None = None, firm_permille: int = 0, load_wh: int = 100
) -> Gate:
    homes = [home_of(connection, firm_permille) for connection in feeder.connections]
    needs = [Needs(load_wh, PV_WH if i == PLANT else 0, 0) for i in range(len(homes))]
    return Gate(PowerFlow(feeder), limits or Limits(), SlotCase(SLOT, homes, needs, np.zeros(len(homes))))


def sale(quantity_wh: int, buyer: int = PLAIN, name: str = "n") -> Nomination:
    return Nomination(name, PLANT, buyer, SLOT, quantity_wh)


def test_refusal_names_limit_place_and_what_passes(street: Feeder) -> None:
    verdict = gate_of(street).check(sale(10_000))
    assert not verdict.accepted
    assert verdict.breach
    assert (verdict.breach.kind, verdict.breach.place, verdict.breach.limit) == ("voltage", "end", 1.1)
    assert verdict.breach.value > 1.1
    assert 1000 < verdict.max_passing_wh < 10_000
    assert "the voltage at end would be 1." in verdict.words
    assert f"{verdict.max_passing_wh / 1000:.3f} kWh of it would still fit" in verdict.words
    assert json.loads(json.dumps(verdict.as_dict()))["max_passing_wh"] == verdict.max_passing_wh


@pytest.mark.parametrize(
    ("limits", "kind", "place"),
    [
        (Limits(vm_max_pu=1.4, line_percent=20), "line", "long cable"),
        (Limits(vm_max_pu=1.4, line_percent=500, transformer_percent=15), "transformer", "station"),
    ],
)
def test_loadings_refuse_too(street: Feeder, limits: Limits, kind: str, place: str) -> None:
    verdict = gate_of(street, limits=limits).check(sale(10_000))
    assert verdict.breach
    assert (verdict.breach.kind, verdict.breach.place) == (kind, place)
    assert "% of its rating" in verdict.words


@settings(max_examples=25, deadline=None)
@given(st.integers(500, 14_000), st.integers(500, 14_000), st.floats(1.06, 1.12))
def test_largest_passing_quantity_is_exact(street: Feeder, first: int, second: int, vm_max: float) -> None:
    gate = gate_of(street, limits=Limits(vm_max_pu=vm_max))
    for name, quantity in (("a", first), ("b", second)):
        verdict = gate.accept(sale(quantity, name=name))
        if verdict.accepted:
            continue
        passing = verdict.max_passing_wh
        assert passing < quantity
        assert not gate.check(sale(passing + 1, name=name)).accepted
        if passing:
            assert gate.accept(sale(passing, name=name)).accepted
    assert gate.flows().vm_pu.max() <= max(vm_max, gate_of(street).flows().vm_pu.max()) + 2e-8


def test_a_pair_passes_where_each_alone_would_not(street: Feeder) -> None:
    gate = gate_of(street, limits=Limits(vm_min_pu=1.0))
    quantity = 10_000
    assert not gate.check(sale(quantity, buyer=PLAIN)).accepted, "export alone lifts the voltage"
    charge_only = Nomination("c", PLAIN, NEIGHBOUR, SLOT, quantity)
    assert not gate.check(charge_only).accepted, "charging alone drops it"
    assert gate.check(sale(quantity, buyer=NEIGHBOUR)).accepted
    assert not gate.check(sale(quantity, buyer=FAR)).accepted, "a battery elsewhere does not help"


def test_firm_and_inflexible_parts_need_no_room(street: Feeder) -> None:
    gate = gate_of(street, limits=Limits(vm_max_pu=1.0001), firm_permille=100)
    firm_wh = 1500
    assert gate.check(sale(firm_wh)).accepted, "the firm part flows anyway"
    assert not gate.check(sale(firm_wh + 200)).accepted
    assert gate.check(Nomination("x", PLAIN, FAR, SLOT, 100)).accepted, "an inflexible load is never refused"


def test_what_lies_outside_already_may_not_get_worse(street: Feeder) -> None:
    limits = Limits(vm_min_pu=0.97, vm_max_pu=1.3)
    heavy = gate_of(street, load_wh=6_000, limits=limits)
    assert heavy.flows().vm_pu.min() < 0.97
    assert heavy.check(sale(5_000)).accepted, "it lifts the voltage that is too low"
    verdict = heavy.check(Nomination("worse", PLAIN, NEIGHBOUR, SLOT, 7_000))
    assert not verdict.accepted
    assert verdict.max_passing_wh == 6_000, "its own load flows anyway, charging beyond it does not fit"
    assert [breach.place for breach in breaches(street, limits, heavy.flows())] == ["end"]


def test_asking_changes_nothing_and_withdrawing_gives_back(street: Feeder) -> None:
    gate = gate_of(street)
    before = gate.check(sale(10_000)).max_passing_wh
    for _ in range(3):
        assert gate.check(sale(10_000)).max_passing_wh == before
    taken = sale(before, name="taken")
    assert gate.accept(taken).accepted
    assert gate.accept(taken).accepted, "the same nomination again is harmless"
    assert gate.accepted == (taken,)
    assert gate.check(sale(500, name="late")).max_passing_wh == 0
    gate.withdraw("taken")
    assert gate.accepted == ()
    assert gate.check(sale(10_000)).max_passing_wh == before


def test_a_restarted_gate_has_the_same_room(street: Feeder) -> None:
    gate = gate_of(street)
    gate.accept(sale(2_000, name="a"))
    homes = [home_of(connection, 0) for connection in street.connections]
    needs = [Needs(100, PV_WH if i == PLANT else 0, 0) for i in range(4)]
    again = Gate(PowerFlow(street), Limits(), SlotCase(SLOT, homes, needs, np.zeros(4)), gate.accepted)
    assert again.check(sale(10_000)).max_passing_wh == gate.check(sale(10_000)).max_passing_wh


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"seller": 9}, "no such connection"),
        ({"buyer": -1}, "no such connection"),
        ({"buyer": PLANT}, "one connection"),
        ({"quantity_wh": 0}, "above 0 Wh"),
        ({"quantity_wh": -5}, "above 0 Wh"),
        ({"slot_start": SLOT + 900}, "another slot"),
    ],
)
def test_nonsense_is_named(street: Feeder, change: dict[str, int], complaint: str) -> None:
    with pytest.raises(NominationError, match=complaint):
        gate_of(street).check(replace(sale(100), **change))


def test_an_id_stands_for_one_set_of_terms(street: Feeder) -> None:
    gate = gate_of(street)
    gate.accept(sale(100))
    with pytest.raises(NominationError, match="accepted with other terms"):
        gate.accept(sale(200))
    with pytest.raises(NominationError, match="was not accepted"):
        gate.withdraw("unknown")


@given(st.integers(1, 100_000), st.data())
def test_search_finds_the_edge(upper: int, data: st.DataObject) -> None:
    edge = data.draw(st.integers(0, upper - 1))
    assert largest_passing(lambda tried: np.array([wh <= edge for wh in tried]), upper) == edge


def test_a_trade_without_any_stable_state_is_refused_not_crashed(street: Feeder) -> None:
    weak = replace(street, lines=(replace(street.lines[0], r_ohm=2.5), street.lines[1]))
    gate = gate_of(
        weak, limits=Limits(vm_min_pu=0.5, vm_max_pu=1.5, line_percent=900, transformer_percent=900)
    )
    verdict = gate.check(Nomination("x", PLAIN, NEIGHBOUR, SLOT, 9_000))
    assert not verdict.accepted
    assert "no stable state" in verdict.words
    assert 100 < verdict.max_passing_wh < 9_000
    assert gate.accept(Nomination("x", PLAIN, NEIGHBOUR, SLOT, verdict.max_passing_wh)).accepted
