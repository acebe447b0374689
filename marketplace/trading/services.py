"""Writes around listings and connections. Every verb owns its transaction."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from grid.assets import SLOT_SECONDS
from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.models import User
from marketplace.accounts.selectors import display_name
from marketplace.formats import energy, price
from marketplace.trading.models import GateDecision, Listing, Prosumer

MAX_WH = 10**9
MAX_PRICE = 10**12
FARTHEST_SLOT = 14 * 24 * 3600


@transaction.atomic
def ensure_prosumer(*, user: User) -> Prosumer:
    """The prosumer of a person, made where there is none, under its current display name."""
    name = display_name(user)
    defaults = {"slug": user.owner, "display_name": name, "kind": Prosumer.Kind.PERSON, "user": user}
    prosumer, made = Prosumer.objects.get_or_create(owner=user.owner, defaults=defaults)
    if not made and prosumer.display_name != name:
        prosumer.display_name = name
        prosumer.save(update_fields=["display_name"])
    return prosumer


@transaction.atomic
def list_energy(
    *,
    prosumer: Prosumer,
    side: str,
    slot_start: int,
    quantity_wh: int,
    price_per_kwh: int,
    now: int | None = None,
) -> Listing:
    """List a surplus or a need; another listing for the same slot and side takes the first one's place.

    Raises:
        RefusedError: off the quarter-hour, in the past, too far ahead, or nothing to trade.
    """
    wrong = _faults(slot_start, quantity_wh, price_per_kwh, now or int(timezone.now().timestamp()))
    if side not in Listing.Side.values:
        wrong["side"] = [_("Either sells or buys.")]
    if wrong:
        raise RefusedError("listing", _("The listing can't be taken as it is."), wrong)
    listing, _made = Listing.objects.update_or_create(
        prosumer=prosumer,
        side=side,
        slot_start=slot_start,
        state=Listing.State.OPEN,
        defaults={"quantity_wh": quantity_wh, "price_per_kwh": price_per_kwh},
    )
    return listing


@transaction.atomic
def list_energy_of(*, user: User, **wanted: Any) -> Listing:
    """List a surplus or a need of a person; where that is refused, nobody is made a prosumer by it.

    Args:
        user: Whose energy it is.
        wanted: As in `list_energy`.

    Raises:
        RefusedError: As `list_energy`.
    """
    return list_energy(prosumer=ensure_prosumer(user=user), **wanted)


def _faults(slot_start: int, quantity_wh: int, price_per_kwh: int, now: int) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = {}
    if slot_start % SLOT_SECONDS:
        wrong["slot_start"] = [_("Slots start at the full quarter-hour.")]
    elif not now - SLOT_SECONDS < slot_start <= now + FARTHEST_SLOT:
        wrong["slot_start"] = [_("The slot is over, or more than two weeks ahead.")]
    if not 0 < quantity_wh <= MAX_WH:
        wrong["quantity_wh"] = [
            _("Between %(least)s and %(most)s.") % {"least": energy(1), "most": energy(MAX_WH)}
        ]
    if not 0 <= price_per_kwh <= MAX_PRICE:
        wrong["price_per_kwh"] = [
            _("Between %(least)s and %(most)s.") % {"least": price(0), "most": price(MAX_PRICE)}
        ]
    return wrong


@transaction.atomic
def edit_listing(
    *,
    listing: Listing,
    quantity_wh: int | None = None,
    price_per_kwh: int | None = None,
    now: int | None = None,
) -> Listing:
    """Change quantity or price of an open listing; another slot or side is another listing.

    Raises:
        RefusedError: As `list_energy`.
        ConflictError: It was traded or withdrawn.
    """
    listing = Listing.objects.select_for_update().get(pk=listing.pk)
    if listing.state != Listing.State.OPEN:
        raise ConflictError("listing_over", _("This listing stands no more: make a new one."))
    listing.quantity_wh = listing.quantity_wh if quantity_wh is None else quantity_wh
    listing.price_per_kwh = listing.price_per_kwh if price_per_kwh is None else price_per_kwh
    at = now or int(timezone.now().timestamp())
    wrong = _faults(listing.slot_start, listing.quantity_wh, listing.price_per_kwh, at)
    if wrong:
        raise RefusedError("listing", _("The listing can't be taken as it is."), wrong)
    listing.save(update_fields=["quantity_wh", "price_per_kwh"])
    return listing


@transaction.atomic
def withdraw_listing(*, listing: Listing) -> Listing:
    """Take a listing back; repeating it is harmless.

    Raises:
        ConflictError: it was traded already.
    """
    listing = Listing.objects.select_for_update().get(pk=listing.pk)
    if listing.state == Listing.State.FILLED:
        raise ConflictError("listing_filled", _("This listing was traded already."))
    listing.state = Listing.State.WITHDRAWN
    listing.save(update_fields=["state"])
    return listing


def record_gate_decision(
    *,
    slot_start: int,
    seller: str,
    buyer: str,
    quantity_wh: int,
    passes_wh: int,
    limit: str = "",
    element: str = "",
    trade: str = "",
    cost: int = 0,
    answer: Mapping[str, Any] | None = None,
    now: int | None = None,
) -> GateDecision:
    """Keep what the gate said; it allowed the nomination where all of it passes."""
    return GateDecision.objects.create(
        slot_start=slot_start,
        seller=seller,
        buyer=buyer,
        quantity_wh=quantity_wh,
        allowed=passes_wh >= quantity_wh,
        limit=limit,
        element=element,
        passes_wh=passes_wh,
        trade=trade,
        cost=cost,
        answer=dict(answer or {}),
        decided_at=now or int(timezone.now().timestamp()),
    )


@transaction.atomic
def connect_people(*, connections: Mapping[str, int], preferred: Collection[str]) -> list[Prosumer]:
    """Give everybody with a proven wallet a connection of the feeder, as long as there are free ones.

    Args:
        connections: Bus by name of every connection.
        preferred: Names to give away first: those with PV, so that their people can sell and buy.
    """
    waiting = User.objects.filter(wallet__isnull=False, is_active=True).exclude(
        prosumer__connection__in=connections
    )
    rows = list(waiting.order_by("pk"))
    if not rows:
        return []
    taken = set(Prosumer.objects.filter(user__isnull=False).values_list("connection", flat=True))
    free = sorted((name for name in connections if name not in taken), key=lambda name: name not in preferred)
    connected = []
    for user, name in zip(rows, free, strict=False):  # who comes after the last free one waits
        prosumer = ensure_prosumer(user=user)
        prosumer.connection, prosumer.bus, prosumer.has_pv = name, connections[name], name in preferred
        prosumer.save(update_fields=["connection", "bus", "has_pv"])
        connected.append(prosumer)
    return connected
