"""Energy of channels: what was agreed, and what of it was delivered as far as that is settled. Wh.

A co-signed state's counters have what both sides signed. What the ledger itself made of trades is in no such state: an
offer that it applied, and the refund of a short delivery that it paid out in a dispute.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import F, Q

from channels_engine.store.models import Endpoint, TradeRecord


@dataclass(frozen=True, slots=True)
class Energy:
    """To one side: `delivered` of what was `agreed`. A trade that waits for its meter counts as agreed in both."""

    delivered: int = 0
    agreed: int = 0

    @property
    def is_short(self) -> bool:
        """Whether less came than was agreed."""
        return self.delivered != self.agreed

    def with_trade(self, trade: TradeRecord, *, is_paid: bool) -> "Energy":
        """With a trade that is not in the counters as it was agreed; `is_paid`: the ledger has closed the channel."""
        short = max(0, trade.quantity_wh - (trade.delivered_wh or 0)) if trade.settled_version else 0
        if trade.is_enforced:
            made = trade.quantity_wh if is_paid else 0
            return Energy(self.delivered + made - short, self.agreed + made)
        if trade.is_refunded:
            return Energy(self.delivered - short, self.agreed)
        return Energy(self.delivered, self.agreed + short)


def trades_apart(rows: Iterable[Endpoint]) -> Mapping[str, list[TradeRecord]]:
    """By channel the trades that its counters don't show as they were agreed: one query, however many channels."""
    short = Q(settled_version__isnull=False, delivered_wh__lt=F("quantity_wh"))
    found: dict[str, list[TradeRecord]] = {}
    for trade in TradeRecord.objects.filter(
        Q(is_enforced=True) | short, channel__in=[row.channel for row in rows]
    ):
        found.setdefault(trade.channel, []).append(trade)
    return found


def energy_to(owner: str, counted: int, trades: Iterable[TradeRecord], *, is_paid: bool) -> Energy:
    """What a side got: from its counter and its channel's trades of `trades_apart`."""
    energy = Energy(counted, counted)
    for trade in trades:
        if trade.buyer == owner:
            energy = energy.with_trade(trade, is_paid=is_paid)
    return energy
