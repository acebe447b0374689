"""A person's rules for its own agent, and the mandate that it signs for them. Pure.

Energy in Wh, prices in micro-units per kWh, money in micro-units, times in epoch seconds UTC.
"""

from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAY_MINUTES = 24 * 60
MOST_WH = 1_000_000
MOST_PRICE = 10_000_000
MOST_BUDGET = 10_000_000_000
MANDATE_SECONDS = 30 * 24 * 3600


class Partners(StrEnum):
    """With whom the agent may trade; always over a channel that the person has opened."""

    ALL = "all"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a rule: `code` of a kind that the site has words for, and the limit that was passed."""

    field: str
    code: str
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """What the agent may do. It never does anything else.

    Attributes:
        sells, sell_from: whether it sells, and the least price.
        buys, buy_up_to: whether it buys, and the highest price.
        reserve_wh: what stays at home before anything is sold: the battery's charge counts, the rest is kept of each
            slot's surplus.
        budget: the most that all purchases for one day of delivery may cost, by hand or by agent.
        most_wh: the most energy in one trade.
        partners: every partner with an open channel, or only those with whom that channel has carried a trade.
        from_minute, to_minute: delivery slots that start in [from, to) of the day; where `to` is not after `from` the
            hours go past midnight, and the same minute twice is the whole day.
        zone: IANA name of the zone in which days and hours are meant.
    """

    sells: bool
    sell_from: int
    buys: bool
    buy_up_to: int
    reserve_wh: int
    budget: int
    most_wh: int
    partners: str
    from_minute: int
    to_minute: int
    zone: str

    @property
    def opens(self) -> str:
        """The first minute as a clock shows it."""
        return _clock(self.from_minute)

    @property
    def closes(self) -> str:
        """The end as a clock shows it."""
        return _clock(self.to_minute)

    def day_of(self, at: int) -> str:
        """The day of delivery that a slot belongs to, as an ISO date in the rules' zone."""
        return datetime.fromtimestamp(at, ZoneInfo(self.zone)).date().isoformat()

    def in_hours(self, slot_start: int) -> bool:
        """Whether a slot starts within the agent's hours."""
        local = datetime.fromtimestamp(slot_start, ZoneInfo(self.zone))
        minute = local.hour * 60 + local.minute
        if self.from_minute < self.to_minute:
            return self.from_minute <= minute < self.to_minute
        return minute >= self.from_minute or minute < self.to_minute

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, as it is stored and sent."""
        return asdict(self)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def rules_from(stored: dict[str, Any]) -> Rules:
    """Rules out of their stored form."""
    return Rules(**{field.name: stored[field.name] for field in fields(Rules)})


def faults_of(rules: Rules) -> list[Fault]:
    """Everything that is wrong with rules; none may be kept that have a fault."""
    found = [
        Fault(name, "range", most)
        for name, most in (
            ("sell_from", MOST_PRICE),
            ("buy_up_to", MOST_PRICE),
            ("reserve_wh", MOST_WH),
            ("budget", MOST_BUDGET),
        )
        if not 0 <= getattr(rules, name) <= most
    ]
    if not 1 <= rules.most_wh <= MOST_WH:
        found.append(Fault("most_wh", "range", MOST_WH))
    found += [
        Fault(name, "hours")
        for name in ("from_minute", "to_minute")
        if not 0 <= getattr(rules, name) < DAY_MINUTES
    ]
    return found + _contradictions(rules)


def _contradictions(rules: Rules) -> list[Fault]:
    found = []
    if not (rules.sells or rules.buys):
        found.append(Fault("sells", "idle"))
    if rules.sells and rules.buys and rules.buy_up_to > rules.sell_from:
        found.append(Fault("buy_up_to", "crossed"))
    if rules.buys and not rules.budget:
        found.append(Fault("budget", "no_budget"))
    if rules.partners not in tuple(Partners):
        found.append(Fault("partners", "partners"))
    if not _is_zone(rules.zone):
        found.append(Fault("zone", "zone"))
    return found


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def mandate_text(rules: Rules, *, version: int, owner: str, until: int) -> str:
    """What the wallet signs when an agent goes live (EIP-191): the browser signs nothing beyond it.

    The same text is built in `static/web/js/agent/mandate.js`; numbers are those of the rules, to the last unit.
    """
    lines = [
        "My Wattnote agent may trade for me by these rules, and by no others.",
        "",
        f"Account: {owner}",
        f"Rules: {version}",
        f"Sell: {f'from {rules.sell_from} micro-units per kWh' if rules.sells else 'never'}",
        f"Buy: {f'up to {rules.buy_up_to} micro-units per kWh' if rules.buys else 'never'}",
        f"Reserve: {rules.reserve_wh} Wh",
        f"Budget for a day of delivery: {rules.budget} micro-units",
        f"Most in one trade: {rules.most_wh} Wh",
        f"Partners: {rules.partners}",
        f"Hours: {rules.from_minute} to {rules.to_minute} minutes of the day, {rules.zone}",
        f"Until: {datetime.fromtimestamp(until, UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}",
    ]
    return "\n".join(lines)
