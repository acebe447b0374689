"""Runs `manage.py replay` as a person would, in a folder of its own with a ledger of its own."""

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.forked import Forked, start

ROOT = Path(__file__).resolve().parents[2]
SMALL = str(Path(__file__).parent / "scenarios" / "small.toml")
MORNING = ("--from", "2016-06-10T08:00:00+00:00", "--to", "2016-06-10T10:00:00+00:00")
PATIENCE_S = 240


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Stage:
    """A folder with database and chain, and the environment that points there."""

    folder: Path
    port: int = field(default_factory=free_port)
    services: dict[str, str] = field(default_factory=dict)
    _open: Any = None

    @property
    def env(self) -> dict[str, str]:
        """Environment of every command on this stage."""
        own = {
            "VAR_DIR": str(self.folder),
            "LEDGER_URL": self.ledger_url,
            "DJANGO_SETTINGS_MODULE": "marketplace.settings",
            "DEBUG": "1",
        }
        ours = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "KEYSTORE_PASSPHRASE")
        outer = {name: value for name, value in os.environ.items() if name not in ours}
        return outer | own | self.services

    @property
    def ledger_url(self) -> str:
        """Where this stage's ledger listens."""
        return f"http://127.0.0.1:{self.port}"

    # Commands

    def alone(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a management command to its end, as a shell would."""
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )

    def manage(self, *words: str) -> tuple[int, str]:
        """Run a management command to its end: its exit code, and what it said."""
        before = len(self.log())
        code = self.start(*words).wait(PATIENCE_S)
        return code, self.log()[before:]

    def start(self, *words: str, program: Path = ROOT / "manage.py") -> Forked:
        """Start a management command and leave it running."""
        return self._spawn("commands.log", str(program), *words)

    def start_node(self) -> Forked:
        """Start the embedded ledger on this stage's port and chain."""
        chain = str(self.folder / "chain.sqlite3")
        return self._spawn("node.log", "-m", "contracts.devnode", "--port", str(self.port), "--db", chain)

    def _spawn(self, log_name: str, *words: str) -> Forked:
        with (self.folder / log_name).open("ab") as log:
            return start(words, env=self.env, log=log)

    @contextlib.contextmanager
    def node(self) -> Iterator[Forked]:
        """This stage's ledger, answering, for as long as the block."""
        process = self.start_node()
        try:
            self.wait_for_ledger(process)
            yield process
        finally:
            end(process)

    def wait_for_ledger(self, process: Forked) -> None:
        """Wait until the node listens."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(f"the ledger did not start: {(self.folder / 'node.log').read_text()}")

    def replay(self, *words: str) -> dict[str, Any]:
        """Replay to the end over this stage's ledger; the JSON that it writes."""
        with self.node():
            process = self.start("replay", *words, "--json", str(self.result))
            assert process.wait(PATIENCE_S) == 0, self.log()
        return self.content()

    @property
    def result(self) -> Path:
        """Where a replay on this stage writes its JSON."""
        return self.folder / "replay.json"

    def content(self) -> dict[str, Any]:
        """What the last replay wrote."""
        content: dict[str, Any] = json.loads(self.result.read_text())
        return content

    def log(self) -> str:
        """All that the started commands have said."""
        said = self.folder / "commands.log"
        return said.read_text(errors="replace") if said.exists() else ""

    # The database, read beside whoever writes it

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query, on whatever database this stage has."""
        if self._open is not None:
            return list(self._open.execute(query).fetchall())
        with self.looking():
            return self.rows(query)

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        """Keep the connection that `rows` reads over: to connect for each look costs more than the look."""
        url = self.services.get("DATABASE_URL")
        place = self.folder / "db.sqlite3"
        opened = psycopg.connect(url, autocommit=True) if url else sqlite3.connect(place, timeout=30)
        with contextlib.closing(opened) as connection:
            self._open = connection
            try:
                yield
            finally:
                self._open = None

    def value(self, query: str) -> Any:
        """The one value that a query gives, None where it gives no row."""
        found = self.rows(query)
        return found[0][0] if found else None

    def entries(self) -> int:
        """How many entries the logs of all channels have."""
        return int(self.value("SELECT count(*) FROM engine_logentry"))

    def newest(self) -> int:
        """The newest entry's number: what `entries` says, at no cost, as long as nothing was rolled back on PostgreSQL."""
        return int(self.value("SELECT max(id) FROM engine_logentry") or 0)

    def status(self) -> str:
        """How far the run has come; empty before there is one."""
        return self.value("SELECT status FROM grid_replayrun") or ""

    def states(self) -> dict[tuple[str, int], tuple[Any, ...]]:
        """Every co-signed state: (channel, version) to what was signed and both signatures."""
        columns = (
            "channel, version, base, balance_a, balance_b, energy_to_a, energy_to_b, trades_root, is_final"
        )
        rows = self.rows(f"SELECT {columns}, signature_a, signature_b FROM engine_cosignedstate")  # noqa: S608  fixed text
        states = {(row[0], row[1]): tuple(_plain(cell) for cell in row[2:]) for row in rows}
        assert len(states) == len(rows), "a version of a channel was co-signed twice"
        return states


def _plain(cell: Any) -> Any:
    return bytes(cell) if isinstance(cell, memoryview) else cell


def end(process: Forked) -> None:
    """End a process that a test started."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def prepared(folder: Path, template: Path) -> Stage:
    """A stage whose database is a copy of a migrated one."""
    folder.mkdir(exist_ok=True)
    shutil.copy(template, folder / "db.sqlite3")
    return Stage(folder)
