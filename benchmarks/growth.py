"""A town's day: what a trade costs at 10,000 prosumers against 100, over channels with everything on.

    python benchmarks/growth.py [--small 100] [--large 10000] [--slots 96]

Prosumers are spread over the connections of SimBench's medium-voltage grid with the low-voltage feeders below it
(`1-MVLV-semiurb-all-0-no_sw`, 9,097 buses); every fifth has PV, every tenth a battery. The small town is the first
so many of them on the same grid's sibling with one feeder (`1-MVLV-semiurb-5.220-0-no_sw`). The row `replay_growth`
compares CPU a trade in the slots (forecasts, gate, signatures, storing, metering, settlement) of both, each in a
process with a database and a chain of its own. Needs simbench (extra `dev`).
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "fixtures")]
COMMAND = "python benchmarks/growth.py"
TOWN, QUARTER = "1-MVLV-semiurb-all-0-no_sw", "1-MVLV-semiurb-5.220-0-no_sw"
HOME_MW = 0.03
PV_MW, BATTERY_W, BATTERY_WH = 0.005, 5_000, 10_000
SCENARIO = """
name = "town"
description = "A June day of a town."
seed = 20160610
[grid]
network = "town.json"
profiles = ["town.csv.gz"]
firm_export_permille = 700
[period]
start = {start}
end = {end}
[tariff]
retail_per_kwh = 320_000
feed_in_per_kwh = 82_000
imbalance_per_kwh = 380_000
[forecast]
load_error = 0.10
pv_error = 0.10
"""


def town(folder: Path, prosumers: int, slots: int) -> Path:
    """Write network, profiles and scenario of a town; the scenario's path."""
    from extract_simbench import extract, load_grid  # noqa: PLC0415  400 MB of data, only here

    from grid.network_files import feeder_to_json  # noqa: PLC0415  as above
    from grid.profiles import write_profiles  # noqa: PLC0415  as above

    code = TOWN if prosumers > 200 else QUARTER  # noqa: PLR2004  homes of the small grid
    noon = int(datetime(2016, 6, 10, 12, tzinfo=ZoneInfo("Europe/Berlin")).timestamp())
    start = noon - slots // 2 * 900
    feeder, profiles = extract(load_grid(code), code, start, start + slots * 900)
    settled = replace(feeder, connections=tuple(people(feeder.connections, prosumers)))
    (folder / "town.json").write_bytes(feeder_to_json(settled))
    write_profiles(folder / "town.csv.gz", profiles)
    moments = [datetime.fromtimestamp(at, ZoneInfo("UTC")).isoformat() for at in (start, start + slots * 900)]
    path = folder / "town.toml"
    path.write_text(SCENARIO.format(start=moments[0], end=moments[1]), encoding="utf-8")
    return path


def people(connections: Sequence[Any], prosumers: int) -> list[Any]:
    """So many homes: those of the grid, then second ones at the same places; equipment by count, not by chance."""
    from grid.network import Battery, Generator  # noqa: PLC0415  after the path

    plants = {cn.generator.profile for cn in connections if cn.generator and cn.generator.profile}
    profile = min(name for name in plants if name.startswith("PV"))
    homes = [cn for cn in connections if cn.load is not None and cn.load.p_mw <= HOME_MW]
    found = []
    for i in range(prosumers):
        home = homes[i % len(homes)]
        name = f"{home.name} {i // len(homes) + 1}"
        pv = Generator(f"PV {i}", PV_MW, 0.0, profile) if i % 5 == 0 else None
        battery = Battery(f"battery {i}", BATTERY_W, BATTERY_WH, 975) if i % 10 == 0 else None
        found.append(replace(home, name=name, generator=pv, battery=battery))
    return found


def record_growth(small: dict[str, Any], large: dict[str, Any]) -> None:
    """CPU a trade of both towns, and how fast the large one goes."""
    from results import record  # noqa: PLC0415  stands beside this file

    ours, reference = (1000 * town["slots_cpu_s"] / town["trades"] for town in (large, small))
    record(
        "replay_growth",
        ours=ours,
        reference=reference,
        ratio=ours / reference,
        goal=1.2,
        unit="ms/trade",
        better="lower",
        command=COMMAND,
    )
    for town_ in (small, large):
        print(
            f"{'':<32} {town_['slot_homes']} slots x homes, {town_['trades']} trades: "
            f"{1000 * town_['cpu_s'] / town_['slot_homes']:.3f} ms each of the whole, {town_['memory_mb']:.0f} MB"
        )


def main(words: Sequence[str] = ()) -> None:
    """Both towns and the row."""
    from replay import fresh  # noqa: PLC0415  stands beside this file

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", type=int, default=100)
    parser.add_argument("--large", type=int, default=10_000)
    parser.add_argument("--slots", type=int, default=96)
    parser.add_argument("--dry", action="store_true", help="print both figures, record nothing")
    options = parser.parse_args(words)
    found = []
    for prosumers in (options.small, options.large):
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder:
            found.append(fresh(str(town(Path(folder), prosumers, options.slots)), "notes"))
        if options.dry:
            print(json.dumps(found[-1]))
    if not options.dry:
        record_growth(*found)


if __name__ == "__main__":
    main(sys.argv[1:])
