"""Running ledgers for tests: the embedded node and anvil. Import the fixtures in a conftest.py to use them."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from eth_account import Account

from contracts.calls import Call
from contracts.connection import LedgerClient
from contracts.devnode.accounts import dev_key
from contracts.gateway import Sender
from tests.forked import Forked, start
from tests.system_parts import require

ROOT = Path(__file__).resolve().parent.parent
ANVIL = ROOT / "contracts/node_modules/.bin/anvil"
START_SECONDS = 30


@dataclass
class RunningNode:
    """A node's process, the URL that it listens on, and its chain's file (None for anvil)."""

    url: str
    process: subprocess.Popen[str] | Forked
    db: Path | None = None
    said: IO[str] | None = None

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self._reap()

    def stop(self) -> int:
        """End it as Ctrl-C would; gives the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self._reap()

    def _reap(self) -> int:
        code = self.process.wait(30)
        if self.said is not None:
            self.said.close()
        return code


def start_devnode(db: Path, *, port: int = 0, alone: bool = False) -> RunningNode:
    """Start an embedded node on a free port and wait until it listens; `alone` as a shell would."""
    ours, theirs = os.pipe()
    words = ("-m", "contracts.devnode", "--port", str(port), "--db", str(db))
    process: subprocess.Popen[str] | Forked
    with os.fdopen(theirs, "wb") as log:
        if alone:
            command = [sys.executable, *words]
            process = subprocess.Popen(command, cwd=ROOT, env=_own_environment(), stdout=log, stderr=log)
        else:
            process = start(words, env=_own_environment(), log=log)
    said = os.fdopen(ours)
    line = said.readline()
    found = re.search(r"http://\S+", line)
    if found is None:
        rest = said.read()
        said.close()
        pytest.fail(f"the devnode did not start: {line}{rest}")
    return RunningNode(found.group(), process, db, said)


def start_anvil() -> RunningNode:
    """Start anvil on a free port and wait until it listens."""
    require("Node")
    require("anvil")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(ANVIL.resolve()), "--port", str(port), "--silent", "--hardfork", "prague"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    node = RunningNode(f"http://127.0.0.1:{port}", process)
    wait_until_listening(port, process)
    return node


def wait_until_listening(port: int, process: subprocess.Popen[str]) -> None:
    """Wait until something accepts connections on a local port."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail(f"nothing listens on port {port}: {process.args}, exit code {process.poll()}")


def _own_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "LEDGER_URL"}


@contextmanager
def running(node: RunningNode) -> Iterator[RunningNode]:
    """Stop a node at the end of a block, if it still runs."""
    try:
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="session")
def devnode(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """One embedded node for the whole session."""
    with running(start_devnode(tmp_path_factory.mktemp("devnode") / "chain.sqlite3")) as node:
        yield node


@pytest.fixture(scope="session")
def anvil() -> Iterator[RunningNode]:
    """One anvil for the whole session."""
    with running(start_anvil()) as node:
        yield node


@pytest.fixture(scope="session", params=["devnode", "anvil"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """URL of each kind of ledger in turn; use accounts of your own (`funded_key`)."""
    return request.getfixturevalue(request.param).url


@pytest.fixture(params=["devnode", "anvil"])
def fresh_ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a ledger that this test alone uses: for tests that move time, mining or the chain's head."""
    start = start_anvil if request.param == "anvil" else lambda: start_devnode(tmp_path / "chain.sqlite3")
    with running(start()) as node:
        yield node.url


@pytest.fixture
def client(ledger_url: str) -> Iterator[LedgerClient]:
    """A client of `ledger_url`."""
    with LedgerClient(ledger_url) as opened:
        yield opened


@pytest.fixture
def funded_key(client: LedgerClient) -> bytes:
    """A fresh key with 10 ether on `ledger_url`."""
    return fund(client)


def fund(client: LedgerClient, wei: int = 10 * 10**18) -> bytes:
    """A fresh key with that much ether, paid by dev account 9."""
    account = Account.create()
    faucet = Sender(client, dev_key(9))
    faucet.wait(faucet.send(Call(to=bytes.fromhex(account.address[2:]), data=b"", value=wei, gas=21_000)))
    return bytes(account.key)
