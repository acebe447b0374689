"""Co-signed updates a second, stored by the runtime, against coincurve alone.

An update is what costs two signatures: the acceptor signs the next state that follows from a standing offer,
the offeror countersigns it. Timed is all of it: drafting and signing on both sides, verifying both signatures,
both machines' rules, the log, both endpoints, the co-signed state, the trade, the outbox, and the commits,
durable on disk. The offers stand before (their signature would be a third), and between the rounds the trades
are settled, as after each slot. Of updates and of coincurve alone the best round counts: what the machine does
while nobody else uses it.

    python benchmarks/durable.py [--channels 2000] [--rounds 7]
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dj_database_url
import django
from coincurve import PrivateKey
from django.conf import settings
from django.core.management import call_command

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "tests" / "engine")]
GOAL = 0.40
COMMAND = "python benchmarks/durable.py"


def configure(url: str, *, migrate: bool = True) -> None:
    """Django with the engine alone, as durable as in production; with `migrate`, its tables are made."""
    database: dict[str, Any] = dict(dj_database_url.parse(url))
    if database["ENGINE"].endswith("sqlite3"):
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
        database["OPTIONS"] = {"init_command": pragmas, "transaction_mode": "IMMEDIATE", "timeout": 30}
    settings.configure(INSTALLED_APPS=["channels_engine.store"], DATABASES={"default": database}, USE_TZ=True)
    django.setup()
    if migrate:
        call_command("migrate", verbosity=0)


def ceiling(updates: int = 2000) -> float:
    """Updates a second if they were nothing but two signatures and two verifications (known keys, DER at hand).

    As in `core`, on as many different keys and digests as ours: the same ones again are some 5 % faster.
    """
    keys = [PrivateKey(hashlib.sha256(b"key %d" % number).digest()) for number in range(64)]
    ready = []
    for number in range(2 * updates):
        key, message = keys[number % len(keys)], hashlib.sha256(b"digest %d" % number).digest()
        ready.append((key, key.public_key, key.sign(message, hasher=None), message))
    started = time.perf_counter()
    for key, _, _, message in ready:
        key.sign_recoverable(message, hasher=None)
    for _, public_key, signature, message in ready:
        public_key.verify(signature, message, hasher=None)
    return updates / (time.perf_counter() - started)


def measure(url: str, channels: int, rounds: int) -> None:
    """Print `updates ceiling trades` a second, the best of the rounds."""
    configure(url)
    from engine_parties import DOMAIN, SettableClock, World  # noqa: PLC0415  after the settings

    from channels_engine.drivers import Floor  # noqa: PLC0415  after the settings
    from channels_engine.runtime import Runtime  # noqa: PLC0415  after the settings
    from channels_engine.submissions import Accepted  # noqa: PLC0415  after the settings

    world = World(Runtime(domain=DOMAIN, clock=SettableClock(), notices=False))
    pairs = [world.pair(funding=10**12) for _ in range(channels)]
    world.open(*pairs)
    # Beside a server's work there is time to draft; SQLite works in this process, and two threads would take turns.
    floor = Floor(world.runtime, world.keys.__getitem__, None if "sqlite" in url else ThreadPoolExecutor(1))
    updates, trades, ceilings = [], [], []
    for number in range(rounds):
        deals = [world.deal(pair, f"{number}") for pair in pairs]
        ceilings.append(ceiling())
        started = time.perf_counter()
        floor._run(deals, (floor._offer,))  # noqa: SLF001  the steps of trade_many, timed apart
        offered = time.perf_counter()
        done = floor._run(deals, (floor._accept, floor._confirm_trade))  # noqa: SLF001  as above
        ended = time.perf_counter()
        if not all(isinstance(outcome, Accepted) for outcome in done):
            raise SystemExit(f"a trade was refused: {done[0]}")
        updates.append(channels / (ended - offered))
        trades.append(channels / (ended - started))
        settle(world, pairs, f"{number}")
    print(*(f"{max(rates):.1f}" for rates in (updates, ceilings, trades)))


def settle(world: Any, pairs: list[Any], key: str) -> None:
    """Settle the open trades of all pairs as delivered."""
    from engine_parties import delivery  # noqa: PLC0415  after the settings

    from channels_engine.core.types import Side  # noqa: PLC0415  after the settings
    from channels_engine.drivers import Settling  # noqa: PLC0415  after the settings
    from channels_engine.submissions import Accepted  # noqa: PLC0415  after the settings

    hostings = world.runtime.peek([pair.channel for pair in pairs])
    settlings = []
    for pair in pairs:
        trades = hostings[pair.channel].endpoint(Side.A).open_trades
        deliveries = tuple(delivery(pair.channel, trade.id, trade.quantity_wh) for trade in trades)
        settlings.append(Settling(key, pair.channel, pair.owner_a, deliveries))
    settled = world.floor.settle_many(settlings)
    if not all(isinstance(outcome, Accepted) for outcome in settled):
        raise SystemExit(f"a settlement was refused: {settled[0]}")


def run(name: str, url: str, arguments: argparse.Namespace) -> None:
    """Measure one database in a process of its own and record its row."""
    from results import record  # noqa: PLC0415  stands beside this file

    counts = ["--channels", str(arguments.channels), "--rounds", str(arguments.rounds)]
    command = [sys.executable, __file__, "--url", url, *counts]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  fixed argv, no shell
    if done.returncode:
        raise SystemExit(done.stderr)
    updates, reference, trades = (float(word) for word in done.stdout.split())
    record(
        name,
        ours=updates,
        reference=reference,
        ratio=updates / reference,
        goal=GOAL,
        unit="updates/s",
        better="higher",
        command=COMMAND,
    )
    print(f"{'':<32} whole trades, with their offers: {trades:.0f}/s")


def main() -> None:
    """Both databases, or the one whose URL is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--url")
    arguments = parser.parse_args()
    if arguments.url:
        measure(arguments.url, arguments.channels, arguments.rounds)
        return
    from tests.services import create_database, postgres_server  # noqa: PLC0415  only here

    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder:
        run("durable_update_sqlite", f"sqlite:///{folder}/db.sqlite3", arguments)
    with postgres_server() as server:
        run("durable_update_postgres", create_database(server, "durable"), arguments)


if __name__ == "__main__":
    main()
