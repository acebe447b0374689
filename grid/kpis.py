"""Key figures as the field defines them; None where the denominator is zero.

Self-sufficiency and self-consumption after Luthander et al., Applied Energy 142 (2015) 80-94, pooled over a
community per quarter-hour; storage counts when its energy is used locally later. Costs and peaks as in the market
simulators gsy-e and HAMLET: against everyone trading with the supplier alone. Allocative efficiency after Gode and
Sunder, Journal of Political Economy 101 (1993) 119-137. docs/replay.md has the table.
"""

from collections.abc import Sequence


def self_sufficiency(self_consumed_wh: int, demand_wh: int) -> float | None:
    """Share of the demand that local production covered: self-consumed / demand, at most 1."""
    return min(1.0, self_consumed_wh / demand_wh) if demand_wh else None


def self_consumption(self_consumed_wh: int, produced_wh: int) -> float | None:
    """Share of the production that was used locally: self-consumed / produced, at most 1."""
    return min(1.0, self_consumed_wh / produced_wh) if produced_wh else None


def self_consumed_wh(
    demand_wh: Sequence[int], feeder_import_wh: Sequence[int], losses_wh: Sequence[int]
) -> int:
    """Demand that did not come through the source, summed per slot: demand - (import - losses), within [0, demand].

    Losses are borne by imports first: they are no demand of anybody.
    """
    slots = zip(demand_wh, feeder_import_wh, losses_wh, strict=True)
    return sum(slot_self_consumed_wh(*slot) for slot in slots)


def slot_self_consumed_wh(demand_wh: int, feeder_import_wh: int, losses_wh: int) -> int:
    """One slot of `self_consumed_wh`."""
    return min(demand_wh, max(0, demand_wh - max(0, feeder_import_wh - losses_wh)))


def base_cost(
    bought_wh: int, sold_wh: int, *, retail_per_kwh: int, feed_in_per_kwh: int, fee_per_kwh: int = 0
) -> float:
    """Micro-units without a market: (retail + fee) * bought - (feed-in - fee) * sold."""
    return ((retail_per_kwh + fee_per_kwh) * bought_wh - (feed_in_per_kwh - fee_per_kwh) * sold_wh) / 1000


def saving(base: float, actual: float) -> float:
    """Micro-units saved against the base; negative is a loss and shown as one."""
    return base - actual


def saving_percent(base: float, actual: float) -> float | None:
    """The saving in percent of the base cost's size."""
    return 100 * (base - actual) / abs(base) if base else None


def peak_percent(peak_wh: int, baseline_peak_wh: int) -> float | None:
    """Highest exchange with the grid above in percent of the baseline's."""
    return 100 * peak_wh / baseline_peak_wh if baseline_peak_wh else None


def share(part: int, whole: int) -> float | None:
    """A plain share, for curtailment of the possible or losses of the throughput."""
    return part / whole if whole else None


def gains_from_trade(delivered_wh: int, spread_per_kwh: int) -> int:
    """Micro-units that both sides of the trades gained together, rounded down: delivered * (retail - feed-in).

    Each delivered kWh spares its buyer the retail price and costs its seller the feed-in price; how they share the
    difference is the price's matter.
    """
    return delivered_wh * spread_per_kwh // 1000


def allocative_efficiency(delivered_wh: int, tradable_wh: int) -> float | None:
    """Realised gains from trade by the largest possible: delivered / sum over slots of min(metered import, export).

    Every kWh gains the same here, so that gains cancel to energy; the grid's limits are not taken off the possible.
    """
    return min(1.0, delivered_wh / tradable_wh) if tradable_wh else None


def mean_kw(wh: int, hours: float = 0.25) -> float:
    """Mean power over a slot."""
    return wh / hours / 1000
