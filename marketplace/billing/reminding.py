"""Reminders: one before a bill is due, two after; each once, however often the work comes round."""

import time

from django.db import transaction
from django.urls import reverse

from marketplace.accounts.services import record
from marketplace.billing.models import Bill
from marketplace.notifications.services import notify

DAY = 24 * 3600
BEFORE_S, FIRST_S, SECOND_S = 3 * DAY, DAY, 14 * DAY
KINDS = ("bill_due_soon", "bill_overdue", "bill_overdue_again")


def level_at(bill: Bill, now: int) -> int:
    """How often a bill that is unpaid should have been reminded of: 0 to 3."""
    times = (bill.due_at - BEFORE_S, bill.due_at + FIRST_S, bill.due_at + SECOND_S)
    return sum(now >= at for at in times)


def remind(*, now: int | None = None) -> int:
    """Remind of every unpaid bill whose time has come; gives how many. A level that was slept through is skipped."""
    moment, told = int(time.time()) if now is None else now, 0
    rows = Bill.objects.filter(
        paid_at__isnull=True, due_cents__gt=0, level__lt=len(KINDS), due_at__lte=moment + BEFORE_S
    )
    for bill in rows.select_related("user", "merchant"):
        level = level_at(bill, moment)
        if level > bill.level:
            told += _told(bill, level)
    return told


@transaction.atomic
def _told(bill: Bill, level: int) -> int:
    if not Bill.objects.filter(pk=bill.pk, level__lt=level, paid_at__isnull=True).update(level=level):
        return 0
    names = {"merchant": bill.merchant.name, "reference": bill.reference}
    url = reverse("web:bill", args=(bill.pk,))
    notify(user=bill.user, kind=KINDS[level - 1], key=str(bill.pk), url=url, **names)
    record(
        actor=None, action="bill.reminded", subject=f"bill {bill.reference}", person=bill.user, level=level
    )
    return 1
