"""What clients read of mined blocks: rows written with the block, found by number, hash, address or topic."""

import sqlite3
from dataclasses import dataclass
from typing import Any

import msgspec

from . import shapes
from .database import ChainFile
from .errors import LIMIT_EXCEEDED, RpcError
from .evm import BuiltBlock
from .shapes import Json

MAX_LOGS = 100_000

_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class LogFilter:
    """eth_getLogs: block numbers inclusive; each topic position is a set of choices, empty for any."""

    first_block: int
    last_block: int
    addresses: tuple[bytes, ...] = ()
    topics: tuple[tuple[bytes, ...], ...] = ()


def write_block(connection: sqlite3.Connection, block: BuiltBlock) -> None:
    """Add a block's rows inside the caller's SQL transaction."""
    header, number = block.header, block.header.block_number
    connection.execute(
        "INSERT INTO blocks VALUES (?, ?, ?)", (number, header.hash, _encode(shapes.block_json(block)))
    )
    log_rows: list[tuple[Any, ...]] = []
    for position, item in enumerate(block.executed):
        logs = shapes.logs_json(item, header, position, len(log_rows))
        connection.execute(
            "INSERT INTO transactions VALUES (?, ?, ?, ?, ?)",
            (
                item.transaction.hash,
                number,
                position,
                _encode(shapes.mined_json(item, header, position)),
                _encode(shapes.receipt_json(item, header, position, logs)),
            ),
        )
        log_rows += [
            _log_row(number, len(log_rows) + offset, log, shape)
            for offset, (log, shape) in enumerate(zip(item.receipt.logs, logs, strict=True))
        ]
    connection.executemany("INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?)", log_rows)


def _log_row(number: int, log_index: int, log: Any, shape: Json) -> tuple[Any, ...]:
    topics = [topic.to_bytes(32, "big") for topic in log.topics]
    padded = topics + [None] * (4 - len(topics))
    return (number, log_index, log.address, *padded, _encode(shape))


def delete_after(connection: sqlite3.Connection, number: int) -> None:
    """Forget the blocks above `number` inside the caller's SQL transaction."""
    connection.execute("DELETE FROM logs WHERE block > ?", (number,))
    connection.execute("DELETE FROM transactions WHERE block > ?", (number,))
    connection.execute("DELETE FROM blocks WHERE number > ?", (number,))


class ChainIndex:
    """Reads of mined blocks. Answers are JSON text (`msgspec.Raw`) as it was written with the block."""

    def __init__(self, file: ChainFile) -> None:
        self._file = file

    def hash_of(self, number: int) -> bytes | None:
        """Hash of the block at that height, or None."""
        row = self._file.row("SELECT hash FROM blocks WHERE number = ?", number)
        return bytes(row[0]) if row else None

    def number_of(self, block_hash: bytes) -> int | None:
        """Height of a block of the present chain, or None."""
        row = self._file.row("SELECT number FROM blocks WHERE hash = ?", block_hash)
        return int(row[0]) if row else None

    def block(self, number: int, *, whole: bool) -> Json | None:
        """A block with its transactions, `whole` or as hashes; None if there is none."""
        row = self._file.row("SELECT body FROM blocks WHERE number = ?", number)
        if row is None:
            return None
        shape: Json = msgspec.json.decode(row[0])
        shape["transactions"] = self.transactions(number) if whole else self.transaction_hashes(number)
        return shape

    def transactions(self, number: int) -> list[msgspec.Raw]:
        """The transactions of a block, in order."""
        sql = "SELECT body FROM transactions WHERE block = ? ORDER BY position"
        return [msgspec.Raw(row[0]) for row in self._file.rows(sql, number)]

    def transaction_hashes(self, number: int) -> list[str]:
        """The transaction hashes of a block, in order."""
        sql = "SELECT hash FROM transactions WHERE block = ? ORDER BY position"
        return [shapes.data(row[0]) for row in self._file.rows(sql, number)]

    def receipts(self, number: int) -> list[msgspec.Raw]:
        """The receipts of a block, in order."""
        sql = "SELECT receipt FROM transactions WHERE block = ? ORDER BY position"
        return [msgspec.Raw(row[0]) for row in self._file.rows(sql, number)]

    def transaction(self, transaction_hash: bytes) -> msgspec.Raw | None:
        """A mined transaction, or None."""
        row = self._file.row("SELECT body FROM transactions WHERE hash = ?", transaction_hash)
        return msgspec.Raw(row[0]) if row else None

    def receipt(self, transaction_hash: bytes) -> msgspec.Raw | None:
        """The receipt of a mined transaction, or None."""
        row = self._file.row("SELECT receipt FROM transactions WHERE hash = ?", transaction_hash)
        return msgspec.Raw(row[0]) if row else None

    def logs(self, wanted: LogFilter) -> list[msgspec.Raw]:
        """Logs that pass the filter, in chain order.

        Raises:
            RpcError: More than `MAX_LOGS` pass.
        """
        conditions = ["block BETWEEN ? AND ?"]
        values: list[int | bytes] = [wanted.first_block, wanted.last_block]
        columns = [("address", wanted.addresses)]
        columns += [(f"topic{position}", choices) for position, choices in enumerate(wanted.topics)]
        for column, choices in columns:
            if choices:
                conditions.append(f"{column} IN ({','.join('?' * len(choices))})")
                values += choices
            elif column != "address":
                conditions.append(f"{column} IS NOT NULL")  # a wildcard still asks for a topic there
        where = " AND ".join(conditions)
        sql = f"SELECT body FROM logs WHERE {where} ORDER BY block, log_index LIMIT {MAX_LOGS + 1}"  # noqa: S608  column names and counts are ours
        rows = self._file.rows(sql, *values)
        if len(rows) > MAX_LOGS:
            raise RpcError(
                LIMIT_EXCEEDED, f"more than {MAX_LOGS} logs pass this filter; ask for fewer blocks"
            )
        return [msgspec.Raw(row[0]) for row in rows]
