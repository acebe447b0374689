"""A ledger in this process (eth-tester on py-evm) behind the two functions that the bindings ask for."""

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed
from web3 import EthereumTesterProvider, Web3
from web3.types import TxReceipt

from contracts.calls import Call, LogEntry, Receipt, Revert
from contracts.encoding import artifact
from contracts.events import Event, decode_log
from contracts.reverts import ErrorCatalogue

GAS_LIMIT = 29_000_000


class RefusedError(Exception):
    """The contract reverted."""

    def __init__(self, revert: Revert) -> None:
        super().__init__(f"{revert.name}{dict(revert.arguments)}")
        self.revert = revert


class Chain:
    """One chain, and accounts that pay for gas."""

    def __init__(self, timestamp: int | None = None) -> None:
        overrides = {"gas_limit": 30_000_000} | ({} if timestamp is None else {"timestamp": timestamp})
        genesis = PyEVMBackend.generate_genesis_params(overrides)
        self.tester = EthereumTester(PyEVMBackend(genesis_parameters=genesis))
        self.w3 = Web3(EthereumTesterProvider(self.tester))
        self.payer = self.w3.eth.accounts[0]
        names = ("EntityContracts", "MerchantContract", "MerchantFactory", "TestStablecoin")
        self.errors = ErrorCatalogue(artifact(name)["abi"] for name in names)

    @property
    def now(self) -> int:
        return int(self.w3.eth.get_block("latest")["timestamp"])

    @property
    def chain_id(self) -> int:
        return int(self.w3.eth.chain_id)

    def call(self, call: Call, sender: bytes | None = None) -> bytes:
        return self._explained(self.w3.eth.call, self._message(call, sender))

    def execute(self, call: Call, sender: bytes | None = None) -> Receipt:
        message = self._message(call, sender)
        self._explained(self.w3.eth.call, message)
        sent = self.w3.eth.send_transaction(message)
        return _receipt(self.w3.eth.wait_for_transaction_receipt(sent))

    def events(self, call: Call, sender: bytes | None = None) -> list[Event]:
        return decoded(self.execute(call, sender).logs)

    def adopt(self, secret: bytes, account: bytes) -> None:
        """Lets the key behind `account` send transactions of its own."""
        if "0x" + account.hex() not in {known.lower() for known in self.tester.get_accounts()}:
            self.tester.add_account("0x" + secret.hex())
        self.w3.eth.send_transaction({"from": self.payer, "to": account, "value": 10**18})

    def advance(self, seconds: int) -> None:
        self.tester.time_travel(self.now + seconds)
        self.tester.mine_block()

    def _message(self, call: Call, sender: bytes | None) -> dict[str, Any]:
        message = {"from": self.payer, "data": call.data, "gas": GAS_LIMIT, "value": call.value}
        if sender is not None:
            message["from"] = Web3.to_checksum_address(sender)
        return {**message, "to": Web3.to_checksum_address(call.to)} if call.to else message

    def _explained(self, ask: Any, message: dict[str, Any]) -> bytes:
        try:
            return bytes(ask(message))
        except TransactionFailed as error:
            raise RefusedError(self.errors.decode(_revert_data(error))) from error


def _revert_data(error: TransactionFailed) -> bytes:
    """eth-tester shows revert data as the text of a bytes literal."""
    reason = str(error.args[0]).removeprefix("execution reverted: ")
    return bytes(ast.literal_eval(reason)) if reason[:1] == "b" else reason.encode()


def decoded(logs: Iterable[LogEntry]) -> list[Event]:
    return [event for event in map(decode_log, logs) if event is not None]


def _receipt(raw: TxReceipt) -> Receipt:
    created = raw["contractAddress"]
    return Receipt(
        transaction_hash=bytes(raw["transactionHash"]),
        block_number=raw["blockNumber"],
        block_hash=bytes(raw["blockHash"]),
        succeeded=raw["status"] == 1,
        gas_used=raw["gasUsed"],
        effective_gas_price=raw["effectiveGasPrice"],
        contract_address=bytes.fromhex(created[2:]) if created else None,
        logs=tuple(_log(log) for log in raw["logs"]),
    )


def _log(raw: Any) -> LogEntry:
    return LogEntry(
        address=bytes.fromhex(raw["address"][2:]),
        topics=tuple(bytes(topic) for topic in raw["topics"]),
        data=bytes(raw["data"]),
        block_number=raw["blockNumber"],
        block_hash=bytes(raw["blockHash"]),
        transaction_hash=bytes(raw["transactionHash"]),
        transaction_index=raw["transactionIndex"],
        log_index=raw["logIndex"],
    )


@contextmanager
def refused(name: str, **arguments: Any) -> Iterator[None]:
    """What is within must revert with the custom error `name` (and these of its arguments)."""
    with pytest.raises(RefusedError) as caught:
        yield
    assert caught.value.revert.name == name, caught.value
    shown = {key: caught.value.revert.arguments[key] for key in arguments}
    assert shown == arguments
