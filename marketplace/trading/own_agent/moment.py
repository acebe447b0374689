"""What a person's agent decides on, gathered from the market, the engine and the agent's own log."""

import math
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from channels_engine.codec import to_hex
from channels_engine.core.amounts import amount_of
from channels_engine.core.rules import balance_of
from channels_engine.core.state import Endpoint, Phase
from channels_engine.core.types import Offer
from channels_engine.store.models import Endpoint as EndpointRow
from channels_engine.store.models import TradeRecord
from channels_engine.store.repository import stored_endpoint
from grid.assets import SLOT_SECONDS
from marketplace.accounts.models import User
from marketplace.trading.live.control import hand
from marketplace.trading.live.view import MarketView
from marketplace.trading.models import AgentDecision, Listing
from marketplace.trading.own_agent.planner import Channel, Moment, Quote, Slot
from marketplace.trading.own_agent.rules import Rules

ANSWERS = ("accept", "counter", "refused")
SLOTS_AHEAD = 16
LEAD_S = 10
"""What an offer and its answer take at most, before the slot closes for trade."""


@dataclass(frozen=True, slots=True)
class Promise:
    """Energy and money that are bound: a co-signed trade, or something signed that a partner may still make one."""

    slot_start: int
    sells: bool
    quantity_wh: int
    amount: int


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """The person's side of an open channel."""

    partner: str
    state: Endpoint


def open_channels(user: User) -> list[OpenChannel]:
    """Channels that can carry a trade now, or soon again."""
    phases = (Phase.OPEN.value, Phase.STAGED.value)
    rows = EndpointRow.objects.filter(owner=user.owner, phase__in=phases).select_related("channel_row")
    found = [OpenChannel(row.peer, stored_endpoint(row)) for row in rows.order_by("pk")]
    return [one for one in found if one.state.current is not None and not one.state.history_lost]


def lead_slots(market: MarketView) -> int:
    """So many of the next slots close before a negotiation could end."""
    pace = market.simulation.scenario.replay.seconds_per_slot / hand().speed
    return min(SLOTS_AHEAD // 2, math.ceil(LEAD_S / pace)) if pace else 0


def slots_ahead(market: MarketView) -> range:
    """Starts of the slots that an agent looks at."""
    first = market.open_slots.start + lead_slots(market) * SLOT_SECONDS
    last = min(market.open_slots.stop, first + SLOTS_AHEAD * SLOT_SECONDS)
    return range(first, last, SLOT_SECONDS)


def promises(user: User, market: MarketView, channels: Iterable[OpenChannel]) -> list[Promise]:
    """Everything that binds the person in slots of this run, whoever signed it for it."""
    rows = TradeRecord.objects.filter(at__gte=market.since, slot_start__gte=market.playing - 2 * 24 * 3600)
    sold = rows.filter(seller=user.owner).values_list("slot_start", "quantity_wh", "amount")
    bought = rows.filter(buyer=user.owner).values_list("slot_start", "quantity_wh", "amount")
    found = [Promise(slot, True, wh, amount) for slot, wh, amount in sold]  # noqa: FBT003  that it sells
    found += [Promise(slot, False, wh, amount) for slot, wh, amount in bought]  # noqa: FBT003  that it buys
    return found + [one for channel in channels for one in _pending(channel.state)]


def _pending(state: Endpoint) -> Iterable[Promise]:
    """Own offers that can still be accepted, and trades that only one side has signed so far."""
    now = time.time()
    for live in state.offers:
        if live.offeror is state.me and live.offer.valid_until > now:
            yield _promise(live.offer, sells=live.offer.offeror_sells)
    for staged in (state.staged, state.dropped):
        if staged is not None and staged.trade is not None:
            trade = staged.trade
            yield Promise(trade.slot_start, trade.seller is state.me, trade.quantity_wh, trade.amount)


def _promise(offer: Offer, *, sells: bool) -> Promise:
    amount = amount_of(offer.quantity_wh, offer.price_per_kwh)
    return Promise(offer.slot_start, sells, offer.quantity_wh, amount)


def spent_by_day(rules: Rules, bound: Iterable[Promise]) -> dict[str, int]:
    """What purchases cost by day of delivery, micro-units."""
    days: dict[str, int] = defaultdict(int)
    for one in bound:
        if not one.sells:
            days[rules.day_of(one.slot_start)] += one.amount
    return dict(days)


def moment_of(user: User, rules: Rules, market: MarketView, connection: int) -> Moment:
    """Everything as it is now."""
    channels = open_channels(user)
    bound = promises(user, market, channels)
    window = slots_ahead(market)
    steps = AgentDecision.objects.filter(user=user, slot_start__in=window, at__gte=market.since)
    return Moment(
        slots=tuple(_slot(market, start, connection, bound) for start in window),
        spent=spent_by_day(rules, bound),
        channels={one.partner: _channel(one) for one in channels},
        quotes=(*_listed(channels, window), *_offered(channels, window)),
        tried=frozenset((row.partner, row.slot_start, row.sells) for row in steps),
        answered=frozenset(row.offer for row in steps if row.kind in ANSWERS),
        least_wh=market.simulation.scenario.market.min_trade_wh,
    )


def _slot(market: MarketView, start: int, connection: int, bound: Iterable[Promise]) -> Slot:
    position = market.plan(start).positions[connection]
    mine = [one for one in bound if one.slot_start == start]
    return Slot(
        start,
        position.surplus_wh,
        position.deficit_wh,
        market.checkpoint.simulation.soc_wh[connection],
        sum(one.quantity_wh for one in mine if one.sells),
        sum(one.quantity_wh for one in mine if not one.sells),
    )


def _channel(one: OpenChannel) -> Channel:
    state = one.state
    current = state.current
    if current is None:
        raise ValueError(f"channel {to_hex(state.channel)} has no state yet")
    mine, theirs = (balance_of(current.state, side) for side in (state.me, state.peer))
    return Channel(
        to_hex(state.channel),
        one.partner,
        known=state.tree.size > 0,
        mine=mine,
        theirs=theirs,
        is_busy=state.phase is not Phase.OPEN or _waits_for_answer(state),
    )


def _waits_for_answer(state: Endpoint) -> bool:
    """Whether an own offer is out: one at a time, since a trade makes the others of its channel void."""
    now = time.time()
    return any(live.offeror is state.me and live.offer.valid_until > now for live in state.offers)


def _listed(channels: Iterable[OpenChannel], window: range) -> Iterable[Quote]:
    at = {one.partner: to_hex(one.state.channel) for one in channels}
    rows = Listing.objects.filter(
        state=Listing.State.OPEN, slot_start__in=window, prosumer__owner__in=at, prosumer__is_active=True
    )
    fields = ("prosumer__owner", "side", "slot_start", "quantity_wh", "price_per_kwh")
    for owner, side, start, quantity, price in rows.values_list(*fields):
        yield Quote(owner, side == Listing.Side.SELLS, start, quantity, price, channel=at[owner])


def _offered(channels: Iterable[OpenChannel], window: range) -> Iterable[Quote]:
    """The partners' live offers."""
    for one in channels:
        for live in one.state.offers:
            offer = live.offer
            if live.offeror is one.state.me or offer.slot_start not in window:
                continue
            if offer.valid_until > time.time() and _is_usual(offer):
                yield _quote(one, offer)


def _is_usual(offer: Offer) -> bool:
    return offer.slot_end - offer.slot_start == SLOT_SECONDS


def _quote(one: OpenChannel, offer: Offer) -> Quote:
    return Quote(
        one.partner,
        offer.offeror_sells,
        offer.slot_start,
        offer.quantity_wh,
        offer.price_per_kwh,
        channel=to_hex(one.state.channel),
        offer=to_hex(offer.id),
    )
