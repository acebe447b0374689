"""Blocks, transactions, receipts and logs as Ethereum's JSON-RPC writes them."""

from typing import Any

import rlp

from .evm import CHAIN_ID, BuiltBlock, Executed

Json = dict[str, Any]


def quantity(number: int) -> str:
    """An integer as JSON-RPC writes it: 0x-hex without leading zeros."""
    return hex(number)


def data(raw: bytes) -> str:
    """Bytes as JSON-RPC writes them: 0x-hex of even length."""
    return "0x" + raw.hex()


def word(number: int) -> str:
    """An integer as 32 bytes of 0x-hex (topics, storage)."""
    return f"0x{number:064x}"


def type_of(transaction: Any) -> int:
    """EIP-2718 type; 0 for legacy transactions, which carry none."""
    return int(getattr(transaction, "type_id", None) or 0)


def effective_price(transaction: Any, base_fee: int) -> int:
    """Wei paid for each unit of gas (EIP-1559)."""
    return int(min(transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas + base_fee))


def block_json(block: BuiltBlock) -> Json:
    """A block without its `transactions` member."""
    header = block.header
    size = len(rlp.encode(header)) + sum(len(item.transaction.encode()) for item in block.executed)
    return {
        "number": quantity(header.block_number),
        "hash": data(header.hash),
        "parentHash": data(header.parent_hash),
        "sha3Uncles": data(header.uncles_hash),
        "logsBloom": f"0x{header.bloom:0512x}",
        "transactionsRoot": data(header.transaction_root),
        "stateRoot": data(header.state_root),
        "receiptsRoot": data(header.receipt_root),
        "miner": data(header.coinbase),
        "difficulty": "0x0",
        "totalDifficulty": "0x0",
        "extraData": data(header.extra_data),
        "size": quantity(size),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "mixHash": data(header.mix_hash),
        "nonce": data(header.nonce),
        "baseFeePerGas": quantity(header.base_fee_per_gas),
        "withdrawalsRoot": data(header.withdrawals_root),
        "blobGasUsed": quantity(header.blob_gas_used),
        "excessBlobGas": quantity(header.excess_blob_gas),
        "parentBeaconBlockRoot": data(header.parent_beacon_block_root),
        "requestsHash": data(header.requests_hash),
        "uncles": [],
        "withdrawals": [],
    }


def waiting_json(transaction: Any) -> Json:
    """A transaction that no block holds yet."""
    kind = type_of(transaction)
    shape: Json = {
        "type": quantity(kind),
        "hash": data(transaction.hash),
        "nonce": quantity(transaction.nonce),
        "from": data(transaction.sender),
        "to": data(transaction.to) if transaction.to else None,
        "value": quantity(transaction.value),
        "gas": quantity(transaction.gas),
        "gasPrice": quantity(transaction.max_fee_per_gas),
        "input": data(transaction.data),
        "chainId": quantity(CHAIN_ID),
        "r": quantity(transaction.r),
        "s": quantity(transaction.s),
        "blockHash": None,
        "blockNumber": None,
        "transactionIndex": None,
    }
    return shape | (_typed_members(transaction, kind) if kind else {"v": quantity(transaction.v)})


def _typed_members(transaction: Any, kind: int) -> Json:
    members: Json = {
        "yParity": quantity(transaction.y_parity),
        "v": quantity(transaction.y_parity),
        "accessList": [
            {"address": data(address), "storageKeys": [word(slot) for slot in slots]}
            for address, slots in transaction.access_list
        ],
    }
    if kind >= 2:  # noqa: PLR2004  EIP-1559's type number
        members["maxFeePerGas"] = quantity(transaction.max_fee_per_gas)
        members["maxPriorityFeePerGas"] = quantity(transaction.max_priority_fee_per_gas)
    return members


def mined_json(item: Executed, header: Any, position: int) -> Json:
    """A transaction with its place in the chain."""
    return waiting_json(item.transaction) | {
        "gasPrice": quantity(effective_price(item.transaction, header.base_fee_per_gas)),
        "blockHash": data(header.hash),
        "blockNumber": quantity(header.block_number),
        "blockTimestamp": quantity(header.timestamp),
        "transactionIndex": quantity(position),
    }


def logs_json(item: Executed, header: Any, position: int, first_index: int) -> list[Json]:
    """The logs of one transaction; `first_index` counts the logs before it in the block."""
    return [
        {
            "address": data(log.address),
            "topics": [word(topic) for topic in log.topics],
            "data": data(log.data),
            "blockNumber": quantity(header.block_number),
            "blockHash": data(header.hash),
            "blockTimestamp": quantity(header.timestamp),
            "transactionHash": data(item.transaction.hash),
            "transactionIndex": quantity(position),
            "logIndex": quantity(first_index + offset),
            "removed": False,
        }
        for offset, log in enumerate(item.receipt.logs)
    ]


def receipt_json(item: Executed, header: Any, position: int, logs: list[Json]) -> Json:
    """What a mined transaction did (EIP-658 status)."""
    transaction, receipt = item.transaction, item.receipt
    return {
        "type": quantity(type_of(transaction)),
        "status": "0x1" if receipt.state_root == b"\x01" else "0x0",
        "transactionHash": data(transaction.hash),
        "transactionIndex": quantity(position),
        "blockHash": data(header.hash),
        "blockNumber": quantity(header.block_number),
        "from": data(transaction.sender),
        "to": data(transaction.to) if transaction.to else None,
        "contractAddress": data(item.created) if item.created else None,
        "gasUsed": quantity(item.gas_used),
        "cumulativeGasUsed": quantity(receipt.gas_used),
        "effectiveGasPrice": quantity(effective_price(transaction, header.base_fee_per_gas)),
        "logsBloom": f"0x{receipt.bloom:0512x}",
        "logs": logs,
    }
