"""Bills in the merchants' back office: what is open and late, and the money that came by bank."""

import time
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from marketplace.accounts.backoffice import user_of
from marketplace.accounts.errors import RefusedError
from marketplace.billing import correcting, paying
from marketplace.billing.debt_panel import STATES
from marketplace.billing.models import Bill, Biller, DebtPayment
from marketplace.billing.selectors import merchant_billers, merchant_bills, merchant_debt_payments
from marketplace.credit.admin import moment
from marketplace.credit.backoffice import PageAdmin, ScopedAdmin
from marketplace.credit.money import plain, shown
from marketplace.credit.review_forms import UnitsField
from marketplace.credit.rules import may

LABELS = {"paid": "success", "open": "info", "overdue": "danger", "credit": "warning"}
WORDS = {"paid": _("Paid"), "open": _("Open"), "overdue": _("Overdue"), "credit": _("To be paid out")}
LEVELS = {0: _("None"), 1: _("Before it is due"), 2: _("First reminder"), 3: _("Second reminder")}


def standing(bill: Bill) -> str:
    """`paid`, `open`, `overdue`, or `credit` where the merchant owes."""
    if bill.paid_at is not None:
        return "paid"
    if bill.due_cents < 0:
        return "credit"
    return "overdue" if time.time() > bill.due_at else "open"


class StandingFilter(admin.SimpleListFilter):
    """Where a bill stands."""

    title = _("state")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """All of them."""
        del request, model_admin
        return list(WORDS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Bill]) -> QuerySet[Bill]:
        """Those that stand there."""
        del request
        now = int(time.time())
        unpaid = queryset.filter(paid_at__isnull=True)
        rows = {
            "paid": queryset.filter(paid_at__isnull=False),
            "open": unpaid.filter(due_cents__gt=0, due_at__gte=now),
            "overdue": unpaid.filter(due_cents__gt=0, due_at__lt=now),
            "credit": unpaid.filter(due_cents__lt=0),
        }
        return rows.get(self.value() or "", queryset)


VERBS: dict[str, tuple[Callable[..., Any], Any]] = {
    "correct": (correcting.correct_now, _("The correction is issued.")),
    "end": (correcting.end_supply, _("The supply has ended: its last bill follows at once.")),
}


class TransferForm(forms.Form):
    """Money at the bank."""

    amount = UnitsField(label=_("Amount"))
    reference = forms.CharField(
        label=_("The bank's reference"), max_length=140, widget=UnfoldAdminTextInputWidget()
    )


@admin.register(Bill)
class BillAdmin(PageAdmin):
    """Bills; a bill's page takes what came for it."""

    scope = staticmethod(merchant_bills)
    list_display = ("bill", "kind", "merchant", "standing_label", "to_pay", "came", "due", "reminded")
    list_filter = (StandingFilter, "kind", "level")
    search_fields = ("reference", "user__participant__display_name")

    @display(description=_("Bill"), header=True)  # type: ignore[untyped-decorator]  # unfold ships no types
    def bill(self, bill: Bill) -> list[str]:
        """Number and customer."""
        return [bill.reference, bill.user.owner]

    @display(description=_("State"), label=LABELS)  # type: ignore[untyped-decorator]  # unfold ships no types
    def standing_label(self, bill: Bill) -> tuple[str, str]:
        """Coloured."""
        return standing(bill), str(WORDS[standing(bill)])

    @admin.display(description=_("To be paid"), ordering="due_cents")
    def to_pay(self, bill: Bill) -> str:
        """In units."""
        return shown(bill.due)

    @admin.display(description=_("Received"))
    def came(self, bill: Bill) -> str:
        """In units."""
        return shown(bill.received)

    @admin.display(description=_("Due"), ordering="due_at")
    def due(self, bill: Bill) -> str:
        """When."""
        return moment(bill.due_at)

    @admin.display(description=_("Reminded"), ordering="level")
    def reminded(self, bill: Bill) -> str | Promise:
        """How often."""
        return LEVELS[bill.level]

    def page(self, request: HttpRequest, row: Bill, context: dict[str, Any]) -> HttpResponse:
        """The bill with its payments and the form for a transfer."""
        rest, action = paying.open_amount(row), request.POST.get("action", "")
        sent = None if action in VERBS else request.POST or None
        form = TransferForm(sent, initial={"amount": plain(abs(rest))})
        if request.method == "POST":
            done = self._done(request, row, action) if action in VERBS else self._recorded(request, row, form)
            if done:
                return HttpResponseRedirect(request.path)
        context |= self._facts(row, rest)
        allowed = may(user_of(request), "credit.operate_merchant", row.merchant)
        context |= {"form": form if allowed and rest else None, "title": row.reference}
        context |= {"allowed": allowed, "supply": row.supply}
        status = 400 if request.method == "POST" else 200
        return TemplateResponse(request, "admin/billing/bill.html", context, status=status)

    @staticmethod
    def _facts(bill: Bill, rest: int) -> dict[str, Any]:
        payments = bill.payments.select_related("recorded_by")
        return {
            "bill": bill,
            "standing": WORDS[standing(bill)],
            "variant": LABELS[standing(bill)],
            "to_pay": shown(bill.due),
            "rest": shown(rest),
            "issued": moment(bill.issued_at),
            "due": moment(bill.due_at),
            "reminded": LEVELS[bill.level],
            "payments": [(moment(one.at), one, shown(one.amount)) for one in payments],
        }

    @staticmethod
    def _done(request: HttpRequest, bill: Bill, action: str) -> bool:
        verb, said = VERBS[action]
        try:
            verb(supply=bill.supply, operator=user_of(request))
        except RefusedError as error:
            messages.error(request, error.detail)
            return False
        messages.success(request, said)
        return True

    @staticmethod
    def _recorded(request: HttpRequest, bill: Bill, form: TransferForm) -> bool:
        if not may(user_of(request), "credit.operate_merchant", bill.merchant):
            raise PermissionDenied
        if not form.is_valid():
            return False
        try:
            paying.record_transfer(
                bill=bill, operator=user_of(request), at=int(time.time()), **form.cleaned_data
            )
        except RefusedError as error:
            form.add_error(None, str(error))
            return False
        messages.success(request, _("The transfer is recorded."))
        return True


@admin.register(Biller)
class BillerAdmin(ScopedAdmin):
    """What invoices say of the merchant, and its rules."""

    scope = staticmethod(merchant_billers)
    list_display = ("legal_name", "cycle", "time_zone", "payment_days", "prefix")
    readonly_fields = ("merchant", "prefix", "next_number")
    ordering = ("merchant",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """For the merchant's own operators."""
        return obj is not None and may(user_of(request), "credit.operate_merchant", obj.merchant)


@admin.register(DebtPayment)
class DebtPaymentAdmin(PageAdmin):
    """What came by bank for debts of credit notes: entered, approved and paid on the agreement's page."""

    scope = staticmethod(merchant_debt_payments)
    list_display = ("entry", "merchant", "state_label", "sum", "entered", "entered_by", "approved_by")
    list_filter = ("state",)
    search_fields = ("reference", "agreement__sid")

    @admin.display(description=_("The bank's reference"), ordering="reference")
    def entry(self, payment: DebtPayment) -> str:
        """As it was entered."""
        return payment.reference

    @admin.display(description=_("Merchant"))
    def merchant(self, payment: DebtPayment) -> str:
        """Whose agreement."""
        return payment.agreement.merchant.name

    @display(description=_("State"), label=STATES)  # type: ignore[untyped-decorator]  # unfold ships no types
    def state_label(self, payment: DebtPayment) -> tuple[str, str]:
        """Coloured."""
        return payment.state, payment.get_state_display()

    @admin.display(description=_("Amount"), ordering="amount")
    def sum(self, payment: DebtPayment) -> str:
        """In units."""
        return shown(payment.amount)

    @admin.display(description=_("Entered"), ordering="at")
    def entered(self, payment: DebtPayment) -> str:
        """When."""
        return moment(payment.at)

    def page(self, request: HttpRequest, row: DebtPayment, context: dict[str, Any]) -> HttpResponse:
        """The agreement's page."""
        del request, context
        return HttpResponseRedirect(reverse("admin:credit_agreement_change", args=[row.agreement_id]))
