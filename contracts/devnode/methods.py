"""The JSON-RPC methods: name -> function of (node, arguments)."""

from collections.abc import Callable, Sequence
from typing import Any

from eth_hash.auto import keccak

from . import execution, params, shapes
from .errors import INVALID_PARAMS, RpcError
from .evm import CHAIN_ID
from .fees import fee_history
from .node import Node
from .params import argument

CLIENT_VERSION = "wattnote-devnode/1.0"
SUGGESTED_TIP_WEI = 10**9
MAX_BLOCKS_AT_ONCE = 10_000

Arguments = Sequence[Any]
Method = Callable[[Node, Arguments], Any]


def _header(node: Node, ref: params.BlockRef) -> Any:
    block_hash = ref if isinstance(ref, bytes) else node.index.hash_of(int(ref))
    if block_hash is None or (isinstance(ref, bytes) and node.index.number_of(ref) is None):
        raise RpcError(INVALID_PARAMS, f"block not found: {ref.hex() if isinstance(ref, bytes) else ref}")
    return node.reading().header(block_hash)


def _ref(node: Node, arguments: Arguments, position: int) -> params.BlockRef:
    value = arguments[position] if position < len(arguments) else None
    return params.block_ref(value, node.head.block_number)


def _state(node: Node, ref: params.BlockRef) -> Any:
    """State for account reads: after the block that `ref` names."""
    return node.reading().state_after(node.head if ref == "pending" else _header(node, ref))


def _call_state(node: Node, ref: params.BlockRef) -> Any:
    """State for calls: at the head, as if in the block to come, so that the clock goes on between blocks."""
    if ref in ("pending", node.head.block_number):
        return node.state_pending()
    return node.reading().state_after(_header(node, ref))


def _send_raw_transaction(node: Node, arguments: Arguments) -> Any:
    return node.submit(params.data(argument(arguments, 0, "raw transaction"), "raw transaction"))


def _call(node: Node, arguments: Arguments) -> str:
    _refuse_overrides(arguments)
    message = params.message(argument(arguments, 0, "transaction"))
    return shapes.data(execution.call(_call_state(node, _ref(node, arguments, 1)), message))


def _estimate_gas(node: Node, arguments: Arguments) -> str:
    _refuse_overrides(arguments)
    message = params.message(argument(arguments, 0, "transaction"))
    return hex(execution.estimate_gas(_call_state(node, _ref(node, arguments, 1)), message))


def _refuse_overrides(arguments: Arguments) -> None:
    if any(extra for extra in arguments[2:]):
        raise RpcError(INVALID_PARAMS, "state and block overrides are not supported")


def _get_balance(node: Node, arguments: Arguments) -> str:
    owner = params.address(argument(arguments, 0, "address"))
    return hex(_state(node, _ref(node, arguments, 1)).get_balance(owner))


def _get_code(node: Node, arguments: Arguments) -> str:
    owner = params.address(argument(arguments, 0, "address"))
    return shapes.data(_state(node, _ref(node, arguments, 1)).get_code(owner))


def _get_storage_at(node: Node, arguments: Arguments) -> str:
    owner = params.address(argument(arguments, 0, "address"))
    slot = params.quantity(argument(arguments, 1, "slot"), "slot")
    return shapes.word(_state(node, _ref(node, arguments, 2)).get_storage(owner, slot))


def _get_transaction_count(node: Node, arguments: Arguments) -> str:
    owner = params.address(argument(arguments, 0, "address"))
    ref = _ref(node, arguments, 1)
    return hex(node.pending_nonce(owner) if ref == "pending" else _state(node, ref).get_nonce(owner))


def _number(node: Node, arguments: Arguments) -> int:
    return params.block_number(argument(arguments, 0, "block"), node.head.block_number)


def _number_by_hash(node: Node, arguments: Arguments) -> int | None:
    return node.index.number_of(params.hash32(argument(arguments, 0, "block hash")))


def _block(node: Node, number: int | None, arguments: Arguments) -> Any:
    whole = params.flag(arguments[1], "full transactions") if len(arguments) > 1 else False
    return None if number is None else node.index.block(number, whole=whole)


def _transaction_count_of(node: Node, number: int | None) -> str | None:
    if number is None or node.index.hash_of(number) is None:
        return None
    return hex(len(node.index.transaction_hashes(number)))


def _transaction_in(node: Node, number: int | None, arguments: Arguments) -> Any:
    position = params.quantity(argument(arguments, 1, "position"), "position")
    found = node.index.transactions(number) if number is not None else []
    return found[position] if position < len(found) else None


def _get_block_receipts(node: Node, arguments: Arguments) -> Any:
    ref = params.block_ref(argument(arguments, 0, "block"), node.head.block_number)
    number = node.index.number_of(ref) if isinstance(ref, bytes) else node.head.block_number
    if isinstance(ref, int):
        number = ref
    return None if number is None or node.index.hash_of(number) is None else node.index.receipts(number)


def _get_transaction(node: Node, arguments: Arguments) -> Any:
    wanted = params.hash32(argument(arguments, 0, "transaction hash"))
    waiting = node.waiting(wanted)
    mined = node.index.transaction(wanted)
    return mined if mined is not None or waiting is None else shapes.waiting_json(waiting.signed)


def _get_logs(node: Node, arguments: Arguments) -> Any:
    fields = params.mapping(argument(arguments, 0, "filter"), "filter")
    if fields.get("blockHash") is None:
        first, last = params.log_range(fields, node.head.block_number)
    elif "fromBlock" in fields or "toBlock" in fields:
        raise RpcError(INVALID_PARAMS, "give blockHash, or fromBlock and toBlock, not both")
    else:
        first = last = _header(node, params.hash32(fields["blockHash"], "blockHash")).block_number
    return node.index.logs(params.log_filter(fields, first, last))


def _mine(node: Node, arguments: Arguments) -> str:
    wanted = arguments[0] if arguments else None
    blocks, timestamp = 1, wanted
    if isinstance(wanted, dict):
        blocks = params.quantity(wanted.get("blocks") or 1, "blocks", most=MAX_BLOCKS_AT_ONCE)
        timestamp = wanted.get("timestamp")
    node.mine(None if timestamp is None else params.quantity(timestamp, "timestamp"))
    for _ in range(blocks - 1):
        node.mine()
    return "0x0"


def _mine_many(node: Node, arguments: Arguments) -> None:
    blocks = params.quantity(arguments[0] if arguments else 1, "blocks", most=MAX_BLOCKS_AT_ONCE)
    interval = params.quantity(arguments[1], "interval") if len(arguments) > 1 else 0
    for _ in range(blocks):
        node.mine(node.next_timestamp(node.head) + interval if interval else None)


def _increase_time(node: Node, arguments: Arguments) -> int:
    return node.increase_time(params.quantity(argument(arguments, 0, "seconds"), "seconds"))


def _set_next_timestamp(node: Node, arguments: Arguments) -> None:
    node.set_next_timestamp(params.quantity(argument(arguments, 0, "timestamp"), "timestamp"))


def _revert(node: Node, arguments: Arguments) -> bool:
    return node.revert(params.quantity(argument(arguments, 0, "snapshot"), "snapshot"))


def _set_automine(node: Node, arguments: Arguments) -> bool:
    node.set_automine(on=params.flag(argument(arguments, 0, "automine"), "automine"))
    return True


def _txpool_status(node: Node, _: Arguments) -> dict[str, str]:
    return {"pending": hex(len(node.all_waiting())), "queued": "0x0"}


METHODS: dict[str, Method] = {
    "eth_accounts": lambda _node, _: [],
    "eth_blockNumber": lambda node, _: hex(node.head.block_number),
    "eth_call": _call,
    "eth_chainId": lambda _node, _: hex(CHAIN_ID),
    "eth_estimateGas": _estimate_gas,
    "eth_feeHistory": fee_history,
    "eth_gasPrice": lambda node, _: hex(node.next_base_fee() + SUGGESTED_TIP_WEI),
    "eth_getBalance": _get_balance,
    "eth_getBlockByHash": lambda node, a: _block(node, _number_by_hash(node, a), a),
    "eth_getBlockByNumber": lambda node, a: _block(node, _number(node, a), a),
    "eth_getBlockReceipts": _get_block_receipts,
    "eth_getBlockTransactionCountByHash": lambda n, a: _transaction_count_of(n, _number_by_hash(n, a)),
    "eth_getBlockTransactionCountByNumber": lambda n, a: _transaction_count_of(n, _number(n, a)),
    "eth_getCode": _get_code,
    "eth_getLogs": _get_logs,
    "eth_getStorageAt": _get_storage_at,
    "eth_getTransactionByBlockHashAndIndex": lambda n, a: _transaction_in(n, _number_by_hash(n, a), a),
    "eth_getTransactionByBlockNumberAndIndex": lambda n, a: _transaction_in(n, _number(n, a), a),
    "eth_getTransactionByHash": _get_transaction,
    "eth_getTransactionCount": _get_transaction_count,
    "eth_getTransactionReceipt": lambda n, a: n.index.receipt(params.hash32(argument(a, 0, "hash"))),
    "eth_maxPriorityFeePerGas": lambda _node, _: hex(SUGGESTED_TIP_WEI),
    "eth_sendRawTransaction": _send_raw_transaction,
    "eth_syncing": lambda _node, _: False,
    "net_listening": lambda _node, _: True,
    "net_peerCount": lambda _node, _: "0x0",
    "net_version": lambda _node, _: str(CHAIN_ID),
    "txpool_status": _txpool_status,
    "web3_clientVersion": lambda _node, _: CLIENT_VERSION,
    "web3_sha3": lambda _, a: shapes.data(keccak(params.data(argument(a, 0, "data"), "data"))),
    "evm_increaseTime": _increase_time,
    "evm_mine": _mine,
    "evm_revert": _revert,
    "evm_setAutomine": _set_automine,
    "evm_setNextBlockTimestamp": _set_next_timestamp,
    "evm_snapshot": lambda node, _: hex(node.snapshot()),
    "anvil_getAutomine": lambda node, _: node.automine,
    "anvil_increaseTime": _increase_time,
    "anvil_mine": _mine_many,
    "anvil_revert": _revert,
    "anvil_setNextBlockTimestamp": _set_next_timestamp,
    "anvil_snapshot": lambda node, _: hex(node.snapshot()),
}
