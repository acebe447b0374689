"""What a partner's past says: what it traded, how much of what it sold was delivered, and its disputes.

Every figure is counted from records that others signed too: co-signed trades, deliveries that the metering operator
signed and both settled, and the ledger's dispute events. Nobody's opinion is in it. It is of a participant as a whole;
the record that two have with each other is `standings`.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import chain

from django.db.models import Count, Min, Q, Sum

from channels_engine.store.models import Contract, LedgerEvent, TradeRecord
from contracts.records import Disputer
from marketplace.trading.models import Prosumer

PERMILLE = 1000


@dataclass(frozen=True, slots=True)
class Reputation:
    """One participant's record on this site.

    Attributes:
        trades: Co-signed trades, bought and sold.
        since: When the first of them was agreed, epoch seconds; None without one.
        sold_wh: What it sold in trades that are settled by the meter.
        delivered_wh: What of it the meter counted.
        raised: Disputes that it started on the ledger.
        against: Disputes that a partner started with it.
        lost: Those of its own that were answered by a newer state that it had signed: it paid the penalty.
        won: Those against it that ended so: it was right.
    """

    trades: int = 0
    since: int | None = None
    sold_wh: int = 0
    delivered_wh: int = 0
    raised: int = 0
    against: int = 0
    lost: int = 0
    won: int = 0

    @property
    def delivered_permille(self) -> int | None:
        """Delivered per mille of what was sold, rounded down; None while nothing is settled."""
        return PERMILLE * min(self.delivered_wh, self.sold_wh) // self.sold_wh if self.sold_wh else None


UNKNOWN = Reputation()


def reputations(owners: Collection[str]) -> dict[str, Reputation]:
    """The record of each of these participants; five queries, however many they are."""
    traded, sold, judged = _traded(owners), _sold(owners), _disputes(owners)
    found = {}
    for owner in owners:
        trades, since = traded.get(owner, (0, None))
        sold_wh, delivered_wh = sold.get(owner, (0, 0))
        counts = judged.get(owner, Counter())
        record = (counts[name] for name in ("raised", "against", "lost", "won"))
        found[owner] = Reputation(trades, since, sold_wh, delivered_wh, *record)
    return found


def reputation_of(owner: str) -> Reputation:
    """The record of one participant."""
    return reputations([owner])[owner]


def _traded(owners: Collection[str]) -> dict[str, tuple[int, int]]:
    """Number of trades and time of the first, by owner."""
    found: dict[str, tuple[int, int]] = {}
    for role in ("seller", "buyer"):
        rows = TradeRecord.objects.filter(**{f"{role}__in": owners}).values_list(role)
        for owner, trades, since in rows.annotate(Count("pk"), Min("at")):
            known = found.get(owner, (0, since))
            found[owner] = known[0] + trades, min(known[1], since)
    return found


def _sold(owners: Collection[str]) -> dict[str, tuple[int, int]]:
    """Wh sold and delivered in settled trades, by owner."""
    settled = TradeRecord.objects.filter(settled_version__isnull=False, delivered_wh__isnull=False)
    rows = settled.filter(seller__in=owners).values_list("seller")
    return {
        owner: (sold, delivered)
        for owner, sold, delivered in rows.annotate(Sum("quantity_wh"), Sum("delivered_wh"))
    }


def _disputes(owners: Collection[str]) -> dict[str, Counter[str]]:
    """Counts by owner. Disputes that nobody raised, after an expiry, count for nobody."""
    pairs = {
        scid: (owner_a, owner_b)
        for scid, owner_a, owner_b in Contract.objects.filter(Q(owner_a__in=owners) | Q(owner_b__in=owners))
        .exclude(scid=None)
        .values_list("scid", "owner_a", "owner_b")
        if scid
    }
    names = ("ChannelDisputed", "DisputeResolved", "DisputeFinalised")
    events = LedgerEvent.objects.filter(scid__in=pairs, name__in=names).order_by("block_number", "log_index")
    found: dict[str, Counter[str]] = {owner: Counter() for owner in set(chain.from_iterable(pairs.values()))}
    raisers: dict[str, tuple[str, str]] = {}
    for event in events:
        _judge(found, event, pairs[event.scid], raisers)
    return found


def _judge(
    found: dict[str, Counter[str]],
    event: LedgerEvent,
    pair: tuple[str, str],
    raisers: dict[str, tuple[str, str]],
) -> None:
    if event.name == "ChannelDisputed":
        raisers.pop(event.channel, None)
        who = Disputer(int(event.arguments["disputer"]))
        if who is not Disputer.NOBODY:
            raiser, accused = pair if who is Disputer.PARTY_A else pair[::-1]
            raisers[event.channel] = raiser, accused
            found[raiser]["raised"] += 1
            found[accused]["against"] += 1
    elif event.channel in raisers:
        raiser, accused = raisers.pop(event.channel)
        if event.arguments.get("stale"):
            found[raiser]["lost"] += 1
            found[accused]["won"] += 1


def with_reputations(prosumers: Iterable[Prosumer]) -> list[Prosumer]:
    """The prosumers, each with its record as `reputation`."""
    rows = list(prosumers)
    found = reputations([row.owner for row in rows])
    for row in rows:
        row.reputation = found[row.owner]
    return rows
