"""Transactions that wait for a block: one per sender and nonce, gaps allowed, bounded. No I/O.

A waiting transaction is as durable as in any node's pool: not at all. Only mined blocks are.
"""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .errors import LIMIT_EXCEEDED, TRANSACTION_REJECTED, RpcError

MAX_WAITING = 16_384
MAX_NONCE_AHEAD = 4_096
REPLACEMENT_BUMP_PERCENT = 10  # what geth and anvil ask of a replacement


@dataclass(frozen=True, slots=True)
class Waiting:
    """One transaction of the pool. Fees in wei per gas; `signed` is py-evm's transaction."""

    hash: bytes
    sender: bytes
    nonce: int
    gas: int
    max_fee: int
    max_tip: int
    arrival: int
    signed: Any


class PendingPool:
    """The waiting transactions by sender and nonce."""

    def __init__(self) -> None:
        self._by_sender: dict[bytes, dict[int, Waiting]] = {}
        self._by_hash: dict[bytes, Waiting] = {}

    def __len__(self) -> int:
        return len(self._by_hash)

    def get(self, transaction_hash: bytes) -> Waiting | None:
        """The waiting transaction of that hash, if any."""
        return self._by_hash.get(transaction_hash)

    def all(self) -> list[Waiting]:
        """All waiting transactions in the order of arrival."""
        return sorted(self._by_hash.values(), key=lambda entry: entry.arrival)

    def add(self, entry: Waiting, account_nonce: int) -> Waiting | None:
        """Take `entry` in; return the transaction that it replaces, if any.

        Raises:
            RpcError: Already known, nonce used or too far ahead, replacement too cheap, pool full.
        """
        self._refuse_bad_nonce(entry, account_nonce)
        replaced = self._by_sender.get(entry.sender, {}).get(entry.nonce)
        if entry.hash in self._by_hash:
            raise RpcError(TRANSACTION_REJECTED, "already known")
        if replaced is not None and not _outbids(entry, replaced):
            raise RpcError(
                TRANSACTION_REJECTED,
                f"replacement transaction underpriced: raise both fees by {REPLACEMENT_BUMP_PERCENT} %",
            )
        if replaced is None and len(self) >= MAX_WAITING:
            raise RpcError(LIMIT_EXCEEDED, f"{MAX_WAITING} transactions wait already; send again later")
        if replaced is not None:
            self.discard([replaced.hash])
        self._by_sender.setdefault(entry.sender, {})[entry.nonce] = entry
        self._by_hash[entry.hash] = entry
        return replaced

    @staticmethod
    def _refuse_bad_nonce(entry: Waiting, account_nonce: int) -> None:
        if entry.nonce < account_nonce:
            raise RpcError(
                TRANSACTION_REJECTED, f"nonce too low: next nonce {account_nonce}, tx nonce {entry.nonce}"
            )
        if entry.nonce > account_nonce + MAX_NONCE_AHEAD:
            raise RpcError(
                TRANSACTION_REJECTED, f"nonce too high: next nonce {account_nonce}, tx nonce {entry.nonce}"
            )

    def next_nonce(self, sender: bytes, account_nonce: int) -> int:
        """First nonce that neither the chain nor the pool has used ("pending")."""
        waiting = self._by_sender.get(sender, {})
        nonce = account_nonce
        while nonce in waiting:
            nonce += 1
        return nonce

    def ready(self, nonce_of: Callable[[bytes], int], base_fee: int, gas_budget: int) -> list[Waiting]:
        """Transactions that fit a block, by arrival, each sender's in nonce order.

        The first is taken even if it alone passes `gas_budget`.
        """
        chosen: list[Waiting] = []
        heap: list[tuple[int, bytes, int]] = []
        for sender in self._by_sender:
            self._offer(heap, sender, nonce_of(sender), base_fee)
        while heap:
            _, sender, nonce = heapq.heappop(heap)
            entry = self._by_sender[sender][nonce]
            if chosen and entry.gas > gas_budget:
                break
            chosen.append(entry)
            gas_budget -= entry.gas
            self._offer(heap, sender, nonce + 1, base_fee)
        return chosen

    def _offer(self, heap: list[tuple[int, bytes, int]], sender: bytes, nonce: int, base_fee: int) -> None:
        entry = self._by_sender[sender].get(nonce)
        if entry is not None and entry.max_fee >= base_fee:
            heapq.heappush(heap, (entry.arrival, sender, nonce))

    def discard(self, hashes: Iterable[bytes]) -> None:
        """Forget the transactions of these hashes; unknown hashes are fine."""
        for transaction_hash in hashes:
            entry = self._by_hash.pop(transaction_hash, None)
            if entry is None:
                continue
            own = self._by_sender[entry.sender]
            del own[entry.nonce]
            if not own:
                del self._by_sender[entry.sender]

    def stale(self, nonce_of: Callable[[bytes], int]) -> list[Waiting]:
        """Waiting transactions whose nonce the chain has meanwhile used."""
        return [
            entry
            for sender, own in self._by_sender.items()
            for entry in own.values()
            if entry.nonce < nonce_of(sender)
        ]


def _outbids(new: Waiting, old: Waiting) -> bool:
    factor = 100 + REPLACEMENT_BUMP_PERCENT
    return new.max_fee * 100 >= old.max_fee * factor and new.max_tip * 100 >= old.max_tip * factor
