"""Exact tests in bulk: which of many cases keep the limits, and the largest quantity that does."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from grid.assets import SLOTS_PER_HOUR
from grid.flow.powerflow import FloatArray, Flows, PowerFlow, PowerFlowError
from grid.gate.limits import Envelope

SEARCH_WIDTH = 24


def largest_passing(
    test: Callable[[Sequence[int]], npt.NDArray[np.bool_]], upper: int, above: int = 0
) -> int:
    """The last of above..upper before the first that fails, tested exactly; `above` is known to pass, `upper` to fail.

    Each round tests `SEARCH_WIDTH` quantities in one batch, so 10 kWh are searched to the Wh in three batches.
    """
    low, high = above, upper
    while high - low > 1:
        step = max(1, (high - low) // (SEARCH_WIDTH + 1))
        tried = list(range(low + step, high, step))[: SEARCH_WIDTH + 1]
        passed = test(tried)
        failing = int(np.argmin(passed)) if not passed.all() else len(tried)
        high = tried[failing] if failing < len(tried) else high
        low = tried[failing - 1] if failing else low
    return low


def solve_net(power_flow: PowerFlow, net_wh: npt.NDArray[np.int64], q_kvar: FloatArray) -> Flows:
    """Power flows of slots given in Wh: (slots, connections) net import; `q_kvar` (connections,) for all of them."""
    p_kw = net_wh.astype(np.float64) * (SLOTS_PER_HOUR / 1000)
    return power_flow.run(p_kw, np.broadcast_to(q_kvar, p_kw.shape))


def fitting(
    envelope: Envelope, power_flow: PowerFlow, net_wh: npt.NDArray[np.int64], q_kvar: FloatArray
) -> npt.NDArray[np.bool_]:
    """(slots,) which of the cases lie inside; one that has no power flow at all does not."""
    try:
        return envelope.passes(solve_net(power_flow, net_wh, q_kvar))
    except PowerFlowError as error:
        inside = np.ones(len(net_wh), dtype=np.bool_)
        inside[list(error.slots)] = False
        if inside.any():
            inside[inside] = envelope.passes(solve_net(power_flow, net_wh[inside], q_kvar))
        return inside
