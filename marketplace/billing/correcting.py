"""What readings that come late change about issued bills, where no next bill has it: documents of corrections.

Also the end of a supply, after which no bill follows: somebody has moved out.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from marketplace.accounts.errors import ConflictError
from marketplace.accounts.models import User
from marketplace.accounts.services import record
from marketplace.billing.facts import CorrectionFact, StatementError
from marketplace.billing.gathering import late_corrections, plain, played_until, with_references
from marketplace.billing.invoice import make_invoice
from marketplace.billing.issuing import Due, RacedError, current_period, next_number, numbered, zone_of
from marketplace.billing.models import Bill, Biller, Supply
from marketplace.billing.periods import period_of
from marketplace.billing.statement import Statement, correction_statement
from marketplace.credit.rules import may

logger = logging.getLogger(__name__)


def run_corrections(*, now: int | None = None) -> list[Bill]:
    """Correct the bills of supplies that have ended, once a period and only where something changed. Idempotent."""
    moment, made = int(time.time()) if now is None else now, []
    ended = Supply.objects.filter(closed=True, ends_at__isnull=False, user__erased_at__isnull=True)
    waiting = ended.filter(corrected_until__lt=F("run__ends_at")).select_related("run", "user", "merchant")
    for supply in waiting:
        try:
            made += _correct_ended(supply, moment)
        except StatementError:
            logger.exception("Supply %s is not corrected: its figures must be looked at.", supply.pk)
    return made


def _correct_ended(supply: Supply, now: int) -> list[Bill]:
    biller, made = Biller.objects.get(merchant=supply.merchant_id), []
    while supply.corrected_until < supply.run.ends_at:
        since = max(supply.billed_until, supply.corrected_until)
        until = min(period_of(since, zone_of(biller), biller.cycle)[1], supply.run.ends_at)
        if until > played_until(supply.run):
            break
        bill = _corrected(supply, biller, until, now)
        made += [] if bill is None else [bill]
        supply.refresh_from_db()
    return made


def correct_now(*, supply: Supply, operator: User) -> Bill:
    """Issue what was corrected about a supply's bills since, without waiting for the next one.

    Raises:
        PermissionDenied: the operator is not the merchant's.
        ConflictError: nothing was corrected, or the person is erased.
    """
    _may_operate(supply, operator)
    if supply.user.erased_at is not None:
        raise ConflictError("erased", _("This person is erased: nobody can be asked or paid."))
    biller, until = Biller.objects.get(merchant=supply.merchant_id), played_until(supply.run)
    if not supply.closed:
        until = min(until, current_period(supply, biller)[1])
    bill = _corrected(supply, biller, until, int(time.time()))
    if bill is None:
        raise ConflictError("nothing_corrected", _("No reading has changed a bill of this supply since."))
    record(actor=operator, action="bill.corrected", subject=f"bill {bill.reference}", person=bill.user)
    return bill


def end_supply(*, supply: Supply, operator: User) -> Supply:
    """End a supply at the last settled quarter-hour: what is left until then is billed at once, and nothing after it.

    Raises:
        PermissionDenied: the operator is not the merchant's.
        ConflictError: it has ended.
    """
    _may_operate(supply, operator)
    at = min(played_until(supply.run), supply.run.ends_at)
    running = Supply.objects.filter(pk=supply.pk, closed=False, ends_at__isnull=True)
    if not running.update(ends_at=max(at, supply.billed_until)):
        raise ConflictError("supply_over", _("This supply has ended."))
    subject = f"supply {supply.pk}"
    record(actor=operator, action="supply.ended", subject=subject, person=supply.user, at=at)
    supply.refresh_from_db()
    return supply


def _may_operate(supply: Supply, operator: User) -> None:
    if not may(operator, "credit.operate_merchant", supply.merchant):
        raise PermissionDenied(_("Only the merchant's own operators may do this."))


def _corrected(supply: Supply, biller: Biller, until: int, now: int) -> Bill | None:
    """The document of what was corrected in slots before `until`; None where nothing was, or another process has it."""
    found = [one for one in late_corrections(supply, until) if one.is_billed]
    try:
        return _issue(supply, biller, found, until=until, now=now)
    except RacedError:
        return None


@transaction.atomic
def _issue(
    supply: Supply, biller: Biller, found: Sequence[CorrectionFact], *, until: int, now: int
) -> Bill | None:
    """Number it and remember what it has taken: all of it or nothing."""
    counted = next_number(biller) if found else biller
    seen = {"billed_until": supply.billed_until, "corrected_until": supply.corrected_until}
    if not Supply.objects.filter(pk=supply.pk, **seen).update(corrected_until=until):
        raise RacedError
    if not found:
        return None
    bills = _bills_of(supply, found)
    start, end = min(bill.starts_at for bill in bills), max(bill.ends_at for bill in bills)
    statement = with_references(correction_statement(found, start=start, end=end), supply)
    invoice = make_invoice(statement, vat_permille=biller.vat_permille)
    due = Due(supply, biller, start, end, Bill.Kind.CORRECTION)
    content = _content(statement, bills)
    made = numbered(due, counted, content, owed=statement.owed, invoice=invoice, now=now)
    made.corrects.set(bills)
    return made


def _bills_of(supply: Supply, found: Sequence[CorrectionFact]) -> list[Bill]:
    """The bills that are corrected, in order."""
    bills = (
        Bill.objects.filter(supply=supply, kind=Bill.Kind.BILL)
        .defer("content", "document")
        .order_by("number")
    )
    about = {one.slot_start for one in found}
    return [bill for bill in bills if any(bill.starts_at <= slot < bill.ends_at for slot in about)]


def _content(statement: Statement, bills: Sequence[Bill]) -> dict[str, Any]:
    corrects = [
        {"id": str(bill.pk), "reference": bill.reference, "issued_at": bill.issued_at} for bill in bills
    ]
    return {**plain(statement), "ledger": {}, "corrects": corrects}
