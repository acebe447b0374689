"""Supplies and their bills: at the end of a period a bill is issued, once, with the next number of its merchant.

Everything can be stopped anywhere and simply done again: number, bill and the supply's next period are one transaction.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.urls import reverse

from grid.models import ReplayRun
from marketplace.accounts.errors import AwayError
from marketplace.accounts.models import User
from marketplace.accounts.selectors import participant_of
from marketplace.accounts.services import record
from marketplace.billing.facts import StatementError
from marketplace.billing.gathering import Frozen, plain, played_until, statement_between
from marketplace.billing.invoice import Invoice, make_invoice
from marketplace.billing.models import Bill, Biller, Supply
from marketplace.billing.periods import period_of
from marketplace.billing.statement import Statement
from marketplace.credit.books import bring_up_to_date, statement_of
from marketplace.credit.models import Agreement, BookEvent, Merchant
from marketplace.notifications.services import notify
from marketplace.trading.live.view import market_view
from marketplace.trading.models import Prosumer
from marketplace.trading.replay.cast import house_title

logger = logging.getLogger(__name__)
DAY = 24 * 3600
DEMO = {
    "street": "Musterstraße 1",
    "postcode": "10115",
    "city": "Berlin",
    "vat_id": "DE123456788",
    "cycle": Biller.Cycle.DAY,
}


class RacedError(RuntimeError):
    """Another process issued this bill; nothing is to be done."""


def zone_of(biller: Biller) -> ZoneInfo:
    """The zone by whose calendar a merchant bills."""
    return ZoneInfo(biller.time_zone)


def ensure_demo_billers() -> None:
    """On a developer's machine every merchant can bill: by the day, since a day there takes minutes."""
    if not settings.DEBUG:
        return
    for merchant in Merchant.objects.filter(biller__isnull=True):
        values = {**DEMO, "legal_name": merchant.name, "prefix": f"{merchant.slug[:8].upper()}-"}
        Biller.objects.get_or_create(merchant=merchant, defaults=values)


def ensure_supplies() -> None:
    """People at a connection of the live market are supplied: by their agreement's merchant, else by the first biller."""
    market, usual = market_view(), Biller.objects.order_by("pk").first()
    if market is None or usual is None:
        return
    at = market.connections()
    people = Prosumer.objects.filter(user__isnull=False, user__erased_at__isnull=True, owner__in=at)
    for prosumer in people.exclude(user__supplies__run=market.run).select_related("user"):
        if prosumer.user is not None:
            start_supply(
                user=prosumer.user,
                run=market.run,
                place=at[prosumer.owner],
                name=house_title(at[prosumer.owner]),
                starts_at=market.playing,
                biller=usual,
            )


@transaction.atomic
def start_supply(
    *, user: User, run: ReplayRun, place: int, name: str, starts_at: int, biller: Biller, owner: str = ""
) -> Supply:
    """Bill a person for a connection from a quarter-hour on; repeating it is harmless.

    Args:
        user: Who gets the bills.
        run: Whose quarter-hours.
        place: Number of the connection.
        name: What the run's trades call it.
        starts_at: First quarter-hour.
        biller: Who bills unless an agreement names another merchant that does.
        owner: Id in the channel engine; the user's unless given.
    """
    active = Agreement.objects.filter(user=user, state=Agreement.State.ACTIVE, merchant__biller__isnull=False)
    agreement = active.first()
    merchant = biller.merchant_id if agreement is None else agreement.merchant_id
    values = {"merchant_id": merchant, "agreement": agreement, "owner": owner or user.owner, "place": place}
    times = {"name": name, "starts_at": starts_at, "billed_until": starts_at}
    return Supply.objects.get_or_create(user=user, run=run, defaults={**values, **times})[0]


@dataclass(frozen=True, slots=True)
class Due:
    """A period of a supply that is over and not billed; or one whose bills are corrected."""

    supply: Supply
    biller: Biller
    start: int
    end: int
    kind: str = Bill.Kind.BILL


def last_of(supply: Supply) -> int:
    """Where a supply ends: with its run, unless it was ended before."""
    return int(supply.run.ends_at if supply.ends_at is None else supply.ends_at)


def current_period(supply: Supply, biller: Biller) -> tuple[int, int]:
    """The period that is billed next, within the supply's time."""
    _, end = period_of(supply.billed_until, zone_of(biller), biller.cycle)
    return supply.billed_until, min(end, last_of(supply))


def due_periods(supply: Supply) -> Iterator[Due]:
    """The periods of a supply that are over, the oldest first; to be issued one by one."""
    biller = Biller.objects.get(merchant=supply.merchant_id)
    while supply.billed_until < last_of(supply):
        start, end = current_period(supply, biller)
        if end > played_until(supply.run):
            return
        yield Due(supply, biller, start, end)
        supply.refresh_from_db()


def run_bills(*, now: int | None = None) -> list[Bill]:
    """Issue every bill that is due. Idempotent. A supply whose figures don't add up is logged, and the others are billed."""
    moment, made = int(time.time()) if now is None else now, []
    open_ones = Supply.objects.filter(closed=False).select_related("run", "user", "agreement", "merchant")
    for supply in open_ones:
        try:
            made += _issue_all(supply, moment)
        except StatementError:
            logger.exception("Supply %s is not billed: its figures must be looked at.", supply.pk)
        if supply.billed_until >= last_of(supply):
            Supply.objects.filter(pk=supply.pk).update(closed=True)
    return made


def _issue_all(supply: Supply, now: int) -> list[Bill]:
    made = []
    for due in due_periods(supply):
        bill = _issued(due, now)
        if bill is None:
            break
        made.append(bill)
    return made


def _issued(due: Due, now: int) -> Bill | None:
    statement = statement_between(due.supply, due.start, due.end, zone_of(due.biller))
    invoice = make_invoice(statement, vat_permille=due.biller.vat_permille)
    parts = {**plain(statement), "ledger": ledger_part(due.supply)}
    try:
        return issue(due=due, content=parts, statement=statement, invoice=invoice, now=now)
    except RacedError:
        return None


@transaction.atomic
def issue(*, due: Due, content: dict[str, Any], statement: Statement, invoice: Invoice, now: int) -> Bill:
    """Number a bill and keep it: all of it or nothing, so that no number is lost or given twice.

    Raises:
        RacedError: Another process has billed this period.
    """
    biller = next_number(due.biller)
    seen = {"billed_until": due.start, "corrected_until": due.supply.corrected_until}
    moved = Supply.objects.filter(pk=due.supply.pk, **seen).update(billed_until=due.end)
    if not moved:
        raise RacedError
    return numbered(due, biller, content, owed=statement.owed, invoice=invoice, now=now)


def next_number(biller: Biller) -> Biller:
    """The biller with the number after the one that is drawn; within the transaction that uses it."""
    Biller.objects.filter(pk=biller.pk).update(next_number=F("next_number") + 1)
    return Biller.objects.get(pk=biller.pk)


def numbered(
    due: Due, biller: Biller, content: dict[str, Any], *, owed: int, invoice: Invoice, now: int
) -> Bill:
    """Make the bill of the number that `next_number` drew, and tell its person."""
    number = biller.next_number - 1
    bill = Bill(
        merchant_id=due.supply.merchant_id,
        supply=due.supply,
        user=due.supply.user,
        kind=due.kind,
        number=number,
        reference=f"{biller.prefix}{number:06d}",
        starts_at=due.start,
        ends_at=due.end,
        issued_at=now,
        due_at=now + biller.payment_days * DAY,
        owed=owed,
        **{name: getattr(invoice, name) for name in ("net_cents", "vat_cents", "offset_cents", "due_cents")},
    )
    bill.paid_at = None if bill.due_cents else now
    bill.content = Frozen.of({**content, **_heads(bill, biller, invoice)}).text
    bill.save(force_insert=True)
    _tell(bill)
    return bill


def _tell(bill: Bill) -> None:
    record(actor=None, action="bill.issued", subject=f"bill {bill.reference}", person=bill.user)
    names = {"merchant": bill.merchant.name, "reference": bill.reference}
    notify(
        user=bill.user,
        kind="bill_issued",
        key=str(bill.pk),
        url=reverse("web:bill", args=(bill.pk,)),
        **names,
    )


def _heads(bill: Bill, biller: Biller, invoice: Invoice) -> dict[str, Any]:
    """What the document says of both parties and in cents; a later change of either does not change it."""
    seller = (
        "legal_name",
        "street",
        "postcode",
        "city",
        "country",
        "vat_id",
        "email",
        "iban",
        "bic",
        "time_zone",
    )
    return {
        "seller": {name: getattr(biller, name) for name in seller},
        "buyer": buyer_of(bill.user),
        "positions": [
            {"kind": one.line.kind, "wh": one.line.wh, "count": one.line.count, "about": one.line.about,
             "reference": one.line.reference, "gross": one.gross, "net_cents": one.net_cents}
            for one in invoice.positions
        ],
        "offsets": [
            {"kind": one.kind, "wh": one.wh, "count": one.count, "about": one.about, "reference": one.reference,
             "amount": one.amount}
            for one in invoice.offsets
        ],
        "totals": {
            name: getattr(invoice, name)
            for name in ("vat_permille", "net_cents", "vat_cents", "gross_cents", "offset_cents", "rounding_cents",
                         "due_cents", "owed", "cut")
        },
        "run": str(bill.supply.run_id),
        "connection": bill.supply.name,
    }  # fmt: skip


def buyer_of(user: User) -> dict[str, str]:
    """Name and address as they are now; what is not known stays empty."""
    person = participant_of(user)
    fields = ("legal_name", "street", "postcode", "city", "country")
    found = {name: (getattr(person, name, None) or "") for name in fields}
    return {**found, "number": user.owner}


def ledger_part(supply: Supply) -> dict[str, Any]:
    """Debts, earnings and payments under the agreement, each booking with its transaction; empty without one."""
    agreement = supply.agreement
    if agreement is None:
        return {}
    try:
        bring_up_to_date(agreement.msc)
        as_of = "now"
    except AwayError:
        as_of = "the books' last block"
    books = statement_of(agreement)
    serials = list(agreement.notes.values_list("serial", flat=True))
    rows = BookEvent.objects.filter(msc=agreement.msc).filter(Q(sid=agreement.sid) | Q(serial__in=serials))
    names = ("debt", "due", "paid", "payable", "earnings", "collateral", "limit")
    return {
        "as_of": as_of,
        "sid": agreement.sid,
        **{name: getattr(books, name) for name in names},
        "notes": [
            {"serial": "0x" + note.note.serial.hex(), "amount": note.note.amount, "reserved": note.reserved,
             "debt": note.debt, "earnings": note.earnings}
            for note in books.notes
        ],
        "events": [
            {"at": row.at, "name": row.name, "arguments": row.arguments, "block": row.block_number,
             "transaction": row.transaction_hash}
            for row in rows
        ],
    }  # fmt: skip
