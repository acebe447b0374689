"""Python programs, each in a process of its own, forked from one that has the libraries loaded already.

To load them takes longer than all that a program does in many tests. What is forked has its own environment, its own
output and its own end: a `kill -9` hits it as it hits any other process.
"""

import atexit
import functools
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = (
    "aiohttp",
    "contracts.bindings",
    "contracts.claims",
    "contracts.connection",
    "contracts.devnode.runner",
    "contracts.devnode.server",
    "contracts.events",
    "contracts.gateway",
    "contracts.indexer",
    "django.core.management",
    "django.db.models",
    "fpdf",
    "grid.simulation",
    "grid.study",
    "psycopg",
    "pypdf",
    "requests",
    "schwifty",
    "twisted.protocols.tls",
    "yaml",
)
"""What needs no settings and reads no environment; the rest each program loads itself."""


class Forked:
    """A program that runs; a part of what `subprocess.Popen` has."""

    def __init__(self, pid: int, ended: int) -> None:
        self.pid, self._ended, self.returncode = pid, ended, None

    def poll(self) -> int | None:
        """Its exit code, minus the signal that ended it, None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, when it has ended."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], timeout)[0]:
            self.returncode = int(os.read(self._ended, 20))
            os.close(self._ended)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.send_signal(signal.SIGKILL)


def start(words: tuple[str, ...], *, env: Mapping[str, str], log: IO[bytes]) -> Forked:
    """What `python *words` would be, in the project's folder; `words` is a file or -m and a module, with arguments."""
    ended, tell = os.pipe()
    with tempfile.TemporaryFile() as request:
        request.write(json.dumps({"words": words, "env": dict(env)}).encode())
        request.seek(0)
        socket.send_fds(_server(), [b"."], [request.fileno(), log.fileno(), tell])
    os.close(tell)
    return Forked(int(_server().recv(20)), ended)


@functools.cache
def _server() -> socket.socket:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "tests.forked", str(theirs.fileno())]
    process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], start_new_session=True)
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def serve(requests: socket.socket) -> None:
    """Fork for each request; comes back in the child when its program has ended, and when nobody asks any more."""
    for name in LIBRARIES:
        importlib.import_module(name)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    children: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([requests, woken], [], [])
        if woken in ready:
            os.read(woken, 1000)
            _bury(children)
        if requests in ready:
            asked, files, *_ = socket.recv_fds(requests, 1, 3)
            if not asked:
                break
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for mine in (woken, wake, files[2], *children.values()):
                    os.close(mine)
                requests.close()
                _become(*files[:2])
                return
            children[pid] = files[2]
            os.close(files[0])
            os.close(files[1])
            requests.send(str(pid).encode())
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _bury(children: dict[int, int]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        tell = children.pop(pid)
        os.write(tell, str(os.waitstatus_to_exitcode(status)).encode())
        os.close(tell)


def _become(request: int, log: int) -> None:
    """Run the wanted program in this process."""
    with os.fdopen(request) as file:
        wanted = json.load(file)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.environ.clear()
    os.environ.update(wanted["env"])
    words = wanted["words"]
    if words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        sys.path.insert(0, str(Path(words[0]).parent))
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        serve(asked)
