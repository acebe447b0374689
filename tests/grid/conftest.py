"""Feeders and scenarios for the grid's tests."""

from pathlib import Path

import pytest

from grid.networks.feeder import Battery, Bus, Connection, Feeder, Generator, Line, Load, Transformer
from grid.networks.files import load_feeder
from grid.scenarios.scenario import load_scenario
from grid.simulation import Simulation, open_simulation

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


@pytest.fixture(scope="session")
def fixtures_folder() -> Path:
    return FIXTURES


@pytest.fixture(scope="session")
def rural_feeder() -> Feeder:
    return load_feeder(FIXTURES / "networks" / "1-LV-rural3--2-sw.json")


@pytest.fixture(scope="session")
def june_day() -> Simulation:
    return open_simulation(load_scenario(FIXTURES / "scenarios" / "june-day.toml"))


@pytest.fixture(scope="session")
def congested() -> Simulation:
    return open_simulation(load_scenario(FIXTURES / "scenarios" / "default.toml"))


@pytest.fixture(scope="session")
def street() -> Feeder:
    """A transformer and a long cable with three homes at its end: a PV plant, a neighbour's battery, a plain load.

    The cable carries about 14 kW before its end leaves the voltage band.
    """
    cable = {"length_km": 0.4, "r_ohm": 0.25, "x_ohm": 0.03, "c_nf": 0.0, "g_us": 0.0, "max_i_ka": 0.142}
    return Feeder(
        name="street",
        source_bus=0,
        source_vm_pu=1.05,
        buses=(Bus("mv", 20.0), Bus("busbar", 0.4), Bus("end", 0.4), Bus("start", 0.4)),
        lines=(
            Line("long cable", 1, 2, **cable),
            Line("short cable", 1, 3, **{**cable, "r_ohm": 0.01, "x_ohm": 0.001}),
        ),
        transformers=(
            Transformer("station", 0, 1, 0.1, 20.0, 0.4, 4.0, 1.5, 0.3, 0.3, 150.0, "hv", 0.0, 2.5),
        ),
        connections=(
            Connection("plant", 2, Load("plant", 0.002, 0.0, None), Generator("pv", 0.06, 0.0, None)),
            Connection(
                "neighbour", 2, Load("neighbour", 0.002, 0.0, None), None, Battery("b", 40_000, 40_000, 950)
            ),
            Connection("plain", 2, Load("plain", 0.002, 0.0, None)),
            Connection("far away", 3, Load("far", 0.002, 0.0, None), None, Battery("b", 40_000, 40_000, 950)),
        ),
    )
