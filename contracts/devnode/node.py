"""The node: takes transactions, mines them into blocks, keeps the chain in its file.

A transaction is acknowledged only after its block is committed and synced. While a block is built,
what arrives waits and shares the next one, so that many senders share one sync to disk.
"""

import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Condition, RLock, Thread
from typing import Any

from . import admission, index
from .accounts import DEV_ADDRESSES, DEV_BALANCE_WEI
from .database import ChainFile, StateStore
from .errors import INTERNAL_ERROR, SERVER_ERROR, TRANSACTION_REJECTED, RpcError
from .evm import BLOCK_GAS_LIMIT, BuiltBlock, Evm, PoisonousTransactionError
from .pool import PendingPool, Waiting
from .timekeeping import NodeTime

logger = logging.getLogger(__name__)

# Half the limit is EIP-1559's target: grouping never raises the base fee, only a giant does.
GROUP_GAS = BLOCK_GAS_LIMIT // 2


@dataclass(frozen=True, slots=True)
class _Snapshot:
    number: int
    block_hash: bytes
    time: NodeTime


class Node:
    """One chain in one file. All methods may be called from any thread.

    Attributes:
        index: Reads of mined blocks.
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        """Open the chain at `path`, or begin one; NodeStartError if the file is unfit."""
        self._file = ChainFile(path)
        self.index = index.ChainIndex(self._file)
        self._now = now
        self._store = StateStore(self._file)
        self._evm = Evm(self._store)
        self._pool = PendingPool()
        self._arrivals = count()
        self._outcomes: dict[bytes, Future[bytes]] = {}
        self._snapshots: dict[int, _Snapshot] = {}
        self._snapshot_ids = count()
        self._guard = Condition(RLock())  # pool, outcomes, head, flags: held for moments
        self._mining = RLock()  # building and saving a block: held for its whole length
        self._automine = True
        self._closing = False
        self._work = False
        self._time = self._load_time()
        self._head = self._load_head()
        self._miner = Thread(target=self._mine_as_needed, name="miner", daemon=True)
        self._miner.start()

    # What the chain says

    @property
    def head(self) -> Any:
        """Header of the newest block."""
        return self._head

    @property
    def path(self) -> Path:
        """The chain's file."""
        return self._file.path

    def reading(self) -> Evm:
        """A virtual machine over committed blocks; what it writes is thrown away."""
        return Evm(StateStore(self._file))

    def state_pending(self) -> Any:
        """State after the newest block, with the block to come as a call's environment."""
        head = self._head
        return self.reading().state_pending(head, self.next_timestamp(head))

    @property
    def closing(self) -> bool:
        """Whether it is shutting down and refuses what comes."""
        return self._closing

    def next_timestamp(self, head: Any) -> int:
        """Timestamp that a block mined now on `head` would have."""
        return self._time.of_next_block(head.timestamp, int(self._now()))

    def next_base_fee(self) -> int:
        """Base fee of the block to come, wei per gas."""
        return int(Evm.next_header(self._head, self._head.timestamp).base_fee_per_gas)

    def pending_nonce(self, sender: bytes) -> int:
        """First nonce that neither the chain nor the pool has used."""
        with self._guard:
            return self._pool.next_nonce(sender, self._account_state().get_nonce(sender))

    def waiting(self, transaction_hash: bytes) -> Waiting | None:
        """A transaction that waits for a block, if it does."""
        with self._guard:
            return self._pool.get(transaction_hash)

    def all_waiting(self) -> list[Waiting]:
        """Every transaction that waits for a block, by arrival."""
        with self._guard:
            return self._pool.all()

    # Taking transactions

    def submit(self, raw: bytes) -> "Future[bytes]":
        """Take a raw transaction; the future gives its hash once it is mined and on disk.

        One that can't be mined yet (a nonce gap, automine off) is acknowledged as waiting.

        Raises:
            RpcError: It is refused; the future may also hold one.
        """
        entry = admission.parse(raw, next(self._arrivals))
        outcome: Future[bytes] = Future()
        with self._guard:
            self._refuse_when_closing()
            state = self._account_state()
            admission.check_payable(entry, state.get_balance(entry.sender), self.next_base_fee())
            account_nonce = state.get_nonce(entry.sender)
            replaced = self._pool.add(entry, account_nonce)
            if replaced is not None:
                self._settle(replaced.hash, RpcError(TRANSACTION_REJECTED, "replaced by a better-paid one"))
            if not self._automine or entry.nonce >= self._pool.next_nonce(entry.sender, account_nonce):
                outcome.set_result(entry.hash)
            else:
                self._outcomes[entry.hash] = outcome
                self._wake()
        return outcome

    def _account_state(self) -> Any:
        return self.reading().state_after(self._head)

    def _refuse_when_closing(self) -> None:
        if self._closing:
            raise RpcError(SERVER_ERROR, "the node is shutting down; send again when it is back")

    def _wake(self) -> None:
        self._work = True
        self._guard.notify_all()

    def _settle(self, transaction_hash: bytes, error: RpcError | None = None) -> None:
        outcome = self._outcomes.pop(transaction_hash, None)
        if outcome is None:
            return
        if error is None:
            outcome.set_result(transaction_hash)
        else:
            outcome.set_exception(error)

    # Mining

    def set_automine(self, *, on: bool) -> None:
        """Mine each transaction as it comes, or only when asked to."""
        with self._guard:
            self._automine = on
            self._wake()

    @property
    def automine(self) -> bool:
        """Whether transactions are mined as they come."""
        return self._automine

    def mine(self, timestamp: int | None = None) -> None:
        """Mine one block now with what is ready, even if that is nothing."""
        with self._mining:
            if timestamp is not None:
                self.set_next_timestamp(timestamp)
            self._refuse_when_closing()
            self._mine_one(self._select(), empty_too=True)

    def _mine_as_needed(self) -> None:
        while True:
            with self._guard:
                self._guard.wait_for(lambda: self._closing or (self._work and self._automine))
                if self._closing:
                    return
                self._work = False
            with self._mining:
                self._mine_all_ready()

    def _mine_all_ready(self) -> None:
        while not self._closing:
            chosen = self._select()
            if not chosen:
                break
            self._mine_one(chosen, empty_too=False)
        with self._guard:
            still_waiting = [key for key in self._outcomes if not self._work]
            for transaction_hash in still_waiting:  # outbid by a risen base fee: taken, not mined
                self._settle(transaction_hash)

    def _select(self) -> list[Waiting]:
        with self._guard:
            nonce_of = self._account_state().get_nonce
            self._pool.discard(entry.hash for entry in self._pool.stale(nonce_of))
            return self._pool.ready(nonce_of, self.next_base_fee(), GROUP_GAS)

    def _mine_one(self, chosen: list[Waiting], *, empty_too: bool) -> None:
        try:
            block = self._build(chosen)
            if block.executed or empty_too:
                self._save(block)
        except PoisonousTransactionError as error:
            logger.exception("leaving a transaction out")
            self._drop([error.transaction.hash], RpcError(INTERNAL_ERROR, str(error)))
            return
        except Exception as error:  # the miner must outlive any fault, or all senders wait for ever
            logger.exception("the block could not be mined")
            refusal = RpcError(INTERNAL_ERROR, f"the block could not be saved in {self.path}: {error}")
            self._drop([entry.hash for entry in chosen], refusal)
            if empty_too:
                raise refusal from error
            return
        finally:
            self._store.drain()
        self._finish(block)

    def _build(self, chosen: list[Waiting]) -> BuiltBlock:
        timestamp = self.next_timestamp(self._head)
        return self._evm.build(self._head, timestamp, [entry.signed for entry in chosen])

    def _save(self, block: BuiltBlock) -> None:
        with self._guard:
            following = self._time.after_block(block.header.timestamp, int(self._now()))
        with self._file.writing() as connection:
            self._refuse_foreign_head(connection)
            self._write_state(connection)
            index.write_block(connection, block)
            self._write_time(connection, following)
        with self._guard:
            self._time = following
            self._head = block.header

    def _finish(self, block: BuiltBlock) -> None:
        with self._guard:
            mined = [item.transaction.hash for item in block.executed]
            self._pool.discard(mined)
            for transaction_hash in mined:
                self._settle(transaction_hash)
        for transaction, reason in block.refused:
            self._drop([transaction.hash], RpcError(TRANSACTION_REJECTED, reason))

    def _drop(self, hashes: list[bytes], error: RpcError) -> None:
        with self._guard:
            self._pool.discard(hashes)
            for transaction_hash in hashes:
                self._settle(transaction_hash, error)

    # The file

    def _refuse_foreign_head(self, connection: sqlite3.Connection) -> None:
        row = connection.execute("SELECT hash FROM blocks ORDER BY number DESC LIMIT 1").fetchone()
        if row is None or bytes(row[0]) != self._head.hash:
            raise OSError("another node has written to this file; stop one of the two")

    def _write_state(self, connection: sqlite3.Connection) -> None:
        connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", self._store.drain())

    @staticmethod
    def _write_time(connection: sqlite3.Connection, when: NodeTime) -> None:
        rows = [("time_offset", when.offset), ("next_timestamp", when.next_timestamp)]
        connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)

    def _load_time(self) -> NodeTime:
        saved = dict(self._file.rows("SELECT key, value FROM meta"))
        return NodeTime(saved.get("time_offset", 0), saved.get("next_timestamp", 0))

    def _load_head(self) -> Any:
        row = self._file.row("SELECT hash FROM blocks ORDER BY number DESC LIMIT 1")
        if row is not None:
            return self._evm.header(bytes(row[0]))
        balances = dict.fromkeys(DEV_ADDRESSES, DEV_BALANCE_WEI)
        genesis = self._evm.make_genesis(balances, int(self._now()))
        with self._file.writing() as connection:
            self._write_state(connection)
            index.write_block(connection, BuiltBlock(genesis, (), ()))
        return genesis

    # What tests may do to the chain

    def _change_time(self, when: NodeTime) -> None:
        with self._file.writing() as connection:
            self._write_time(connection, when)
        self._time = when

    def increase_time(self, seconds: int) -> int:
        """Move the node's clock forward for good; gives the whole offset in seconds."""
        with self._mining:
            self._change_time(self._time.increased(seconds))
            return self._time.offset

    def set_next_timestamp(self, timestamp: int) -> None:
        """Set the next block's timestamp; later blocks go on from there."""
        with self._mining:
            self._change_time(self._time.with_next(timestamp, self._head.timestamp))

    def snapshot(self) -> int:
        """Remember the present block; forgotten when the node stops."""
        with self._mining:
            snapshot_id = next(self._snapshot_ids)
            head = self._head
            self._snapshots[snapshot_id] = _Snapshot(head.block_number, head.hash, self._time)
            return snapshot_id

    def revert(self, snapshot_id: int) -> bool:
        """Go back to a snapshot and forget it and all later ones; False if it is unknown."""
        with self._mining:
            snapshot = self._snapshots.get(snapshot_id)
            if snapshot is None:
                return False
            self._snapshots = {key: kept for key, kept in self._snapshots.items() if key < snapshot_id}
            with self._file.writing() as connection:
                index.delete_after(connection, snapshot.number)
                self._write_time(connection, snapshot.time)
            with self._guard:
                self._time = snapshot.time
                self._head = self._evm.header(snapshot.block_hash)
            dropped = RpcError(TRANSACTION_REJECTED, "dropped: the chain went back to a snapshot")
            self._drop([entry.hash for entry in self.all_waiting()], dropped)
            return True

    def close(self) -> None:
        """Finish the block in hand, refuse what waits, close the file."""
        with self._guard:
            self._closing = True
            self._guard.notify_all()
        self._miner.join()
        with self._mining:
            refusal = RpcError(SERVER_ERROR, "the node is shutting down; send again when it is back")
            self._drop([entry.hash for entry in self.all_waiting()], refusal)
            self._file.close()
