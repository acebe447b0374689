"""What an agent does next by its rules. Pure: the same in a dry run, on the server, and in a program of one's own.

The browser that signs checks every step against the same bounds once more (`static/web/js/agent/bounds.js`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from channels_engine.core.amounts import WH_PER_KWH, amount_of
from marketplace.trading.own_agent.rules import Partners, Rules

UNLIMITED_WH = 10**12


@dataclass(frozen=True, slots=True)
class Slot:
    """What is expected of a delivery slot, and what is spoken for already.

    `sold_wh` and `bought_wh` are co-signed trades and own offers that a partner may still accept; `stored_wh` is the
    battery's charge.
    """

    start: int
    surplus_wh: int
    need_wh: int
    stored_wh: int = 0
    sold_wh: int = 0
    bought_wh: int = 0


@dataclass(frozen=True, slots=True)
class Quote:
    """Somebody's wish to sell or to buy: a listing, an offer in a channel, or a neighbour of a past slot.

    `offer` is the live offer's id where it can be accepted, "" for what binds nobody.
    """

    partner: str
    sells: bool
    slot_start: int
    quantity_wh: int
    price_per_kwh: int
    channel: str = ""
    offer: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """An open channel of the person: what each side holds, and whether it carried a trade before."""

    id: str
    partner: str
    known: bool
    mine: int
    theirs: int
    is_busy: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """All that a decision depends on.

    Attributes:
        slots: the slots that can be traded now, in order.
        spent: by day of delivery, what purchases and open offers to buy cost, micro-units.
        channels: by partner.
        quotes: listings, and offers that can be accepted.
        tried: (partner, slot, whether we sell) that were asked before: nobody is asked twice.
        answered: offers that were answered before, whatever came of it.
        least_wh: the market's smallest trade.
    """

    slots: tuple[Slot, ...]
    spent: Mapping[str, int] = field(default_factory=dict)
    channels: Mapping[str, Channel] = field(default_factory=dict)
    quotes: tuple[Quote, ...] = ()
    tried: frozenset[tuple[str, int, bool]] = frozenset()
    answered: frozenset[str] = frozenset()
    least_wh: int = 1


@dataclass(frozen=True, slots=True)
class Action:
    """One step: `accept` a live offer, `counter` it with less energy, or `offer`.

    `at_bound` says that the partner asked for a worse price than the rules allow, and gets the rules' own price.
    """

    kind: str
    quote: Quote
    quantity_wh: int
    price_per_kwh: int
    at_bound: bool = False

    @property
    def sells(self) -> bool:
        """Whether this side sells."""
        return not self.quote.sells

    @property
    def amount(self) -> int:
        """What the buyer pays, micro-units."""
        return amount_of(self.quantity_wh, self.price_per_kwh)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now, or why nothing: `reason` is one of `words.REASONS`."""

    action: Action | None
    reason: str


def left_wh(rules: Rules, slot: Slot, *, sells: bool) -> int:
    """What is not covered yet of a slot's need, or of its surplus beyond the reserve."""
    if not sells:
        return max(0, slot.need_wh - slot.bought_wh)
    kept = max(0, rules.reserve_wh - slot.stored_wh)
    return max(0, slot.surplus_wh - kept - slot.sold_wh)


def fits_price(rules: Rules, price_per_kwh: int, *, sells: bool) -> bool:
    """Whether a price is no worse than the rules' bound."""
    return price_per_kwh >= rules.sell_from if sells else price_per_kwh <= rules.buy_up_to


def may_trade(rules: Rules, slot_start: int, *, sells: bool) -> str:
    """Why the rules exclude a side in a slot; "" where they don't."""
    if not (rules.sells if sells else rules.buys):
        return "side"
    return "" if rules.in_hours(slot_start) else "hours"


def quantity_wh(rules: Rules, slot: Slot, quote: Quote, price_per_kwh: int, budget_left: int) -> int:
    """The most energy that the rules allow of a quote at a price; 0 where nothing."""
    sells = not quote.sells
    if may_trade(rules, slot.start, sells=sells) or not fits_price(rules, price_per_kwh, sells=sells):
        return 0
    most = min(left_wh(rules, slot, sells=sells), quote.quantity_wh, rules.most_wh)
    return most if sells else min(most, payable_wh(budget_left, price_per_kwh))


def payable_wh(money: int, price_per_kwh: int) -> int:
    """The most that some money buys: the amount of a trade is rounded up."""
    return max(0, money) * WH_PER_KWH // price_per_kwh if price_per_kwh else UNLIMITED_WH


def best_first(quotes: tuple[Quote, ...]) -> list[Quote]:
    """Earliest slot first; in a slot what can be accepted at once, then the price that is best for us."""
    return sorted(
        quotes,
        key=lambda q: (
            q.slot_start,
            not q.offer,
            q.price_per_kwh if q.sells else -q.price_per_kwh,
            q.partner,
        ),
    )


def plan(rules: Rules, moment: Moment) -> Plan:
    """The next step; where there is none, the reason that stood against the best chance."""
    open_slots = {slot.start: slot for slot in moment.slots if has_open_side(rules, slot, moment.least_wh)}
    if not open_slots:
        return Plan(None, "covered")
    if not moment.channels:
        return Plan(None, "no_channel")
    reasons = set()
    for quote in best_first(moment.quotes):
        slot = open_slots.get(quote.slot_start)
        step = _answer(rules, moment, slot, quote) if slot else "covered"
        if isinstance(step, Action):
            return Plan(step, step.kind)
        reasons.add(step)
    return Plan(None, next((reason for reason in FOREMOST if reason in reasons), "nobody"))


FOREMOST = ("budget", "money", "price", "partner", "tried", "busy", "hours", "small", "side")
"""Reasons in the order in which they are worth telling."""


def has_open_side(rules: Rules, slot: Slot, least_wh: int) -> bool:
    """Whether there is something left in a slot that the rules would trade."""
    return any(
        not may_trade(rules, slot.start, sells=sells) and left_wh(rules, slot, sells=sells) >= least_wh
        for sells in (True, False)
    )


def _answer(rules: Rules, moment: Moment, slot: Slot, quote: Quote) -> Action | str:
    """What to do about one quote, or why nothing."""
    sells = not quote.sells
    channel = moment.channels.get(quote.partner)
    against = may_trade(rules, slot.start, sells=sells) or _against(rules, moment, quote, channel)
    if against or channel is None:
        return against or "partner"
    price = _own_price(rules, quote)
    if quote.offer and price != quote.price_per_kwh:
        return "price"  # what is too dear is left to expire; the person may still take it
    budget = rules.budget - moment.spent.get(rules.day_of(slot.start), 0)
    wanted = quantity_wh(rules, slot, quote, price, budget)
    wanted = min(wanted, payable_wh(channel.theirs if sells else channel.mine, price))
    if wanted < moment.least_wh:
        return _why_small(rules, moment, slot, replace(quote, price_per_kwh=price), budget)
    kind = "offer" if not quote.offer else "accept" if wanted == quote.quantity_wh else "counter"
    return Action(kind, quote, wanted, price, at_bound=price != quote.price_per_kwh)


def _against(rules: Rules, moment: Moment, quote: Quote, channel: Channel | None) -> str:
    if channel is None or (rules.partners == Partners.KNOWN and not channel.known):
        return "partner"
    if channel.is_busy:
        return "busy"
    if quote.offer:
        return "tried" if quote.offer in moment.answered else ""
    return "tried" if (quote.partner, quote.slot_start, not quote.sells) in moment.tried else ""


def _own_price(rules: Rules, quote: Quote) -> int:
    """The partner's price where it is no worse than the rules' bound, else the bound itself."""
    if quote.sells:
        return min(quote.price_per_kwh, rules.buy_up_to)
    return max(quote.price_per_kwh, rules.sell_from)


def _why_small(rules: Rules, moment: Moment, slot: Slot, quote: Quote, budget_left: int) -> str:
    """Which bound leaves less than the smallest trade; `quote` at the price that would be agreed."""
    if left_wh(rules, slot, sells=not quote.sells) < moment.least_wh:
        return "covered"
    if quote.sells and payable_wh(budget_left, quote.price_per_kwh) < moment.least_wh:
        return "budget"
    return "small" if min(quote.quantity_wh, rules.most_wh) < moment.least_wh else "money"
