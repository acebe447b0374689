"""Vehicles, heat pumps and the wind: by hand, and for any behaviour of the market."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grid.assets.climate import cop_permille, demand_wh, outdoor_celsius
from grid.assets.heat import House, Houses, house_of
from grid.assets.vehicle import Charger, Stays
from grid.assets.wind import power_of, synthetic_wind
from grid.equipment import ElectricVehicle, HeatPump, Session
from grid.profiles import Profiles

START = 1465509600
PUMP = HeatPump("pump", 3000, True, 160.0, 9000.0, 400.0, 20.0, 22.0, 500, "floor", None, (9.5, 9.5, 4.0))  # noqa: FBT003  a data sheet, in its order


def vehicle(*stays: tuple[int, int, int], flexible: bool = True) -> ElectricVehicle:
    """Stays as (first slot, slot of departure, need)."""
    sessions = (Session(START + a * 900, START + d * 900, need) for a, d, need in stays)
    return ElectricVehicle("car", 4000, 900, flexible, tuple(sessions))


def test_a_flexible_vehicle_waits_until_it_must() -> None:
    """4 kW are 1000 Wh a slot, 900 Wh in the battery; 2000 Wh in four slots: the last three are enough for 2700."""
    charger = Charger(0, 1000, 900, flexible=True)
    assert charger.shift(2000, 4) == (0, 1000)
    assert charger.shift(2000, 3) == (223, 777)  # two later slots bring 1800; 200 / 0.9, up
    assert charger.stored(223) == 200
    assert charger.shift(1800, 2) == (1000, 0)
    assert charger.shift(900, 1) == (1000, 0)
    assert charger.shift(5000, 1) == (1000, 0)  # more than can be: all that can be
    assert charger.shift(0, 3) == (0, 0)
    assert charger.shift(500, 0) == (0, 0)
    assert Charger(0, 1000, 900, flexible=False).shift(2000, 4) == (1000, 0)
    assert Charger(0, 1000, 900, flexible=False).shift(100, 4) == (112, 0)


def test_stays_on_the_scenarios_slots() -> None:
    """One came 3 slots before the start and has charged 2700 of 4000; it leaves as the next one of its owner comes."""
    stays = Stays(
        [(7, vehicle((-3, 2, 4000), (2, 5, 1000))), (9, vehicle((4, 9, 300)))], START, START + 6 * 900
    )
    assert stays.first_wh == (1300, 0)
    assert stays.slots_left[:, 0].tolist() == [2, 1, 3, 2, 1, 0, 0]
    assert stays.slots_left[:, 1].tolist() == [0, 0, 0, 0, 5, 4, 0]
    assert stays.after(0, (1300, 0), (1000, 0)) == ((400, 0), 0)
    assert stays.after(1, (400, 0), (100, 0)) == (
        (1000, 0),
        310,
    )  # left with 310 Wh too little, and it is told
    assert stays.after(3, (1000, 0), (0, 0)) == ((1000, 300), 0)
    assert stays.later(0, (1300, 0), 1) == (1300, 0)
    assert stays.later(0, (1300, 0), 4) == (1000, 300)
    assert stays.later(0, (1300, 0), 5) == (0, 300)


@given(
    need=st.integers(1, 20_000),
    slots=st.integers(1, 12),
    efficiency=st.integers(100, 1000),
    bought=st.lists(st.integers(0, 1500), min_size=12, max_size=12),
    flexible=st.booleans(),
)
def test_a_vehicle_leaves_with_its_need_unless_that_is_impossible(
    need: int, slots: int, efficiency: int, bought: list[int], *, flexible: bool
) -> None:
    charger, left, drawn_all = Charger(0, 1000, efficiency, flexible), need, 0
    for stays in range(slots, 0, -1):
        must, may = charger.shift(left, stays)
        assert 0 <= must <= must + may <= charger.power_wh
        drawn = must + min(may, bought[stays - 1])
        drawn_all += drawn
        left = charger.left(left, drawn)
    assert left == max(0, need - slots * charger.stored(charger.power_wh))
    assert (need - left) * 1000 <= drawn_all * efficiency  # nothing is stored that was not drawn


def test_a_flexible_heat_pump_heats_at_the_lower_edge_and_stops_at_the_upper() -> None:
    """A store of 2000 Wh, 1 % of it lost in a slot, 600 Wh demanded, three units of heat for one of electricity."""
    house = House(0, 750, 2000, 10_000, flexible=True)
    assert house.shift(0, 600, 3000) == (200, 550)
    assert house.after(0, 600, 3000, 200) == (0, 0)
    assert house.shift(1000, 600, 3000) == (0, 536)  # 2000 - 1000 + 600 + 10, by three
    assert house.after(1000, 600, 3000, 536) == (1998, 0)
    assert house.shift(2000, 0, 3000) == (0, 6)  # the 20 Wh that leak
    assert house.after(150, 0, 3000, 1) == (151, 0)  # 1.5 Wh leak: two
    assert house.after(0, 4000, 3000, 750) == (
        0,
        1750,
    )  # too cold for it: 1750 Wh are lacking, and it is told
    assert House(0, 750, 2000, 10_000, flexible=False).shift(0, 600, 3000) == (534, 0)  # to the middle
    assert House(0, 750, 2000, 10_000, flexible=False).shift(1900, 600, 3000) == (0, 0)


def test_house_and_climate_by_hand() -> None:
    """0 degC outside, floor heating: 30 K to lift; 160 W/K * 20 K - 400 W = 2800 W, 700 Wh a slot."""
    outside = np.array([0.0, 20.0, -20.0])
    assert cop_permille(outside, "floor").tolist() == [3747, 5137, 1818]
    assert cop_permille(outside, "radiator").tolist() == [2978, 5137, 1818]
    assert demand_wh(outside, PUMP).tolist() == [700, 0, 1500]
    assert house_of(3, PUMP) == House(3, 750, 18_000, 4445, flexible=True)
    year = np.arange(0, 366 * 86400, 900, dtype=np.int64)
    celsius = outdoor_celsius(year, (9.5, 9.5, 4.0))
    assert celsius.mean() == pytest.approx(9.5, abs=0.1)
    assert celsius.min() == pytest.approx(-4.0, abs=0.01)
    assert abs(year[celsius.argmin()] // 86400 - 19) < 5


@given(
    stored=st.integers(0, 2000),
    bought=st.lists(st.integers(0, 800), min_size=8, max_size=8),
    demand=st.integers(0, 3000),
    cop=st.integers(1000, 6000),
    flexible=st.booleans(),
)
def test_a_house_stays_in_its_band_and_makes_no_heat_of_nothing(
    stored: int, bought: list[int], demand: int, cop: int, *, flexible: bool
) -> None:
    house, before, drawn_all, lacked_all = House(0, 750, 2000, 4_000, flexible), stored, 0, 0
    for wish in bought:
        must, may = house.shift(stored, demand, cop)
        assert 0 <= must <= must + may <= house.power_wh
        drawn = must + min(may, wish)
        stored, lacked = house.after(stored, demand, cop, drawn)
        assert 0 <= stored <= house.store_wh
        assert not lacked or drawn == house.power_wh
        drawn_all, lacked_all = drawn_all + drawn, lacked_all + lacked
    assert stored - before <= drawn_all * cop // 1000 - len(bought) * demand + lacked_all


def test_the_synthetic_wind_is_weather() -> None:
    assert power_of(np.array([0.0, 3.0, 7.0, 11.0, 25.0, 25.1])).tolist() == pytest.approx(
        [0, 0, (343 - 27) / (1331 - 27), 1, 1, 0]
    )
    year = synthetic_wind(5, 35_136)
    assert (synthetic_wind(5, 35_136) == year).all()
    assert (synthetic_wind(5, 1000) == year[:1000]).all()
    assert 0.15 < year.mean() < 0.30
    assert np.corrcoef(year[:-4], year[4:])[0, 1] > 0.85
    assert year.min() == 0
    assert year.max() == 1


def test_seeds_differ() -> None:
    winds = [synthetic_wind(seed, 50).tolist() for seed in range(4)]
    assert all(one != other for one, other in itertools.combinations(winds, 2))


def test_a_temperature_comes_from_its_column_where_one_is_named() -> None:
    slots = START + 900 * np.arange(6, dtype=np.int64)
    profiles = Profiles(slots, {"outdoor_celsius": np.array([9.0, 0.0, -20.0, 0.0, 0.0, 0.0])})
    read, made = replace(PUMP, temperature="outdoor_celsius"), replace(PUMP, flexible=False)
    houses = Houses([(4, read), (6, made), (9, made)], profiles, START + 900, START + 4 * 900)
    assert [houses.conditions(row)[0] for row in range(3)] == [(700, 3747), (1500, 1818), (700, 3747)]
    june = houses.conditions(0)[1]
    assert june == houses.conditions(0)[2]
    assert june[0] < 200
    assert houses.first_wh == (9000, 9000, 9000)
