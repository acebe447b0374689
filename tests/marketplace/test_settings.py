"""The settings stand on their own, in production too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from marketplace.settings.environment import flag, integer, kept_secret

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": "k9" * 30 + "xyzabc",
    "ALLOWED_HOSTS": "wattnote.example",
    "KEYSTORE_PASSPHRASE": "a passphrase of the merchant",
    "PII_MASTER_KEYS": "a secret of enough characters",
}


def _check(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={**clean, "VAR_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_check_is_silent(tmp_path: Path) -> None:
    result = _check(tmp_path, **PRODUCTION)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "no issues" in result.stdout + result.stderr


@pytest.mark.parametrize("missing", ["SECRET_KEY", "KEYSTORE_PASSPHRASE", "PII_MASTER_KEYS"])
def test_production_refuses_to_start_without_its_secrets(tmp_path: Path, missing: str) -> None:
    result = _check(tmp_path, **{name: value for name, value in PRODUCTION.items() if name != missing})
    assert result.returncode != 0
    assert f"{missing} is not set" in result.stderr


def test_a_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "var" / "secret"
    first = kept_secret("NO_SUCH_VARIABLE", path=path, required=False)
    assert kept_secret("NO_SUCH_VARIABLE", path=path, required=False) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["secret"]


def test_unreadable_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "perhaps")
    monkeypatch.setenv("LEDGER_CHAIN_ID", "one")
    with pytest.raises(ImproperlyConfigured, match="DEBUG"):
        flag("DEBUG", default=False)
    with pytest.raises(ImproperlyConfigured, match="LEDGER_CHAIN_ID"):
        integer("LEDGER_CHAIN_ID", default=1)


@pytest.mark.django_db
def test_sqlite_is_in_wal_mode() -> None:
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone() == ("wal",)
