"""Which limits take two operators, and raises that wait for the second one.

Limits are judged by their sum: what a person may come to owe a merchant under all agreements. Otherwise one operator
could grant by two agreements, or by one and a raise, what takes two by one.
"""

from django.db import transaction
from django.db.models import F, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.accounts.services import record
from marketplace.credit.first_words import FirstRaise
from marketplace.credit.models import Agreement, BookEvent, Merchant


def needs_second(merchant: Merchant, amount: int) -> bool:
    """Whether an amount takes two operators."""
    return amount > merchant.four_eyes_above


def granted_besides(user: User, merchant: Merchant, agreement: Agreement | None = None) -> int:
    """Limits of a person's agreements with a merchant that still hold, beside `agreement`; micro-units."""
    released = BookEvent.objects.filter(msc=merchant.msc, name="CollateralReleased").values("sid")
    held = (
        Agreement.objects.filter(user=user, merchant=merchant, valid_until__gt=timezone.now().timestamp())
        .exclude(state=Agreement.State.FAILED)
        .exclude(sid__in=released)
    )
    if agreement is not None:
        held = held.exclude(pk=agreement.pk)
    total = held.aggregate(sum=Sum(Coalesce(F("changed_limit"), F("credit_limit"))))["sum"]
    return int(total or 0)


def first_raise_of(agreement: Agreement) -> FirstRaise | None:
    """The raise that waits for a second operator, or None."""
    return FirstRaise.objects.filter(agreement=agreement).select_related("operator").first()


@transaction.atomic
def may_change(*, agreement: Agreement, operator: User, limit: int) -> bool:
    """Whether this word is enough to change a limit; where it is not, it is kept as the first of two."""
    agreement = (
        Agreement.objects.select_for_update(of=("self",))
        .select_related("merchant", "user")
        .get(pk=agreement.pk)
    )
    total = limit + granted_besides(agreement.user, agreement.merchant, agreement)
    if limit <= agreement.limit or not needs_second(agreement.merchant, total):
        return True
    first = first_raise_of(agreement)
    if first is not None and first.limit == limit:
        return first.operator_id != operator.pk
    terms = {"operator": operator, "limit": limit}
    FirstRaise.objects.update_or_create(agreement=agreement, defaults=terms)
    _record(agreement, operator, "limit.first_word", limit)
    return False


@transaction.atomic
def drop_raise(*, agreement: Agreement, operator: User) -> None:
    """Take back a raise that waits; nothing was signed for it. Whoever may change the limit may; repeating is harmless."""
    for first in FirstRaise.objects.select_for_update().filter(agreement=agreement):
        _record(agreement, operator, "limit.dropped", first.limit)
        first.delete()


def _record(agreement: Agreement, operator: User, action: str, limit: int) -> None:
    subject = f"agreement {agreement.sid}"
    record(actor=operator, action=action, subject=subject, person=agreement.user, limit=str(limit))
