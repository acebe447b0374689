"""Several server processes on one PostgreSQL: no two of them apply to one channel at a time."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.services import create_database

HERE = Path(__file__).parent
ENGINE = HERE.parent / "engine"
PROCESSES, THREADS, ROUNDS, CHANNELS = 3, 2, 40, 5
AUDIT = """
import json, engine_site
from engine_churn import FUNDING, pair_of, world
from channels_engine.core.messages import BODY_BY_TYPE
from channels_engine.frames import decode_body
from channels_engine.store.models import CoSignedState, TradeRecord
from channels_engine.store.repository import entries_after
where, report = world(), []
for number in range({channels}):
    pair = pair_of(where, number)
    name = "0x" + pair.channel.hex()
    hosting = where.runtime.hosting(pair.channel)
    a, b = hosting.endpoints
    log = entries_after(pair.channel, 0, 100000)
    requests = [(e.sender, decode_body(e.type, e.body).state) for e in log if e.type == "update.request"]
    states = CoSignedState.objects.filter(channel=name).order_by("version")
    report.append({{
        "owner": pair.owner_a,
        "same": a.current == b.current and a.tree == b.tree and a.open_trades == b.open_trades,
        "contiguous": [e.seq for e in log] == list(range(1, len(log) + 1)),
        "versions": [[sender, state.version, repr(state)] for sender, state in requests],
        "bases": list(states.values_list("base", "version")),
        "confirms": [e.message_id for e in log if e.type == "update.confirm"],
        "trades": TradeRecord.objects.filter(channel=name).count(),
        "balance": a.current.state.balance_a - FUNDING,
    }})
print(json.dumps(report))
"""


@pytest.fixture
def environment(postgres_url: str) -> dict[str, str]:
    url = create_database(postgres_url, f"hammer{time.time_ns()}")
    path = os.pathsep.join(str(folder) for folder in (HERE, ENGINE, ENGINE.parent.parent))
    made = {**os.environ, "DATABASE_URL": url, "REDIS_URL": "", "PYTHONPATH": path, "ENGINE_WORKER": ""}
    run(
        made,
        "-c",
        "import engine_site; from django.core.management import call_command as c; c('migrate', verbosity=0)",
    )
    return made


def run(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def start(environment: dict[str, str], *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(HERE / "hammer.py"), *words]
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


@pytest.mark.kill
def test_processes_on_one_postgresql_lose_and_double_nothing(environment: dict[str, str]) -> None:
    sizes = [str(ROUNDS), str(THREADS), str(CHANNELS)]
    processes = [start(environment, f"p{number}", *sizes) for number in range(PROCESSES)]
    victim = start(environment, "victim", *sizes)
    assert {line(process) for process in [*processes, victim]} == {"ready"}
    for process in [*processes, victim]:
        go(process)
    time.sleep(0.7)
    victim.kill()  # in the middle of its transactions: its locks must go with it
    victim.communicate()
    done: list[str] = []
    for process in processes:
        done += json.loads(line(process))
        process.communicate(timeout=60)
        assert process.returncode == 0
    check(json.loads(run(environment, "-c", AUDIT.format(channels=CHANNELS))), done)


def check(report: list[dict[str, Any]], done: list[str]) -> None:
    assert max(Counter(done).values()) == 1
    for channel in report:
        assert channel["same"]
        assert channel["contiguous"]
        assert len(set(channel["confirms"])) == len(channel["confirms"]) == channel["trades"]
        assert channel["balance"] == 200_000 * channel["trades"], "no update is lost"
        signed: dict[tuple[int, int], set[str]] = {}
        for sender, version, state in channel["versions"]:
            signed.setdefault((sender, version), set()).add(state)
        assert all(len(states) == 1 for states in signed.values()), "no version is signed twice"
        bases = [base for base, _ in channel["bases"]]
        assert bases == [0, *(version for _, version in channel["bases"])][:-1], (
            "each state follows the one before"
        )
        said = {f"{channel['owner']} {key.removeprefix('trade:')}" for key in channel["confirms"]}
        mine = {key for key in done if key.startswith(channel["owner"] + " ")}
        assert mine <= said, "reported as durable and lost"
        assert {key for key in said - mine if " victim-" not in key} == set(), "done, and not reported"
    assert sum(channel["trades"] for channel in report) > 5 * CHANNELS


def test_a_lease_is_one_process_s_until_it_dies(environment: dict[str, str]) -> None:
    first = start(environment, "lease")
    assert line(first) == "lease True"
    second = start(environment, "lease")
    assert line(second) == "lease False"
    second.communicate("\n", timeout=30)
    first.kill()
    first.communicate()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        third = start(environment, "lease")
        said = line(third)
        third.communicate("\n", timeout=30)
        if said == "lease True":
            return
    raise AssertionError("the lease of a dead process is never free")


def test_a_channel_is_one_transaction_s_until_it_ends(environment: dict[str, str]) -> None:
    first = start(environment, "channel")
    assert line(first) == "mine"
    second = start(environment, "channel")
    assert line(second) == "busy"
    second.communicate(timeout=30)
    first.kill()
    first.communicate()
    third = start(environment, "channel")
    assert line(third) == "mine"
    third.communicate("\n", timeout=30)
