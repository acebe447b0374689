"""What a channel and a trade take, and what a trade costs where 100,000 channels share one store.

One SQLite database (`synchronous=FULL`) is filled with open channels, every one of them agreed, opened and signed as
any other: first 1,000 of them, then up to 100,000. With either number the same 1,000 channels trade:
`growth_100k_channels` is the cost of a trade then by its cost before, which says whether the size of the store
matters. `growth_100k_cold` is the same with channels drawn at random over the whole store, so that at 100,000 most are
found neither in this process's memory nor on pages just used, and their keys are new to it. Both are processor time,
signatures included.

The other rows hold our figure against a budget: 100,000 idle channels in a gigabyte on disk (with their contracts,
both sides, and the logs that made them), 8 KiB for a trade (its log, state, record and their indexes), 8 KiB of
memory for a channel that a process has in mind (it keeps at most 50,000 of them), and 1 s until a fresh process has
answered for one of 100,000 channels.

    python benchmarks/capacity.py [--channels 100000] [--seconds 300]

Filling stops when its time is up; the figures then say how many channels there were.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "tests" / "engine")]
COMMAND = "python benchmarks/capacity.py"
FEW = 1_000
DRAWN = 1_000
ROUNDS = 5
FILLED_AT_ONCE = 2_000
HELD = 10_000
BUDGET_IDLE_BYTES = 10_000
BUDGET_BYTES = 8_192
BUDGET_START_S = 1.0
GROWTH_GOAL = 1.25
TRADING_SHARE = 0.25
"""Of the time, for trades; filling gets the rest."""


def database_bytes(folder: Path) -> int:
    """What the database takes on disk, its log copied into it."""
    from django.db import connection  # noqa: PLC0415  after the settings

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return sum(path.stat().st_size for path in folder.glob("db.sqlite3*"))


def resident_bytes() -> int:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def trade(world: Any, pairs: list[Any], key: str) -> float:
    """Trade once in each of these channels and settle; processor seconds of the trades."""
    from durable import settle  # noqa: PLC0415  after the settings

    deals = [world.deal(pair, key) for pair in pairs]
    begun = time.process_time()
    outcomes = world.floor.trade_many(deals)
    seconds = time.process_time() - begun
    if any(type(outcome).__name__ != "Accepted" for outcome in outcomes):
        raise SystemExit(f"a trade was refused: {outcomes[0]}")
    settle(world, pairs, key)
    return seconds


def cost_of_a_trade(world: Any, pairs: list[Any], name: str) -> float:
    """Processor seconds of one trade in channels drawn at random; the least disturbed round."""
    drawing = random.Random(7)  # noqa: S311  which channels trade is no secret
    return min(trade(world, drawing.sample(pairs, DRAWN), f"{name}{n}") for n in range(ROUNDS)) / DRAWN


def fill(world: Any, pairs: list[Any], count: int, until: float) -> None:
    """Open channels until there are so many, or the time is up."""
    while len(pairs) < count and time.monotonic() < until:
        more = [world.pair(funding=10**12) for _ in range(min(FILLED_AT_ONCE, count - len(pairs)))]
        world.open(*more)
        pairs += more


_START = """
import json, sys, time
sys.path[:0] = {path!r}
import durable
durable.configure({url!r}, migrate=False)
from capacity import resident_bytes
from engine_parties import DOMAIN, SettableClock
from channels_engine.runtime import Runtime
channels = [bytes.fromhex(name) for name in json.load(sys.stdin)]
begun = time.perf_counter()
runtime = Runtime(domain=DOMAIN, clock=SettableClock(), notices=False)
runtime.tick()
found = len(runtime.hostings(channels[:1]))
seconds, before = time.perf_counter() - begun, resident_bytes()
for start in range(0, len(channels), 1000):
    found += len(runtime.hostings(channels[start : start + 1000]))
if found != len(channels) + 1:
    sys.exit("channels are missing")
print(seconds, (resident_bytes() - before) / len(channels))
"""


def fresh_process(url: str, pairs: list[Any]) -> tuple[float, float]:
    """Seconds until a process that has its imports done has read one channel; bytes of memory for each that it reads."""
    script = _START.format(path=sys.path[:3], url=url)
    names = json.dumps([pair.channel.hex() for pair in pairs[:HELD]])
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, input=names, capture_output=True, text=True, check=False)  # noqa: S603  fixed argv, no shell
    if done.returncode:
        raise SystemExit(done.stderr)
    seconds, memory = (float(word) for word in done.stdout.split())
    return seconds, memory


def measure(folder: Path, channels: int, seconds: float) -> tuple[int, dict[str, tuple[float, float, float]]]:
    """How many channels there were in the end, and for each row: ours, reference, goal of the ratio."""
    import durable  # noqa: PLC0415  stands beside this file

    url, begun = f"sqlite:///{folder}/db.sqlite3", time.monotonic()
    durable.configure(url)
    from engine_parties import DOMAIN, SettableClock, World  # noqa: PLC0415  after the settings

    from channels_engine.runtime import Runtime  # noqa: PLC0415  after the settings

    world = World(Runtime(domain=DOMAIN, clock=SettableClock(), notices=False))
    pairs: list[Any] = []
    fill(world, pairs, FEW, begun + seconds)
    few = cost_of_a_trade(world, pairs, "few")
    empty, filled = database_bytes(folder), len(pairs)
    fill(world, pairs, channels, begun + seconds * (1 - TRADING_SHARE))
    idle = database_bytes(folder)
    cold = cost_of_a_trade(world, pairs, "cold")
    traded = database_bytes(folder) - idle
    same = cost_of_a_trade(world, pairs[:FEW], "same")
    start, memory = fresh_process(url, pairs)
    rows = {
        "growth_100k_channels": (same * 1e6, few * 1e6, GROWTH_GOAL),
        "growth_100k_cold": (cold * 1e6, few * 1e6, GROWTH_GOAL),
        "bytes_per_idle_channel": ((idle - empty) / max(len(pairs) - filled, 1), BUDGET_IDLE_BYTES, 1.0),
        "bytes_per_trade": (traded / (ROUNDS * DRAWN), BUDGET_BYTES, 1.0),
        "memory_per_channel": (memory, BUDGET_BYTES, 1.0),
        "start_100k_channels": (start, BUDGET_START_S, 1.0),
    }
    return len(pairs), rows


def main() -> None:
    """Measure and record."""
    from results import record  # noqa: PLC0415  stands beside this file

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=300)
    arguments = parser.parse_args()
    units = {"growth_100k_channels": "us/trade", "growth_100k_cold": "us/trade", "start_100k_channels": "s"}
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder:
        count, rows = measure(Path(folder), arguments.channels, arguments.seconds)
    for name, (ours, reference, goal) in rows.items():
        record(
            name,
            ours=ours,
            reference=reference,
            ratio=ours / reference,
            goal=goal,
            unit=units.get(name, "bytes"),
            better="lower",
            command=f"{COMMAND} --channels {count}",
        )


if __name__ == "__main__":
    main()
