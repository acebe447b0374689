"""Throw-away servers for tests: PostgreSQL, Redis, and ASGI servers, on free ports and temporary folders."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests import system_parts

START_SECONDS = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(
                f"{process.args} ended with {process.returncode} instead of serving port {port}."
            )
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args} does not serve port {port} after {START_SECONDS} s.")


@contextlib.contextmanager
def running(
    command: list[str], port: int, *, stop: int = signal.SIGTERM, **options: object
) -> Iterator["subprocess.Popen[bytes]"]:
    """A server process that serves `port`; ended with the block by the signal `stop`."""
    process = subprocess.Popen(command, **options)  # type: ignore[call-overload]  # options are Popen's own
    try:
        wait_for_port(port, process)
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _unprivileged(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: the command in front of it that gives the rights up."""
    if os.geteuid() != 0:
        return []
    user = (
        "postgres"
        if subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode == 0
        else "nobody"
    )
    shutil.chown(folder, user)
    return ["setpriv", f"--reuid={user}", "--clear-groups"]


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    """A PostgreSQL that commits as in production; gives its URL without a database name.

    Its folder is its own: pytest keeps the parents of its folders closed to other users.
    """
    found = system_parts.find_postgres_bin()
    if found is None:
        raise RuntimeError("PostgreSQL is not installed.")
    binaries = (found / "initdb").resolve().parent
    with tempfile.TemporaryDirectory(prefix="wattnote-pg-", ignore_cleanup_errors=True) as name:
        home, port = Path(name), free_port()
        drop = _unprivileged(home)
        initdb = [*drop, str(binaries / "initdb"), "-D", str(home / "data"), "-U", "wattnote", "-A", "trust"]
        subprocess.run([*initdb, "-E", "UTF8", "--locale=C.UTF-8"], check=True, capture_output=True, cwd=home)
        serve = [
            *drop,
            str(binaries / "postgres"),
            "-D",
            str(home / "data"),
            "-p",
            str(port),
            "-k",
            str(home),
        ]
        durable = ["-c", "listen_addresses=127.0.0.1", "-c", "synchronous_commit=on", "-c", "fsync=on"]
        with (
            (home / "log").open("wb") as log,
            running([*serve, *durable], port, stop=signal.SIGINT, stderr=log, cwd=home),
        ):
            url = f"postgresql://wattnote@127.0.0.1:{port}"
            _wait_until_accepting(url)
            yield url


def _wait_until_accepting(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(f"{url}/postgres").close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def create_database(url: str, name: str) -> str:
    """Create a database on a server of `postgres_server`; gives its URL."""
    with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{url}/{name}"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    system_parts.require("PostgreSQL")
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    system_parts.require("Redis")
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with running(command, port, stdout=subprocess.DEVNULL):
        yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def daphne(application: str, folder: Path, **environment: str) -> Iterator[int]:
    """An ASGI server process for `application`; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "-v", "0", application]
    with (folder / f"daphne-{port}.log").open("wb") as log:
        settings = {**os.environ, **environment}
        with running(command, port, stderr=log, stdout=log, env=settings):
            yield port
