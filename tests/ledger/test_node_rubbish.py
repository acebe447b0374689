"""Rubbish on the embedded node's port: an error each time, never a crash, and the node goes on."""

import json
import os
import socket
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.connection import LedgerClient
from contracts.devnode.methods import METHODS
from tests.fixtures_ledger import RunningNode

JSON = {"Content-Type": "application/json"}
ADDRESS = "0x" + "11" * 20


def post(url: str, body: bytes, headers: dict[str, str] | None = None) -> requests.Response:
    return requests.post(url, data=body, headers=headers or JSON, timeout=30)


def ask(url: str, method: str, *params: Any) -> dict[str, Any]:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return post(url, json.dumps(body).encode()).json()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[NaN]}', -32700),
        (b"[" * 100_000, -32700),
        (b"null", -32600),
        (b"7", -32600),
        (b'"eth_chainId"', -32600),
        (b"[]", -32600),
        (b"{}", -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":{"a":1}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"__class__"}', -32601),
        (b"[" + b",".join([b"1"] * 1_001) + b"]", -32600),
    ],
)
def test_broken_envelopes(devnode: RunningNode, body: bytes, code: int) -> None:
    answer = post(devnode.url, body)
    assert answer.status_code == 200
    assert answer.json()["error"]["code"] == code


def test_a_batch_answers_each_on_its_own(devnode: RunningNode) -> None:
    body = [
        {"jsonrpc": "2.0", "id": "a", "method": "eth_chainId"},
        1,
        {"jsonrpc": "2.0", "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": 2, "method": "eth_sendRawTransaction", "params": ["0xdead"]},
    ]
    answers = post(devnode.url, json.dumps(body).encode()).json()
    assert [answer["id"] for answer in answers] == ["a", None, 2], "a notification is not answered"
    assert [("error" in answer) for answer in answers] == [False, True, True]
    only_notifications = post(devnode.url, json.dumps(body[2:3]).encode())
    assert (only_notifications.status_code, only_notifications.content) == (204, b"")


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBalance", ["0x12", "latest"]),
        ("eth_getBalance", [ADDRESS, "newest"]),
        ("eth_getBalance", [ADDRESS, "0xffffffff"]),
        ("eth_getBalance", [ADDRESS, hex(2**255)]),
        ("eth_getBalance", []),
        ("eth_getBalance", [None]),
        ("eth_getBalance", [ADDRESS, -1]),
        ("eth_getBalance", [ADDRESS, True]),
        ("eth_getStorageAt", [ADDRESS, hex(2**256), "latest"]),
        ("eth_getBlockByNumber", ["latest", "yes"]),
        ("eth_getBlockByHash", ["0x1234", False]),
        ("eth_getLogs", [{"fromBlock": "0x5", "toBlock": "0x1"}]),
        ("eth_getLogs", [{"topics": ["0x01"]}]),
        ("eth_getLogs", [{"topics": [None] * 5}]),
        ("eth_getLogs", [{"address": [ADDRESS] * 1_001}]),
        ("eth_getLogs", [{"blockHash": "0x" + "00" * 32}]),
        ("eth_getLogs", ["all"]),
        ("eth_call", [{"to": ADDRESS, "data": "0x1", "from": 3}, "latest"]),
        ("eth_call", [{"to": ADDRESS, "data": "0x01", "input": "0x02"}, "latest"]),
        ("eth_call", [{"from": ADDRESS, "to": ADDRESS, "value": "0x1"}, "latest"]),
        ("eth_call", [{"to": ADDRESS}, "latest", {ADDRESS: {"balance": "0x1"}}]),
        ("eth_estimateGas", [{"to": ADDRESS, "gas": "0x5"}]),
        ("eth_estimateGas", [{"data": "0xfe"}]),
        ("eth_sendRawTransaction", ["0x"]),
        ("eth_sendRawTransaction", ["0x" + "02" * 200]),
        ("eth_sendRawTransaction", ["0x03c0"]),
        ("eth_sendRawTransaction", ["0x" + "ff" * 200_000]),
        ("eth_sendTransaction", [{"from": ADDRESS}]),
        ("eth_feeHistory", ["0x2", "latest", [150]]),
        ("eth_feeHistory", ["0x2", "latest", [50, 10]]),
        ("evm_increaseTime", [-5]),
        ("evm_increaseTime", ["soon"]),
        ("evm_increaseTime", [2**70]),
        ("evm_revert", ["x"]),
        ("anvil_mine", [10**9]),
    ],
)
def test_bad_parameters_are_refused(devnode: RunningNode, method: str, params: list[Any]) -> None:
    error = ask(devnode.url, method, *params)["error"]
    assert error["code"] in (-32602, -32601, -32000, -32003)
    assert error["message"]


def test_a_signature_of_nobody_is_refused(devnode: RunningNode) -> None:
    unsigned = "0x02e8827a6980843b9aca0084b2d05e0082520894" + "11" * 20 + "0180c0800180"
    assert "error" in ask(devnode.url, "eth_sendRawTransaction", unsigned)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=40)
    | st.sampled_from(["latest", "pending", "0x0", ADDRESS, "0x" + "22" * 32, "0xzz", "0x" + "f" * 70]),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(
            st.sampled_from(["to", "from", "data", "topics", "address", "fromBlock", "gas", "blockHash"]),
            children,
        )
    ),
    max_leaves=6,
)
HARMLESS = sorted(set(METHODS) - {"evm_increaseTime", "anvil_increaseTime", "evm_setAutomine", "anvil_mine"})


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(HARMLESS), st.lists(anything, max_size=4))
def test_no_argument_breaks_a_method(devnode: RunningNode, method: str, params: list[Any]) -> None:
    if "Timestamp" in method or method in ("evm_mine", "evm_revert", "anvil_revert"):
        params = [item for item in params if not isinstance(item, int | dict)]
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    answer = post(devnode.url, json.dumps(body).encode()).json()
    assert "result" in answer or answer["error"]["code"] != -32603, answer


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_no_bytes_break_the_transaction_parser(devnode: RunningNode, junk: bytes) -> None:
    answer = ask(devnode.url, "eth_sendRawTransaction", "0x" + junk.hex())
    assert answer["error"]["code"] in (-32602, -32003)


def test_http_faults(devnode: RunningNode) -> None:
    url = devnode.url
    good = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}'
    assert requests.get(url, timeout=5).status_code == 405
    assert post(url, good, {"Content-Type": "text/plain"}).status_code == 415
    assert post(url, good, JSON | {"Host": "evil.example"}).status_code == 403
    assert post(url, good, JSON | {"Host": "localhost:1"}).status_code == 200
    assert requests.post(url, data=iter([good]), headers=JSON, timeout=5).status_code == 411, "chunked"


def test_an_oversized_body_is_refused_unread(devnode: RunningNode) -> None:
    host, port = devnode.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n"
        connection.sendall(head.encode())
        assert b" 413 " in connection.recv(4_096)


def test_random_bytes_on_the_socket_harm_nobody(devnode: RunningNode) -> None:
    host, port = devnode.url.removeprefix("http://").split(":")
    for _ in range(20):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(os.urandom(2_000))
    with LedgerClient(devnode.url) as client:
        assert client.chain_id() == 31337
