"""A stage for replays."""

from pathlib import Path

import pytest
from replays import Stage, free_port


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """An empty stage with its database set up."""
    made = Stage(tmp_path, free_port())
    done = made.manage("migrate", "-v0")
    assert done.returncode == 0, done.stderr
    return made
