"""A home's watt-hours: balance, limits, and the rule of the module, for any input."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.assets import AssetError, Home, Needs, exchange, position

wh = st.integers(0, 20_000)


@st.composite
def homes(draw: st.DrawFn) -> Home:
    capacity = draw(st.one_of(st.just(0), st.integers(1, 30_000)))
    return Home(
        name="home",
        firm_export_wh=draw(wh),
        battery_power_wh=draw(st.integers(0, 8_000)) if capacity else 0,
        battery_capacity_wh=capacity,
        efficiency_permille=draw(st.integers(500, 1000)),
        has_generator=True,
    )


@st.composite
def slots(draw: st.DrawFn) -> tuple[Home, Needs]:
    home = draw(homes())
    ev_base, heat_base = draw(st.sampled_from([(0, 0), (700, 0), (0, 300), (2750, 750)]))
    pv = draw(wh)
    needs = Needs(
        load_wh=draw(wh) + ev_base + heat_base,
        pv_wh=pv,
        soc_wh=draw(st.integers(0, home.battery_capacity_wh)),
        wind_wh=draw(st.integers(0, pv)),
        ev_base_wh=ev_base,
        ev_room_wh=draw(st.sampled_from([0, 0, 1, 2_750])),
        heat_base_wh=heat_base,
        heat_room_wh=draw(st.sampled_from([0, 0, 1, 750])),
    )
    return home, needs


@given(slots(), wh, wh, wh)
def test_every_slot_balances_and_stays_in_the_battery(
    slot: tuple[Home, Needs], sold: int, bought: int, cap: int
) -> None:
    home, needs = slot
    result = exchange(home, needs, sold_wh=sold, bought_wh=bought, cap_wh=cap)
    assert (
        result.pv_wh + result.import_wh + result.discharged_wh
        == result.load_wh + result.export_wh + result.charged_wh
    )
    assert result.pv_wh + result.curtailed_wh == needs.pv_wh
    shifted = result.ev_wh + result.heat_pump_wh - needs.ev_base_wh - needs.heat_base_wh
    assert result.load_wh == needs.load_wh + shifted
    assert needs.ev_base_wh <= result.ev_wh <= needs.ev_base_wh + needs.ev_room_wh
    assert needs.heat_base_wh <= result.heat_pump_wh <= needs.heat_base_wh + needs.heat_room_wh
    assert 0 <= result.wind_wh <= min(needs.wind_wh, result.pv_wh)
    assert 0 <= result.soc_wh <= home.battery_capacity_wh
    assert max(result.charged_wh, result.discharged_wh) <= home.battery_power_wh
    assert result.export_wh <= cap
    assert result.battery_loss_wh >= 0


@given(slots())
def test_what_a_home_offers_it_can_deliver(slot: tuple[Home, Needs]) -> None:
    home, needs = slot
    mine = position(0, home, needs)
    sellable = mine.surplus_wh + mine.flexible_export_wh
    assert exchange(home, needs, sold_wh=sellable, cap_wh=sellable).export_wh == sellable
    more = exchange(home, needs, sold_wh=sellable + 1000, cap_wh=sellable + 1000)
    assert more.export_wh == sellable


@given(slots())
def test_what_a_home_asks_for_it_can_take(slot: tuple[Home, Needs]) -> None:
    home, needs = slot
    mine = position(0, home, needs)
    buyable = mine.deficit_wh + mine.flexible_import_wh
    if not mine.surplus_wh:
        assert exchange(home, needs, bought_wh=buyable, cap_wh=0).import_wh == buyable


@given(slots(), wh)
def test_buying_the_own_deficit_changes_no_flow(slot: tuple[Home, Needs], cap: int) -> None:
    home, needs = slot
    deficit = position(0, home, needs).deficit_wh
    alone = exchange(home, needs, cap_wh=cap)
    assert exchange(home, needs, bought_wh=deficit, cap_wh=cap) == alone


def test_pv_goes_to_load_then_sale_then_battery_then_grid_then_nowhere() -> None:
    home = Home("home", 500, 1000, 5000, 900, has_generator=True)
    result = exchange(home, Needs(300, 3000, 0), sold_wh=400, cap_wh=500)
    assert (result.load_wh, result.charged_wh, result.export_wh, result.curtailed_wh) == (
        300,
        1000,
        500,
        1200,
    )
    assert result.soc_wh == 900
    assert result.battery_loss_wh == 100


def test_battery_serves_the_load_unless_energy_was_bought() -> None:
    home = Home("home", 0, 1000, 5000, 900, has_generator=True)
    alone = exchange(home, Needs(800, 0, 5000), cap_wh=0)
    assert (alone.import_wh, alone.discharged_wh, alone.soc_wh) == (0, 800, 5000 - 889)
    bought = exchange(home, Needs(800, 0, 5000), bought_wh=600, cap_wh=0)
    assert (bought.import_wh, bought.discharged_wh) == (600, 200)


def test_what_can_be_shifted_takes_own_surplus_and_what_was_bought_vehicle_first() -> None:
    home = Home("home", 500, 1000, 5000, 900, has_generator=True)
    needs = Needs(400, 3000, 0, 1500, ev_base_wh=100, ev_room_wh=500, heat_room_wh=300)
    alone = exchange(home, needs, cap_wh=500)
    assert (alone.ev_wh, alone.heat_pump_wh, alone.charged_wh, alone.export_wh) == (600, 300, 1000, 500)
    assert (alone.load_wh, alone.pv_wh, alone.curtailed_wh, alone.wind_wh) == (1200, 2700, 300, 1350)
    sold = exchange(home, needs, sold_wh=2300, cap_wh=2300)
    assert (sold.export_wh, sold.ev_wh, sold.heat_pump_wh, sold.charged_wh) == (2300, 400, 0, 0)
    dark = Needs(400, 0, 0, ev_base_wh=100, ev_room_wh=500, heat_room_wh=300)
    base = exchange(home, dark, cap_wh=0)
    assert (base.import_wh, base.ev_wh, base.heat_pump_wh) == (400, 100, 0)
    bought = exchange(home, dark, bought_wh=1300, cap_wh=0)
    assert (bought.import_wh, bought.ev_wh, bought.heat_pump_wh, bought.charged_wh) == (1300, 600, 300, 100)


def test_a_slot_that_does_not_balance_is_raised() -> None:
    home = Home("home", 500, 1000, 5000, 900, has_generator=True)
    good = exchange(home, Needs(300, 3000, 0), cap_wh=500)
    for wrong in ({"import_wh": 1}, {"ev_wh": 301}, {"wind_wh": good.pv_wh + 1}, {"soc_wh": 1001}):
        with pytest.raises(AssetError, match="does not balance"):
            msgspec.structs.replace(good, **wrong).check()
