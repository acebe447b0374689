"""`kill -9` of the replay and of its ledger, at random moments of one replay; and long or short absences."""

import os
import secrets
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Self

import pytest
from checks import check_all, check_voltages, essence
from replays import MORNING, PATIENCE_S, ROOT, SMALL, Stage, end

from marketplace.trading.replay.patience import LOOK_AGAIN_S
from tests.forked import Forked

LATER = Path(__file__).parent / "later.py"
KILLED = Path(__file__).parent / "killed.py"
LOOK_S = 0.004
OPENED = 28 * 6  # three entries of each pair's agreement, three of its channel's opening
CLOSED = 28 * 3  # request, confirmation, the ledger's word


def kill(process: Forked) -> None:
    """End a process as a power cut would."""
    process.send_signal(signal.SIGKILL)
    process.wait(30)


@dataclass
class Ordeal:
    """A replay and its ledger, killed and restarted; every co-signed state that ever was on disk is remembered."""

    stage: Stage
    words: tuple[str, ...]
    random: Random
    program: Path = ROOT / "manage.py"
    states: dict[tuple[str, int], tuple[Any, ...]] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.began = time.monotonic()
        self.node = self.stage.start_node()
        self.stage.wait_for_ledger(self.node)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        end(self.replay)
        end(self.node)

    def start(self, program: Path | None = None) -> None:
        """Call the replay, the first time or again."""
        words = ("replay", *self.words, "--json", str(self.stage.result))
        self.replay = self.stage.start(*words, program=program or self.program)

    def wait_for(self, entries: int) -> None:
        """Wait until so much has been said that `entries` stand in the logs."""
        self._wait(lambda: self.stage.newest() >= entries)

    def wait_for_status(self, status: str) -> None:
        """Wait until the run has come to a stage."""
        self._wait(lambda: self.stage.status() == status)

    def _wait(self, arrived: Any) -> None:
        deadline = time.monotonic() + PATIENCE_S
        with self.stage.looking():  # before the next kill it is closed: nobody else holds the database then
            while not arrived():
                assert self.replay.poll() is None, f"it ended early: {self.history}\n{self.stage.log()}"
                assert time.monotonic() < deadline, (
                    f"it moves no more: {self.history}\n{self.stage.log()[-3000:]}"
                )
                time.sleep(LOOK_S)

    def strike(self) -> None:
        """Kill the replay, the ledger or both, look at what is on disk, and start again what was killed."""
        victims = self.random.choice((("replay",), ("node",), ("replay", "node")))
        moment = f"{self.stage.status() or 'starting'} at {self.stage.entries()} entries, {time.monotonic() - self.began:.0f} s"
        self.history.append(f"{' and '.join(victims)}, {moment}")
        self.remember()
        for name in self.random.sample(victims, len(victims)):
            kill(getattr(self, name))
        self.remember()
        if "node" in victims:
            self.node = self.stage.start_node()
        if "replay" in victims:
            self.start()

    def remember(self) -> None:
        """All that was co-signed before is there still, unchanged, and no version twice."""
        now = self.stage.states()
        lost = [key for key, state in self.states.items() if now.get(key) != state]
        assert lost == [], f"lost or changed: {lost} after {self.history}"
        self.states = now

    def finish(self) -> dict[str, Any]:
        """To the end of the replay; what it wrote."""
        assert self.replay.wait(PATIENCE_S) == 0, f"{self.history}\n{self.stage.log()[-5000:]}"
        end(self.node)
        self.remember()
        return self.stage.content()


@pytest.mark.kill
@pytest.mark.timeout(600)  # a minute on an idle machine; a dozen restarts on a busy one
def test_kill_9_at_twelve_random_moments_changes_nothing(
    stage: Stage, whole_day: tuple[Stage, dict[str, Any]]
) -> None:
    seed = int(os.environ.get("KILL_SEED", secrets.randbelow(10**6)))
    sys.stdout.write(f"again with KILL_SEED={seed}\n")
    undisturbed, expected = whole_day
    total, random = undisturbed.entries(), Random(seed)  # noqa: S311  moments, no secret
    moments = [
        *random.sample(range(1, OPENED), 3),
        *random.sample(range(OPENED, total - CLOSED), 5),
        *random.sample(range(total - CLOSED, total - 20), 2),
    ]
    with Ordeal(stage, (SMALL,), random) as ordeal:
        for _ in range(2):  # contracts, treasury and agreements come before anything is said
            time.sleep(random.uniform(0.5, 3))
            ordeal.strike()
        for moment in sorted(moments):
            ordeal.wait_for(moment)
            time.sleep(random.uniform(0, 0.05))
            ordeal.strike()
        content = ordeal.finish()
    sys.stdout.write("\n  ".join(["killed:", *ordeal.history, ""]))
    assert len(ordeal.history) == 12
    check_all(stage, content, slots=96)
    check_voltages(content["slots"], Path(SMALL), 20)
    assert essence(content) == essence(expected)
    assert stage.entries() >= total


@pytest.mark.kill
@pytest.mark.parametrize("kind", ["update.request", "settle.request", "close.request"])
def test_a_proposal_that_fell_back_during_a_long_pause_is_made_anew(
    stage: Stage, morning: tuple[Stage, dict[str, Any]], kind: str
) -> None:
    """Killed between a proposal and its countersignature, and called again only when that had run out."""
    stage.services["KILLED_AT"] = kind
    with Ordeal(stage, (SMALL, *MORNING), Random(0), KILLED) as ordeal:  # noqa: S311  nothing is drawn
        assert ordeal.replay.wait(PATIENCE_S) == -signal.SIGKILL, stage.log()[-3000:]
        staged = stage.value("SELECT count(*) * 2 FROM engine_channel WHERE staged = 3")
        assert staged, "it was not killed between the two"
        ordeal.remember()
        stage.services["CLOCK_AHEAD_S"] = "100"
        ordeal.start(LATER)
        content = ordeal.finish()
    fallen = stage.value(
        "SELECT count(*) FROM engine_logentry WHERE type IN ('update.abort', 'update.fallback')"
    )
    assert fallen >= staged // 2
    check_all(stage, content, slots=8)
    assert essence(content) == essence(morning[1])


@pytest.mark.kill
def test_a_ledger_that_is_away_for_a_while_is_waited_for(
    stage: Stage, morning: tuple[Stage, dict[str, Any]]
) -> None:
    with Ordeal(stage, (SMALL, *MORNING), Random(0)) as ordeal:  # noqa: S311  nothing is drawn
        ordeal.wait_for(OPENED - 28)
        kill(ordeal.node)
        away = time.monotonic()
        time.sleep(6)
        assert ordeal.replay.poll() is None
        told = stage.log().count(f"the ledger at {stage.ledger_url} is not available")
        looked = (time.monotonic() - away) / LOOK_AGAIN_S
        assert 1 <= told <= looked / 2  # said when something changed, not at each look
        ordeal.node = stage.start_node()
        ordeal.wait_for_status("closing")
        end(ordeal.node)  # this time it shuts down in order, and refuses what still comes
        time.sleep(1)
        ordeal.node = stage.start_node()
        content = ordeal.finish()
    check_all(stage, content, slots=8)
    assert essence(content) == essence(morning[1])
