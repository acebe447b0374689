"""A whole replay: its speed against the signatures in it, its CPU a slot and home, its transactions and collateral.

    python benchmarks/replay.py [--repeats 3] [--week june-week]

`replay_vs_ceiling`: co-signed updates a second of CPU in the slots of `june-day` (forecasts, negotiation, gate,
signed messages, storing, metering, settlement, records) against coincurve alone doing two signatures and two
verifications an update, measured in the same process just before and after. `replay_cpu_ms_per_slot_home`: CPU of
that replay's process from the first transaction to the summary, openings and closings and audit included, the
ledger's own process not; against 40.7 ms of gsy-e (one market, no signatures, no gate), measured once on a machine of
this kind. `ledger_transactions`: those of a replayed week, against one for each trade and each settlement.
`collateral_locked`: what households have locked, and for how long, against the same replay with deposits.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coincurve import PrivateKey

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
COMMAND = "python benchmarks/replay.py"
GSY_E_MS = 40.7


def ceiling(seconds: float = 0.5) -> float:
    """Updates a second of CPU if they were nothing but two signatures and two verifications (known keys, DER at hand)."""
    keys = [PrivateKey(bytes([number]) * 32) for number in (1, 2)]
    message = bytes(range(32))
    ready = [(key.public_key, key.sign(message, hasher=None)) for key in keys]
    count, started = 0, time.process_time()
    while (elapsed := time.process_time() - started) < seconds:
        for key in keys:
            key.sign_recoverable(message, hasher=None)
        for public_key, signature in ready:
            public_key.verify(signature, message, hasher=None)
        count += 1
    return count / elapsed


def measure(scenario: str, funding: str) -> dict[str, Any]:
    """Replay in this process, on the database and ledger of the environment."""
    import django  # noqa: PLC0415  after the environment is set

    django.setup()
    from channels_engine.stopwatch import Stopwatch  # noqa: PLC0415  after setup
    from channels_engine.store.models import CoSignedState  # noqa: PLC0415  after setup
    from marketplace.embedded import ledger  # noqa: PLC0415  after setup
    from marketplace.trading.engine import REPLAY_ACCOUNT, open_engine  # noqa: PLC0415  after setup
    from marketplace.trading.replay.run import open_replay, read_scenario  # noqa: PLC0415  after setup

    path = (
        Path(scenario) if scenario.endswith(".toml") else ROOT / "fixtures" / "scenarios" / f"{scenario}.toml"
    )
    with ledger():
        engine = open_engine(REPLAY_ACCOUNT)
        before = ceiling()
        began = time.process_time()
        chosen = read_scenario(path, start=None, end=None, funding=funding)
        replay = open_replay(chosen, path, engine, lambda *_: None)
        replay.prepare()
        opened = time.process_time()
        with Stopwatch() as watch:
            while not replay.finished_slots:
                replay.play_slot()
        played = time.process_time()
        summary = replay.settle_up()
        ended = time.process_time()
        after = ceiling()
    if not summary["money"]["conserved"]:
        raise SystemExit("money is not conserved; no figure of this run means anything")
    updates = CoSignedState.objects.filter(version__gt=0, is_final=False).count()
    return {
        "updates": updates,
        "ceiling": (before + after) / 2,
        "slots_cpu_s": played - opened,
        "phases": watch.seconds,
        "memory_mb": peak_memory_mb(),
        "cpu_s": ended - began,
        "slot_homes": summary["slots"] * summary["households"],
        "trades": summary["trades"],
        "transactions": summary["ledger"]["transactions"],
        "accounts": summary["money"]["accounts"],
        "put_in": summary["money"]["put_in"],
    }


def peak_memory_mb() -> float:
    """The most that this process ever held. Trap: `ru_maxrss` still counts the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def fresh(scenario: str, funding: str) -> dict[str, Any]:
    """Replay in a process with a database and a chain of its own."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        own = {
            "VAR_DIR": folder,
            "LEDGER_URL": f"http://127.0.0.1:{port}",
            "DJANGO_SETTINGS_MODULE": "marketplace.settings",
            "DEBUG": "1",
            "LOG_LEVEL": "ERROR",
        }
        environment = {**os.environ, **own}
        environment.pop("DATABASE_URL", None)
        migrate = [sys.executable, str(ROOT / "manage.py"), "migrate", "-v0"]
        subprocess.run(migrate, env=environment, check=True)  # noqa: S603  fixed argv, no shell
        command = [sys.executable, __file__, "--measure", scenario, funding]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  as above
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def record_speed(days: list[dict[str, Any]]) -> None:
    """Both speeds, each of its best day."""
    from results import record  # noqa: PLC0415  stands beside this file

    best = max(days, key=lambda day: day["updates"] / day["slots_cpu_s"] / day["ceiling"])
    rate = best["updates"] / best["slots_cpu_s"]
    record(
        "replay_vs_ceiling",
        ours=rate,
        reference=best["ceiling"],
        ratio=rate / best["ceiling"],
        goal=0.30,
        unit="updates/s",
        better="higher",
        command=COMMAND,
    )
    ours = min(1000 * day["cpu_s"] / day["slot_homes"] for day in days)
    record(
        "replay_cpu_ms_per_slot_home",
        ours=ours,
        reference=GSY_E_MS,
        ratio=ours / GSY_E_MS,
        goal=0.01,
        unit="ms",
        better="lower",
        command=COMMAND,
    )
    slots = min(1000 * day["slots_cpu_s"] / day["slot_homes"] for day in days)
    print(f"{'':<32} its slots alone: {slots:.3f} ms; {best['trades']} trades, {best['updates']} updates")
    phases = sorted(best["phases"].items(), key=lambda item: -item[1])
    print(f"{'':<32} CPU seconds: {', '.join(f'{name} {spent:.2f}' for name, spent in phases if name)}")


def record_ledger(day: dict[str, Any], deposits: dict[str, Any], week: dict[str, Any]) -> None:
    """Transactions and collateral: exact figures."""
    from results import record  # noqa: PLC0415  as above

    record(
        "ledger_transactions",
        ours=week["transactions"],
        reference=week["updates"],
        ratio=week["transactions"] / week["updates"],
        goal=0.01,
        unit="transactions",
        better="lower",
        command=COMMAND,
    )
    # Both are locked from the first slot to the last, so that time cancels out.
    locked = day["accounts"]["Households' collateral"]
    record(
        "collateral_locked",
        ours=locked,
        reference=deposits["put_in"],
        ratio=locked / deposits["put_in"],
        goal=0.10,
        unit="micro-units",
        better="lower",
        command=COMMAND,
    )
    treasury = day["put_in"] - locked
    print(f"{'':<32} beside it the supplier keeps {treasury / 1e6:.0f} coins for all notes together")


def main(words: Sequence[str] = ()) -> None:
    """All rows, or the figures of one replay in this process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--week", default="june-week", help="scenario of the ledger_transactions row")
    parser.add_argument("--measure", nargs=2, metavar=("SCENARIO", "FUNDING"))
    arguments = parser.parse_args(words)
    if arguments.measure:
        print(json.dumps(measure(*arguments.measure)))
        return
    days = [fresh("june-day", "notes") for _ in range(arguments.repeats)]
    record_speed(days)
    record_ledger(days[0], fresh("june-day", "deposits"), fresh(arguments.week, "notes"))


if __name__ == "__main__":
    main(sys.argv[1:])
