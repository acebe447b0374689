"""Losses of the feeder in whole watt-hours, and who bears them. Allocations sum exactly to the feeder's losses."""

from collections.abc import Sequence


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
    shares = weights if any(weights) else [1] * len(weights)
    base = sum(shares)
    floors = [total * share // base for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: (-(total * shares[i] % base), i))
    for i in by_remainder[: total - sum(floors)]:
        floors[i] += 1
    return tuple(floors)


def allocate_pro_rata(losses_wh: int, throughput_wh: Sequence[int]) -> tuple[int, ...]:
    """Losses per connection by its import plus export in the slot: the simple rule, blind to place."""
    return apportion(losses_wh, throughput_wh)
