"""Errors as JSON-RPC 2.0 and the Ethereum clients number them."""

from typing import Any, Final

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
SERVER_ERROR: Final = -32000
TRANSACTION_REJECTED: Final = -32003  # EIP-1474
LIMIT_EXCEEDED: Final = -32005  # EIP-1474
EXECUTION_REVERTED: Final = 3  # geth and anvil; `data` holds the revert data


class RpcError(Exception):
    """An answer that says no: the caller's request is at fault, or the ledger's rules forbid it.

    Attributes:
        code: JSON-RPC error code.
        message: What is wrong and what would be right.
        data: Revert data as 0x-hex where a contract gave some, else None.
    """

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def as_json(self) -> dict[str, Any]:
        """The `error` member of the response object."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return error


class NodeStartError(Exception):
    """The node can't start or go on; the message names what is in the way and the remedy."""
