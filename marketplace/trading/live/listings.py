"""What the households list: what each expects to have left or to need in the next hours. It binds nobody."""

import math
import time
from collections.abc import Iterator

from django.db import transaction

from grid.assets import SLOT_SECONDS
from grid.market import bilateral
from grid.simulation import SlotPlan
from marketplace.trading.live.control import hand
from marketplace.trading.live.view import MarketView, market_view
from marketplace.trading.models import Listing, Prosumer

LISTED_SLOTS = 16
HANDS_S = 30
"""What a person needs from reading a listing to a signed offer."""


def listings_from() -> int:
    """Earliest slot whose listings are worth showing, market time: it stays open long enough to be answered."""
    market = market_view()
    if market is None:
        return int(time.time())
    pace = market.simulation.scenario.replay.seconds_per_slot / hand().speed
    slots = min(LISTED_SLOTS // 2, math.ceil(HANDS_S / pace)) if pace else 0
    return market.playing + (1 + slots) * SLOT_SECONDS


@transaction.atomic
def list_households(market: MarketView) -> None:
    """Take down what is over or already sold by somebody's moving in, and list the slots that are not listed yet."""
    window = market.open_slots[:LISTED_SLOTS]
    ours = Listing.objects.filter(prosumer__is_agent=True)
    ours.exclude(slot_start__in=window, prosumer__is_active=True).delete()
    listed = set(ours.values_list("slot_start", flat=True).distinct())
    homes = dict(Prosumer.objects.filter(is_agent=True, is_active=True).values_list("connection", "pk"))
    rows = [row for slot in window if slot not in listed for row in _listings(market, slot, homes)]
    Listing.objects.bulk_create(rows)


def _listings(market: MarketView, slot_start: int, homes: dict[str, int]) -> Iterator[Listing]:
    plan = market.plan(slot_start)
    for index, connection in enumerate(market.simulation.feeder.connections):
        position, home = plan.positions[index], homes.get(connection.name)
        quantity = max(position.surplus_wh, position.deficit_wh)
        if home is None or quantity < market.simulation.scenario.market.min_trade_wh:
            continue
        sells = position.surplus_wh > 0
        yield Listing(
            prosumer_id=home,
            side=Listing.Side.SELLS if sells else Listing.Side.BUYS,
            slot_start=slot_start,
            quantity_wh=quantity,
            price_per_kwh=_asked(market, plan, index, sells=sells),
        )


def _asked(market: MarketView, plan: SlotPlan, index: int, *, sells: bool) -> int:
    """The price with which the household's agent would open a negotiation."""
    rules = market.simulation.scenario.market
    mine = bilateral.situation_of(
        plan.tariff,
        sells=sells,
        flexible=False,
        belief_per_kwh=market.checkpoint.beliefs[index],
        turn=0,
        rounds=max(3, rules.rounds),
    )
    chance = bilateral.draw(market.simulation.scenario.seed, plan.slot_start, index)
    return market.simulation.scenario.strategy.target(mine, chance)
