"""The bounds of a mandate, checked here before anything is signed. Pure.

The browser's are `static/web/js/agent/bounds.js`; `fixtures/vectors/agent.json` holds both to the same answers. What is
bound already is counted from the channels' own signed states, and from what this program has signed.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from channels_engine.codec import to_hex
from channels_engine.core.amounts import amount_of
from channels_engine.core.state import Endpoint
from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import Offer, Side
from marketplace.client.own_agent.plans import Rules, Step

SLOT_S = 900
GRACE_S = 120
"""After an offer's end its acceptance may still be on its way."""


WORDS = {
    "mandate_over": "The mandate ran out.",
    "side_not_allowed": "The rules don't allow this side.",
    "price_not_allowed": "The price is outside the rules.",
    "more_than_allowed": "The quantity is more than the rules allow in one trade.",
    "hours_not_allowed": "The slot is outside the agent's hours.",
    "partner_not_allowed": "The rules allow known partners only.",
    "slot_covered": "The quantity is more than what is still open in this slot.",
    "budget_passed": "The day's budget would be passed.",
    "nothing_else": "The agent signs nothing else than what its mandate allows.",
    "offer_gone": "The offer is gone, or is not the one that was planned for.",
}


class BoundsError(Exception):
    """A step is outside of what the person signed for."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(WORDS[code])


class Promised(msgspec.Struct, frozen=True):
    """Energy and money that are bound: a trade, or an offer that may become one until `until`; `id` is the trade's."""

    id: str
    slot_start: int
    sells: bool
    wh: int
    amount: int
    until: int = 0
    traded: bool = False


def promised(offer: Offer, offeror: Side, me: Side) -> Promised:
    """What one offer would bind."""
    seller = offeror if offer.offeror_sells else offeror.other
    amount = amount_of(offer.quantity_wh, offer.price_per_kwh)
    trade = to_hex(struct_hash(offer))
    return Promised(trade, offer.slot_start, seller is me, offer.quantity_wh, amount, offer.valid_until)


def promised_in(endpoint: Endpoint) -> Iterator[Promised]:
    """Trades, a trade that one side has signed, own offers that may be accepted."""
    one_sided = [one.trade for one in (endpoint.staged, endpoint.dropped) if one is not None]
    for trade in (*endpoint.open_trades, *one_sided):
        if trade is not None:
            sells = trade.seller is endpoint.me
            slot, energy = trade.slot_start, trade.quantity_wh
            yield Promised(to_hex(trade.id), slot, sells, energy, trade.amount, traded=True)
    for live in endpoint.offers:
        if live.offeror is endpoint.me:
            yield promised(live.offer, live.offeror, endpoint.me)


def bound(endpoints: Iterable[Endpoint], signed: Iterable[Promised], now: float) -> list[Promised]:
    """All that binds, each promise once: by the channels, and what was signed here that no channel shows any more."""
    found = {one.id: one for one in signed if one.traded or one.until + GRACE_S > now}
    for endpoint in endpoints:
        found |= {one.id: one for one in promised_in(endpoint) if one.traded or one.until > now}
    return list(found.values())


def day_of(rules: Rules, at: int) -> str:
    """The day of delivery that a slot belongs to, as an ISO date in the rules' zone."""
    return datetime.fromtimestamp(at, ZoneInfo(rules.zone)).date().isoformat()


def in_hours(rules: Rules, slot_start: int) -> bool:
    """Whether a slot starts within the agent's hours; the same minute twice is the whole day."""
    local = datetime.fromtimestamp(slot_start, ZoneInfo(rules.zone))
    minute, begin, end = local.hour * 60 + local.minute, rules.from_minute, rules.to_minute
    return begin <= minute < end if begin < end else minute >= begin or minute < end


def _require(condition: bool, code: str) -> None:  # noqa: FBT001  a condition is what it takes
    if not condition:
        raise BoundsError(code)


def require_bounds(
    step: Step, rules: Rules, *, is_known: bool, bound: list[Promised], until: int, now: float
) -> None:
    """Let a step pass that the person signed for.

    Args:
        step: The site's proposal.
        rules: Of the mandate.
        is_known: Whether the channel has carried a trade.
        bound: All that binds already.
        until: The mandate's end, epoch seconds.
        now: Epoch seconds.

    Raises:
        BoundsError: It must not be signed.
    """
    price, energy, start = step.price_per_kwh, step.quantity_wh, step.slot_start
    fits = price >= rules.sell_from if step.sells else 0 <= price <= rules.buy_up_to
    _require(until > now, "mandate_over")
    _require(rules.sells if step.sells else rules.buys, "side_not_allowed")
    _require(fits, "price_not_allowed")
    _require(0 < energy <= rules.most_wh, "more_than_allowed")
    _require(start % SLOT_S == 0 and in_hours(rules, start), "hours_not_allowed")
    _require(rules.partners == "all" or is_known, "partner_not_allowed")
    _require_uncovered(step, rules, bound)
    if not step.sells:
        _require_budget(step, rules, bound)


def _require_uncovered(step: Step, rules: Rules, bound: list[Promised]) -> None:
    own = sum(one.wh for one in bound if one.slot_start == step.slot_start and one.sells is step.sells)
    at, kept = step.position, max(0, rules.reserve_wh - step.position.stored_wh)
    covered = max(own, at.sold_wh if step.sells else at.bought_wh)
    left = at.surplus_wh - kept - covered if step.sells else at.need_wh - covered
    _require(step.quantity_wh <= left, "slot_covered")


def _require_budget(step: Step, rules: Rules, bound: list[Promised]) -> None:
    day = day_of(rules, step.slot_start)
    own = sum(one.amount for one in bound if not one.sells and day_of(rules, one.slot_start) == day)
    cost = amount_of(step.quantity_wh, step.price_per_kwh)
    _require(max(own, step.spent) + cost <= rules.budget, "budget_passed")
