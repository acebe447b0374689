"""Sends transactions: one sender a key, nonces backed by the ledger, receipts, fee bumps.

A signed transaction is saved before it leaves, so a crash between the two sends it again, never twice:
the same bytes have the same nonce. Once `send` has returned a hash, delivery is the gateway's task.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import RLock
from typing import Any

from eth_account import Account

from contracts import pricing
from contracts.calls import Call, Receipt
from contracts.connection import (
    LedgerClient,
    LedgerError,
    LedgerRejectedError,
    LedgerRpcError,
    LedgerTimeoutError,
    LedgerUnavailableError,
    result_of,
)
from contracts.pending import (
    Awaited,
    MemoryPendingStore,
    Outcome,
    PendingStore,
    PendingTransaction,
    in_the_way,
)

__all__ = [
    "LedgerClient",
    "LedgerError",
    "LedgerRejectedError",
    "LedgerTimeoutError",
    "LedgerUnavailableError",
    "MemoryPendingStore",
    "PendingStore",
    "PendingTransaction",
    "Sender",
]

logger = logging.getLogger(__name__)

KEPT_WHEN_MINED = 256  # rows of transactions that nobody has waited for yet
SURE_AFTER_POLLS = 3  # endpoints behind a balancer may lag one another
MOST_BUMPS = 12  # 12 bumps are four times the first fee; a ledger that wants more is broken or hostile
FIRST_POLL_SECONDS = 0.02
LONGEST_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class _Prepared:
    call: Call
    gas: int


class Sender:
    """Sends with one key. Threads may share it; two senders of one key must not live at once.

    Attributes:
        address: The key's account, 20 bytes.
        client: The ledger it sends to.
    """

    def __init__(
        self,
        client: LedgerClient,
        key: bytes,
        *,
        store: PendingStore | None = None,
        resend_after: float = 10.0,
    ) -> None:
        """Prepare to send; nothing is asked of the ledger before the first call.

        Args:
            client: The ledger.
            key: Private key, 32 bytes.
            store: Where signed transactions are kept; in memory where none is given.
            resend_after: Seconds without a block after which `wait` sends again with higher fees.
        """
        self.client = client
        self._account = Account.from_key(key)
        self.address = bytes.fromhex(self._account.address[2:])
        self._store: PendingStore = store or MemoryPendingStore()
        self._resend_after = resend_after
        self._lock = RLock()
        self._pending: dict[int, PendingTransaction] = {}
        self._by_hash: dict[bytes, int] = {}
        self._free: list[int] = []  # nonces that a refused transaction left unused
        self._next: int | None = None

    # Sending

    def send(self, call: Call) -> bytes:
        """Sign, save and send; gives the transaction's hash.

        Raises:
            LedgerRejectedError: The contract or the node refused it; no nonce is used up.
            LedgerUnavailableError: The ledger did not answer before anything was signed.
        """
        outcome = self.send_many([call])[0]
        if isinstance(outcome, LedgerRejectedError):
            raise outcome
        return outcome

    def send_many(self, calls: Sequence[Call]) -> list[bytes | LedgerRejectedError]:
        """Send many in one go: a hash or a refusal for each call, in order.

        Calls that build on each other in one batch must carry their own `gas`.
        """
        self.recover()
        max_fee, max_tip, prepared = self._prepare(calls)
        ready = [item for item in prepared if isinstance(item, _Prepared)]
        with self._lock:
            signed = [self._sign(item.call, item.gas, self._take_nonce(), max_fee, max_tip) for item in ready]
            self._keep(signed)
        refusals = self._broadcast(signed)
        self._fill_gaps()
        sent = iter(refusals.get(item.nonce) or item.hash for item in signed)
        return [item if isinstance(item, LedgerRejectedError) else next(sent) for item in prepared]

    def _prepare(self, calls: Sequence[Call]) -> tuple[int, int, list[_Prepared | LedgerRejectedError]]:
        """Fees and gas limits, in one round trip."""
        unknown = [call for call in calls if not call.gas]
        account = "0x" + self.address.hex()
        block, tip, mined, *gases = self.client.batch(
            [
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_maxPriorityFeePerGas", []),
                ("eth_getTransactionCount", [account, "latest"]),
                *(("eth_estimateGas", [self.client.message(call, self.address)]) for call in unknown),
            ]
        )
        self._forget_mined(int(result_of(mined), 16))
        max_fee, max_tip = pricing.fees_of(result_of(block), tip)
        answers = iter(gases)
        prepared = [
            _Prepared(call, call.gas) if call.gas else self._with_estimate(call, next(answers))
            for call in calls
        ]
        return max_fee, max_tip, prepared

    def _with_estimate(self, call: Call, answer: Any) -> _Prepared | LedgerRejectedError:
        if isinstance(answer, LedgerRpcError):
            return self.client.rejection(call, answer)
        return _Prepared(call, pricing.gas_limit(int(answer, 16)))

    def _take_nonce(self) -> int:
        if self._free:
            return self._free.pop(0)
        if self._next is None:
            raise LedgerError("the sender has not read its nonce; call recover() first")
        self._next += 1
        return self._next - 1

    def _sign(self, call: Call, gas: int, nonce: int, max_fee: int, max_tip: int) -> PendingTransaction:
        fields = {
            "type": 2,
            "chainId": self.client.chain_id(),
            "nonce": nonce,
            "gas": gas,
            "maxFeePerGas": max_fee,
            "maxPriorityFeePerGas": max_tip,
            "value": call.value,
            "data": call.data,
        }
        signed = self._account.sign_transaction(fields | ({"to": call.to} if call.to else {}))
        return PendingTransaction(
            nonce, call, gas, max_fee, max_tip, bytes(signed.hash), bytes(signed.raw_transaction)
        )

    def _keep(self, transactions: Sequence[PendingTransaction]) -> None:
        if transactions:
            self._store.save(self.address, transactions)
        for item in transactions:
            self._pending[item.nonce] = item
            self._by_hash |= dict.fromkeys(item.hashes, item.nonce)

    def _broadcast(self, transactions: Sequence[PendingTransaction]) -> dict[int, LedgerRejectedError]:
        """Send; gives the refused ones by nonce, whose nonces are free again."""
        requests = [("eth_sendRawTransaction", ["0x" + item.raw.hex()]) for item in transactions]
        try:
            answers = self.client.batch(requests)
        except LedgerUnavailableError as error:
            # They are saved: `wait` sends them again, so the caller may hold their hashes.
            logger.warning("%d transactions are saved but not yet sent: %s", len(transactions), error)
            return {}
        refused = {
            item.nonce: self.client.rejection(item.call, answer)
            for item, answer in zip(transactions, answers, strict=True)
            if isinstance(answer, LedgerRpcError) and not pricing.has_arrived(answer)
        }
        self._release([item for item in transactions if item.nonce in refused])
        return refused

    def _release(self, transactions: Sequence[PendingTransaction]) -> None:
        with self._lock:
            self._drop([item.nonce for item in transactions])
            self._free = sorted({*self._free, *(item.nonce for item in transactions)})

    def _drop(self, nonces: Sequence[int]) -> None:
        if nonces:
            self._store.forget(self.address, nonces)
        for nonce in nonces:
            dropped = self._pending.pop(nonce, None)
            for transaction_hash in dropped.hashes if dropped else ():
                self._by_hash.pop(transaction_hash, None)

    def _forget_mined(self, mined: int) -> None:
        """Drop what was mined long ago. A row with several hashes stays until someone asks which it was."""
        old = mined - KEPT_WHEN_MINED
        with self._lock:
            self._drop([n for n, item in self._pending.items() if n < old and not item.earlier_hashes])

    def _fill_gaps(self) -> None:
        """Use up free nonces below ones in flight, which could never be mined otherwise."""
        with self._lock:
            last = max(self._pending, default=-1)
            gaps = [nonce for nonce in self._free if nonce < last]
            if not gaps:
                return
            self._free = [nonce for nonce in self._free if nonce > last]
            max_fee, max_tip, _ = self._prepare([])
            nothing = Call(to=self.address, data=b"", label="fill a nonce gap", gas=pricing.TRANSFER_GAS)
            fillers = [self._sign(nothing, nothing.gas, nonce, max_fee, max_tip) for nonce in gaps]
            self._keep(fillers)
        for nonce, refusal in self._broadcast(fillers).items():
            logger.error("nonce %d can't be used up, later transactions wait for it: %s", nonce, refusal)

    def recover(self) -> None:
        """Read the nonce from the ledger and send again what a crash left pending. Cheap when done before."""
        with self._lock:
            if self._next is not None:
                return
            saved = list(self._store.load(self.address))
            mined, taken = self.client.nonces(self.address)
            self._pending = {item.nonce: item for item in saved}
            self._by_hash = {key: item.nonce for item in saved for key in item.hashes}
            self._forget_mined(mined)
            self._next = max(taken, 1 + max(self._pending, default=-1))
            self._free = [nonce for nonce in range(taken, self._next) if nonce not in self._pending]
            unmined = [item for item in saved if item.nonce >= mined]
        if unmined:
            logger.warning("sending %d transactions again that were pending", len(unmined))
            self._rebroadcast(unmined)
            self._fill_gaps()

    # Waiting

    def wait(self, transaction_hash: bytes, *, timeout: float = 120.0) -> Receipt:
        """Wait until the transaction, or a better-paid version of it, is mined.

        Raises:
            LedgerRejectedError: It was mined but reverted, or can never be mined.
            LedgerTimeoutError: It is still pending after `timeout` seconds.
            LedgerUnavailableError: The ledger did not answer to the end.
        """
        outcome = self.wait_many([transaction_hash], timeout=timeout)[0]
        if isinstance(outcome, LedgerError):
            raise outcome
        return outcome

    def wait_many(self, hashes: Sequence[bytes], *, timeout: float = 120.0) -> list[Outcome]:
        """Wait for many; a receipt or an error for each, in order."""
        now = time.monotonic()
        awaited = [Awaited(item, now + self._resend_after) for item in hashes]
        deadline, pause = now + timeout, FIRST_POLL_SECONDS
        while open_ones := [item for item in awaited if item.outcome is None]:
            late = time.monotonic() >= deadline
            if self._poll_or_wait_for_ledger(open_ones, final=late):
                pause = FIRST_POLL_SECONDS
            elif late:
                self._time_out(open_ones, timeout)
            else:
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_POLL_SECONDS)
        return [item.outcome for item in awaited if item.outcome is not None]

    def _poll_or_wait_for_ledger(self, awaited: Sequence[Awaited], *, final: bool) -> bool:
        try:
            return self._poll(awaited)
        except LedgerUnavailableError as error:
            if final:
                raise
            if any(item.resend_at for item in awaited):  # once for each time that it goes away
                logger.warning("%d transactions wait: %s", len(awaited), error)
            for item in awaited:  # a node that comes back may have lost its pool
                item.resend_at, item.attempts = 0.0, 0
            return False

    @staticmethod
    def _time_out(awaited: Sequence[Awaited], timeout: float) -> None:
        for item in awaited:
            if item.outcome is None:
                text = f"transaction 0x{item.hash.hex()} is not mined after {timeout:g} s; it stays pending"
                item.outcome = LedgerTimeoutError(text)

    def _poll(self, awaited: Sequence[Awaited]) -> bool:
        """Look once for each; true if any is settled."""
        self._clear_the_way(awaited)
        mined = self.client.nonce(self.address)  # before the receipts, else one mined in between looks lost
        versions = [self._versions(item.hash) for item in awaited]
        receipts = iter(self.client.receipts(key for keys in versions for key in keys))
        found = [[next(receipts) for _ in keys] for keys in versions]
        for item, answers in zip(awaited, found, strict=True):
            receipt = next((answer for answer in answers if answer is not None), None)
            if receipt is not None:
                self._settle(item, receipt)
            else:
                self._look_after(item, mined)
        return any(item.outcome is not None for item in awaited)

    def _clear_the_way(self, awaited: Sequence[Awaited]) -> None:
        """When it is time to send again: have mined what comes before, which a node that lost its pool forgot."""
        if all(time.monotonic() < item.resend_at for item in awaited):
            return
        next_nonce = self.client.nonce(self.address, pending=True)
        with self._lock:
            nonces = {self._by_hash[item.hash] for item in awaited if item.hash in self._by_hash}
            unattended, lost = in_the_way(self._pending, nonces, next_nonce)
            self._free = sorted({*self._free, *lost})
        self._rebroadcast(unattended)
        self._fill_gaps()

    def _versions(self, transaction_hash: bytes) -> tuple[bytes, ...]:
        with self._lock:
            nonce = self._by_hash.get(transaction_hash)
            return (transaction_hash,) if nonce is None else self._pending[nonce].hashes

    def _settle(self, item: Awaited, receipt: Receipt) -> None:
        item.outcome = receipt if receipt.succeeded else self.client.explain(receipt, self._label(item.hash))
        with self._lock:
            nonce = self._by_hash.get(item.hash)
            self._drop([] if nonce is None else [nonce])

    def _label(self, transaction_hash: bytes) -> str:
        with self._lock:
            nonce = self._by_hash.get(transaction_hash)
            return "" if nonce is None else self._pending[nonce].call.label

    def _look_after(self, item: Awaited, mined: int) -> None:
        """Send an unmined transaction again when its time has come; give it up when its nonce is gone."""
        with self._lock:
            nonce = self._by_hash.get(item.hash)
            pending = None if nonce is None else self._pending[nonce]
        if pending is None:
            return
        if pending.nonce < mined:
            item.passed_over += 1
            if item.passed_over >= SURE_AFTER_POLLS:
                self._give_up(item, pending)
        elif time.monotonic() >= item.resend_at:
            item.attempts += 1
            item.resend_at = time.monotonic() + self._resend_after
            known = self._rebroadcast([pending])
            if known or item.attempts > 1:
                self._bump(pending)

    def _give_up(self, item: Awaited, pending: PendingTransaction) -> None:
        reason = (
            f"its nonce {pending.nonce} was used by another transaction; use one sender a key and send again"
        )
        item.outcome = LedgerRejectedError(pending.call.label, reason)
        with self._lock:
            self._drop([pending.nonce])
            self._next = None

    def _rebroadcast(self, transactions: Sequence[PendingTransaction]) -> bool:
        """Send the same bytes again; true if the node still had one of them."""
        requests = [("eth_sendRawTransaction", ["0x" + item.raw.hex()]) for item in transactions]
        answers = self.client.batch(requests)
        return any(isinstance(answer, LedgerRpcError) and pricing.has_arrived(answer) for answer in answers)

    def _bump(self, pending: PendingTransaction) -> None:
        """Offer the same call under the same nonce for higher fees (EIP-1559 replacement)."""
        if pending.bumps >= MOST_BUMPS:
            return
        max_fee, max_tip, _ = self._prepare([])
        with self._lock:
            if self._pending.get(pending.nonce) is not pending:
                return  # another thread has settled or raised it
            better = self._sign(
                pending.call,
                pending.gas,
                pending.nonce,
                max(pricing.bumped(pending.max_fee), max_fee),
                max(pricing.bumped(pending.max_tip), max_tip),
            )
            better = replace(better, earlier_hashes=pending.hashes, bumps=pending.bumps + 1)
            self._keep([better])
        logger.info("raising the fees of nonce %d for the %d. time", better.nonce, better.bumps)
        self._rebroadcast([better])
