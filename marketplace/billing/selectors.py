"""Reads around bills, each limited to what the asker may see."""

from django.db.models import BigIntegerField, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from marketplace.accounts.models import User
from marketplace.billing.models import Bill, Biller, DebtPayment, Payment, Supply
from marketplace.credit.selectors import operated_merchants

LARGE = ("content", "document")


def with_received(bills: QuerySet[Bill]) -> QuerySet[Bill]:
    """Bills with `received`: the sum of their payments."""
    sums = Payment.objects.filter(bill=OuterRef("pk")).order_by().values("bill").annotate(total=Sum("amount"))
    total = Subquery(sums.values("total"), output_field=BigIntegerField())
    name = "received"  # declared on the model, which django-stubs takes for a clash when it sees it here
    return bills.annotate(**{name: Coalesce(total, Value(0), output_field=BigIntegerField())})


def own_bills(user: User) -> QuerySet[Bill]:
    """The user's bills, without what is large."""
    return with_received(Bill.objects.filter(user=user).select_related("merchant").defer(*LARGE))


def merchant_bills(user: User) -> QuerySet[Bill]:
    """Bills of the merchants that the user operates, without what is large."""
    rows = Bill.objects.filter(merchant__in=operated_merchants(user))
    return with_received(rows.select_related("merchant", "user").defer(*LARGE))


def own_supply(user: User) -> Supply | None:
    """The supply that runs now."""
    rows = Supply.objects.filter(user=user, closed=False).select_related("run", "agreement", "merchant")
    return rows.order_by("-run__created_at").first()


def merchant_billers(user: User) -> QuerySet[Biller]:
    """How the merchants that the user operates bill."""
    return Biller.objects.filter(merchant__in=operated_merchants(user)).select_related("merchant")


def merchant_debt_payments(user: User) -> QuerySet[DebtPayment]:
    """What came by bank for debts to the merchants that the user operates."""
    rows = DebtPayment.objects.filter(agreement__merchant__in=operated_merchants(user))
    return rows.select_related("agreement__merchant", "entered_by", "approved_by")
