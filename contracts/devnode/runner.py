"""Runs the node until it is told to stop; shared by the module and the Django command."""

import argparse
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from .errors import NodeStartError

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8545
DEFAULT_DB = Path("var/devnode.sqlite3")
EXIT_NOT_STARTED = 3
# py-evm raises Python's recursion limit to run nested calls; on a thread's usual stack, calls or JSON
# nested as deep as that end the process. The memory is only reserved, not used.
THREAD_STACK_BYTES = 64 * 1024 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of both ways to start."""
    parser.add_argument("--host", default=DEFAULT_HOST, help="address to listen on (default %(default)s)")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="0 for a free one (default %(default)s)"
    )
    parser.add_argument("--db", type=Path, default=DEFAULT_DB, help="the chain's file (default %(default)s)")


def run(host: str, port: int, db: Path, say: Callable[[str], object]) -> int:
    """Serve until SIGINT or SIGTERM; gives the exit code, 3 when it could not start."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        _serve(host, port, db, say, stop)
    except NodeStartError as error:
        sys.stderr.write(f"devnode: {error}\n")
        return EXIT_NOT_STARTED
    return 0


def _serve(host: str, port: int, db: Path, say: Callable[[str], object], stop: threading.Event) -> None:
    from .evm import CHAIN_ID  # noqa: PLC0415  as below
    from .node import Node  # noqa: PLC0415  the virtual machine is heavy; --help needs none of it
    from .server import RpcServer  # noqa: PLC0415  as above

    threading.stack_size(THREAD_STACK_BYTES)
    node = Node(db)
    try:
        with RpcServer(host, port, node) as server:
            serving = threading.Thread(
                target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
            )
            serving.start()
            say(f"devnode: {server.url} chain {CHAIN_ID} block {node.head.block_number} file {db}")
            stop.wait()
            server.shutdown()
    finally:
        node.close()
    say("devnode: stopped")
