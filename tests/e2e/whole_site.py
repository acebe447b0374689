"""The real site as a process: `manage.py serve` with its ledger and its live market, on free ports."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.services import free_port

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = "quick"
CHALLENGE_SECONDS, DISPUTE_SECONDS = 12, 5
START_SECONDS = 120
STOP_SECONDS = 40


def _as_from_a_terminal() -> None:
    """Where the tests run in the background, a shell made every process of theirs deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class WholeSite:
    """Start, kill, start again: the data stays in `folder`.

    Args:
        folder: Its database, chain and private files.
        port: Of the site.
        ledger_port: Of the embedded ledger.
    """

    def __init__(self, folder: Path, port: int, ledger_port: int) -> None:
        self.folder, self.port = folder, port
        self.url = f"http://127.0.0.1:{port}"
        self.ledger_url = f"http://127.0.0.1:{ledger_port}"
        self.log = folder / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._family: list[psutil.Process] = []

    def start(self) -> None:
        """Serve, and wait until the market is open."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("DATABASE_", "REDIS_"))}
        environment |= {
            "DJANGO_SETTINGS_MODULE": "marketplace.settings",
            "LEDGER_URL": self.ledger_url,
            "VAR_DIR": str(self.folder),
            "CHALLENGE_PERIOD": str(CHALLENGE_SECONDS),
            "DISPUTE_TIMEOUT": str(DISPUTE_SECONDS),
        }
        command = [sys.executable, "manage.py", "serve", "--port", str(self.port), "--scenario", SCENARIO]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_as_from_a_terminal,  # noqa: PLW1509  no thread of ours holds a lock at this point
            )
        self.wait_for("the market", self.market)

    def market(self) -> dict[str, Any] | None:
        """What can be traded now; None while the market is not running."""
        with contextlib.suppress(requests.ConnectionError):
            answer = requests.get(f"{self.url}/api/v1/market/", timeout=10)
            return dict(answer.json()) if answer.status_code == 200 else None
        return None

    def live(self) -> dict[str, Any]:
        """The newest slot as everybody sees it."""
        return dict(requests.get(f"{self.url}/api/v1/feeder/live/", timeout=10).json())

    def wait_for(self, what: str, look: Any, seconds: float = START_SECONDS) -> Any:
        """Look until there is something.

        Raises:
            RuntimeError: The site ended, or it took too long; with the end of its log.
        """
        deadline = time.monotonic() + seconds
        while True:
            if found := look():
                return found
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                state = "The site ended" if ended else f"{seconds} s passed"
                raise RuntimeError(f"{state} while waiting for {what}:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.2)

    def kill(self) -> None:
        """As a power cut would: the site and its ledger at once, without a word."""
        if self._process is None:
            return
        family = [psutil.Process(self._process.pid)]
        family += family[0].children(recursive=True)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait(STOP_SECONDS)
        psutil.wait_procs(family[1:], timeout=STOP_SECONDS)

    def stop(self) -> int:
        """As Ctrl-C would; gives the exit code."""
        if self._process is None or self._process.poll() is not None:
            return 0
        self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[WholeSite]:
    """The site with its market open; stopped by Ctrl-C at the end, which must end it cleanly."""
    started = WholeSite(folder, free_port(), free_port())
    try:
        started.start()
        yield started
    finally:
        code = started.stop()
    assert code == 0, started.log.read_text()[-3000:]


@pytest.fixture(scope="session")
def opened_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first start leaves: contracts, accounts and the households' channels; others start with a copy."""
    folder = tmp_path_factory.mktemp("opened")
    with serving(folder):
        return folder


@contextlib.contextmanager
def another_site(folder: Path, opened: Path) -> Iterator[WholeSite]:
    """A site of one's own, whose market was opened before."""
    shutil.copytree(opened, folder, dirs_exist_ok=True)
    with serving(folder) as site:
        yield site
