"""What a transaction offers to pay, and what a node's refusal means for it. Wei and gas units; no I/O."""

from typing import Any

from contracts.connection import LedgerRpcError

TRANSFER_GAS = 21_000
DEFAULT_TIP_WEI = 10**9
GAS_MARGIN_PERCENT = 25  # state may change between estimate and block
FEE_BUMP_PERMILLE = 125  # +12.5 %: above what every node asks of a replacement

_ARRIVED = ("already known", "already imported", "known transaction", "nonce too low")


def fees_of(block: dict[str, Any], tip: Any) -> tuple[int, int]:
    """Fee cap and tip by the newest block: the cap holds while the base fee doubles (six full blocks)."""
    max_tip = DEFAULT_TIP_WEI if isinstance(tip, LedgerRpcError) else int(tip, 16)
    return 2 * int(block.get("baseFeePerGas", "0x0"), 16) + max_tip, max_tip


def gas_limit(estimate: int) -> int:
    """Gas limit for a call that was estimated to need `estimate`."""
    return estimate * (100 + GAS_MARGIN_PERCENT) // 100


def bumped(fee: int) -> int:
    """The fee for a replacement (EIP-1559): 12.5 % more."""
    return fee * (1000 + FEE_BUMP_PERMILLE) // 1000 + 1


def has_arrived(error: LedgerRpcError) -> bool:
    """Whether a refusal says that these bytes, or others of their nonce, have arrived before."""
    text = error.message.lower()
    return any(known in text for known in _ARRIVED)
