"""The same replay on PostgreSQL and Redis."""

import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from checks import check_all, essence
from replays import MORNING, SMALL, Stage
from test_replay_kill import OPENED, Ordeal

from tests.services import create_database


@pytest.mark.kill
def test_a_replay_on_postgresql_and_redis_survives_kill_9_too(
    tmp_path: Path, postgres_url: str, redis_url: str, morning: tuple[Stage, dict[str, Any]]
) -> None:
    database = create_database(postgres_url, f"replay{time.time_ns()}")
    stage = Stage(tmp_path, services={"DATABASE_URL": database, "REDIS_URL": redis_url})
    code, said = stage.manage("migrate", "-v0")
    assert code == 0, said
    with Ordeal(stage, (SMALL, *MORNING), Random(1)) as ordeal:  # noqa: S311  which process dies
        for moment in (OPENED // 2, OPENED + 100, OPENED + 400):
            ordeal.wait_for(moment)
            ordeal.strike()
        content = ordeal.finish()
    assert not (tmp_path / "db.sqlite3").exists()
    check_all(stage, content, slots=8)
    assert essence(content) == essence(morning[1])
