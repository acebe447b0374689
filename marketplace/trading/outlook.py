"""Today at a glance: what a person has and needs in the slots ahead, what is agreed, what is open, and prices around."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from channels_engine.store.models import TradeRecord
from grid.assets import SLOT_SECONDS
from grid.scenarios.sections import Tariff
from marketplace.accounts.models import User
from marketplace.trading.live.listings import listings_from
from marketplace.trading.live.view import MarketView, market_view
from marketplace.trading.models import Listing, Prosumer
from marketplace.trading.own_agent.past import newest
from marketplace.trading.selectors import open_listings, own_trades, prosumers_by_owner

SLOTS_AHEAD = 48
SLOTS_BEHIND = 16


@dataclass(frozen=True, slots=True)
class Agreed:
    """A co-signed trade in a slot ahead, as the person sees it; `partner` is None where it has no prosumer."""

    record: TradeRecord
    sells: bool
    partner: Prosumer | None


@dataclass(frozen=True, slots=True)
class SlotAhead:
    """A slot that can be traded, Wh; `seller` lists surplus at the lowest price in it, `buyer` a need at the highest."""

    start: int
    surplus_wh: int
    need_wh: int
    agreed: tuple[Agreed, ...] = ()
    seller: Listing | None = None
    buyer: Listing | None = None

    @property
    def sold_wh(self) -> int:
        """Of the surplus."""
        return sum(one.record.quantity_wh for one in self.agreed if one.sells)

    @property
    def bought_wh(self) -> int:
        """Of the need."""
        return sum(one.record.quantity_wh for one in self.agreed if not one.sells)

    @property
    def open_surplus_wh(self) -> int:
        """What is not sold yet."""
        return max(0, self.surplus_wh - self.sold_wh)

    @property
    def open_need_wh(self) -> int:
        """What is not bought yet."""
        return max(0, self.need_wh - self.bought_wh)

    @property
    def best(self) -> Listing | None:
        """Whose listing fits what is open."""
        return self.buyer if self.open_surplus_wh else self.seller if self.open_need_wh else None


@dataclass(frozen=True, slots=True)
class SlotBehind:
    """What the own meter showed in a slot that is over, Wh; and the mean price of the slot's trades on the feeder."""

    start: int
    import_wh: int
    export_wh: int
    price_per_kwh: int | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """The market as one person sees it; `place` is `here`, `no_market` or `not_connected`.

    Slots from `by_hand_from` on stay open long enough to be negotiated by hand. `asked` and `bid` are the lowest and highest prices of the listed surplus and of the listed need, None without any.
    """

    place: str
    playing: int = 0
    tariff: Tariff | None = None
    slots: tuple[SlotAhead, ...] = ()
    past: tuple[SlotBehind, ...] = ()
    asked: tuple[int, int] | None = None
    bid: tuple[int, int] | None = None
    traded_at: int | None = None
    least_wh: int = 1
    by_hand_from: int = 0

    @property
    def open_slots(self) -> list[SlotAhead]:
        """Slots with something left to trade, and time to do it."""
        return [
            slot
            for slot in self.slots
            if slot.start >= self.by_hand_from
            and max(slot.open_surplus_wh, slot.open_need_wh) >= self.least_wh
        ]

    @property
    def open_surplus_wh(self) -> int:
        """Over all slots ahead."""
        return sum(slot.open_surplus_wh for slot in self.slots)

    @property
    def open_need_wh(self) -> int:
        """Over all slots ahead."""
        return sum(slot.open_need_wh for slot in self.slots)

    @property
    def agreed(self) -> list[Agreed]:
        """Every trade ahead, in the order of its delivery."""
        return [one for slot in self.slots for one in slot.agreed]

    @property
    def sold_wh(self) -> int:
        """Agreed for the slots ahead."""
        return sum(slot.sold_wh for slot in self.slots)

    @property
    def bought_wh(self) -> int:
        """Agreed for the slots ahead."""
        return sum(slot.bought_wh for slot in self.slots)


def outlook_of(user: User) -> Outlook:
    """A person's outlook now; the same number of queries whatever there is."""
    market = market_view()
    if market is None:
        return Outlook("no_market")
    soonest = listings_from()
    listings = list(open_listings(now=soonest).exclude(prosumer__owner=user.owner))
    around = Outlook(
        "not_connected",
        playing=market.playing,
        tariff=market.simulation.scenario.tariff,
        asked=_span(listings, Listing.Side.SELLS),
        bid=_span(listings, Listing.Side.BUYS),
        least_wh=market.simulation.scenario.market.min_trade_wh,
        by_hand_from=soonest,
    )
    index = market.connections().get(user.owner)
    if index is None:
        return around
    past = newest(market, SLOTS_BEHIND)
    prices = [one.price_per_kwh for one in past if one.price_per_kwh is not None]
    behind = (
        SlotBehind(one.start, one.import_wh[index], one.export_wh[index], one.price_per_kwh) for one in past
    )
    return replace(
        around,
        place="here",
        slots=_ahead(user, market, index, listings),
        past=tuple(behind),
        traded_at=prices[-1] if prices else None,
    )


def _span(listings: Iterable[Listing], side: str) -> tuple[int, int] | None:
    prices = [row.price_per_kwh for row in listings if row.side == side]
    return (min(prices), max(prices)) if prices else None


def _ahead(
    user: User, market: MarketView, connection: int, listings: Sequence[Listing]
) -> tuple[SlotAhead, ...]:
    window = market.open_slots[:SLOTS_AHEAD]
    agreed = _agreed(user, market, window)
    sellers, buyers = (_best(listings, side) for side in (Listing.Side.SELLS, Listing.Side.BUYS))
    found = []
    for start in window:
        position = market.plan(start).positions[connection]
        mine = tuple(one for one in agreed if one.record.slot_start == start)
        found.append(
            SlotAhead(
                start,
                position.surplus_wh,
                position.deficit_wh,
                mine,
                sellers.get(start),
                buyers.get(start),
            )
        )
    return tuple(found)


def _agreed(user: User, market: MarketView, window: range) -> list[Agreed]:
    """Trades of this run; those of an earlier one had the same slots."""
    if not window:
        return []
    last = window[-1] + SLOT_SECONDS
    rows = own_trades(user).filter(at__gte=market.since, slot_start__gte=window[0], slot_start__lt=last)
    records = sorted(rows, key=lambda row: (row.slot_start, row.pk))
    names = prosumers_by_owner(r.buyer if r.seller == user.owner else r.seller for r in records)
    found = []
    for record in records:
        sells = record.seller == user.owner
        found.append(Agreed(record, sells, names.get(record.buyer if sells else record.seller)))
    return found


def _best(listings: Iterable[Listing], side: str) -> dict[int, Listing]:
    """By slot the listing of a side with the best price for who answers it."""
    best: dict[int, Listing] = {}
    for row in listings:
        if row.side != side:
            continue
        known = best.get(row.slot_start)
        sign = 1 if side == Listing.Side.SELLS else -1
        if known is None or sign * row.price_per_kwh < sign * known.price_per_kwh:
            best[row.slot_start] = row
    return best
