"""Stages for replays, and one replay that nothing interrupted."""

from pathlib import Path
from typing import Any

import pytest
from replays import MORNING, SMALL, Stage, prepared

from tests.services import postgres_url, redis_url

__all__ = ["postgres_url", "redis_url"]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database without anything in it."""
    folder = tmp_path_factory.mktemp("template")
    code, said = Stage(folder).manage("migrate", "-v0")
    assert code == 0, said
    return folder / "db.sqlite3"


@pytest.fixture
def stage(tmp_path: Path, template: Path) -> Stage:
    """An empty stage."""
    return prepared(tmp_path / "stage", template)


@pytest.fixture(scope="session")
def morning(tmp_path_factory: pytest.TempPathFactory, template: Path) -> tuple[Stage, dict[str, Any]]:
    """Two hours of the small scenario, replayed without a break by a command that starts its ledger itself."""
    quiet = prepared(tmp_path_factory.mktemp("morning") / "stage", template)
    files = ("--report", str(quiet.folder / "report.html"), "--export", str(quiet.folder / "tables"))
    done = quiet.alone("replay", SMALL, *MORNING, *files, "--json", str(quiet.result))
    assert done.returncode == 0, done.stdout + done.stderr
    return quiet, quiet.content()


@pytest.fixture(scope="session")
def whole_day(tmp_path_factory: pytest.TempPathFactory, template: Path) -> tuple[Stage, dict[str, Any]]:
    """The small scenario's whole day, replayed without a break."""
    quiet = prepared(tmp_path_factory.mktemp("day") / "stage", template)
    return quiet, quiet.replay(SMALL)
