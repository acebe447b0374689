"""The Spin model `docs/formal/channel.pml`, searched exhaustively; and that its properties can fail.

Each case is a set of the model's settings. `SPIN_FULL=1` searches the larger bounds of `docs/formal/README.md`.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.system_parts import ROOT, require

MODEL = ROOT / "docs" / "formal" / "channel.pml"
FULL = os.environ.get("SPIN_FULL") == "1"
MEMORY = "-DMEMLIM=8000" if FULL else "-DMEMLIM=900"
DEPTH = "-m20000"
Settings = Mapping[str, int]

SAFE: tuple[Settings, ...] = (
    {"TOP": 4},
    {"TOP": 3, "ENFORCE": 1, "CHECKPOINT": 1},
    {"TOP": 3, "CHANGE": 1, "CHECKPOINT": 1},
    {"TWO": 1, "TOP": 2, "CHANGE": 1},
)
SAFE_AT_LENGTH: tuple[Settings, ...] = (
    {"TOP": 5, "CHECKPOINT": 1},
    {"TOP": 4, "ENFORCE": 1},
    {"TOP": 4, "CHANGE": 1},
    {"TOP": 3, "ENFORCE": 1, "CHANGE": 1, "CHECKPOINT": 1},
    {"TWO": 1, "TOP": 2, "ENFORCE": 1, "CHECKPOINT": 1},
    {"TWO": 1, "TOP": 3},
)
LIVE: tuple[Settings, ...] = (
    {"TOP": 2, "ENFORCE": 1, "CHECKPOINT": 1},
    {"TOP": 2, "CHANGE": 1},
    {"TWO": 1, "TOP": 1},
)
LIVE_AT_LENGTH: tuple[Settings, ...] = ({"TOP": 3}, {"TWO": 1, "TOP": 2})

# What is broken, at which settings, and a part of the assertion that must break.
MUTANTS: Mapping[str, tuple[Settings, str]] = {
    "sign after a farewell": ({"MUTANT": 1, "TOP": 4}, "current"),
    "penalise any older version": ({"MUTANT": 2, "TOP": 4}, "from_a"),
    "equal versions for both sides": ({"MUTANT": 3, "TOP": 1}, "signatures"),
    "show the consent when a dispute is raised": ({"MUTANT": 4, "TOP": 4}, "from_a"),
    "go on while a consent is about": ({"MUTANT": 5, "TOP": 4}, "from_a"),
    "forget a refused funding change": ({"MUTANT": 6, "TOP": 3, "CHANGE": 1}, "current"),
    "take a lagging indexer's silence for a lapse": ({"MUTANT": 7, "TOP": 3, "CHANGE": 1}, "total"),
    "no watchtower": ({"MUTANT": 8, "TOP": 2}, "current"),
    "a watchtower later than the challenge period": ({"MUTANT": 9, "TOP": 2}, "phase"),
    "an equal co-signed version does not beat an enforced one": (
        {"MUTANT": 10, "TOP": 3, "ENFORCE": 1},
        "current",
    ),
    "an older version may resolve": ({"MUTANT": 13, "TOP": 4}, "from_a"),
    "go on while an acceptance is about": ({"MUTANT": 14, "TOP": 4, "ENFORCE": 1}, "from_a"),
}
# These break liveness only.
STUCK: Mapping[str, Settings] = {
    "no expiry": {"MUTANT": 11, "TOP": 1},
    "a checkpoint that makes a dispute impossible is ignored": {"MUTANT": 12, "TOP": 1, "CHECKPOINT": 1},
}
GOALS: Mapping[str, Settings] = {
    "closed together": {"GOAL": 1, "TOP": 4},
    "closed after a dispute was resolved": {"GOAL": 2, "TOP": 4},
    "dispute failed": {"GOAL": 3, "TOP": 4},
    "stale dispute punished": {"GOAL": 4, "TOP": 4},
    "enforced by the honest side": {"GOAL": 5, "TOP": 2, "ENFORCE": 1},
    "enforced by the attacker": {"GOAL": 6, "TOP": 2, "ENFORCE": 1},
    "closed after a funding change": {"GOAL": 7, "TOP": 3, "CHANGE": 1},
    "paid after expiry": {"GOAL": 8, "TOP": 4},
    "late countersignature taken": {"GOAL": 9, "TOP": 4},
    "dispute failed after a checkpoint": {"GOAL": 10, "TOP": 4, "CHECKPOINT": 1},
    "two honest parties close together": {"GOAL": 1, "TWO": 1, "TOP": 2},
    "two honest parties disagree until a dispute is resolved": {"GOAL": 2, "TWO": 1, "TOP": 2},
}


def name_of(settings: Settings) -> str:
    return " ".join(f"{name}={value}" for name, value in settings.items())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The verifier's source, made by spin."""
    require("spin")
    require("gcc")
    place = tmp_path_factory.mktemp("spin")
    done = subprocess.run(["spin", "-a", MODEL], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def compiled(place: Path, name: str, *flags: str) -> Path:
    # Reductions are off: nearly all of the state is shared, so that they cost more than they save.
    command = ["gcc", "-O1", "-w", "-DNOREDUCE", "-DVECTORSZ=2048", MEMORY, *flags, "-o", name, "pan.c"]
    subprocess.run(command, cwd=place, check=True)
    return place / name


@pytest.fixture(scope="module")
def safety(folder: Path) -> Path:
    """Checks assertions, and that nothing stops before the money is paid."""
    return compiled(folder, "safety", "-DSAFETY", "-DNOCLAIM")


@pytest.fixture(scope="module")
def liveness(folder: Path) -> Path:
    """Checks `<> paid` under weak fairness."""
    return compiled(folder, "liveness", "-DNFAIR=4")


def run(verifier: Path, settings: Settings, *flags: str) -> str:
    env = {"PATH": os.environ["PATH"]} | {name: str(value) for name, value in settings.items()}
    command = [verifier, DEPTH, "-w22", *flags]
    done = subprocess.run(command, cwd=verifier.parent, env=env, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def check_exhausted(output: str) -> None:
    """No error, and nothing was left out: the whole state space, within depth and memory, nothing hashed away."""
    assert "errors: 0" in output, output
    for truncated in (
        "max search depth too small",
        "Search not completed",
        "out of memory",
        "bit statespace",
    ):
        assert truncated not in output, output
    assert re.search(r"^Full statespace search", output, re.MULTILINE), output
    states = re.search(r"(\S+) states, stored", output)
    assert states is not None
    assert float(states[1]) > 1000, output


@pytest.mark.parametrize("settings", [*SAFE, *(SAFE_AT_LENGTH if FULL else ())], ids=name_of)
def test_no_party_loses_money(safety: Path, settings: Settings) -> None:
    output = run(safety, settings)
    check_exhausted(output)
    assert re.search(r"invalid end states\s*\+", output)
    assert re.search(r"assertion violations\s*\+", output)


@pytest.mark.parametrize("settings", [*LIVE, *(LIVE_AT_LENGTH if FULL else ())], ids=name_of)
def test_an_honest_party_always_ends_with_its_money(liveness: Path, settings: Settings) -> None:
    output = run(liveness, {"IDLE": 1} | settings, "-a", "-f")
    check_exhausted(output)
    assert re.search(r"acceptance\s+cycles\s*\+ \(fairness enabled\)", output), output
    assert re.search(r"never claim\s*\+ \(money\)", output), output


@pytest.mark.parametrize("what", MUTANTS)
def test_a_broken_protocol_is_found_out(safety: Path, what: str) -> None:
    settings, where = MUTANTS[what]
    output = run(safety, settings)
    found = re.search(r"assertion violated (.*)", output)
    assert found is not None, output
    assert where in found[1]


@pytest.mark.parametrize("what", STUCK)
def test_a_protocol_that_can_get_stuck_is_found_out(liveness: Path, what: str) -> None:
    assert "acceptance cycle" in run(liveness, {"IDLE": 1} | STUCK[what], "-a", "-f")


@pytest.mark.parametrize("what", GOALS)
def test_every_interesting_end_can_be_reached(safety: Path, what: str) -> None:
    settings = GOALS[what]
    output = run(safety, settings)
    assert f"assertion violated ((goal!={settings['GOAL']})" in output, output
