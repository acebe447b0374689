"""Work that one process at a time may do: others pass by, and whoever dies has let go.

PostgreSQL holds the lease as a session's advisory lock: it ends with the connection, so that it needs a
connection that is the process's own (no pooling by transaction). Beside SQLite, whose processes share a
machine, it is a locked file.
"""

import fcntl
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

NAMESPACE = 0x57617474
"""First half of the advisory locks' keys, so that they are nobody else's ("Watt")."""


@contextmanager
def sole(name: str) -> Iterator[bool]:
    """Whether the block may do the work of this name; where false, another process does it now."""
    if connection.vendor == "postgresql":
        with _advisory_lock(zlib.crc32(name.encode()) & 0x7FFFFFFF) as mine:
            yield mine
    elif _is_file(path := str(connection.settings_dict["NAME"])):
        with _locked_file(Path(f"{path}.{name}.lock")) as mine:
            yield mine
    else:
        yield True  # in memory: no other process can be there


def _is_file(path: str) -> bool:
    return ":memory:" not in path and "mode=memory" not in path


@contextmanager
def _advisory_lock(key: int) -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [NAMESPACE, key])
        mine = bool(cursor.fetchone()[0])
    try:
        yield mine
    finally:
        if mine and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [NAMESPACE, key])


@contextmanager
def _locked_file(path: Path) -> Iterator[bool]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
