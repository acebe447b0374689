"""What the rules would have done in past slots. Pure: the planner's own bounds, slot by slot, against recorded neighbours.

Doing nothing is the measure: what is left over is fed in, what is missing comes from the supplier.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from channels_engine.core.amounts import amount_of
from marketplace.trading.own_agent.planner import Quote, Slot, best_first, quantity_wh
from marketplace.trading.own_agent.rules import Rules


@dataclass(frozen=True, slots=True)
class Prices:
    """The supplier's, micro-units per kWh."""

    retail_per_kwh: int
    feed_in_per_kwh: int


@dataclass(frozen=True, slots=True)
class PastSlot:
    """A slot that is over: what the own meter showed, and what neighbours bought from or sold to the supplier in it."""

    slot: Slot
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class DayResult:
    """One day of delivery. Money in micro-units; `saved` is what it brings against doing nothing."""

    day: str
    slots: int
    surplus_wh: int
    need_wh: int
    sold_wh: int
    bought_wh: int
    earned: int
    spent: int
    saved: int
    trades: int


def dry_run(rules: Rules, past: Iterable[PastSlot], prices: Prices, *, least_wh: int = 1) -> list[DayResult]:
    """Per day of delivery, in order; slots come in order."""
    days: dict[str, DayResult] = {}
    for one in past:
        name = rules.day_of(one.slot.start)
        day = days.get(name) or DayResult(name, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        days[name] = _play(rules, one, prices, day, least_wh)
    return list(days.values())


def _play(rules: Rules, past: PastSlot, prices: Prices, day: DayResult, least_wh: int) -> DayResult:
    slot = past.slot
    day = replace(
        day,
        slots=day.slots + 1,
        surplus_wh=day.surplus_wh + slot.surplus_wh,
        need_wh=day.need_wh + slot.need_wh,
    )
    for quote in best_first(past.quotes):
        traded = quantity_wh(rules, slot, quote, quote.price_per_kwh, rules.budget - day.spent)
        if traded < least_wh:
            continue
        if quote.sells:
            slot = replace(slot, bought_wh=slot.bought_wh + traded)
        else:
            slot = replace(slot, sold_wh=slot.sold_wh + traded)
        day = _with_trade(day, quote, traded, prices)
    return day


def _with_trade(day: DayResult, quote: Quote, traded_wh: int, prices: Prices) -> DayResult:
    """One trade more: its amount is rounded up as a real one is, the supplier's against us."""
    amount = amount_of(traded_wh, quote.price_per_kwh)
    if quote.sells:
        instead = traded_wh * prices.retail_per_kwh // 1000
        return replace(
            day,
            bought_wh=day.bought_wh + traded_wh,
            spent=day.spent + amount,
            saved=day.saved + instead - amount,
            trades=day.trades + 1,
        )
    instead = amount_of(traded_wh, prices.feed_in_per_kwh)
    return replace(
        day,
        sold_wh=day.sold_wh + traded_wh,
        earned=day.earned + amount,
        saved=day.saved + amount - instead,
        trades=day.trades + 1,
    )


def summary(days: Sequence[DayResult]) -> dict[str, Any]:
    """JSON-able: sums over all days, and each day."""
    names = ("slots", "surplus_wh", "need_wh", "sold_wh", "bought_wh", "earned", "spent", "saved", "trades")
    totals = {name: sum(getattr(day, name) for day in days) for name in names}
    return {**totals, "days": [asdict(day) for day in days]}
