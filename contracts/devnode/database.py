"""The chain's file: SQLite, one SQL transaction a block, so that no crash tears the chain.

The writer commits with `synchronous=FULL` before anything is acknowledged. Readers see committed blocks only.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, LifoQueue
from threading import Lock
from typing import Any

from eth.db.backends.base import BaseDB

from .errors import NodeStartError

SCHEMA_VERSION = 1
MOST_KNOWN = 20_000
HASH_BYTES = 32

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocks (
    number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS transactions (
    hash BLOB PRIMARY KEY, block INTEGER NOT NULL, position INTEGER NOT NULL,
    body BLOB NOT NULL, receipt BLOB NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS transactions_by_block ON transactions (block, position);
CREATE TABLE IF NOT EXISTS logs (
    block INTEGER NOT NULL, log_index INTEGER NOT NULL, address BLOB NOT NULL,
    topic0 BLOB, topic1 BLOB, topic2 BLOB, topic3 BLOB, body BLOB NOT NULL,
    PRIMARY KEY (block, log_index)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS logs_by_address ON logs (address, block);
CREATE INDEX IF NOT EXISTS logs_by_topic ON logs (topic0, block);
"""


class ChainFile:
    """Connections to one chain's SQLite file: one writer, and readers lent out one at a time."""

    def __init__(self, path: Path) -> None:
        """Open or create the chain at `path`.

        Raises:
            NodeStartError: The file can't be opened, is no chain, or is of another version.
        """
        self.path = path
        self._readers: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._write_lock = Lock()
        self._known: dict[bytes, bytes] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._connect()
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise NodeStartError(
                f"{path} can't be opened as a chain: {error}; give another --db or repair it"
            ) from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # NORMAL may lose the last blocks on power loss
        connection.execute("PRAGMA cache_size=-8192")
        return connection

    def _prepare(self) -> None:
        version = self._writer.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA_VERSION):
            raise NodeStartError(
                f"{self.path} has schema version {version}, this node writes {SCHEMA_VERSION}; "
                "move the file away to begin a new chain"
            )
        self._writer.executescript(_SCHEMA)
        self._writer.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that only reads."""
        try:
            connection = self._readers.get_nowait()
        except Empty:
            connection = self._connect()
            connection.execute("PRAGMA query_only=1")
        try:
            yield connection
        finally:
            self._readers.put(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One SQL transaction: committed and synced on leaving, rolled back on any error."""
        with self._write_lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    def row(self, sql: str, *values: Any) -> Any:
        """First row of a query over committed blocks, or None."""
        with self.reading() as connection:
            return connection.execute(sql, values).fetchone()

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """All rows of a query over committed blocks."""
        with self.reading() as connection:
            return connection.execute(sql, values).fetchall()

    def state(self, key: bytes) -> bytes | None:
        """A saved entry of the state. What lies under its own hash never changes, so that the file is asked once."""
        value = self._known.get(key)
        if value is None:
            row = self.row("SELECT value FROM state WHERE key = ?", key)
            value = None if row is None else bytes(row[0])
            if value is not None and len(key) == HASH_BYTES:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known[key] = value
        return value

    def close(self) -> None:
        """Close every connection; SQLite then folds the write-ahead log into the file."""
        while True:
            try:
                self._readers.get_nowait().close()
            except Empty:
                break
        self._writer.close()


class StateStore(BaseDB):
    """py-evm's key-value store (tries, code, headers) over the chain's file.

    Writes stay in memory until `drain` hands them to the block's SQL transaction; without `drain`
    they are lost, which is what a call or an abandoned block wants.
    """

    def __init__(self, file: ChainFile) -> None:
        self._file = file
        self._unsaved: dict[bytes, bytes] = {}

    def __getitem__(self, key: bytes) -> bytes:
        value = self._unsaved.get(key)
        if value is None:
            value = self._file.state(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._unsaved[key] = value

    def __delitem__(self, key: bytes) -> None:
        # Only unsaved nodes may go: saved ones belong to blocks that can still be asked for.
        self._unsaved.pop(key, None)

    def _exists(self, key: bytes) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True

    def drain(self) -> list[tuple[bytes, bytes]]:
        """Hand over the unsaved entries and forget them."""
        entries, self._unsaved = list(self._unsaved.items()), {}
        return entries
