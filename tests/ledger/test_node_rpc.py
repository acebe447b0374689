"""JSON-RPC as any web3 client uses it, on the embedded node and on anvil."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3
from web3.exceptions import TransactionNotFound

from contracts.calls import Call
from contracts.connection import LedgerClient, LedgerRejectedError, LedgerRpcError
from contracts.gateway import Sender
from tests.fixtures_ledger import RunningNode, fund
from tests.ledger.small_contracts import (
    BLOCK_HASH,
    BURNER,
    CALLS_ITSELF,
    CLOCK,
    COUNTER,
    FOUR_TOPICS,
    broke_creation,
    deploy,
    word,
)

TARGET = bytes(range(1, 21))


@pytest.fixture
def sender(client: LedgerClient, funded_key: bytes) -> Sender:
    return Sender(client, funded_key)


@pytest.fixture
def account(funded_key: bytes) -> LocalAccount:
    return Account.from_key(funded_key)


@pytest.fixture
def own(fresh_ledger_url: str) -> Iterator[LedgerClient]:
    with LedgerClient(fresh_ledger_url) as opened:
        yield opened


def raw(account: LocalAccount, **changes: Any) -> str:
    fields = {
        "type": 2,
        "chainId": 31337,
        "nonce": 0,
        "gas": 21_000,
        "maxFeePerGas": 3 * 10**9,
        "maxPriorityFeePerGas": 10**9,
        "value": 1,
        "to": TARGET,
    }
    kept = {key: value for key, value in (fields | changes).items() if value is not None}
    return "0x" + account.sign_transaction(kept).raw_transaction.hex()


def count(client: LedgerClient, address: str, tag: str = "latest") -> int:
    return int(client.request("eth_getTransactionCount", address, tag), 16)


def test_a_plain_web3_client_works(ledger_url: str, account: LocalAccount) -> None:
    web3 = Web3(HTTPProvider(ledger_url))
    abi = [
        {
            "type": "event",
            "name": "Counted",
            "anonymous": False,
            "inputs": [{"name": "n", "type": "uint256", "indexed": False}],
        }
    ]
    assert web3.is_connected()
    assert web3.eth.chain_id == 31337
    sent = web3.eth.send_raw_transaction(
        account.sign_transaction(
            {
                "from": account.address,
                "nonce": web3.eth.get_transaction_count(account.address),
                "data": COUNTER,
                "gas": web3.eth.estimate_gas({"from": account.address, "data": COUNTER}),
                "maxFeePerGas": 2 * web3.eth.get_block("latest")["baseFeePerGas"] + web3.eth.max_priority_fee,
                "maxPriorityFeePerGas": web3.eth.max_priority_fee,
                "chainId": 31337,
                "value": 0,
            }
        ).raw_transaction
    )
    receipt = web3.eth.wait_for_transaction_receipt(sent, timeout=10)
    assert receipt["status"] == 1
    assert web3.eth.get_transaction(sent)["from"] == account.address
    assert web3.eth.contract(address=receipt["contractAddress"], abi=abi).events.Counted.get_logs() == []
    assert len(web3.eth.fee_history(2, "latest", [50])["reward"]) == 2
    assert web3.eth.get_block(receipt["blockHash"], full_transactions=True)["transactions"][0]["hash"] == sent
    with pytest.raises(TransactionNotFound):
        web3.eth.get_transaction_receipt(word(1))


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("legacy", {"type": None, "gasPrice": 3 * 10**9}),
        (
            "access list",
            {
                "type": 1,
                "gasPrice": 3 * 10**9,
                "accessList": [{"address": "0x" + TARGET.hex(), "storageKeys": ["0x" + word(1).hex()]}],
                "gas": 30_000,
            },
        ),
        ("dynamic fee", {}),
    ],
)
def test_takes_each_kind_of_transaction(
    client: LedgerClient, account: LocalAccount, kind: str, changes: dict[str, Any]
) -> None:
    if "gasPrice" in changes:
        changes = {"maxFeePerGas": None, "maxPriorityFeePerGas": None} | changes
    sent = client.request("eth_sendRawTransaction", raw(account, **changes))
    mined = client.request("eth_getTransactionByHash", sent)
    assert mined["from"] == account.address.lower()
    assert int(mined["type"], 16) == ("legacy", "access list", "dynamic fee").index(kind)
    end = time.monotonic() + 5  # anvil answers before it has mined
    while (receipt := client.receipt(bytes.fromhex(sent[2:]))) is None and time.monotonic() < end:
        time.sleep(0.01)
    assert receipt is not None
    assert receipt.succeeded
    if kind == "access list":
        assert receipt.gas_used == 21_000 + 2_400 + 1_900


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"chainId": 1}, "chain id"),
        ({"gas": 20_999}, "intrinsic gas too low"),
        ({"gas": 31_000_000}, "gas"),
        ({"value": 10**24}, "insufficient funds"),
        ({"maxFeePerGas": 1, "maxPriorityFeePerGas": 1}, "max fee per gas less than block base fee"),
        ({"maxPriorityFeePerGas": 4 * 10**9}, "priority fee"),
    ],
)
def test_refuses_what_breaks_the_rules(
    client: LedgerClient, account: LocalAccount, fault: dict[str, int], says: str
) -> None:
    with pytest.raises(LedgerRpcError) as caught:
        client.request("eth_sendRawTransaction", raw(account, **fault))
    assert says in caught.value.message.lower()
    assert count(client, account.address) == 0
    assert client.request("eth_sendRawTransaction", raw(account)), "the nonce is still free"


def test_refuses_old_nonces_and_repeats(client: LedgerClient, account: LocalAccount) -> None:
    client.request("eth_sendRawTransaction", raw(account))
    for again in (raw(account), raw(account, value=2)):
        with pytest.raises(LedgerRpcError, match=r"nonce too low|already"):
            client.request("eth_sendRawTransaction", again)
    assert client.balance(TARGET) > 0


def test_a_gap_waits_until_it_is_filled(client: LedgerClient, account: LocalAccount) -> None:
    later = client.request("eth_sendRawTransaction", raw(account, nonce=1))
    assert client.request("eth_getTransactionReceipt", later) is None
    assert client.request("eth_getTransactionByHash", later)["blockHash"] is None
    assert count(client, account.address, "pending") == 0
    client.request("eth_sendRawTransaction", raw(account))
    deadline = time.monotonic() + 10
    while client.request("eth_getTransactionReceipt", later) is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert count(client, account.address) == 2


def test_pending_counts_and_replacement_without_automine(own: LedgerClient) -> None:
    account = Account.from_key(fund(own))
    own.request("evm_setAutomine", False)  # noqa: FBT003  a positional parameter of the method
    first = own.request("eth_sendRawTransaction", raw(account))
    assert (count(own, account.address, "pending"), count(own, account.address)) == (1, 0)
    with pytest.raises(LedgerRpcError, match="underpriced"):
        own.request("eth_sendRawTransaction", raw(account, value=2))
    better = raw(account, value=2, maxFeePerGas=6 * 10**9, maxPriorityFeePerGas=2 * 10**9)
    second = own.request("eth_sendRawTransaction", better)
    own.request("evm_mine")
    assert own.request("eth_getTransactionReceipt", first) is None
    assert own.request("eth_getTransactionReceipt", second)["status"] == "0x1"
    own.request("evm_setAutomine", True)  # noqa: FBT003  as above
    assert own.request("eth_sendRawTransaction", raw(account, nonce=1))


def test_estimates_are_enough_and_not_wasteful(client: LedgerClient, sender: Sender) -> None:
    counter = deploy(sender, COUNTER)
    for call in (
        Call(to=counter, data=word(1)),
        Call(to=counter, data=word(1)),  # the slot is not empty any more: cheaper
        Call(to=b"", data=COUNTER),
        Call(to=TARGET, data=b"", value=1),
        Call(to=TARGET, data=bytes(range(256)) * 4),  # the calldata floor of EIP-7623 decides
    ):
        estimate = int(client.request("eth_estimateGas", client.message(call, sender.address)), 16)
        receipt = sender.wait(sender.send(Call(call.to, call.data, call.value, "", estimate)))
        assert receipt.gas_used <= estimate <= receipt.gas_used * 1.15


def test_logs_are_found_by_address_topic_and_range(client: LedgerClient, sender: Sender) -> None:
    first, second = deploy(sender, FOUR_TOPICS), deploy(sender, COUNTER)
    start = client.block_number() + 1
    sent = [Call(to=first, data=word(7)), Call(to=second, data=word(8)), Call(to=first, data=word(9))]
    receipts = [sender.wait(sender.send(call)) for call in sent]
    end = client.block_number()

    def found(**wanted: Any) -> list[tuple[str, str]]:
        bounds = {} if "blockHash" in wanted else {"fromBlock": hex(start), "toBlock": hex(end)}
        logs = client.request("eth_getLogs", bounds | wanted)
        return [(log["address"], log["topics"][-1]) for log in logs]

    one, two = ("0x" + address.hex() for address in (first, second))
    seven, nine, mark = ("0x" + word(n).hex() for n in (7, 9, 0xAA))
    assert found() == [(one, seven), (two, mark), (one, nine)]
    assert found(address=one) == [(one, seven), (one, nine)]
    assert found(address=[one, two]) == found()
    assert found(topics=[mark]) == [(two, mark)]
    assert found(topics=[None, None, None, [seven, nine]]) == [(one, seven), (one, nine)]
    assert found(topics=[None, "0x" + word(2).hex()]) == [(one, seven), (one, nine)]
    assert found(blockHash="0x" + receipts[1].block_hash.hex()) == [(two, mark)]
    assert found(fromBlock=hex(receipts[2].block_number)) == [(one, nine)]
    with pytest.raises(LedgerRpcError):
        found(blockHash="0x" + word(1).hex())


def test_reads_the_past(client: LedgerClient, sender: Sender) -> None:
    counter = deploy(sender, COUNTER)
    numbers = [sender.wait(sender.send(Call(to=counter, data=word(n)))).block_number for n in range(3)]
    slots = [
        int(client.request("eth_getStorageAt", "0x" + counter.hex(), "0x0", hex(n)), 16) for n in numbers
    ]
    assert slots == [1, 2, 3]
    nonces = [client.request("eth_getTransactionCount", "0x" + sender.address.hex(), hex(n)) for n in numbers]
    assert [int(nonce, 16) for nonce in nonces] == [2, 3, 4]


def test_blocks_are_linked_and_agree_with_their_transactions(client: LedgerClient, sender: Sender) -> None:
    sender.wait(sender.send(Call(to=TARGET, data=b"", value=1)))
    head = client.block_number()
    block, parent = (client.request("eth_getBlockByNumber", hex(n), True) for n in (head, head - 1))  # noqa: FBT003  positional
    assert block["parentHash"] == parent["hash"]
    assert client.request("eth_getBlockByHash", block["hash"], True) == block  # noqa: FBT003  positional
    assert [item["blockHash"] for item in block["transactions"]] == [block["hash"]]
    assert int(block["timestamp"], 16) >= int(parent["timestamp"], 16)
    receipts = client.request("eth_getBlockReceipts", hex(head))
    assert sum(int(item["gasUsed"], 16) for item in receipts) == int(block["gasUsed"], 16)
    assert client.request("eth_getBlockByNumber", hex(head + 1_000), False) is None  # noqa: FBT003  positional


def test_the_clock_is_the_wall_and_runs_between_blocks(own: LedgerClient) -> None:
    sender = Sender(own, fund(own))
    clock = deploy(sender, CLOCK)
    for _ in range(5):
        sender.wait(sender.send(Call(to=TARGET, data=b"", value=1)))
    assert abs(own.block_timestamp() - time.time()) < 3, "a burst of blocks does not run ahead"
    own.request("evm_increaseTime", 1_000)
    own.request("evm_mine")
    assert abs(own.block_timestamp() - time.time() - 1_000) < 3
    wanted = own.block_timestamp() + 5_000
    own.request("evm_setNextBlockTimestamp", wanted)
    sender.wait(sender.send(Call(to=TARGET, data=b"", value=1)))
    assert own.block_timestamp() == wanted
    assert int.from_bytes(own.call(Call(to=clock, data=b"")), "big") >= wanted
    with pytest.raises(LedgerRpcError):
        own.request("evm_setNextBlockTimestamp", wanted - 1)


def test_snapshots_take_the_chain_back(own: LedgerClient) -> None:
    sender = Sender(own, fund(own))
    before, snapshot = own.block_number(), own.request("evm_snapshot")
    sent = sender.send(Call(to=TARGET, data=b"", value=1))
    sender.wait(sent)
    assert own.request("evm_revert", snapshot) is True
    assert own.block_number() == before
    assert own.receipt(sent) is None
    assert own.balance(TARGET) == 0
    assert own.request("evm_revert", snapshot) is False


def test_contracts_see_earlier_blocks(client: LedgerClient, sender: Sender) -> None:
    seer = deploy(sender, BLOCK_HASH)
    number = client.block_number() - 1
    block = client.request("eth_getBlockByNumber", hex(number), False)  # noqa: FBT003  positional
    sender.wait(sender.send(Call(to=TARGET, data=b"", value=1)))
    assert client.call(Call(to=seer, data=word(number))).hex() == block["hash"][2:]


def test_reverts_carry_their_data(client: LedgerClient, sender: Sender) -> None:
    broke = deploy(sender, broke_creation())
    message = client.message(Call(to=broke, data=b""), sender.address)
    for method in ("eth_call", "eth_estimateGas"):
        with pytest.raises(LedgerRpcError) as caught:
            client.request(method, message)
        assert (caught.value.code, caught.value.data[4:]) == (3, word(42))
    with pytest.raises(LedgerRejectedError):
        client.call(Call(to=broke, data=b""))


def test_endless_loops_end(client: LedgerClient, sender: Sender) -> None:
    burner = deploy(sender, BURNER)
    with pytest.raises(LedgerRejectedError, match=r"(?i)out ?of ?gas"):
        client.call(Call(to=burner, data=b"", gas=200_000))


def test_calls_nested_as_deep_as_gas_allows(client: LedgerClient, sender: Sender) -> None:
    nested = deploy(sender, CALLS_ITSELF)
    client.call(Call(to=nested, data=b"", gas=30_000_000))
    receipt = sender.wait(sender.send(Call(to=nested, data=b"", gas=15_000_000)))
    assert receipt.gas_used == 78_461, "478 calls deep, to the gas unit as every client counts it"


def test_a_wildcard_topic_asks_for_a_topic(devnode: RunningNode) -> None:
    with LedgerClient(devnode.url) as client:
        sender = Sender(client, fund(client))
        counter = deploy(sender, COUNTER)
        sender.wait(sender.send(Call(to=counter, data=word(1))))
        wanted = {"fromBlock": "earliest", "address": "0x" + counter.hex()}
        assert len(client.request("eth_getLogs", wanted | {"topics": [None]})) == 1
        assert client.request("eth_getLogs", wanted | {"topics": [None, None]}) == []


def test_one_batch_shares_blocks(own: LedgerClient) -> None:
    account = Account.from_key(fund(own))
    before = own.block_number()
    answers = own.batch([("eth_sendRawTransaction", [raw(account, nonce=n)]) for n in range(50)])
    assert not [item for item in answers if isinstance(item, LedgerRpcError)]
    deadline = time.monotonic() + 10
    while count(own, account.address) < 50 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert count(own, account.address) == 50
    mined = own.block_number() - before
    # anvil mines each transaction as it comes; only where it is busy do some share a block.
    assert mined < 50 or str(own.request("web3_clientVersion")).startswith("anvil")
