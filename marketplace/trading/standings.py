"""Grey and black lists of pairs: how near two participants are to the dispute limit that they agreed on.

The counts are the ledger's, told by its events. At the limit the ledger opens no further channel of the pair
(`DisputeLimitReached`); from half of it on the pair is grey. Disputes that nobody raised (after an expiry) count
for nobody, and a dispute that was answered counts for its pair like one that was not: each side agreed to the
limit, and a false accusation costs the accused no money.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import Q
from django.utils.translation import gettext as _

from channels_engine.codec import to_hex
from channels_engine.store import conversations
from channels_engine.store.models import Contract, LedgerEvent
from contracts.records import Disputer
from marketplace.accounts.models import User
from marketplace.credit.issuing import raw
from marketplace.trading.models import Prosumer

GREY, BLACK = "grey", "black"
_RAISING = ("ChannelDisputed", "OfferEnforced")
_COUNTED = (*_RAISING, "DisputeResolved", "DisputeFinalised")


@dataclass(frozen=True, slots=True)
class Standing:
    """A pair's record under one entity contract.

    Attributes:
        raised: Disputes that one of both started.
        resolved: Those that a newer state answered.
        failed: Those whose timer ran out.
        stale: Those that were raised against better knowledge.
        limit: From so many on no channel opens.
    """

    raised: int = 0
    resolved: int = 0
    failed: int = 0
    stale: int = 0
    limit: int = 0

    @property
    def shade(self) -> str:
        """`black` at the limit, `grey` from half of it on, else empty."""
        if not self.limit or not self.raised:
            return ""
        if self.raised >= self.limit:
            return BLACK
        return GREY if 2 * self.raised >= self.limit else ""

    @property
    def in_words(self) -> str:
        """What it means for the pair; empty where all is well."""
        if self.shade == BLACK:
            return _(
                "You have had %(raised)s disputes with each other, and agreed on %(limit)s at most: "
                "the ledger opens no further channel between you."
            ) % {"raised": self.raised, "limit": self.limit}
        if self.shade == GREY:
            return _("%(raised)s of at most %(limit)s disputes: at the limit no channel opens any more.") % {
                "raised": self.raised,
                "limit": self.limit,
            }
        return ""


CLEAN = Standing()


def standings(user: User, peers: Collection[str]) -> dict[str, Standing]:
    """The darkest standing with each of these owners; those without a contract are left out. Three queries."""
    mine = Q(owner_a=user.owner, owner_b__in=peers) | Q(owner_b=user.owner, owner_a__in=peers)
    rows = list(Contract.objects.filter(mine).exclude(scid=None).values_list("scid", "owner_a", "owner_b"))
    agreed = conversations.load_by_scid([raw(scid) for scid, _a, _b in rows if scid])
    limits = {to_hex(scid): agreement.terms.dispute_limit for scid, agreement in agreed.items()}
    found: dict[str, Standing] = {}
    for scid, standing in _counted(limits).items():
        owner_a, owner_b = next((a, b) for name, a, b in rows if name == scid)
        peer = owner_b if owner_a == user.owner else owner_a
        found[peer] = max(found.get(peer, CLEAN), standing, key=_darkness)
    return found


def standing_with(user: User, peer: str) -> Standing:
    """The standing with one owner."""
    return standings(user, [peer]).get(peer, CLEAN)


def _darkness(standing: Standing) -> tuple[int, int, int]:
    return ("", GREY, BLACK).index(standing.shade), standing.raised, standing.limit


def _counted(limits: dict[str, int]) -> dict[str, Standing]:
    events = LedgerEvent.objects.filter(scid__in=limits, name__in=_COUNTED).order_by(
        "block_number", "log_index"
    )
    counts: dict[str, Counter[str]] = {scid: Counter() for scid in limits}
    blamed: set[str] = set()  # channels whose running dispute somebody raised
    for event in events:
        _count(counts[event.scid], event, blamed)
    names = ("raised", "resolved", "failed", "stale")
    return {
        scid: Standing(**{name: counts[scid][name] for name in names}, limit=limit)
        for scid, limit in limits.items()
    }


def _count(counts: Counter[str], event: LedgerEvent, blamed: set[str]) -> None:
    if event.name in _RAISING:
        if event.name == "ChannelDisputed" and int(event.arguments["disputer"]) == Disputer.NOBODY:
            blamed.discard(event.channel)
            return
        counts["raised"] += 1
        blamed.add(event.channel)
    elif event.channel in blamed:
        blamed.discard(event.channel)
        counts["resolved" if event.name == "DisputeResolved" else "failed"] += 1
        counts["stale"] += bool(event.arguments.get("stale"))


def with_standings(user: User, prosumers: Iterable[Prosumer]) -> list[Prosumer]:
    """The prosumers, each with its standing with the user as `standing`."""
    rows = list(prosumers)
    found = standings(user, [row.owner for row in rows])
    for row in rows:
        row.standing = found.get(row.owner, CLEAN)
    return rows
