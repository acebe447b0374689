"""What the ledger remembers of an applicant: disputes in their channels, and what became of earlier credit.

From the engine's ledger events and the merchant contracts' books as they are here; nothing is asked for anew,
so that an application can be handed in while the ledger is away.
"""

from django.db.models import Q

from channels_engine.store.models import Contract, Endpoint, LedgerEvent
from contracts.records import Disputer
from marketplace.accounts.models import User
from marketplace.credit.books import statement_of
from marketplace.credit.models import Agreement
from marketplace.credit.scoring.facts import Record

_RAISING, _ANSWERED, _CLOSED = "ChannelDisputed", "DisputeResolved", "closed"


def record_of(user: User) -> Record:
    """The applicant's record."""
    disputes, stale = _disputes(user)
    books = [statement_of(agreement) for agreement in _begun(user)]
    notes = [note for book in books for note in book.notes]
    return Record(
        disputes=disputes,
        stale=stale,
        channels_closed=Endpoint.objects.filter(owner=user.owner, phase=_CLOSED).count(),
        notes_settled=sum(1 for note in notes if note.last_settled and not note.debt),
        overdue=sum(book.payable for book in books),
        defaulted=sum(1 for book in books for period in book.periods if period.claimed),
    )


def _begun(user: User) -> list[Agreement]:
    return list(Agreement.objects.filter(user=user, state=Agreement.State.ACTIVE))


def _disputes(user: User) -> tuple[int, int]:
    """How many disputes ran in the person's channels, and how many of those it raised with an old state."""
    rows = Contract.objects.filter(Q(owner_a=user.owner) | Q(owner_b=user.owner)).exclude(scid=None)
    sides = {
        scid: Disputer.PARTY_A if owner_a == user.owner else Disputer.PARTY_B
        for scid, owner_a in rows.values_list("scid", "owner_a")
    }
    events = LedgerEvent.objects.filter(scid__in=sides, name__in=(_RAISING, _ANSWERED))
    raised_by: dict[str, int] = {}
    disputes = stale = 0
    for event in events.order_by("block_number", "log_index"):
        if event.name == _RAISING:
            raised_by[event.channel] = int(event.arguments["disputer"])
            disputes += raised_by[event.channel] != Disputer.NOBODY
        elif event.arguments.get("stale") and raised_by.get(event.channel) == sides[event.scid]:
            stale += 1
    return disputes, stale
