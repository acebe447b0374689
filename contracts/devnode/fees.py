"""eth_feeHistory: what blocks cost and what senders tipped."""

from collections.abc import Sequence
from typing import Any

import msgspec

from . import params
from .evm import Evm
from .node import Node
from .params import argument

MAX_BLOCKS = 1_024
MAX_PERCENTILES = 100


def fee_history(node: Node, arguments: Sequence[Any]) -> dict[str, Any]:
    """Base fees of up to 1,024 blocks and of the one to come, gas used, tips at the percentiles asked for."""
    head = node.head.block_number
    wanted = params.quantity(argument(arguments, 0, "block count"), "block count")
    newest = params.block_number(argument(arguments, 1, "newest block"), head)
    if newest > head:
        raise params.invalid(f"newest block {newest} is beyond the head {head}")
    percentiles = _percentiles(arguments[2] if len(arguments) > 2 else None)  # noqa: PLR2004  the third is optional
    oldest = newest + 1 - min(wanted, MAX_BLOCKS, newest + 1)
    return _history(node, range(oldest, newest + 1), percentiles)


def _percentiles(value: Any) -> list[float]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MAX_PERCENTILES:
        raise params.invalid(f"percentiles must be a list of at most {MAX_PERCENTILES}")
    for item in value:
        if isinstance(item, bool) or not isinstance(item, int | float) or not 0 <= item <= 100:  # noqa: PLR2004  per cent
            raise params.invalid(f"percentile {str(item)[:40]} is not between 0 and 100")
    if value != sorted(value):
        raise params.invalid("percentiles must rise")
    return value


def _history(node: Node, numbers: range, percentiles: list[float]) -> dict[str, Any]:
    blocks = [block for number in numbers if (block := node.index.block(number, whole=False)) is not None]
    answer: dict[str, Any] = {
        "oldestBlock": hex(numbers.start),
        "baseFeePerGas": [block["baseFeePerGas"] for block in blocks],
        "gasUsedRatio": [int(block["gasUsed"], 16) / int(block["gasLimit"], 16) for block in blocks],
    }
    if blocks:
        last = node.reading().header(params.hash32(blocks[-1]["hash"]))
        answer["baseFeePerGas"].append(hex(Evm.next_header(last, last.timestamp).base_fee_per_gas))
    if percentiles:
        answer["reward"] = [_rewards(node, block, percentiles) for block in blocks]
    return answer


def _rewards(node: Node, block: dict[str, Any], percentiles: list[float]) -> list[str]:
    base_fee = int(block["baseFeePerGas"], 16)
    receipts = [msgspec.json.decode(receipt) for receipt in node.index.receipts(int(block["number"], 16))]
    tips = sorted((int(r["effectiveGasPrice"], 16) - base_fee, int(r["gasUsed"], 16)) for r in receipts)
    return [hex(_tip_at(tips, share)) for share in percentiles]


def _tip_at(tips: list[tuple[int, int]], percentile: float) -> int:
    """Tip of the transaction at which that share of the block's gas is reached; 0 in an empty block."""
    threshold, reached = sum(gas for _, gas in tips) * percentile / 100, 0
    for tip, gas in tips:
        reached += gas
        if reached >= threshold:
            return tip
    return 0
