"""The embedded mode: the parts that a grown site gets from elsewhere, started beside this process."""

import contextlib
import fcntl
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from django.conf import settings

from contracts.connection import LedgerClient, LedgerUnavailableError

START_PATIENCE_S = 20
STOP_PATIENCE_S = 10


class StartError(RuntimeError):
    """Something can't be started; the message says what and the remedy."""


def require_free_port(host: str, port: int, what: str) -> None:
    """Refuse a port that somebody listens on.

    Raises:
        StartError: It is in use.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartError(
                f"Port {port} on {host} is in use, and {what} needs it. Stop what listens there, or choose another port."
            ) from error


def ledger_answers() -> bool:
    """Whether a ledger answers at `LEDGER_URL`."""
    with LedgerClient(settings.LEDGER_URL) as client:
        try:
            client.chain_id()
        except LedgerUnavailableError:
            return False
    return True


@contextlib.contextmanager
def sole_owner(
    patience_s: float = STOP_PATIENCE_S, *, lock_name: str = "serve", doing: str = "marketplace serves"
) -> Iterator[None]:
    """Be the only one that is `doing` this from `VAR_DIR`; one that is just stopping is waited for.

    Raises:
        StartError: Another one does.
    """
    folder = Path(settings.VAR_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience_s
    with (folder / f"{lock_name}.lock").open("w") as lock:
        while not _locked(lock):
            if time.monotonic() > deadline:
                raise StartError(f"Another {doing} from {folder}. Stop it, or set VAR_DIR to another folder.")
            time.sleep(0.2)
        yield


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def ledger() -> Iterator[str]:
    """The ledger at `LEDGER_URL`: the one that runs, else the embedded node until the block ends.

    Gives a word on which of the two it is.

    Raises:
        StartError: None answers, and `LEDGER_URL` names no address of this machine.
    """
    if ledger_answers():
        yield f"ledger at {settings.LEDGER_URL} (was running)"
        return
    node = _start_node()
    try:
        _wait_until_ready(node)
        yield f"embedded ledger at {settings.LEDGER_URL}"
    finally:
        stop(node)


def _start_node() -> "subprocess.Popen[bytes]":
    where = urlsplit(settings.LEDGER_URL)
    if where.hostname not in ("127.0.0.1", "localhost") or where.port is None:
        raise StartError(
            f"No ledger answers at {settings.LEDGER_URL}. Start it, or unset LEDGER_URL for the embedded one."
        )
    require_free_port("127.0.0.1", where.port, "the embedded ledger")
    database = Path(settings.VAR_DIR) / "chain.sqlite3"
    command = [sys.executable, "-m", "contracts.devnode", "--port", str(where.port), "--db", str(database)]
    # A session of its own: Ctrl-C reaches this process, which stops the node when nothing needs it any more.
    return subprocess.Popen(  # noqa: S603  a fixed command of this project
        command, cwd=settings.BASE_DIR, stdout=subprocess.DEVNULL, start_new_session=True
    )


def _wait_until_ready(node: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_PATIENCE_S
    while not ledger_answers():
        if node.poll() is not None:
            raise StartError(
                f"The embedded ledger ended at once (exit code {node.returncode}); its message is above."
            )
        if time.monotonic() > deadline:
            raise StartError(f"The embedded ledger did not answer within {START_PATIENCE_S} s.")
        time.sleep(0.1)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process that this one started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
