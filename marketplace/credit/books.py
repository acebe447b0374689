"""The merchant contracts' events in our database, and the statements that come of them.

Blocks are followed by `contracts.indexer`, so that a reorganisation takes its events along. Whoever asks for
a statement brings the books up to date first: no worker is needed.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, get_args
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from contracts.calls import LogEntry
from contracts.connection import LedgerError
from contracts.events import decode_log
from contracts.indexer import KEPT_HASHES, IndexedBlock, Indexer, RpcBlockSource
from marketplace.accounts.errors import AwayError
from marketplace.accounts.hexadecimal import to_hex
from marketplace.credit import billing
from marketplace.credit.issuing import raw
from marketplace.credit.ledger import client
from marketplace.credit.models import Agreement, BookBlock, BookEvent, CreditNote

_EVENTS: Mapping[str, Any] = MappingProxyType({kind.__name__: kind for kind in get_args(billing.BookEvent)})


@dataclass(frozen=True, slots=True)
class _Index:
    """`contracts.indexer.IndexStore` of one merchant contract."""

    msc: str

    def recent(self) -> Sequence[tuple[int, bytes]]:
        """As the protocol says."""
        rows = BookBlock.objects.filter(msc=self.msc).order_by("-number").values_list("number", "hash")
        return [(number, raw(text)) for number, text in rows[:KEPT_HASHES]]

    def apply(self, blocks: Sequence[IndexedBlock[billing.BookEvent]]) -> None:
        """As the protocol says."""
        with transaction.atomic():
            rows = [self._row(item, block.header.timestamp) for block in blocks for item in block.events]
            BookEvent.objects.bulk_create(rows, ignore_conflicts=True)
            headers = [(block.header.number, to_hex(block.header.hash)) for block in blocks]
            made = [BookBlock(msc=self.msc, number=number, hash=text) for number, text in headers]
            BookBlock.objects.bulk_create(made, ignore_conflicts=True)
            old = headers[-1][0] - 2 * KEPT_HASHES
            BookBlock.objects.filter(msc=self.msc, number__lt=old).delete()

    def roll_back(self, number: int) -> None:
        """As the protocol says."""
        with transaction.atomic():
            BookEvent.objects.filter(msc=self.msc, block_number__gt=number).delete()
            BookBlock.objects.filter(msc=self.msc, number__gt=number).delete()

    def _row(self, item: Any, at: int) -> BookEvent:
        event, log = item.event, item.log
        arguments = {name: _plain(getattr(event, name)) for name in event.__slots__}
        return BookEvent(
            msc=self.msc,
            block_number=log.block_number,
            log_index=log.log_index,
            at=at,
            name=type(event).__name__,
            sid=arguments.get("sid", ""),
            serial=arguments.get("serial", ""),
            arguments=arguments,
            transaction_hash=to_hex(log.transaction_hash),
        )


def _plain(value: bytes | int) -> str:
    return to_hex(value) if isinstance(value, bytes) else str(value)


def _value(text: str) -> bytes | int:
    return raw(text) if text.startswith("0x") else int(text)


def _book_event(log: LogEntry) -> billing.BookEvent | None:
    event = decode_log(log)
    return event if isinstance(event, billing.BookEvent) else None


def bring_up_to_date(msc: str) -> None:
    """Take what is new on the ledger into the books of a merchant contract.

    Raises:
        AwayError: the ledger can't be reached.
    """
    indexer = Indexer(RpcBlockSource(client(), [raw(msc)]), _Index(msc), _book_event)
    try:
        indexer.catch_up()
    except LedgerError as error:
        raise AwayError("ledger_away", _("The ledger can't be read: %(error)s") % {"error": error}) from error


def statement_of(agreement: Agreement, *, now: int | None = None) -> billing.Statement:
    """An agreement's statement, from the books as they are.

    Args:
        agreement: It must have been initialised.
        now: Epoch seconds; the present unless given.
    """
    notes = list(CreditNote.objects.filter(agreement=agreement).order_by("issued_at"))
    rows = BookEvent.objects.filter(msc=agreement.msc)
    rows = rows.filter(Q(sid=agreement.sid) | Q(serial__in=[note.serial for note in notes]))
    facts = list(_facts(rows))
    moment = int(timezone.now().timestamp()) if now is None else now
    return billing.statement(_terms(agreement, facts), map(_held, notes), facts, moment)


def statements_of(
    agreements: Sequence[Agreement], *, now: int | None = None
) -> dict[UUID, billing.Statement]:
    """Statements of many agreements from the books as they are, by id: two queries, however many there are."""
    moment = int(timezone.now().timestamp()) if now is None else now
    found = {}
    for agreement, notes, facts in _material(agreements):
        found[agreement.pk] = billing.statement(_terms(agreement, facts), notes, facts, moment)
    return found


def exposures_of(agreements: Sequence[Agreement], moments: Sequence[int]) -> list[tuple[int, int]]:
    """At each moment what was reserved or owed and not paid, and the collateral against it, micro-units."""
    totals = [(0, 0)] * len(moments)
    for agreement, notes, facts in _material(agreements):
        terms, times = _terms(agreement, facts), [fact.at for fact in facts]
        for place, moment in enumerate(moments):
            until = bisect_right(times, moment)
            if moment < terms.started_at or not until:
                continue
            then = billing.statement(terms, notes, facts[:until], moment)
            used = max(0, sum(note.reserved + note.debt for note in then.notes) - then.paid)
            totals[place] = totals[place][0] + used, totals[place][1] + then.collateral
    return totals


def _material(
    agreements: Sequence[Agreement],
) -> Iterable[tuple[Agreement, list[billing.HeldNote], list[billing.Fact]]]:
    """Each agreement with its notes and the events that concern it."""
    notes: dict[UUID, list[CreditNote]] = {}
    for note in CreditNote.objects.filter(agreement__in=agreements).order_by("issued_at"):
        notes.setdefault(note.agreement_id, []).append(note)
    by_sid: dict[str, list[BookEvent]] = {}
    by_serial: dict[str, list[BookEvent]] = {}
    for row in BookEvent.objects.filter(msc__in={agreement.msc for agreement in agreements}):
        place = by_serial if row.serial else by_sid
        place.setdefault(row.serial or row.sid, []).append(row)
    for agreement in agreements:
        held = notes.get(agreement.pk, [])
        rows = [
            *by_sid.get(agreement.sid, []),
            *(row for one in held for row in by_serial.get(one.serial, [])),
        ]
        rows.sort(key=lambda row: (row.block_number, row.log_index))
        yield agreement, list(map(_held, held)), list(_facts(rows))


def fresh_statement_of(agreement: Agreement, *, now: int | None = None) -> billing.Statement:
    """The same, with the ledger's newest events.

    Raises:
        AwayError: the ledger can't be reached.
    """
    bring_up_to_date(agreement.msc)
    return statement_of(agreement, now=now)


def _facts(rows: Iterable[BookEvent]) -> Iterable[billing.Fact]:
    for row in rows:
        values = {name: _value(text) for name, text in row.arguments.items()}
        yield billing.Fact(row.at, _EVENTS[row.name](**values))


def _terms(agreement: Agreement, facts: Sequence[billing.Fact]) -> billing.Terms:
    begun = (fact.at for fact in facts if type(fact.event).__name__ == "AgreementInitialised")
    return billing.Terms(
        sid=raw(agreement.sid),
        started_at=next(begun, int(agreement.created_at.timestamp())),
        billing_period=agreement.billing_period,
        payment_term=agreement.payment_term,
        valid_until=agreement.valid_until,
        credit_limit=agreement.credit_limit,
        collateral=agreement.collateral,
    )


def _held(note: CreditNote) -> billing.HeldNote:
    return billing.HeldNote(raw(note.serial), raw(note.holder), note.amount, note.valid_until)
