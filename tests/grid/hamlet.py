"""A scenario of eight homes on two branches and sixteen sunny slots, on disk: small enough to be played in no time."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np

from grid.networks.feeder import Battery, Bus, Connection, Feeder, Generator, Line, Load, Transformer
from grid.networks.files import feeder_to_json
from grid.profiles import Profiles, write_profiles
from grid.scenarios.scenario import parse_scenario
from grid.simulation import Simulation, open_simulation

NOON = dt.datetime(2016, 6, 9, 10, tzinfo=dt.UTC)
SLOTS = 16


def hamlet_feeder() -> Feeder:
    """Bus 1 is the busbar, buses 2 and 3 the ends of the two branches; even homes have PV, 0 and 1 batteries."""
    cable = {"length_km": 0.2, "r_ohm": 0.1, "x_ohm": 0.015, "c_nf": 0.0, "g_us": 0.0, "max_i_ka": 0.142}
    station = ("station", 0, 1, 0.1, 20.0, 0.4, 4.0, 1.5, 0.3, 0.3, 150.0, "hv", 0.0, 2.5)
    return Feeder(
        name="hamlet",
        source_bus=0,
        source_vm_pu=1.02,
        buses=(Bus("mv", 20.0), Bus("busbar", 0.4), Bus("west end", 0.4), Bus("east end", 0.4)),
        lines=(Line("west", 1, 2, **cable), Line("east", 1, 3, **cable)),
        transformers=(Transformer(*station),),
        connections=tuple(_home(i) for i in range(8)),
    )


def _home(i: int) -> Connection:
    pv = Generator(f"pv {i}", 0.008, 0.0, "P") if i % 2 == 0 else None
    battery = Battery(f"battery {i}", 4000, 8000, 950) if i < 2 else None
    return Connection(
        f"home {i}", 2 + i % 4 // 2, Load(f"load {i}", 0.002 + 0.001 * i, 0.0, "H"), pv, battery
    )


def write_hamlet(folder: Path) -> dict[str, Any]:
    """Network and profiles into `folder`; the scenario's tables."""
    (folder / "hamlet.json").write_bytes(feeder_to_json(hamlet_feeder()))
    starts = int(NOON.timestamp()) + 900 * np.arange(SLOTS)
    wave = 0.75 + 0.25 * np.sin(np.arange(SLOTS))
    write_profiles(
        folder / "hamlet.csv.gz", Profiles(starts, {"H_pload": wave, "H_qload": 0.1 * wave, "P": 0.9 * wave})
    )
    return {
        "name": "hamlet",
        "description": "Eight homes at noon.",
        "seed": 5,
        "grid": {"network": "hamlet.json", "profiles": ["hamlet.csv.gz"], "firm_export_permille": 200},
        "period": {"start": NOON, "end": NOON + dt.timedelta(minutes=15 * SLOTS)},
        "tariff": {"retail_per_kwh": 320_000, "feed_in_per_kwh": 82_000, "imbalance_per_kwh": 380_000},
    }


def event(kind: str, first: int, last: int, **fields: Any) -> dict[str, Any]:
    """An event from the start of slot `first` to the end of slot `last`."""
    start, end = (NOON + dt.timedelta(minutes=15 * slot) for slot in (first, last + 1))
    return {"kind": kind, "start": start, "end": end, **fields}


def hamlet(folder: Path, *events: dict[str, Any], **tables: Any) -> Simulation:
    """The hamlet with events, ready to be played."""
    return open_simulation(
        parse_scenario(write_hamlet(folder) | tables | {"events": list(events)}, folder=folder)
    )
