"""Losses of the feeder in whole watt-hours, and who bears them. Allocations sum exactly to the feeder's losses."""

from collections.abc import Sequence

import numpy as np

from grid.flow.powerflow import FloatArray, PowerFlow

PPM = 1_000_000
STEP_KW = 1.0
"""Half-width of the difference quotient; losses are quadratic in the flows, so the central one has no bias to speak of."""


def apportion(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split `total` >= 0 by non-negative weights, in whole units that sum exactly (largest remainder, Hamilton 1792).

    Equal remainders go to the earlier place. With all weights zero the first places get one unit each, in turn.
    Raises ValueError on negative input, or where there is something to split and nobody to take it.
    """
    if total < 0 or min(weights, default=0) < 0:
        raise ValueError("only a non-negative total can be apportioned by non-negative weights")
    if total and not weights:
        raise ValueError("there is nobody to apportion to; give at least one weight")
    if not total:
        return (0,) * len(weights)
    return apportion_signed(total, weights if any(weights) else [1] * len(weights))


def apportion_signed(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split `total` >= 0 by weights of either sign with a positive sum; the shares have the weights' signs.

    Largest remainder as in `apportion`: every share is the exact one rounded down or up, and they sum exactly.
    Raises ValueError where the weights' sum is not positive.
    """
    base = sum(weights)
    if base <= 0:
        raise ValueError("weights of either sign must have a positive sum; allocate pro rata instead")
    shares = [total * weight // base for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % base), i))
    for i in by_remainder[: total - sum(shares)]:
        shares[i] += 1
    return tuple(shares)


def allocate_pro_rata(losses_wh: int, throughput_wh: Sequence[int]) -> tuple[int, ...]:
    """Losses per connection by its import plus export in the slot: the simple rule, blind to place."""
    return apportion(losses_wh, throughput_wh)


def allocate_marginal(
    losses_wh: int, no_load_wh: int, loss_ppm: Sequence[int], net_import_wh: Sequence[int]
) -> tuple[int, ...]:
    """Losses per connection by what its flow adds to them; negative for a flow that lowers them.

    Marginal loss coefficients, reconciled: Mutale, Strbac, Curcic & Jenkins, IEE Proc. Gener. Transm. Distrib. 147
    (2000) 7-14. A connection weighs dL/dP times its net import; as losses are quadratic the weights sum to about twice
    the load losses, so they are scaled (the reconciliation factor) and rounded by `apportion_signed`. Losses without
    any load (transformer iron) are nobody's margin: they go by throughput, as do all losses where the weights' sum
    is not positive.

    Args:
        losses_wh: of the feeder in the slot.
        no_load_wh: the part that flows without any load.
        loss_ppm: per connection, dL/dP in ppm (`loss_sensitivities`).
        net_import_wh: per connection.
    """
    throughput = [abs(wh) for wh in net_import_wh]
    weights = [ppm * wh for ppm, wh in zip(loss_ppm, net_import_wh, strict=True)]
    fixed = min(losses_wh, no_load_wh) if sum(weights) > 0 else losses_wh
    base = allocate_pro_rata(fixed, throughput)
    if fixed == losses_wh:
        return base
    return tuple(map(sum, zip(base, apportion_signed(losses_wh - fixed, weights), strict=True)))


def loss_sensitivities(power_flow: PowerFlow, p_kw: FloatArray, q_kvar: FloatArray) -> tuple[int, ...]:
    """dL/dP per connection in ppm: how the feeder's losses grow with a connection's net import.

    One batch of central differences, two power flows a bus. This is where a float becomes an integer.

    Args:
        power_flow: of the feeder.
        p_kw: (connections,) net import of the slot.
        q_kvar: the same for reactive power.

    Raises:
        PowerFlowError: the slot has no solution near these flows.
    """
    buses = [connection.bus for connection in power_flow.feeder.connections]
    first = {bus: buses.index(bus) for bus in dict.fromkeys(buses)}
    step = np.zeros((len(first), len(buses)))
    step[np.arange(len(first)), list(first.values())] = STEP_KW
    cases = np.concatenate([p_kw + step, p_kw - step])
    losses = power_flow.run(cases, np.broadcast_to(q_kvar, cases.shape)).losses_kw
    slopes = (losses[: len(first)] - losses[len(first) :]) / (2 * STEP_KW)
    at_bus = dict(zip(first, np.rint(slopes * PPM).astype(np.int64).tolist(), strict=True))
    return tuple(at_bus[bus] for bus in buses)
