"""The indexer against a simulated chain that reorganises at any moment."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import indexer
from contracts.calls import LogEntry
from contracts.indexer import (
    Header,
    IndexedBlock,
    Indexer,
    MemoryIndexStore,
    ReorgTooDeepError,
)

SAFE_DEPTH = 4


@dataclass(frozen=True)
class Turn:
    """Between two answers: drop `depth` blocks and grow; or, if `back`, take the last dropped fork again."""

    depth: int
    grow: int
    back: bool = False


class TurningChain:
    """A block source whose chain may change between any two questions, even inside one step."""

    def __init__(self, length: int, turns: Sequence[Turn], *, may_shrink: bool) -> None:
        self.blocks: list[tuple[Header, tuple[LogEntry, ...]]] = []
        self._turns = list(turns)
        self._may_shrink = may_shrink
        self._made = 0
        self._grow(length)
        self._dropped = self.blocks

    def _grow(self, count: int) -> None:
        for _ in range(count):
            self._made += 1
            number, block_hash = len(self.blocks), self._made.to_bytes(32, "big")
            parent = self.blocks[-1][0].hash if self.blocks else bytes(32)
            header = Header(number, block_hash, parent, self._made)
            logs = tuple(self._log(header, position) for position in range(self._made % 3))
            self.blocks.append((header, logs))

    @staticmethod
    def _log(header: Header, position: int) -> LogEntry:
        text = header.hash[-4:] + bytes([position])
        return LogEntry(b"", (), text, header.number, header.hash, b"", 0, position)

    def _turn(self) -> None:
        if not self._turns:
            return
        turn = self._turns.pop(0)
        if turn.back:
            self.blocks, self._dropped = self._dropped, self.blocks
            return
        if turn.depth:
            self._dropped = list(self.blocks)
        depth = min(turn.depth, len(self.blocks) - 1)
        del self.blocks[len(self.blocks) - depth :]
        self._grow(turn.grow if self._may_shrink else depth + turn.grow)

    def newest(self) -> Header:
        self._turn()
        return self.blocks[-1][0]

    def headers(self, numbers: Sequence[int]) -> list[Header | None]:
        self._turn()
        return [self.blocks[n][0] if n < len(self.blocks) else None for n in numbers]

    def logs_of(self, hashes: Sequence[bytes]) -> list[tuple[LogEntry, ...] | None]:
        self._turn()
        present = {header.hash: logs for header, logs in self.blocks}
        return [present.get(item) for item in hashes]

    def logs_between(self, first: int, last: int) -> tuple[LogEntry, ...]:
        self._turn()
        return tuple(log for _, logs in self.blocks[first : last + 1] for log in logs)

    @property
    def quiet(self) -> bool:
        return not self._turns

    def events(self, start: int, last: int) -> list[bytes]:
        return [log.data for _, logs in self.blocks[start : max(last + 1, 0)] for log in logs]


class AuditingStore(MemoryIndexStore[bytes]):
    """Refuses what would break the index: wrong order, wrong parent, an event delivered twice."""

    def apply(self, blocks: Sequence[IndexedBlock[bytes]]) -> None:
        for block in blocks:
            if self.blocks:
                last = self.blocks[-1].header
                assert block.header.number > last.number
                if block.header.number == last.number + 1:
                    assert block.header.parent_hash == last.hash
            super().apply([block])
        delivered = self.events()
        assert len(delivered) == len(set(delivered))


shrinking = st.lists(
    st.builds(Turn, st.integers(0, SAFE_DEPTH), st.integers(0, 3), st.booleans()), max_size=60
)
turns = st.lists(st.builds(Turn, st.integers(0, SAFE_DEPTH), st.integers(0, 3)), max_size=60)


@pytest.fixture(autouse=True, scope="module")
def small_sizes() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexer, "SAFE_DEPTH", SAFE_DEPTH)
        patch.setattr(indexer, "BLOCKS_AT_ONCE", 3)
        patch.setattr(indexer, "CHUNK_BLOCKS", 7)
        yield


def settle(chain: TurningChain, store: AuditingStore, start: int, confirmations: int) -> None:
    following = Indexer(chain, store, lambda log: log.data, start=start, confirmations=confirmations)
    for _ in range(200):
        quiet = chain.quiet
        if following.step().idle and quiet:
            return
    pytest.fail("the indexer never comes to rest")


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.integers(1, 5), st.integers(1, 40)), turns, st.integers(0, 2), st.integers(0, 3))
def test_follows_every_reorganisation(
    length: int, changes: list[Turn], start: int, confirmations: int
) -> None:
    chain, store = TurningChain(length, changes, may_shrink=False), AuditingStore()
    settle(chain, store, start, confirmations)
    assert store.events() == chain.events(start, len(chain.blocks) - 1 - confirmations)


@settings(max_examples=400, deadline=None)
@given(st.integers(1, 8), shrinking)
def test_follows_a_chain_that_shrinks(length: int, changes: list[Turn]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexer, "SAFE_DEPTH", 1_000)
        chain, store = TurningChain(length, changes, may_shrink=True), AuditingStore()
        settle(chain, store, 0, 0)
        assert store.events() == chain.events(0, len(chain.blocks) - 1)


@given(st.integers(20, 60), st.integers(0, 10))
def test_skips_empty_blocks_far_from_the_tip_but_no_event(length: int, start: int) -> None:
    chain, store = TurningChain(length, [], may_shrink=False), AuditingStore()
    settle(chain, store, start, 0)
    assert store.events() == chain.events(start, length - 1)
    assert len(store.blocks) < length - start, "chunks were used"


@pytest.mark.parametrize("question", range(8))
@pytest.mark.parametrize(("depth", "kept"), [(35, 5), (25, 10), (18, 10)])
def test_a_deep_reorganisation_between_two_questions(question: int, depth: int, kept: int) -> None:
    store = AuditingStore()
    changes = [Turn(0, 0)] * question + [Turn(depth, 5)]
    chain = TurningChain(40, changes, may_shrink=False)
    store.apply([IndexedBlock(header, ()) for header, _ in chain.blocks[:10]])
    settle(chain, store, 0, 0)
    assert store.events() == chain.events(kept, 44), "the blocks kept were applied without events"


def test_another_chain_is_said_and_nothing_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexer, "KEPT_HASHES", 5)
    chain, store = TurningChain(9, [], may_shrink=False), AuditingStore()
    settle(chain, store, 0, 0)
    before = store.events()
    other = TurningChain(9, [Turn(8, 9)], may_shrink=True)
    with pytest.raises(ReorgTooDeepError, match="clear the index"):
        Indexer(other, store, lambda log: log.data).catch_up()
    assert store.events() == before


def test_a_short_index_starts_over_on_another_chain() -> None:
    chain, store = TurningChain(5, [], may_shrink=False), AuditingStore()
    settle(chain, store, 0, 0)
    other = TurningChain(6, [], may_shrink=False)
    other.blocks = []
    other._grow(3)
    settle(other, store, 0, 0)
    assert store.events() == other.events(0, 2)


def test_passes_over_foreign_logs() -> None:
    chain, store = TurningChain(9, [], may_shrink=False), AuditingStore()
    picked = Indexer(chain, store, lambda log: log.data if log.log_index == 0 else None)
    picked.catch_up()
    assert store.events() == [data for data in chain.events(0, 8) if data[-1] == 0]
