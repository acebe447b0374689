"""Starting and stopping the embedded node, and the pieces of it that need no process."""

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from eth_account import Account

from contracts.connection import LedgerClient
from contracts.devnode.accounts import DEV_ADDRESSES, DEV_BALANCE_WEI, dev_key
from contracts.devnode.errors import RpcError
from contracts.devnode.node import Node
from contracts.devnode.pool import PendingPool, Waiting
from contracts.devnode.timekeeping import NodeTime
from tests.fixtures_ledger import ROOT, running, start_devnode
from tests.ledger.small_contracts import word


def start_and_fail(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "contracts.devnode", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_starts_fast_and_stops_cleanly(tmp_path: Path) -> None:
    started = time.monotonic()
    node = start_devnode(tmp_path / "chain.sqlite3", alone=True)
    assert time.monotonic() - started < 3 * 3, "three seconds, with room for a busy machine"
    with LedgerClient(node.url) as client:
        assert [client.balance(address) for address in DEV_ADDRESSES] == [DEV_BALANCE_WEI] * 10
        assert client.request("eth_accounts") == []
    assert node.stop() == 0
    assert not (tmp_path / "chain.sqlite3-wal").exists(), "all is folded into the one file"


def test_says_that_the_port_is_taken(tmp_path: Path) -> None:
    with running(start_devnode(tmp_path / "a.sqlite3")) as node:
        port = node.url.rsplit(":", 1)[1]
        failed = start_and_fail("--port", port, "--db", str(tmp_path / "b.sqlite3"))
    assert failed.returncode == 3
    assert f"can't listen on 127.0.0.1:{port}" in failed.stderr
    assert "--port" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize("content", [b"this is no database at all, whatever it is" * 100, None])
def test_says_that_the_file_is_no_chain(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "chain.sqlite3"
    if content is None:
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version=99")
        connection.close()
    else:
        path.write_bytes(content)
    failed = start_and_fail("--port", "0", "--db", str(path))
    assert failed.returncode == 3
    assert str(path) in failed.stderr
    assert "Traceback" not in failed.stderr


def test_the_django_command_is_the_same_node(tmp_path: Path) -> None:
    command = [sys.executable, "manage.py", "devnode", "--port", "0", "--db", str(tmp_path / "chain.sqlite3")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        assert "devnode: http://127.0.0.1:" in line
    finally:
        process.terminate()
        rest = process.communicate(timeout=30)[0]
    assert "devnode: stopped" in rest
    assert process.returncode == 0


def test_the_dev_keys_are_those_of_anvil() -> None:
    assert [bytes.fromhex(Account.from_key(dev_key(n)).address[2:]) for n in range(10)] == list(DEV_ADDRESSES)


def test_a_second_node_on_the_same_file_does_not_tear_the_chain(tmp_path: Path) -> None:
    one, other = Node(tmp_path / "chain.sqlite3"), Node(tmp_path / "chain.sqlite3")
    try:
        one.mine()
        with pytest.raises(RpcError, match="another node"):
            other.mine()
        assert other.head.block_number == 0
        one.mine()
        assert one.head.block_number == 2
    finally:
        one.close()
        other.close()


def waiting(nonce: int, *, sender: int = 1, fee: int = 100, gas: int = 10, arrival: int = 0) -> Waiting:
    key = word(hash((nonce, sender, fee)) % 2**64)
    return Waiting(key, word(sender), nonce, gas, fee, fee, arrival or nonce, None)


def test_the_pool_keeps_order_and_budget() -> None:
    pool = PendingPool()
    for entry in (
        waiting(1, arrival=1),
        waiting(0, arrival=2),
        waiting(3, arrival=3),
        waiting(0, sender=2, arrival=4),
        waiting(0, sender=3, fee=5, arrival=5),
    ):
        pool.add(entry, 0)
    chosen = pool.ready(lambda _: 0, base_fee=10, gas_budget=1_000)
    assert [(item.sender[-1], item.nonce) for item in chosen] == [(1, 0), (1, 1), (2, 0)]
    assert len(pool.ready(lambda _: 0, base_fee=10, gas_budget=15)) == 1
    assert len(pool.ready(lambda _: 0, base_fee=10, gas_budget=1)) == 1, "a giant gets a block of its own"
    assert pool.next_nonce(word(1), 0) == 2
    assert {item.nonce for item in pool.stale(lambda _: 1)} == {0}


def test_the_pool_refuses_cheap_replacements_and_far_nonces() -> None:
    pool = PendingPool()
    first = waiting(0)
    pool.add(first, 0)
    for entry, says in (
        (first, "already known"),
        (waiting(0, fee=109), "underpriced"),
        (waiting(9_999), "nonce too high"),
    ):
        with pytest.raises(RpcError, match=says):
            pool.add(entry, 0)
    with pytest.raises(RpcError, match="nonce too low"):
        pool.add(waiting(4), 5)
    assert pool.add(waiting(0, fee=110), 0) == first
    assert len(pool) == 1


def test_time_follows_the_wall_and_never_goes_back() -> None:
    assert NodeTime().of_next_block(parent_timestamp=100, now=200) == 200
    assert NodeTime().of_next_block(parent_timestamp=300, now=200) == 300
    assert NodeTime(offset=50).of_next_block(100, 200) == 250
    later = NodeTime().with_next(500, parent_timestamp=100)
    assert later.of_next_block(100, 200) == 500
    assert later.after_block(500, 200).of_next_block(500, 210) == 510
