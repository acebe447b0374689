"""The gateway on both ledgers: nonces, pipelining, reverts, replacement, recovery."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account

from contracts.calls import Call
from contracts.connection import (
    LedgerClient,
    LedgerRejectedError,
    LedgerRpcError,
    LedgerUnavailableError,
)
from contracts.gateway import LedgerTimeoutError, MemoryPendingStore, Sender
from contracts.reverts import ErrorCatalogue
from tests.fixtures_ledger import fund, running, start_devnode
from tests.ledger.small_contracts import (
    BROKE_ABI,
    BURNER,
    COUNTER,
    COUNTER_TOPIC,
    broke_creation,
    deploy,
    word,
)

STRANGER = bytes(range(20))


@pytest.fixture
def sender(client: LedgerClient, funded_key: bytes) -> Sender:
    return Sender(client, funded_key)


@pytest.fixture
def own(fresh_ledger_url: str) -> Iterator[LedgerClient]:
    with LedgerClient(fresh_ledger_url) as opened:
        yield opened


def storage(client: LedgerClient, address: bytes, slot: int = 0) -> int:
    return int(client.request("eth_getStorageAt", "0x" + address.hex(), hex(slot), "latest"), 16)


def test_sends_and_reads_back(client: LedgerClient, sender: Sender) -> None:
    counter = deploy(sender, COUNTER)
    receipt = sender.wait(sender.send(Call(to=counter, data=word(7), label="count")))
    assert receipt.succeeded
    assert [(log.address, log.topics, log.data) for log in receipt.logs] == [
        (counter, (COUNTER_TOPIC,), word(7))
    ]
    assert storage(client, counter) == 1
    assert client.call(Call(to=counter, data=word(9))) == word(9)
    assert storage(client, counter) == 1, "a call changes nothing"
    assert client.nonce(sender.address) == 2
    assert client.code(counter)
    assert receipt.gas_used * receipt.effective_gas_price > 0


def test_transfers_value_to_the_wei(client: LedgerClient, sender: Sender) -> None:
    target = Account.create().address
    address = bytes.fromhex(target[2:])
    before = client.balance(sender.address)
    receipt = sender.wait(sender.send(Call(to=address, data=b"", value=123)))
    assert client.balance(address) == 123
    assert client.balance(sender.address) == before - 123 - receipt.gas_used * receipt.effective_gas_price


def test_many_in_flight_keep_their_order(client: LedgerClient, sender: Sender) -> None:
    counter = deploy(sender, COUNTER)
    hashes = sender.send_many([Call(to=counter, data=word(n), gas=100_000) for n in range(250)])
    assert all(isinstance(item, bytes) for item in hashes)
    receipts = sender.wait_many([item for item in hashes if isinstance(item, bytes)])
    assert [receipt.logs[0].data for receipt in receipts] == [word(n) for n in range(250)]
    places = [(r.block_number, r.logs[0].transaction_index) for r in receipts]
    assert places == sorted(places)
    assert storage(client, counter) == 250
    assert list(sender._store.load(sender.address)) == [], "what is mined is forgotten"


def test_threads_share_one_sender(client: LedgerClient, sender: Sender) -> None:
    counter = deploy(sender, COUNTER)
    failures: list[Exception] = []

    def work() -> None:
        try:
            for n in range(10):
                sender.wait(sender.send(Call(to=counter, data=word(n), gas=100_000)))
        except Exception as error:  # noqa: BLE001  whatever it is, the test must show it
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert storage(client, counter) == 60


def test_names_the_contracts_own_error(client: LedgerClient, funded_key: bytes) -> None:
    with LedgerClient(client.url, errors=ErrorCatalogue([BROKE_ABI])) as knowing:
        sender = Sender(knowing, funded_key)
        broke = deploy(sender, broke_creation())
        for attempt in (
            lambda: sender.send(Call(to=broke, data=b"", label="try it")),
            lambda: knowing.call(Call(to=broke, data=b"", label="try it")),
            lambda: sender.wait(sender.send(Call(to=broke, data=b"", label="try it", gas=100_000))),
        ):
            with pytest.raises(LedgerRejectedError, match=r"try it rejected: Broke\(code=42\)") as caught:
                attempt()
            assert caught.value.revert is not None
            assert (caught.value.revert.name, caught.value.revert.arguments) == ("Broke", {"code": 42})
        assert caught.value.receipt is not None
        assert not caught.value.receipt.succeeded
        assert sender.wait(sender.send(Call(to=STRANGER, data=b"", value=1))).succeeded, "no nonce is lost"


def test_a_refused_call_does_not_stop_its_neighbours(client: LedgerClient, sender: Sender) -> None:
    counter, broke = deploy(sender, COUNTER), deploy(sender, broke_creation())
    answers = sender.send_many([Call(to=target, data=word(1)) for target in (counter, broke, counter)])
    assert isinstance(answers[1], LedgerRejectedError)
    sender.wait_many([item for item in answers if isinstance(item, bytes)])
    assert storage(client, counter) == 2


def test_an_unpayable_transaction_leaves_no_gap(client: LedgerClient, sender: Sender) -> None:
    counter = deploy(sender, COUNTER)
    answers = sender.send_many(
        [
            Call(to=counter, data=word(1), gas=100_000),
            Call(to=STRANGER, data=b"", value=10**24, gas=21_000, label="too much"),
            Call(to=counter, data=word(2), gas=100_000),
        ]
    )
    assert isinstance(answers[1], LedgerRejectedError)
    assert "nsufficient funds" in str(answers[1])
    outcomes = sender.wait_many([item for item in answers if isinstance(item, bytes)], timeout=20)
    assert [getattr(item, "succeeded", item) for item in outcomes] == [True, True]
    assert storage(client, counter) == 2


def test_out_of_gas_is_said(sender: Sender) -> None:
    burner = deploy(sender, BURNER)
    with pytest.raises(LedgerRejectedError, match="burn rejected: mined but failed") as caught:
        sender.wait(sender.send(Call(to=burner, data=b"", gas=50_000, label="burn")))
    assert caught.value.receipt is not None
    assert caught.value.receipt.gas_used == 50_000


def test_raises_fees_until_mined(own: LedgerClient) -> None:
    key = fund(own)
    sender = Sender(own, key, resend_after=0.2)
    own.request("evm_setAutomine", False)  # noqa: FBT003  a positional parameter of the method
    first = sender.send(Call(to=STRANGER, data=b"", value=5))
    miner = threading.Timer(1.2, lambda: own.request("evm_mine"))
    miner.start()
    receipt = sender.wait(first, timeout=20)
    miner.join()
    assert receipt.transaction_hash != first, "a better-paid version was mined"
    assert own.balance(STRANGER) == 5, "and only one of them"
    assert own.nonce(sender.address) == 1
    raw = own.request("eth_getTransactionByHash", "0x" + receipt.transaction_hash.hex())
    assert int(raw["maxPriorityFeePerGas"], 16) > 10**9


def test_says_when_it_is_not_mined_in_time(own: LedgerClient) -> None:
    sender = Sender(own, fund(own))
    own.request("evm_setAutomine", False)  # noqa: FBT003  a positional parameter of the method
    waiting = sender.send(Call(to=STRANGER, data=b"", value=5))
    with pytest.raises(LedgerTimeoutError, match=waiting.hex()):
        sender.wait(waiting, timeout=0.3)
    own.request("evm_mine")
    assert sender.wait(waiting, timeout=10).succeeded


def test_a_new_sender_goes_on_where_the_last_one_died(own: LedgerClient) -> None:
    key, store = fund(own), MemoryPendingStore()
    dying = Sender(own, key, store=store)
    dying.recover()
    dying._broadcast = lambda transactions: {}  # type: ignore[method-assign]  # dies between saving and sending
    lost = dying.send(Call(to=STRANGER, data=b"", value=5))
    assert own.receipt(lost) is None

    reborn = Sender(own, key, store=store)
    later = reborn.send(Call(to=STRANGER, data=b"", value=7))
    assert reborn.wait(lost, timeout=10).succeeded
    assert reborn.wait(later, timeout=10).succeeded
    assert own.balance(STRANGER) == 12
    assert own.nonce(reborn.address) == 2


def test_a_nonce_used_elsewhere_is_said(client: LedgerClient, funded_key: bytes) -> None:
    one, other = Sender(client, funded_key), Sender(client, funded_key)
    one.recover()
    other.wait(other.send(Call(to=STRANGER, data=b"", value=1)))
    with pytest.raises(LedgerRejectedError, match="one sender a key"):
        one.wait(one.send(Call(to=STRANGER, data=b"", value=2)), timeout=10)
    assert one.wait(one.send(Call(to=STRANGER, data=b"", value=3)), timeout=10).succeeded


def test_rides_out_a_killed_node(tmp_path: Path) -> None:
    db = tmp_path / "chain.sqlite3"
    with running(start_devnode(db)) as node, LedgerClient(node.url) as client:
        sender = Sender(client, fund(client), resend_after=0.5)
        node.kill()
        with pytest.raises(LedgerUnavailableError, match=r"manage\.py devnode"):
            sender.send(Call(to=STRANGER, data=b"", value=5))
        port = int(node.url.rsplit(":", 1)[1])
        with running(start_devnode(db, port=port)) as back:
            sent = sender.send(Call(to=STRANGER, data=b"", value=5))
            back.kill()
            restart = threading.Timer(0.5, lambda: restarted.append(start_devnode(db, port=port)))
            restarted: list[object] = []
            restart.start()
            assert sender.wait(sent, timeout=20).succeeded
            restart.join()
            with running(restarted[0]):  # type: ignore[arg-type]
                assert client.balance(STRANGER) == 5


@pytest.mark.kill
@pytest.mark.parametrize("crashed", [False, True], ids=["nobody waits for it", "its process crashed too"])
def test_what_a_killed_node_forgot_stands_in_nobodys_way(tmp_path: Path, *, crashed: bool) -> None:
    """Transactions before ours that left the node's pool with it: sent again, or their nonces used up."""
    db = tmp_path / "chain.sqlite3"
    node = start_devnode(db)
    with LedgerClient(node.url) as client:
        key = fund(client)
        client.request("evm_setAutomine", False)  # noqa: FBT003  a positional parameter of the method
        first = Sender(client, key)
        lost = first.send_many([Call(to=STRANGER, data=b"", value=1, gas=21_000)] * 3)
        second = Sender(client, key) if crashed else first
        second.recover()
        node.kill()
        with running(start_devnode(db, port=int(node.url.rsplit(":", 1)[1]))):
            ours = second.send(Call(to=STRANGER, data=b"", value=10, gas=21_000))
            second._resend_after = 0.2
            assert second.wait(ours, timeout=20).succeeded
            assert client.nonce(second.address) == 4
            assert client.balance(STRANGER) == (10 if crashed else 13)
            assert all(isinstance(item, bytes) for item in lost)


def test_refusals_of_the_node_keep_their_code(client: LedgerClient) -> None:
    with pytest.raises(LedgerRpcError) as caught:
        client.request("eth_noSuchMethod")
    assert caught.value.code == -32601
    with (
        LedgerClient("http://127.0.0.1:1") as nobody,
        pytest.raises(LedgerUnavailableError, match="LEDGER_URL"),
    ):
        nobody.chain_id()
