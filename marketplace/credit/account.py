"""An agreement's page in the back office: its statement, and what the merchant may do under it."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplace.accounts.backoffice import user_of
from marketplace.accounts.errors import RefusedError
from marketplace.credit import claims, limits, panels
from marketplace.credit.billing import Statement
from marketplace.credit.books import fresh_statement_of
from marketplace.credit.models import Agreement
from marketplace.credit.money import plain
from marketplace.credit.overview import Standing, exposure_chart
from marketplace.credit.panels import Verb
from marketplace.credit.review_forms import UnitsField


class LimitForm(forms.Form):
    """The new limit."""

    limit = UnitsField(label=_("Credit limit"), help_text=_("Open channels go on as they are."))


class NothingForm(forms.Form):
    """Nothing to fill in."""


def _plainly(do: Callable[..., Any], said: Any) -> Verb:
    """A verb whose form has nothing to fill in and whose words are always the same."""
    return Verb(NothingForm, do, lambda _given: said)


CHANGED = _("The limit is changed.")
FIRST = _("Your raise is kept. A second operator must enter the same limit before anything is signed.")
VERBS: Mapping[str, Verb] = {
    "claim": _plainly(claims.start_claim, _("The claim is on the ledger: the window to pay runs.")),
    "execute": _plainly(claims.execute_claim, _("The claim is executed.")),
    "cancel": _plainly(claims.cancel_claim, _("The claim is dropped.")),
    "hold": _plainly(claims.hold_collateral, _("The collateral is held for two more terms.")),
    "limit": Verb(LimitForm, claims.change_limit, lambda given: CHANGED if given else FIRST),
    "limit_drop": _plainly(claims.drop_raise, _("The raise is dropped.")),
    "release": _plainly(claims.release_collateral, _("The collateral is free.")),
}


def account(request: HttpRequest, agreement: Agreement, site_context: dict[str, Any]) -> HttpResponse:
    """Show an agreement, or act on it by one of the forms."""
    bound: dict[str, forms.Form] = {}
    action, verbs = request.POST.get("action", ""), {**VERBS, **panels.verbs()}
    if request.method == "POST" and action in verbs:
        bound[action] = verbs[action].form(request.POST, prefix=action)
        if bound[action].is_valid() and _done(request, agreement, verbs[action], bound[action]):
            return HttpResponseRedirect(reverse("admin:credit_agreement_change", args=[agreement.pk]))
    context = {**site_context, **_facts(request, agreement, bound)}
    status = 400 if request.method == "POST" else 200
    return TemplateResponse(request, "admin/credit/agreement.html", context, status=status)


def _done(request: HttpRequest, agreement: Agreement, verb: Verb, form: forms.Form) -> bool:
    try:
        given = verb.do(agreement=agreement, operator=user_of(request), **form.cleaned_data)
    except RefusedError as error:
        for name, problems in (error.fields or {"": [error.detail]}).items():
            form.add_error(name if name in form.fields else None, problems)
        messages.error(request, error.detail)
        return False
    messages.success(request, verb.said(given))
    return True


def _facts(request: HttpRequest, agreement: Agreement, bound: Mapping[str, forms.Form]) -> dict[str, Any]:
    facts = {"title": str(agreement), "agreement": agreement, "books": None, "may": {}, "problem": ""}
    if agreement.state != Agreement.State.ACTIVE:
        return facts
    try:
        books = fresh_statement_of(agreement)
    except RefusedError as error:
        return {**facts, "problem": error.detail}
    limit_form = bound.get("limit") or LimitForm(prefix="limit", initial={"limit": plain(agreement.limit)})
    first, user = limits.first_raise_of(agreement), user_of(request)
    return {
        **facts,
        "first": first,
        "first_limit": plain(first.limit) if first else "",
        "may_agree": first is not None and first.operator_id != user.pk,
        "books": books,
        "may": _may(books),
        "limit_form": limit_form,
        "standing": Standing(agreement, books),
        "chart": exposure_chart([agreement]),
        "panels": panels.shown(user, agreement, books, bound),
    }


def _may(books: Statement) -> dict[str, bool]:
    now = int(timezone.now().timestamp())
    claim, runs = books.claim, not books.released
    return {
        "claim": runs and claim is None and books.payable > 0,
        "execute": claim is not None and now > claim.deadline,
        "cancel": claim is not None,
        "hold": runs and now > books.terms.valid_until and any(n.debt or n.reserved for n in books.notes),
        "limit": runs,
        "release": runs,
    }
