"""Which raw transactions the node takes: well-formed, for this chain, signed, payable."""

from typing import Any

from eth.vm.forks.prague.constants import STANDARD_TOKEN_COST, TOTAL_COST_FLOOR_PER_TOKEN

from .errors import INVALID_PARAMS, TRANSACTION_REJECTED, RpcError
from .evm import BLOCK_GAS_LIMIT, CHAIN_ID, decode_transaction
from .pool import Waiting
from .shapes import type_of

MAX_TRANSACTION_BYTES = 131_072  # as geth: a larger one would slow every pool that relays it
_TAKEN_TYPES = (0, 1, 2)
_BASE_GAS = 21_000


def parse(raw: bytes, arrival: int) -> Waiting:
    """Decode and check all that needs no account state.

    Raises:
        RpcError: Malformed, for another chain, wrongly signed, or against the gas rules.
    """
    if len(raw) > MAX_TRANSACTION_BYTES:
        raise RpcError(TRANSACTION_REJECTED, f"oversized data: at most {MAX_TRANSACTION_BYTES} bytes")
    signed, sender = _decode(raw)
    _check_rules(signed)
    return Waiting(
        hash=bytes(signed.hash),
        sender=sender,
        nonce=signed.nonce,
        gas=signed.gas,
        max_fee=signed.max_fee_per_gas,
        max_tip=signed.max_priority_fee_per_gas,
        arrival=arrival,
        signed=signed,
    )


def _decode(raw: bytes) -> tuple[Any, bytes]:
    try:
        signed = decode_transaction(raw)
        if type_of(signed) in _TAKEN_TYPES:
            signed.validate()
            return signed, bytes(signed.sender)
    except Exception as error:  # py-evm, rlp and coincurve each raise their own kinds on rubbish
        raise RpcError(INVALID_PARAMS, f"failed to decode signed transaction: {error}"[:300]) from error
    raise RpcError(TRANSACTION_REJECTED, "transaction type not supported: legacy, EIP-2930 or EIP-1559")


def _check_rules(signed: Any) -> None:
    if signed.chain_id != CHAIN_ID:
        # None: signed before EIP-155 and thus valid on every chain; replaying those is an old theft.
        raise RpcError(
            TRANSACTION_REJECTED,
            f"invalid chain id for signer: have {signed.chain_id or 'none'}, want {CHAIN_ID}",
        )
    if signed.max_priority_fee_per_gas > signed.max_fee_per_gas:
        raise RpcError(TRANSACTION_REJECTED, "max priority fee per gas higher than max fee per gas")
    if signed.gas > BLOCK_GAS_LIMIT:
        raise RpcError(
            TRANSACTION_REJECTED, f"exceeds block gas limit: {signed.gas} is over {BLOCK_GAS_LIMIT}"
        )
    least = max(signed.intrinsic_gas, floor_gas(signed.data))
    if signed.gas < least:
        raise RpcError(TRANSACTION_REJECTED, f"intrinsic gas too low: have {signed.gas}, want {least}")


def floor_gas(calldata: bytes) -> int:
    """Least gas of a transaction with this calldata (EIP-7623)."""
    zeros = calldata.count(0)
    tokens = zeros + (len(calldata) - zeros) * STANDARD_TOKEN_COST
    return _BASE_GAS + TOTAL_COST_FLOOR_PER_TOKEN * tokens


def check_payable(entry: Waiting, balance: int, base_fee: int) -> None:
    """Refuse what its sender can't pay, or what pays less than the block's base fee."""
    if entry.max_fee < base_fee:
        raise RpcError(
            TRANSACTION_REJECTED,
            f"max fee per gas less than block base fee: maxFeePerGas {entry.max_fee}, baseFee {base_fee}",
        )
    cost = entry.gas * entry.max_fee + entry.signed.value
    if balance < cost:
        raise RpcError(
            TRANSACTION_REJECTED,
            f"insufficient funds for gas * price + value: have {balance}, want {cost}",
        )
