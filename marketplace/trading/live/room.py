"""The gate's answer before anything is signed: does it fit, how much fits, and what would be full. It binds nobody."""

import threading
from dataclasses import dataclass
from functools import lru_cache

from django.utils.translation import gettext as _

from grid.gate.check import Gate
from grid.gate.limits import Breach
from grid.gate.nominations import Nomination
from grid.gate.verdicts import Verdict
from marketplace.accounts.errors import ConflictError, MissingError
from marketplace.trading.live.view import MarketView, market_view
from marketplace.trading.models import Prosumer

MOST_WH = 100_000
"""More than a home's fuse lets through in a quarter-hour; room for so much is as good as no end."""
_ASKED = "preview"
_FULL = "preview-most"
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Room:
    """What the slot takes between two connections, beside all that is binding already.

    Attributes:
        slot_start: The slot.
        quantity_wh: What was asked about.
        fits: Whether all of it passes.
        passes_wh: What of it passes.
        room_wh: The most that passes between these two, looked for up to `MOST_WH`.
        ends: Whether there is an end below `MOST_WH`.
        kind: Of what is full first: `transformer`, `line`, `voltage`, or empty.
        place: Its name in the feeder.
        cost: What others are paid so that it fits, micro-units; each side pays half.
    """

    slot_start: int
    quantity_wh: int
    fits: bool
    passes_wh: int
    room_wh: int
    ends: bool
    kind: str = ""
    place: str = ""
    cost: int = 0


@lru_cache(maxsize=16)
def _gate(run: str, slot_start: int, next_slot: int, bound: tuple[Nomination, ...], scenario: str) -> Gate:
    """The slot's gate while nothing changes: somebody who types asks it many times. The key names what it rests on."""
    del run, next_slot, scenario
    market = market_view()
    if market is None:
        raise MissingError("no_replay", _("The market is not running yet; try again in a minute."))
    return market.simulation.gate(market.plan(slot_start), bound)


def room_between(*, seller: str, buyer: str, slot_start: int, quantity_wh: int) -> Room:
    """Ask the grid about a trade that nobody has signed.

    Args:
        seller: Owner.
        buyer: Owner.
        slot_start: Of the delivery slot, market time.
        quantity_wh: How much.

    Raises:
        MissingError: `no_replay`, the market is not running; `not_connected`, one of both has no connection.
        ConflictError: `slot_closed`.
    """
    market = market_view()
    if market is None:
        raise MissingError("no_replay", _("The market is not running yet; try again in a minute."))
    if slot_start not in market.open_slots:
        raise ConflictError("slot_closed", _("This slot can't be traded now; choose one that is open."))
    ends = _connections(seller, buyer, market)
    with _one_at_a_time:  # a gate is for one thread, and power flows are work: nobody gains by two at once
        bound = market.nominations(slot_start)
        gate = _gate(str(market.run.pk), slot_start, market.run.next_slot, bound, market.run.scenario)
        asked = gate.check(Nomination(_ASKED, *ends, slot_start, max(1, quantity_wh)))
        most = gate.check(Nomination(_FULL, *ends, slot_start, MOST_WH))
    return _room(slot_start, quantity_wh, asked, most)


def _connections(seller: str, buyer: str, market: MarketView) -> tuple[int, int]:
    names = {connection.name: i for i, connection in enumerate(market.simulation.feeder.connections)}
    rows = dict(Prosumer.objects.filter(owner__in=(seller, buyer)).values_list("owner", "connection"))
    found = [names.get(rows.get(owner, "")) for owner in (seller, buyer)]
    if found[0] is None or found[1] is None or found[0] == found[1]:
        raise MissingError("not_connected", _("One of you has no connection on this feeder yet."))
    return found[0], found[1]


def _room(slot_start: int, quantity_wh: int, asked: Verdict, most: Verdict) -> Room:
    breach: Breach | None = asked.breach if not asked.accepted else most.breach
    return Room(
        slot_start,
        quantity_wh,
        asked.accepted,
        quantity_wh if asked.accepted else asked.max_passing_wh,
        max(most.max_passing_wh, quantity_wh if asked.accepted else 0),
        ends=not most.accepted,
        kind=breach.kind if breach else "",
        place=breach.place if breach else "",
        cost=asked.cost if asked.accepted else 0,
    )
