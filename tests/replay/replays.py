"""Runs `manage.py replay` as a person would, in a folder of its own with a ledger of its own."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Stage:
    """A folder with database and chain, and the environment that points there."""

    folder: Path
    port: int

    @property
    def env(self) -> dict[str, str]:
        """Environment of every command on this stage."""
        own = {
            "VAR_DIR": str(self.folder),
            "LEDGER_URL": f"http://127.0.0.1:{self.port}",
            "DJANGO_SETTINGS_MODULE": "marketplace.settings",
            "DEBUG": "1",
        }
        outer = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        return outer | own

    def manage(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a management command to its end."""
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False, timeout=280)

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start a management command and leave it running."""
        command = [sys.executable, "manage.py", *words]
        log = (self.folder / "commands.log").open("ab")
        return subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=log, stderr=log)

    def start_node(self) -> "subprocess.Popen[bytes]":
        """Start the embedded ledger on this stage's port and chain."""
        log = (self.folder / "node.log").open("ab")
        words = ["-m", "contracts.devnode", "--port", str(self.port), "--db", str(self.folder / "chain.sqlite3")]
        return subprocess.Popen([sys.executable, *words], cwd=ROOT, env=self.env, stdout=log, stderr=log)

    def replay(self, *words: str) -> dict[str, Any]:
        """Replay to the end; the JSON that it writes."""
        target = self.folder / "replay.json"
        done = self.manage("replay", *words, "--json", str(target))
        assert done.returncode == 0, done.stdout + done.stderr
        content: dict[str, Any] = json.loads(target.read_text())
        return content
