"""The card of an agreement's page in the back office for debts that are paid by bank."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from marketplace.accounts.models import User
from marketplace.billing.debts import MOST_LETTERS, drop_debt_payment, paid_alone, pay_debt_for
from marketplace.billing.models import DebtPayment
from marketplace.credit.billing import Statement
from marketplace.credit.limits import needs_second
from marketplace.credit.models import Agreement
from marketplace.credit.money import plain, shown
from marketplace.credit.panels import Panel, Verb, register
from marketplace.credit.review_forms import UnitsField
from marketplace.credit.rules import may

STATES = {"waiting": "warning", "sending": "info", "paid": "success"}


class DebtForm(forms.Form):
    """Money at the bank, and the operator's word that it is there."""

    amount = UnitsField(label=_("Amount"))
    reference = forms.CharField(
        label=_("The bank's reference"), max_length=MOST_LETTERS, widget=UnfoldAdminTextInputWidget()
    )
    seen = forms.BooleanField(
        label=_("I have seen this money on our bank account"),
        widget=UnfoldBooleanWidget(),
        error_messages={"required": _("Confirm it: our key pays real money for it, and can't take it back.")},
    )


class DropForm(forms.Form):
    """Which entry."""

    reference = forms.CharField(max_length=MOST_LETTERS)


def _pay(*, agreement: Agreement, operator: User, amount: int, reference: str, seen: bool) -> DebtPayment:
    del seen  # the form insists on it
    return pay_debt_for(agreement=agreement, operator=operator, amount=amount, reference=reference)


def _said(payment: DebtPayment) -> Any:
    if payment.state == DebtPayment.State.PAID:
        return _("The debt is paid on the ledger.")
    merchant = payment.agreement.merchant
    if needs_second(merchant, payment.amount):
        return _("Your entry is kept. A second operator must enter the same before anything is paid.")
    return _(
        "Your entry is kept. With %(alone)s that you alone have paid for this participant lately it is above %(limit)s: "
        "a second operator must enter the same before anything is paid."
    ) % {"alone": shown(payment.alone_before), "limit": shown(merchant.four_eyes_above)}


def _facts(user: User, agreement: Agreement, books: Statement) -> dict[str, Any] | None:
    rows = agreement.debt_payments.select_related("entered_by", "approved_by")
    entries = [_entry(row, user) for row in rows]
    is_operator = may(user, "credit.operate_merchant", agreement.merchant)
    if not entries and not (is_operator and books.owed):
        return None
    most = books.owed + paid_alone(agreement, user)
    return {
        "entries": entries,
        "is_operator": is_operator,
        "is_open": is_operator and books.owed > 0,
        "limit": agreement.merchant.four_eyes_above if needs_second(agreement.merchant, most) else None,
        "initial": {"debt": {"amount": plain(books.owed)}},
    }


def _entry(row: DebtPayment, user: User) -> dict[str, Any]:
    waits = row.state == DebtPayment.State.WAITING
    return {
        "row": row,
        "amount": plain(row.amount),
        "variant": STATES[row.state],
        "may_approve": waits and row.entered_by_id != user.pk,
        "may_look": row.state == DebtPayment.State.SENDING,
        "may_drop": waits,
    }


PANEL = Panel(
    template="admin/billing/parts/debts.html",
    verbs={
        "debt": Verb(DebtForm, _pay, _said),
        "debt_drop": Verb(DropForm, drop_debt_payment, lambda _given: _("The entry is dropped.")),
    },
    facts=_facts,
)


def show() -> None:
    """Put the card on the page."""
    register("debts", PANEL)
