"""One ledger endpoint over JSON-RPC: reads, calls, and what can go wrong with them."""

import os
from collections.abc import Iterable, Sequence
from typing import Any, Self, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from web3.providers.rpc import HTTPProvider
from web3.types import RPCEndpoint

from contracts.calls import Call, LogEntry, Receipt, Revert
from contracts.reverts import ErrorCatalogue

DEFAULT_LEDGER_URL = "http://127.0.0.1:8545"
TIMEOUT_SECONDS = 30
POOLED_CONNECTIONS = 32
BATCH_SIZE = 100

Request = tuple[str, Sequence[Any]]


class LedgerError(Exception):
    """Anything that went wrong between us and the ledger."""


class LedgerUnavailableError(LedgerError):
    """The ledger can't be reached or does not answer as one; try again when it is back."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"the ledger at {url} is not available ({reason}); "
            "start it (manage.py devnode) or set LEDGER_URL to one that runs"
        )
        self.url = url


class LedgerRpcError(LedgerError):
    """The node refused a request.

    Attributes:
        code: Its JSON-RPC error code.
        data: Revert data where a contract gave some, else empty.
    """

    def __init__(self, code: int, message: str, data: bytes = b"") -> None:
        super().__init__(f"{message} (code {code})")
        self.code = code
        self.message = message
        self.data = data


class LedgerRejectedError(LedgerError):
    """A contract or the ledger's rules refused a call; sending it again as it is will not help.

    Attributes:
        label: The call's label.
        revert: The contract's own error, decoded; None where the ledger's rules refused.
        receipt: The receipt, where the transaction was mined before it failed.
    """

    def __init__(
        self, label: str, reason: str, revert: Revert | None = None, receipt: Receipt | None = None
    ) -> None:
        super().__init__(f"{label or 'call'} rejected: {reason}")
        self.label = label
        self.revert = revert
        self.receipt = receipt

    @classmethod
    def of_revert(cls, label: str, revert: Revert, receipt: Receipt | None = None) -> "LedgerRejectedError":
        """The error for a contract's refusal."""
        arguments = ", ".join(f"{name}={_shown(value)}" for name, value in revert.arguments.items())
        return cls(label, f"{revert.name}({arguments})", revert, receipt)


def _shown(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


class LedgerTimeoutError(LedgerError):
    """Not mined in time; the transaction stays pending and may be mined yet. Wait again."""


class LedgerClient:
    """Reads of one ledger. Threads may share it: connections are pooled and kept alive."""

    def __init__(self, url: str | None = None, *, errors: ErrorCatalogue | None = None) -> None:
        """Prepare for the ledger at `url`, else LEDGER_URL, else the embedded node. Connects when used."""
        self.url = url or os.environ.get("LEDGER_URL") or DEFAULT_LEDGER_URL
        self.errors = errors or ErrorCatalogue()
        self._session = requests.Session()
        # A proxy of the environment has no part in talking to our own machine.
        self._session.trust_env = urlsplit(self.url).hostname not in ("127.0.0.1", "localhost", "::1")
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=POOLED_CONNECTIONS)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._provider = HTTPProvider(
            self.url,
            request_kwargs={"timeout": TIMEOUT_SECONDS},
            session=self._session,
            exception_retry_configuration=None,
        )
        self._chain_id: int | None = None

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Requests

    def request(self, method: str, *params: Any) -> Any:
        """Result of one request; LedgerRpcError if refused, LedgerUnavailableError if unanswered."""
        return result_of(self.batch([(method, params)])[0])

    def batch(self, wanted: Sequence[Request]) -> list[Any | LedgerRpcError]:
        """Results in order, a LedgerRpcError in place of each refused one."""
        answers: list[Any | LedgerRpcError] = []
        for first in range(0, len(wanted), BATCH_SIZE):
            answers += self._post(wanted[first : first + BATCH_SIZE])
        return answers

    def _post(self, wanted: Sequence[Request]) -> list[Any | LedgerRpcError]:
        batch = [(RPCEndpoint(method), list(params)) for method, params in wanted]
        try:
            answers: Any = self._provider.make_batch_request(batch)
        except requests.RequestException as error:
            raise LedgerUnavailableError(self.url, type(error).__name__) from error
        except (ValueError, KeyError, TypeError) as error:
            raise LedgerUnavailableError(self.url, "it answers no JSON-RPC") from error
        if not isinstance(answers, list) or len(answers) != len(wanted):
            raise LedgerUnavailableError(self.url, f"it refused a batch: {str(answers)[:200]}")
        return [_result(answer) for answer in answers]

    # Reads

    def chain_id(self) -> int:
        """The chain's id, asked for once."""
        if self._chain_id is None:
            self._chain_id = int(self.request("eth_chainId"), 16)
        return self._chain_id

    def block_number(self) -> int:
        """Height of the newest block."""
        return int(self.request("eth_blockNumber"), 16)

    def block_timestamp(self, number: int | str = "latest") -> int:
        """Epoch seconds of a block; LedgerRpcError if there is none."""
        block = self.request("eth_getBlockByNumber", _tag(number), False)  # noqa: FBT003  a positional parameter of the method
        if block is None:
            raise LedgerRpcError(0, f"block {number} does not exist")
        return int(block["timestamp"], 16)

    def balance(self, address: bytes) -> int:
        """Wei of an account."""
        return int(self.request("eth_getBalance", _hex(address), "latest"), 16)

    def nonce(self, address: bytes, *, pending: bool = False) -> int:
        """Transactions that an account has mined, or also has waiting."""
        return int(
            self.request("eth_getTransactionCount", _hex(address), "pending" if pending else "latest"), 16
        )

    def nonces(self, address: bytes) -> tuple[int, int]:
        """Transactions that an account has mined, and mined or waiting, in one round trip."""
        asked = [("eth_getTransactionCount", [_hex(address), block]) for block in ("latest", "pending")]
        mined, taken = (int(result_of(answer), 16) for answer in self.batch(asked))
        return mined, taken

    def code(self, address: bytes) -> bytes:
        """Runtime code of a contract; empty where there is none."""
        return _bytes(self.request("eth_getCode", _hex(address), "latest"))

    def call(self, call: Call, *, sender: bytes = bytes(20), block: int | str = "latest") -> bytes:
        """Output of a call that changes nothing.

        Raises:
            LedgerRejectedError: The contract reverted, with its error decoded.
            LedgerUnavailableError: The ledger does not answer.
        """
        try:
            return _bytes(self.request("eth_call", self.message(call, sender), _tag(block)))
        except LedgerRpcError as error:
            raise self.rejection(call, error) from error

    def receipt(self, transaction_hash: bytes) -> Receipt | None:
        """What a mined transaction did, or None while no block holds it."""
        return self.receipts([transaction_hash])[0]

    def receipts(self, hashes: Iterable[bytes]) -> list[Receipt | None]:
        """Receipts in order, None for each that is not mined."""
        answers = self.batch([("eth_getTransactionReceipt", [_hex(item)]) for item in hashes])
        return [None if answer is None else receipt_from_json(result_of(answer)) for answer in answers]

    def explain(self, receipt: Receipt, label: str = "") -> LedgerRejectedError:
        """Why a mined transaction failed: it is run again on the state before its block."""
        raw = self.request("eth_getTransactionByHash", _hex(receipt.transaction_hash))
        to, sender = raw.get("to"), _bytes(raw["from"])
        call = Call(
            _bytes(to) if to else b"", _bytes(raw["input"]), int(raw["value"], 16), label, int(raw["gas"], 16)
        )
        try:
            self.call(call, sender=sender, block=receipt.block_number - 1)
        except LedgerRejectedError as error:
            if error.revert is not None:
                return LedgerRejectedError.of_revert(label, error.revert, receipt)
        reason = "mined but failed, and no reason can be reproduced (out of gas?)"
        return LedgerRejectedError(label, reason, None, receipt)

    def message(self, call: Call, sender: bytes) -> dict[str, str]:
        """A call as eth_call and eth_estimateGas want it."""
        fields = {"from": _hex(sender), "data": _hex(call.data), "value": hex(call.value)}
        return (
            fields | ({"to": _hex(call.to)} if call.to else {}) | ({"gas": hex(call.gas)} if call.gas else {})
        )

    def rejection(self, call: Call, error: LedgerRpcError) -> LedgerRejectedError:
        """The typed error for a refused call: the contract's own where it gave revert data."""
        if error.data or error.message.startswith("execution reverted"):
            return LedgerRejectedError.of_revert(call.label, self.errors.decode(error.data))
        return LedgerRejectedError(call.label, error.message)


def receipt_from_json(raw: dict[str, Any]) -> Receipt:
    """A receipt from its JSON-RPC object."""
    created = raw.get("contractAddress")
    return Receipt(
        transaction_hash=_bytes(raw["transactionHash"]),
        block_number=int(raw["blockNumber"], 16),
        block_hash=_bytes(raw["blockHash"]),
        succeeded=int(raw["status"], 16) == 1,
        gas_used=int(raw["gasUsed"], 16),
        effective_gas_price=int(raw["effectiveGasPrice"], 16),
        contract_address=_bytes(created) if created else None,
        logs=tuple(log_from_json(log) for log in raw["logs"]),
    )


def log_from_json(raw: dict[str, Any]) -> LogEntry:
    """A log from its JSON-RPC object."""
    return LogEntry(
        address=_bytes(raw["address"]),
        topics=tuple(_bytes(topic) for topic in raw["topics"]),
        data=_bytes(raw["data"]),
        block_number=int(raw["blockNumber"], 16),
        block_hash=_bytes(raw["blockHash"]),
        transaction_hash=_bytes(raw["transactionHash"]),
        transaction_index=int(raw["transactionIndex"], 16),
        log_index=int(raw["logIndex"], 16),
    )


def _result(answer: Any) -> Any | LedgerRpcError:
    if isinstance(answer, dict) and "error" in answer:
        error = answer["error"]
        data = error.get("data") if isinstance(error, dict) else None
        raw = _bytes(data) if isinstance(data, str) and data.startswith("0x") else b""
        return LedgerRpcError(int(error.get("code", 0)), str(error.get("message", "refused")), raw)
    return cast("dict[str, Any]", answer).get("result")


def result_of(answer: Any | LedgerRpcError) -> Any:
    """One answer of `LedgerClient.batch`, raised if it is a refusal."""
    if isinstance(answer, LedgerRpcError):
        raise answer
    return answer


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _tag(block: int | str) -> str:
    return hex(block) if isinstance(block, int) else block
