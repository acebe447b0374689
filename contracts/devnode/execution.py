"""eth_call and eth_estimateGas: run a message on a state that is thrown away."""

from dataclasses import dataclass, replace
from typing import Any

from eth.exceptions import Revert
from eth.vm.spoof import SpoofTransaction
from eth_abi.abi import decode as abi_decode
from eth_abi.exceptions import DecodingError
from eth_utils.exceptions import ValidationError

from . import shapes
from .admission import floor_gas
from .errors import EXECUTION_REVERTED, SERVER_ERROR, RpcError
from .evm import BLOCK_GAS_LIMIT, make_message

_ERROR_STRING = bytes.fromhex("08c379a0")  # Error(string), Solidity's require with a message
_PANIC = bytes.fromhex("4e487b71")  # Panic(uint256)
_CALL_STIPEND = 2_300
_ESTIMATE_TOLERANCE_PERCENT = 2


@dataclass(frozen=True, slots=True)
class Message:
    """What a call or an estimate asks to run; empty `to` creates a contract. Value in wei."""

    sender: bytes
    to: bytes
    data: bytes
    value: int
    gas: int


def call(state: Any, message: Message) -> bytes:
    """Output of running `message`.

    Raises:
        RpcError: It reverted (code 3 with the revert data) or failed.
    """
    computation = _run(state, message)
    _raise_if_failed(computation)
    return bytes(computation.output)


def estimate_gas(state: Any, message: Message) -> int:
    """Gas limit with which `message` succeeds, at most about 2 % above the least.

    Raises:
        RpcError: It fails even with all gas of a block.
    """
    first = _run(state, message)
    _raise_if_failed(first)
    used = message.gas - first.get_gas_remaining()
    # What is spent before refunds is needed to get there; 1/64 stays behind at each inner call (EIP-150).
    guess = max((used + _CALL_STIPEND) * 64 // 63, floor_gas(message.data))
    if guess < message.gas and not _run(state, replace(message, gas=guess)).is_error:
        low, high = max(used, floor_gas(message.data)) - 1, guess
    else:
        low, high = min(guess, message.gas - 1), message.gas
    return _search(state, message, low, high)


def _search(state: Any, message: Message, low: int, high: int) -> int:
    while (high - low) * 100 > high * _ESTIMATE_TOLERANCE_PERCENT:
        middle = min((low + high) // 2, low * 2)  # most need little more than they use
        if _run(state, replace(message, gas=middle)).is_error:
            low = middle
        else:
            high = middle
    return high


def _run(state: Any, message: Message) -> Any:
    snapshot = state.snapshot()
    try:
        unsigned = make_message(
            nonce=state.get_nonce(message.sender),
            gas=min(message.gas, BLOCK_GAS_LIMIT),
            gas_price=0,
            to=message.to,
            value=message.value,
            data=message.data,
        )
        if message.gas < unsigned.intrinsic_gas:
            raise RpcError(
                SERVER_ERROR, f"intrinsic gas too low: have {message.gas}, want {unsigned.intrinsic_gas}"
            )
        return state.apply_transaction(SpoofTransaction(unsigned, from_=message.sender))
    except ValidationError as error:
        raise RpcError(SERVER_ERROR, f"call refused: {error}"[:300]) from error
    finally:
        state.revert(snapshot)
        state.lock_changes()


def _raise_if_failed(computation: Any) -> None:
    if not computation.is_error:
        return
    if isinstance(computation.error, Revert):
        output = bytes(computation.output)
        raise RpcError(EXECUTION_REVERTED, "execution reverted" + _reason(output), shapes.data(output))
    kind, detail = type(computation.error).__name__, str(computation.error)
    raise RpcError(SERVER_ERROR, f"execution failed: {kind}: {detail}"[:300])


def _reason(output: bytes) -> str:
    try:
        if output[:4] == _ERROR_STRING:
            return f": {abi_decode(['string'], output[4:])[0]}"
        if output[:4] == _PANIC:
            return f": panic code 0x{abi_decode(['uint256'], output[4:])[0]:02x}"
    except DecodingError:
        return ""  # a contract may put anything behind these four bytes; the data goes out as it is
    return ""
