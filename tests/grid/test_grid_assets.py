"""A home's watt-hours: balance, limits, and the rule of the module, for any input."""

from hypothesis import given
from hypothesis import strategies as st

from grid.assets import Home, Needs, exchange, position

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
    return home, Needs(draw(wh), draw(wh), draw(st.integers(0, home.battery_capacity_wh)))


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
    assert result.load_wh == needs.load_wh
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
