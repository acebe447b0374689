"""Blocks -> ordered events, each block's once, whatever the chain reorganises meanwhile.

A block is applied only as the child of the last applied one. When the chain no longer holds that one,
blocks are rolled back to the common ancestor first. Applying and rolling back are one transaction of
the store each, so a crash between leaves the index at a block's edge.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from contracts.calls import LogEntry
from contracts.connection import LedgerClient, LedgerError, LedgerRpcError, log_from_json, result_of

Event_co = TypeVar("Event_co", covariant=True)
Event_contra = TypeVar("Event_contra", contravariant=True)
EventT = TypeVar("EventT")

BLOCKS_AT_ONCE = 50  # near the tip, where each block's logs are asked for by its hash
CHUNK_BLOCKS = 2_000  # far from the tip; endpoints refuse more than some thousands
SAFE_DEPTH = 64  # blocks below the tip that are asked for in chunks, as no reorganisation reaches them
KEPT_HASHES = 256  # how far back a store must remember hashes, and so the deepest reorganisation


class ReorgTooDeepError(LedgerError):
    """The chain shares no remembered block with the index; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Header:
    """What links a block into the chain. Hashes are 32 bytes, `timestamp` epoch seconds."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class IndexedEvent(Generic[Event_co]):
    """A decoded event and the log that it came from."""

    event: Event_co
    log: LogEntry


@dataclass(frozen=True, slots=True)
class IndexedBlock(Generic[Event_co]):
    """A block and its decoded events in the order of emission."""

    header: Header
    events: tuple[IndexedEvent[Event_co], ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """What one step did: blocks are counted, `head` is the last applied height (-1 for none)."""

    applied: int
    rolled_back: int
    head: int
    tip: int

    @property
    def idle(self) -> bool:
        """Whether there was nothing to do."""
        return not self.applied and not self.rolled_back


class IndexStore(Protocol[Event_contra]):
    """Where the index lives. `apply` and `roll_back` are one transaction each."""

    def recent(self) -> Sequence[tuple[int, bytes]]:
        """Numbers and hashes of applied blocks, newest first: `KEPT_HASHES` of them, or all there are.

        Far from the tip, blocks without events are not applied one by one, so numbers may have gaps.
        """

    def apply(self, blocks: Sequence[IndexedBlock[Event_contra]]) -> None:
        """Take the events of these blocks, in order, and remember the blocks' hashes."""

    def roll_back(self, number: int) -> None:
        """Undo and forget all blocks above `number`."""


class BlockSource(Protocol):
    """The chain as the indexer reads it. Answers of two calls may belong to different forks."""

    def newest(self) -> Header:
        """Header of the newest block."""

    def headers(self, numbers: Sequence[int]) -> list[Header | None]:
        """Headers at these heights, None where the chain is shorter."""

    def logs_of(self, hashes: Sequence[bytes]) -> list[tuple[LogEntry, ...] | None]:
        """Logs of exactly these blocks, None where a block is gone from the chain."""

    def logs_between(self, first: int, last: int) -> tuple[LogEntry, ...]:
        """Logs of these heights, both inclusive, in chain order."""


class RpcBlockSource:
    """A `BlockSource` over a ledger endpoint, for the logs of some contracts."""

    def __init__(self, client: LedgerClient, addresses: Sequence[bytes]) -> None:
        """Read the logs of `addresses` (20 bytes each; none for every contract)."""
        self._client = client
        self._filter = {"address": ["0x" + address.hex() for address in addresses]} if addresses else {}

    def tip(self) -> int:
        """Height of the newest block."""
        return self._client.block_number()

    def newest(self) -> Header:
        """As the protocol says."""
        return _header_of(self._client.request("eth_getBlockByNumber", "latest", False))  # noqa: FBT003  a positional parameter of the method

    def headers(self, numbers: Sequence[int]) -> list[Header | None]:
        """As the protocol says."""
        answers = self._client.batch([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
        return [_header(result_of(answer)) for answer in answers]

    def logs_of(self, hashes: Sequence[bytes]) -> list[tuple[LogEntry, ...] | None]:
        """As the protocol says (EIP-234)."""
        wanted = [("eth_getLogs", [self._filter | {"blockHash": "0x" + item.hex()}]) for item in hashes]
        answers = self._client.batch(wanted)
        return [None if isinstance(answer, LedgerRpcError) else _logs(answer) for answer in answers]

    def logs_between(self, first: int, last: int) -> tuple[LogEntry, ...]:
        """As the protocol says."""
        bounds = {"fromBlock": hex(first), "toBlock": hex(last)}
        return _logs(self._client.request("eth_getLogs", self._filter | bounds))


def _header(raw: dict[str, str] | None) -> Header | None:
    return None if raw is None else _header_of(raw)


def _header_of(raw: dict[str, str]) -> Header:
    block_hash, parent = (bytes.fromhex(raw[key][2:]) for key in ("hash", "parentHash"))
    return Header(int(raw["number"], 16), block_hash, parent, int(raw["timestamp"], 16))


def _logs(raw: Sequence[dict[str, str]]) -> tuple[LogEntry, ...]:
    return tuple(log_from_json(item) for item in raw)


class Indexer(Generic[EventT]):
    """Brings a store to the tip, step by step. One indexer a store."""

    def __init__(
        self,
        source: BlockSource,
        store: IndexStore[EventT],
        decode: Callable[[LogEntry], EventT | None],
        *,
        start: int = 0,
        confirmations: int = 0,
    ) -> None:
        """Prepare; nothing is read before the first step.

        Args:
            source: The chain.
            store: The index.
            decode: Log -> event, or None for logs to pass over.
            start: First height to index.
            confirmations: Blocks that must stand on a block before it is applied.
        """
        self._source = source
        self._store = store
        self._decode = decode
        self._start = start
        self._confirmations = confirmations

    def catch_up(self, *, most_steps: int = 1_000_000) -> Progress:
        """Step until there is nothing to do; gives the sums."""
        applied = rolled_back = 0
        for _ in range(most_steps):
            progress = self.step()
            applied += progress.applied
            rolled_back += progress.rolled_back
            if progress.idle:
                break
        return Progress(applied, rolled_back, progress.head, progress.tip)

    def step(self) -> Progress:
        """Roll back if the chain has left us, else apply the next blocks.

        Raises:
            LedgerUnavailableError: The chain does not answer; nothing has changed.
            ReorgTooDeepError: No remembered block is on the chain any more.
        """
        recent, newest = self._store.recent(), self._source.newest()
        tip = newest.number
        if recent and recent[0] == (tip, newest.hash):
            return Progress(0, 0, tip, tip)
        ancestor = self._ancestor(recent)
        head = recent[0][0] if recent else self._start - 1
        if ancestor < head:
            self._store.roll_back(ancestor)
            return Progress(0, head - ancestor, ancestor, tip)
        parent_hash = recent[0][1] if recent else None
        blocks = self._next_blocks(head + 1, tip, parent_hash)
        if blocks:
            self._store.apply(blocks)
            last = blocks[-1].header.number
            return Progress(last - head, 0, last, tip)
        return Progress(0, 0, head, tip)

    def _ancestor(self, recent: Sequence[tuple[int, bytes]]) -> int:
        """Height of the newest applied block that the chain still holds."""
        width, checked = 1, 0
        while checked < len(recent):
            part = recent[checked : checked + width]
            found = self._source.headers([number for number, _ in part])
            for (number, block_hash), header in zip(part, found, strict=True):
                if header is not None and header.hash == block_hash:
                    return number
            checked, width = checked + len(part), width * 4
        if len(recent) >= KEPT_HASHES:
            raise ReorgTooDeepError(
                f"none of the last {len(recent)} indexed blocks is on the chain any more; "
                "if this is another chain, clear the index and begin again"
            )
        return self._start - 1

    def _next_blocks(self, first: int, tip: int, parent_hash: bytes | None) -> list[IndexedBlock[EventT]]:
        last = tip - self._confirmations
        if last < first:
            return []
        if tip - SAFE_DEPTH > first + BLOCKS_AT_ONCE:
            return self._chunk(first, min(first + CHUNK_BLOCKS - 1, tip - SAFE_DEPTH, last), parent_hash)
        return self._one_by_one(first, min(first + BLOCKS_AT_ONCE - 1, last), parent_hash)

    def _one_by_one(self, first: int, last: int, parent_hash: bytes | None) -> list[IndexedBlock[EventT]]:
        headers = linked(self._source.headers(range(first, last + 1)), parent_hash)
        logs = self._source.logs_of([header.hash for header in headers])
        blocks = []
        for header, entries in zip(headers, logs, strict=True):
            if entries is None:
                break  # gone since we asked: the next step sees the new chain
            blocks.append(self._block(header, entries))
        return blocks

    def _chunk(self, first: int, last: int, parent_hash: bytes | None) -> list[IndexedBlock[EventT]]:
        """Many old blocks by one query; only those with events, and the last, are applied."""
        logs = self._source.logs_between(first, last)
        numbers = sorted({first, last, *(log.block_number for log in logs)})
        headers = [header for header in self._source.headers(numbers) if header is not None]
        if len(headers) < len(numbers) or (parent_hash is not None and headers[0].parent_hash != parent_hash):
            return []
        by_block: dict[bytes, list[LogEntry]] = {header.hash: [] for header in headers}
        for log in logs:
            if log.block_hash not in by_block:
                return []  # logs and headers of different forks: ask again
            by_block[log.block_hash].append(log)
        kept = [header for header in headers if by_block[header.hash] or header.number == last]
        return [self._block(header, by_block[header.hash]) for header in kept]

    def _block(self, header: Header, logs: Sequence[LogEntry]) -> IndexedBlock[EventT]:
        decoded = ((self._decode(log), log) for log in logs)
        events = tuple(IndexedEvent(event, log) for event, log in decoded if event is not None)
        return IndexedBlock(header, events)


def linked(headers: Sequence[Header | None], parent_hash: bytes | None) -> list[Header]:
    """The headers from the first on, as far as each is the child of the one before."""
    chain: list[Header] = []
    for header in headers:
        if header is None or (parent_hash is not None and header.parent_hash != parent_hash):
            break
        chain.append(header)
        parent_hash = header.hash
    return chain


class MemoryIndexStore(Generic[EventT]):
    """An index that a crash empties: for scripts and tests."""

    def __init__(self) -> None:
        self.blocks: list[IndexedBlock[EventT]] = []

    def recent(self) -> list[tuple[int, bytes]]:
        """As the protocol says."""
        return [(block.header.number, block.header.hash) for block in reversed(self.blocks[-KEPT_HASHES:])]

    def apply(self, blocks: Sequence[IndexedBlock[EventT]]) -> None:
        """As the protocol says."""
        self.blocks += blocks

    def roll_back(self, number: int) -> None:
        """As the protocol says."""
        self.blocks = [block for block in self.blocks if block.header.number <= number]

    def events(self) -> list[EventT]:
        """All events in chain order."""
        return [item.event for block in self.blocks for item in block.events]
