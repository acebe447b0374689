"""kill -9 in the middle of a stream of transactions: what was acknowledged is there, the chain is whole."""

import random
import sqlite3
import threading
import time
from pathlib import Path

import pytest
import requests
import rlp
from eth.vm.header import HeaderSedes
from eth_account import Account

from contracts.calls import Call
from contracts.connection import LedgerClient, LedgerUnavailableError
from contracts.devnode.accounts import DEV_ADDRESSES, dev_key
from contracts.devnode.database import ChainFile, StateStore
from contracts.devnode.evm import Evm
from contracts.gateway import Sender
from tests.fixtures_ledger import running, start_devnode
from tests.ledger.small_contracts import COUNTER, COUNTER_TOPIC, deploy, word

ROUNDS = 6
SENDERS = 4


class Stream(threading.Thread):
    """One account that counts as fast as it is acknowledged; remembers what was."""

    def __init__(self, url: str, index: int, counter: bytes, nonce: int) -> None:
        super().__init__(daemon=True)
        self.url, self.nonce, self.counter = url, nonce, counter
        self.account = Account.from_key(dev_key(index))
        self.acknowledged: list[str] = []
        self.refusals: list[object] = []

    def run(self) -> None:
        with requests.Session() as session:
            while True:
                try:
                    response = session.post(self.url, json=self._batch(), timeout=30).json()
                except requests.RequestException:
                    return
                self.acknowledged += [item["result"] for item in response if "result" in item]
                self.refusals += [item["error"] for item in response if "error" in item]

    def _batch(self) -> list[dict[str, object]]:
        size = random.choice((1, 1, 2, 5))  # noqa: S311  test traffic, no secret
        return [self._request() for _ in range(size)]

    def _request(self) -> dict[str, object]:
        fields = {
            "type": 2,
            "chainId": 31337,
            "nonce": self.nonce,
            "gas": 100_000,
            "maxFeePerGas": 3 * 10**9,
            "maxPriorityFeePerGas": 10**9,
            "value": 0,
            "to": self.counter,
            "data": word(self.nonce),
        }
        self.nonce += 1
        raw = self.account.sign_transaction(fields).raw_transaction
        return {"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": ["0x" + raw.hex()]}


def check_chain(db: Path) -> tuple[int, int]:
    """Every block links to the one before, its state is there, its rows agree; gives blocks and logs."""
    with sqlite3.connect(db) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        blocks = connection.execute("SELECT number, hash FROM blocks ORDER BY number").fetchall()
        transactions = dict(connection.execute("SELECT block, count(*) FROM transactions GROUP BY block"))
        logs = connection.execute("SELECT count(*) FROM logs").fetchone()[0]
    connection.close()
    assert [number for number, _ in blocks] == list(range(len(blocks)))
    file = ChainFile(db)
    store, parent = StateStore(file), bytes(32)
    for number, block_hash in blocks:
        header = rlp.decode(store[block_hash], sedes=HeaderSedes)
        assert (header.hash, header.block_number, header.parent_hash) == (block_hash, number, parent)
        assert header.state_root in store
        assert bool(header.gas_used) == bool(transactions.get(number))
        parent = block_hash
    nonces = [Evm(store).state_after(header).get_nonce(address) for address in DEV_ADDRESSES]
    assert sum(nonces) == sum(transactions.values())
    file.close()
    return len(blocks), logs


@pytest.mark.kill
def test_no_acknowledged_transaction_is_lost(tmp_path: Path) -> None:
    db = tmp_path / "chain.sqlite3"
    with running(start_devnode(db)) as node, LedgerClient(node.url) as client:
        counter = deploy(Sender(client, dev_key(9)), COUNTER)
    acknowledged: list[str] = []
    for _ in range(ROUNDS):
        node = start_devnode(db)
        with running(node), LedgerClient(node.url) as client:
            streams = [Stream(node.url, n, counter, client.nonce(DEV_ADDRESSES[n])) for n in range(SENDERS)]
            for stream in streams:
                stream.start()
            time.sleep(random.uniform(0.15, 1.0))  # noqa: S311  a moment, no secret
            node.kill()
            for stream in streams:
                stream.join(30)
                assert stream.refusals == []
            acknowledged += [item for stream in streams for item in stream.acknowledged]
        check_chain(db)
    assert len(acknowledged) > ROUNDS * SENDERS, "there was a stream to break"
    confirm(db, counter, acknowledged)


def confirm(db: Path, counter: bytes, acknowledged: list[str]) -> None:
    with running(start_devnode(db)) as node, LedgerClient(node.url) as client:
        receipts = client.receipts(bytes.fromhex(item[2:]) for item in acknowledged)
        assert all(receipt is not None and receipt.succeeded for receipt in receipts)
        count = int(client.request("eth_getStorageAt", "0x" + counter.hex(), "0x0", "latest"), 16)
        wanted = {
            "fromBlock": "earliest",
            "address": "0x" + counter.hex(),
            "topics": ["0x" + COUNTER_TOPIC.hex()],
        }
        assert len(client.request("eth_getLogs", wanted)) == count >= len(acknowledged)
    blocks, logs = check_chain(db)
    assert logs == count
    assert blocks > ROUNDS


def test_reopening_keeps_head_nonce_receipt_log_and_time(tmp_path: Path) -> None:
    db = tmp_path / "chain.sqlite3"
    with running(start_devnode(db)) as node, LedgerClient(node.url) as client:
        sender = Sender(client, dev_key(0))
        counter = deploy(sender, COUNTER)
        client.request("evm_increaseTime", 86_400)
        receipt = sender.wait(sender.send(Call(to=counter, data=word(3))))
        head = client.request("eth_getBlockByNumber", "latest", True)  # noqa: FBT003  a positional parameter
        assert int(head["timestamp"], 16) >= time.time() + 86_390
    with running(start_devnode(db)) as node, LedgerClient(node.url) as client:
        assert client.request("eth_getBlockByNumber", "latest", True) == head  # noqa: FBT003  as above
        assert client.receipt(receipt.transaction_hash) == receipt
        assert client.nonce(DEV_ADDRESSES[0]) == 2
        client.request("evm_mine")
        assert client.block_timestamp() >= time.time() + 86_390, "the clock's offset is kept"


def test_a_killed_nodes_port_is_free_again(tmp_path: Path) -> None:
    node = start_devnode(tmp_path / "a.sqlite3")
    node.kill()
    with LedgerClient(node.url) as client, pytest.raises(LedgerUnavailableError):
        client.block_number()
    port = int(node.url.rsplit(":", 1)[1])
    with running(start_devnode(tmp_path / "a.sqlite3", port=port)) as back:
        assert back.url == node.url
