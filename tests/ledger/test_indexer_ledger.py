"""The indexer on real ledgers, whose chains are really reorganised."""

from collections.abc import Callable, Iterator

import pytest

from contracts.calls import Call, LogEntry
from contracts.connection import LedgerClient
from contracts.gateway import Sender
from contracts.indexer import Indexer, MemoryIndexStore, RpcBlockSource
from tests.fixtures_ledger import fund
from tests.ledger.small_contracts import COUNTER, deploy, word


@pytest.fixture
def own(fresh_ledger_url: str) -> Iterator[LedgerClient]:
    with LedgerClient(fresh_ledger_url) as opened:
        yield opened


def value_of(log: LogEntry) -> int:
    return int.from_bytes(log.data, "big")


Follow = Callable[[Sender, bytes, list[int]], None]


def count(sender: Sender, counter: bytes, numbers: list[int]) -> None:
    for number in numbers:
        sender.wait(sender.send(Call(to=counter, data=word(number))))


def test_follows_blocks_and_a_reorganisation(own: LedgerClient) -> None:
    key = fund(own)
    sender = Sender(own, key)
    counter, other = deploy(sender, COUNTER), deploy(sender, COUNTER)
    store: MemoryIndexStore[int] = MemoryIndexStore()
    following = Indexer(RpcBlockSource(own, [counter]), store, value_of)

    count(sender, counter, [1, 2])
    count(sender, other, [99])
    assert following.catch_up().head == own.block_number()
    assert store.events() == [1, 2]
    assert following.catch_up().idle

    snapshot = own.request("evm_snapshot")
    count(sender, counter, [3, 4, 5])
    following.catch_up()
    assert store.events() == [1, 2, 3, 4, 5]

    assert own.request("evm_revert", snapshot) is True
    shorter = following.catch_up()
    assert (shorter.rolled_back, store.events()) == (3, [1, 2])
    own.request("evm_increaseTime", 60)
    again = Sender(own, key)
    count(again, counter, [6, 7, 8, 9])
    following.catch_up()
    assert store.events() == [1, 2, 6, 7, 8, 9]
    assert [block.header.number for block in store.blocks] == list(range(own.block_number() + 1))


def test_replaces_blocks_of_the_same_height(own: LedgerClient) -> None:
    key = fund(own)
    sender = Sender(own, key)
    counter = deploy(sender, COUNTER)
    store: MemoryIndexStore[int] = MemoryIndexStore()
    following = Indexer(RpcBlockSource(own, [counter]), store, value_of)
    snapshot = own.request("evm_snapshot")
    count(sender, counter, [1, 2, 3])
    following.catch_up()
    own.request("evm_revert", snapshot)
    count(Sender(own, key), counter, [4, 5, 6, 7])
    following.catch_up()
    assert store.events() == [4, 5, 6, 7]


def test_waits_for_confirmations(own: LedgerClient) -> None:
    sender = Sender(own, fund(own))
    counter = deploy(sender, COUNTER)
    store: MemoryIndexStore[int] = MemoryIndexStore()
    following = Indexer(RpcBlockSource(own, [counter]), store, value_of, confirmations=2)
    count(sender, counter, [1])
    following.catch_up()
    assert store.events() == []
    own.request("evm_mine")
    following.catch_up()
    assert store.events() == []
    own.request("evm_mine")
    following.catch_up()
    assert store.events() == [1]


def test_catches_up_in_chunks(own: LedgerClient) -> None:
    sender = Sender(own, fund(own))
    counter = deploy(sender, COUNTER)
    count(sender, counter, [1])
    own.request("anvil_mine", 150)
    count(sender, counter, [2, 3])
    own.request("anvil_mine", 90)
    count(sender, counter, [4])
    store: MemoryIndexStore[int] = MemoryIndexStore()
    Indexer(RpcBlockSource(own, [counter]), store, value_of).catch_up()
    assert store.events() == [1, 2, 3, 4]
    assert len(store.blocks) < 150
