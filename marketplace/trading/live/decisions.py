"""What the grid gate decided, for those who must answer for it: people's trades, and households' that it refused."""

from dataclasses import dataclass

from django.db.models import QuerySet

from grid.models import SlotResult
from marketplace.accounts.models import User
from marketplace.trading.live.control import may_operate
from marketplace.trading.live.view import live_run
from marketplace.trading.models import GateDecision
from marketplace.trading.replay.cast import house_title
from marketplace.trading.selectors import gate_decisions
from marketplace.words import gate

SLOTS_SHOWN = 24
REFUSALS_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Refusal:
    """A trade between two households of the live market that the gate refused."""

    slot_start: int
    seller: str
    buyer: str
    quantity_wh: int
    passes_wh: int
    words: str


def visible_decisions(user: User) -> QuerySet[GateDecision]:
    """All decisions for operators of the market, for others those about their own trades."""
    return GateDecision.objects.all() if may_operate(user) else gate_decisions(user)


def household_refusals() -> list[Refusal]:
    """Refusals in the newest quarter-hours of the live market, the newest first; empty where none runs."""
    run = live_run()
    if run is None:
        return []
    rows = SlotResult.objects.filter(run=run, index__lt=run.next_slot).order_by("-index")
    refused = [
        Refusal(
            slot["slot_start"],
            house_title(one["nomination"]["seller"]),
            house_title(one["nomination"]["buyer"]),
            one["nomination"]["quantity_wh"],
            one["max_passing_wh"],
            gate.said(one),
        )
        for slot in rows.values_list("data", flat=True)[:SLOTS_SHOWN]
        for one in slot["refused"]
    ]
    return refused[:REFUSALS_SHOWN]
