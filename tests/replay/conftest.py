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
    done = Stage(folder).manage("migrate", "-v0")
    assert done.returncode == 0, done.stderr
    return folder / "db.sqlite3"


@pytest.fixture
def stage(tmp_path: Path, template: Path) -> Stage:
    """An empty stage."""
    return prepared(tmp_path / "stage", template)


@pytest.fixture(scope="session")
def morning(tmp_path_factory: pytest.TempPathFactory, template: Path) -> tuple[Stage, dict[str, Any]]:
    """Two hours of the small scenario, replayed from the first slot to the last without a break."""
    quiet = prepared(tmp_path_factory.mktemp("morning") / "stage", template)
    files = ("--report", str(quiet.folder / "report.html"), "--export", str(quiet.folder / "tables"))
    return quiet, quiet.replay(SMALL, *MORNING, *files)


@pytest.fixture(scope="session")
def whole_day(tmp_path_factory: pytest.TempPathFactory, template: Path) -> tuple[Stage, dict[str, Any]]:
    """The small scenario's whole day, replayed without a break."""
    quiet = prepared(tmp_path_factory.mktemp("day") / "stage", template)
    return quiet, quiet.replay(SMALL)
