"""Finding somebody to trade with: what a person asks of listings and of those who list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import (
    Case,
    Exists,
    IntegerField,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.utils.translation import gettext_lazy as _

from channels_engine.store.models import Endpoint
from marketplace.accounts.models import User
from marketplace.trading import selectors
from marketplace.trading.models import Listing, Prosumer
from marketplace.trading.nearby import buses_within

NEAREST = 300
"""So many buses are put in their order; who lives farther away comes after them."""
FAR = 10**9
SORTS: Mapping[str, Any] = {
    "soonest": _("Soonest first"),
    "cheapest": _("Lowest price first"),
    "dearest": _("Highest price first"),
    "most": _("Most energy first"),
    "nearest": _("Nearest first"),
}
_ORDERS = {
    "soonest": ("slot_start", "price_per_kwh"),
    "cheapest": ("price_per_kwh", "slot_start"),
    "dearest": ("-price_per_kwh", "slot_start"),
    "most": ("-quantity_wh", "slot_start"),
    "nearest": ("slot_start", "price_per_kwh"),
}
PEOPLE, HOUSES = "people", "houses"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; what is left out does not count.

    Attributes:
        search: Part of a name.
        side: `sells` or `buys`.
        slot_from: First delivery slot, epoch seconds.
        slot_to: Last one.
        price_min: Micro-units per kWh.
        price_max: The same.
        quantity_min: Wh.
        who: `people` or `houses` (for which an agent answers).
        known: Only those with whom the asker has had a channel.
        near_m: At most so many metres of cable away.
        sort: One of `SORTS`.
    """

    search: str = ""
    side: str = ""
    slot_from: int | None = None
    slot_to: int | None = None
    price_min: int | None = None
    price_max: int | None = None
    quantity_min: int | None = None
    who: str = ""
    known: bool = False
    near_m: int | None = None
    sort: str = "soonest"

    @property
    def of_listings(self) -> bool:
        """Whether only those fit who list something."""
        wishes = (self.slot_from, self.slot_to, self.price_min, self.price_max, self.quantity_min)
        return bool(self.side) or any(wish is not None for wish in wishes)

    @property
    def narrow(self) -> bool:
        """Whether something beyond name, side, slot and order is asked for."""
        wishes = (self.price_min, self.price_max, self.quantity_min, self.near_m)
        return bool(self.who) or self.known or any(wish is not None for wish in wishes)

    @property
    def anything(self) -> bool:
        """Whether anything is asked for at all."""
        return self != Wanted(sort=self.sort)


def listings_of(user: User, wanted: Wanted, *, now: int) -> QuerySet[Listing]:
    """Open listings of others that fit, in the order that is asked for."""
    rows = selectors.open_listings(now=now).exclude(prosumer__owner=user.owner).filter(_fitting(wanted))
    rows = rows.filter(prosumer__in=_partners(user, wanted))
    if wanted.sort == "nearest":
        return rows.annotate(distance=_nearness(user, "prosumer__bus")).order_by(
            "distance", "slot_start", "pk"
        )
    return rows.order_by(*_ORDERS[wanted.sort], "pk")


def partners_of(user: User, wanted: Wanted, *, now: int) -> QuerySet[Prosumer]:
    """Partners that fit, each with its fitting listings as `open_now`, the best first; who lists comes first."""
    listings = selectors.open_listings(now=now).filter(_fitting(wanted)).order_by(*_ORDERS[wanted.sort], "pk")
    own = listings.filter(prosumer=OuterRef("pk"))
    rows: QuerySet[Any] = _partners(user, wanted).annotate(lists=Exists(own))
    if wanted.of_listings:
        rows = rows.filter(lists=True)
    return _ordered(user, rows, wanted, own).prefetch_related(
        Prefetch("listings", queryset=listings, to_attr="open_now")
    )


def _ordered(user: User, rows: QuerySet[Any], wanted: Wanted, own: QuerySet[Listing]) -> QuerySet[Any]:
    nearest = wanted.sort == "nearest"
    first = _ORDERS[wanted.sort][0]
    ranked: QuerySet[Any] = rows.annotate(
        rank=_nearness(user, "bus") if nearest else Subquery(own.values(first.lstrip("-"))[:1])
    )
    if nearest:
        return ranked.order_by("rank", "-lists", "pk")
    return ranked.order_by("-lists", "-rank" if first.startswith("-") else "rank", "pk")


def _fitting(wanted: Wanted) -> Q:
    found = Q()
    if wanted.side:
        found &= Q(side=wanted.side)
    bounds = (
        ("slot_start__gte", wanted.slot_from),
        ("slot_start__lte", wanted.slot_to),
        ("price_per_kwh__gte", wanted.price_min),
        ("price_per_kwh__lte", wanted.price_max),
        ("quantity_wh__gte", wanted.quantity_min),
    )
    for name, bound in bounds:
        if bound is not None:
            found &= Q(**{name: bound})
    return found


def _partners(user: User, wanted: Wanted) -> QuerySet[Prosumer]:
    rows = selectors.prosumers().exclude(owner=user.owner)
    if wanted.search:
        rows = rows.filter(Q(display_name__icontains=wanted.search) | Q(slug__icontains=wanted.search))
    if wanted.who:
        rows = rows.filter(is_agent=wanted.who == HOUSES)
    if wanted.known:
        rows = rows.filter(owner__in=Endpoint.objects.filter(owner=user.owner).values("peer"))
    if wanted.near_m is not None:
        rows = rows.filter(bus__in=buses_within(user, wanted.near_m))
    return rows


def _nearness(user: User, field: str) -> Case:
    """The place of a bus in the order of distance."""
    nearest = buses_within(user, FAR)[:NEAREST]
    places = [When(**{field: bus}, then=Value(place)) for place, bus in enumerate(nearest)]
    return Case(*places, default=Value(NEAREST), output_field=IntegerField())
