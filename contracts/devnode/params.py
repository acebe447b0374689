"""Parameters of JSON-RPC calls, checked before anything uses them. Each fault is an RpcError -32602."""

from collections.abc import Sequence
from typing import Any

from .errors import INVALID_PARAMS, RpcError
from .evm import BLOCK_GAS_LIMIT
from .execution import Message
from .index import LogFilter

MAX_UINT256 = 2**256 - 1
MAX_FILTER_CHOICES = 1_000
_NO_BLOCK = 2**62  # a height that no chain reaches and SQLite can still hold
_MAX_TOPICS = 4
_HEAD_TAGS = ("latest", "pending", "safe", "finalized")

BlockRef = int | str | bytes  # a height, "pending", or a hash


def invalid(text: str) -> RpcError:
    """The error for a parameter that is not what it should be."""
    return RpcError(INVALID_PARAMS, text[:300])


def argument(arguments: Sequence[Any], position: int, name: str) -> Any:
    """The argument at `position`, which must be there."""
    if position >= len(arguments):
        raise invalid(f"missing argument {position + 1}: {name}")
    return arguments[position]


def quantity(value: Any, name: str, *, most: int = MAX_UINT256) -> int:
    """A 0x-hex integer, or a JSON integer as test tools send."""
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and value[:2] == "0x" and value[2:].isalnum() and len(value) <= 66:  # noqa: PLR2004  0x and 32 bytes
        try:
            number = int(value, 16)
        except ValueError as error:
            raise invalid(f"{name} must be 0x-hex, not {value!r}") from error
    else:
        raise invalid(f"{name} must be a 0x-hex quantity, not {str(value)[:80]!r}")
    if not 0 <= number <= most:
        raise invalid(f"{name} is out of range: {number}")
    return number


def data(value: Any, name: str, *, length: int | None = None) -> bytes:
    """0x-hex bytes, of `length` where given."""
    if not isinstance(value, str) or value[:2] not in ("0x", "0X"):
        raise invalid(f"{name} must be 0x-hex, not {str(value)[:80]!r}")
    try:
        raw = bytes.fromhex(value[2:])
    except ValueError as error:
        raise invalid(f"{name} is no valid hex of whole bytes") from error
    if " " in value or (length is not None and len(raw) != length):
        raise invalid(f"{name} must have {length} bytes, not {len(raw)}")
    return raw


def address(value: Any, name: str = "address") -> bytes:
    """20 bytes."""
    return data(value, name, length=20)


def hash32(value: Any, name: str = "hash") -> bytes:
    """32 bytes."""
    return data(value, name, length=32)


def block_ref(value: Any, head: int) -> BlockRef:
    """A block number, tag, hash or EIP-1898 object; a missing one is the newest block."""
    if value is None:
        return head
    if isinstance(value, dict):
        if "blockHash" in value:
            return hash32(value["blockHash"], "blockHash")
        return block_ref(value.get("blockNumber"), head)
    if value == "pending":
        return "pending"
    if isinstance(value, str) and len(value) == 66:  # noqa: PLR2004  0x and 32 bytes
        return hash32(value, "block hash")
    return block_number(value, head)


def block_number(value: Any, head: int) -> int:
    """A height from a number or a tag; "pending" counts as the newest block."""
    if value is None or (isinstance(value, str) and value in _HEAD_TAGS):
        return head
    if value == "earliest":
        return 0
    return min(quantity(value, "block number"), _NO_BLOCK)


def flag(value: Any, name: str) -> bool:
    """A JSON boolean."""
    if not isinstance(value, bool):
        raise invalid(f"{name} must be true or false, not {str(value)[:80]!r}")
    return value


def mapping(value: Any, name: str) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise invalid(f"{name} must be an object, not {str(value)[:80]!r}")
    return value


def message(value: Any) -> Message:
    """The transaction object of eth_call and eth_estimateGas; prices are ignored: a call pays nothing."""
    fields = mapping(value, "transaction")
    inputs = [fields[key] for key in ("input", "data") if fields.get(key) is not None]
    if len(inputs) > 1 and inputs[0] != inputs[1]:
        raise invalid("both input and data are given and differ; give one")
    sender, to, gas = fields.get("from"), fields.get("to"), fields.get("gas")
    return Message(
        sender=address(sender, "from") if sender is not None else bytes(20),
        to=address(to, "to") if to is not None else b"",
        data=data(inputs[0], "input") if inputs else b"",
        value=quantity(fields.get("value") or 0, "value"),
        gas=min(quantity(gas, "gas"), BLOCK_GAS_LIMIT) if gas is not None else BLOCK_GAS_LIMIT,
    )


def log_range(fields: dict[str, Any], head: int) -> tuple[int, int]:
    """Heights from and to, both inclusive; missing ones are the newest block."""
    first = block_number(fields.get("fromBlock"), head)
    last = block_number(fields.get("toBlock"), head)
    if first > last:
        raise invalid(f"fromBlock {first} is after toBlock {last}")
    return first, last


def log_filter(fields: dict[str, Any], first: int, last: int) -> LogFilter:
    """The filter object of eth_getLogs over a range that is already resolved."""
    chosen = fields.get("address")
    addresses = () if chosen is None else _choices(chosen, "address", 20)
    topics = fields.get("topics") or []
    if not isinstance(topics, list) or len(topics) > _MAX_TOPICS:
        raise invalid(f"topics must be a list of at most {_MAX_TOPICS}")
    parsed = tuple(() if topic is None else _choices(topic, "topic", 32) for topic in topics)
    return LogFilter(first, last, addresses, parsed)


def _choices(value: Any, name: str, length: int) -> tuple[bytes, ...]:
    items = value if isinstance(value, list) else [value]
    if len(items) > MAX_FILTER_CHOICES:
        raise invalid(f"at most {MAX_FILTER_CHOICES} choices of {name}")
    if None in items:
        return ()
    return tuple(data(item, name, length=length) for item in items)
