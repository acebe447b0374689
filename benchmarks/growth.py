"""A town's day: what a trade costs at 10,000 prosumers against 100, over channels with everything on.

    python benchmarks/growth.py [--small 100] [--large 10000] [--slots 96]

Prosumers are spread over the connections of SimBench's medium-voltage grid with the low-voltage feeders below it
(`1-MVLV-semiurb-all-0-no_sw`, 9,097 buses); every fifth has PV, every tenth a battery. The small town is the first
so many of them on the same grid's sibling with one feeder (`1-MVLV-semiurb-5.220-0-no_sw`). The row `replay_growth`
compares CPU a trade in the slots (forecasts, gate, signatures, storing, metering, settlement) of both, each in a
process with a database and a chain of its own; half an hour, most of it the ledger's openings. With `--month` it plays
June on the 153 loads of `1-LV-rural3--2-sw` instead, and prints time and memory. Needs simbench (extra `dev`).
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "fixtures")]
COMMAND = "python benchmarks/growth.py"
TOWN, QUARTER = "1-MVLV-semiurb-all-0-no_sw", "1-MVLV-semiurb-5.220-0-no_sw"
RURAL = "1-LV-rural3--2-sw"
ZONE = ZoneInfo("Europe/Berlin")
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

    code = TOWN if prosumers > 200 else QUARTER  # noqa: PLR2004  homes of the small grid
    noon = int(datetime(2016, 6, 10, 12, tzinfo=ZONE).timestamp())
    start = noon - slots // 2 * 900
    feeder, profiles = extract(load_grid(code), code, start, start + slots * 900)
    settled = replace(feeder, connections=tuple(people(feeder.connections, prosumers)))
    return write(folder, settled, profiles)


def month(folder: Path) -> Path:
    """Write June of the feeder as it is; the scenario's path."""
    from extract_simbench import extract, load_grid  # noqa: PLC0415  as above

    start, end = (int(datetime(2016, number, 1, tzinfo=ZONE).timestamp()) for number in (6, 7))
    return write(folder, *extract(load_grid(RURAL), RURAL, start, end))


def write(folder: Path, feeder: Any, profiles: Any) -> Path:
    """Network, profiles and scenario as files; the scenario's path."""
    from grid.networks.files import feeder_to_json  # noqa: PLC0415  after the path
    from grid.profiles import write_profiles  # noqa: PLC0415  as above

    (folder / "town.json").write_bytes(feeder_to_json(feeder))
    write_profiles(folder / "town.csv.gz", profiles)
    ends = int(profiles.slot_start[0]), int(profiles.slot_start[-1]) + 900
    start, end = (datetime.fromtimestamp(at, ZoneInfo("UTC")).isoformat() for at in ends)
    path = folder / "town.toml"
    path.write_text(SCENARIO.format(start=start, end=end), encoding="utf-8")
    return path


def people(connections: Sequence[Any], prosumers: int) -> list[Any]:
    """So many homes: those of the grid, then second ones at the same places; equipment by count, not by chance."""
    from grid.networks.feeder import Battery, Generator  # noqa: PLC0415  after the path

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
    for place in (small, large):
        print(in_words(place))


def in_words(place: dict[str, Any]) -> str:
    """Size, time, memory, and where the time of the slots went."""
    phases = ", ".join(f"{name} {spent:.1f}" for name, spent in sorted(place["phases"].items()) if name)
    return (
        f"{'':<32} {place['slot_homes']} slots x homes, {place['trades']} trades: {place['cpu_s']:.1f} s of CPU, "
        f"{1000 * place['cpu_s'] / place['slot_homes']:.3f} ms a slot and home, {place['memory_mb']:.0f} MB ({phases})"
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
    parser.add_argument("--month", action="store_true", help="a month of the 153 loads instead of the towns")
    options = parser.parse_args(words)

    def play(make: Callable[[Path], Path]) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder:
            return fresh(str(make(Path(folder))), "notes")

    if options.month:
        print(in_words(play(month)))
        return
    small, large = (
        play(partial(town, prosumers=prosumers, slots=options.slots))
        for prosumers in (options.small, options.large)
    )
    record_growth(small, large)


if __name__ == "__main__":
    main(sys.argv[1:])
