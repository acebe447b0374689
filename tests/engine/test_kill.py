"""`kill -9` in the middle of thousands of updates, and two processes on the same channels."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from test_websocket import HERE, prepare

from tests.services import create_database

CHANNELS = 40
AUDIT = """
import json, engine_site
from engine_churn import FUNDING, pair_of, world
from channels_engine.store.models import CoSignedState, LogEntry, TradeRecord
where, report = world(), []
for number in range({channels}):
    pair = pair_of(where, number)
    name = "0x" + pair.channel.hex()
    hosting = where.runtime.hosting(pair.channel)
    a, b = hosting.endpoints
    log = list(LogEntry.objects.filter(log=hosting.number).order_by("seq").values_list("seq", "type", "message_id"))
    states = list(CoSignedState.objects.filter(channel=name).order_by("version").values_list("balance_a", "balance_b"))
    report.append({{
        "same": a.current == b.current and a.tree == b.tree and a.open_trades == b.open_trades,
        "staged": [e.staged is not None and e.staged.state.version for e in (a, b)],
        "contiguous": [seq for seq, _, _ in log] == list(range(1, len(log) + 1)),
        "seq": hosting.seq == len(log),
        "confirms": [key for _, kind, key in log if kind == "update.confirm"],
        "trades": TradeRecord.objects.filter(channel=name).count(),
        "open_trades": len(a.open_trades),
        "conserved": all(x + y == 2 * FUNDING for x, y in states),
        "last": list(states[-1]) == [a.current.state.balance_a, a.current.state.balance_b],
        "balance": a.current.state.balance_a - FUNDING,
    }})
print(json.dumps(report))
"""


def start(environment: dict[str, str], name: str, rounds: int) -> "subprocess.Popen[str]":
    command = [sys.executable, str(HERE / "engine_churn.py"), str(CHANNELS), str(rounds), name]
    return subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)


def line_of(process: "subprocess.Popen[str]") -> str:
    if process.stdout is None:
        raise RuntimeError("the process has no stdout")
    return process.stdout.readline().strip()


def audit(environment: dict[str, str]) -> list[dict[str, Any]]:
    script = AUDIT.format(channels=CHANNELS)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment, "ENGINE_WORKER": ""},  # nobody writes while it reads
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: list[dict[str, Any]] = json.loads(done.stdout)
    return report


def check(report: list[dict[str, Any]]) -> None:
    for channel in report:
        assert channel["same"], "both sides hold the same current state, trades and tree"
        assert channel["contiguous"]
        assert channel["seq"]
        assert channel["conserved"]
        assert channel["last"], "the newest co-signed state in the history is the current one"
        assert channel["staged"][0] == channel["staged"][1], "staged on both sides or on neither"
        counts = Counter(channel["confirms"])
        assert set(counts.values()) <= {1}, "no trade is done twice"
        assert len(counts) == channel["trades"] == channel["open_trades"]
        assert channel["balance"] == 200_000 * channel["trades"], "money and energy moved together"


@pytest.fixture(params=["sqlite", "postgres"])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    url = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    if request.param == "postgres":
        url = create_database(request.getfixturevalue("postgres_url"), f"kill{time.time_ns()}")
    return prepare(tmp_path, url)


@pytest.mark.kill
def test_kill_9_loses_and_doubles_nothing(environment: dict[str, str]) -> None:
    rounds, durable = 400, -1
    for attempt in range(4):
        process = start(environment, "deal", rounds)
        assert line_of(process) == "ready"
        until = time.monotonic() + random.uniform(0.2, 0.9)  # noqa: S311  any moment will do
        while time.monotonic() < until and (line := line_of(process)) != "end":
            durable = max(durable, json.loads(line)["round"])
            assert json.loads(line)["done"] == CHANNELS
        process.kill()
        process.communicate()
        report = audit(environment)
        check(report)
        for channel in report:
            missing = {f"trade:deal-{number}" for number in range(durable + 1)} - set(channel["confirms"])
            assert not missing, f"kill {attempt}: reported as durable and lost"
    assert durable > 3
    assert sum(channel["trades"] for channel in report) > 100


def test_two_processes_share_channels_without_harm(environment: dict[str, str]) -> None:
    """Both trade on the same channels at once: they get in each other's way, and never tear a state."""
    first, second = start(environment, "one", 8), start(environment, "two", 8)
    done = 0
    for process in (first, second):
        assert line_of(process) == "ready"
        while (line := line_of(process)) != "end":
            done += json.loads(line)["done"]
        process.communicate(timeout=30)
        assert process.returncode == 0
    report = audit(environment)
    check(report)
    assert sum(channel["trades"] for channel in report) == done > 0
