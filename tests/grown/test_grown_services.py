"""The site's own tests once more, on PostgreSQL and Redis instead of SQLite and memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "folders", [("tests/marketplace",), ("tests/trading", "tests/web")], ids=["api", "site"]
)
def test_the_site_runs_on_postgresql_and_redis(
    postgres_url: str, redis_url: str, folders: tuple[str, ...]
) -> None:
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    plugins = ("-p", "no:cacheprovider", "-p", "tests.grown.only_database")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", *plugins, *folders],
        cwd=ROOT,
        env=outer | {"DATABASE_URL": postgres_url, "REDIS_URL": redis_url, "SCHEMATHESIS_EXAMPLES": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=840,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout
