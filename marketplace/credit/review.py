"""The review page: everything about one application on one screen, and the four things to do with it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextareaWidget

from marketplace.accounts.backoffice import user_of
from marketplace.accounts.errors import RefusedError
from marketplace.accounts.fields import prefetch_keys
from marketplace.accounts.selectors import opened_documents, participant_of, wallet_of
from marketplace.credit import decisions
from marketplace.credit.models import CheckResult, CreditApplication
from marketplace.credit.money import PLACES, micro_units, plain
from marketplace.credit.selectors import merchant_audit, shade_of

State = CreditApplication.State
OUTCOMES = {"pass": "success", "warn": "warning", "fail": "danger"}
STATE_VARIANTS = {"more_info": "warning", "approved": "success", "rejected": "danger"}
TITLES = {
    "age": _("Age"),
    "wallet": _("Wallet"),
    "lists": _("Black and grey lists"),
    "identity": _("Identity document"),
    "income_documents": _("Proof of income"),
    "name": _("Name in documents"),
    "address": _("Address"),
    "affordability": _("Affordability"),
}


class UnitsField(forms.DecimalField):
    """An amount in units; its value is in micro-units."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminDecimalFieldWidget()
        super().__init__(min_value=0, max_digits=15, decimal_places=PLACES, widget=widget, **kwargs)

    def clean(self, value: Any) -> int:
        """Convert after the checks."""
        units = super().clean(value)
        if units is None:
            raise ValidationError(self.error_messages["required"], code="required")
        return micro_units(units)


class ApproveForm(forms.Form):
    """Limit and collateral."""

    limit = UnitsField(label=_("Credit limit"), help_text=_("In units of the stablecoin."))
    collateral = UnitsField(label=_("Collateral"), help_text=_("Locked by the participant on the ledger."))
    reason = forms.CharField(
        label=_("Note to the applicant"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )


class QuestionForm(forms.Form):
    """What is missing."""

    question = forms.CharField(
        label=_("What should the applicant add?"),
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


class RejectForm(forms.Form):
    """Why not."""

    reason = forms.CharField(
        label=_("Reason, as the applicant will read it"),
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


class StartForm(forms.Form):
    """Nothing to fill in."""


FORMS: dict[str, type[forms.Form]] = {
    "start": StartForm,
    "approve": ApproveForm,
    "ask": QuestionForm,
    "reject": RejectForm,
}
SEEING = ("approve", "ask", "reject")
"""What is decided about the papers as they were handed in last."""
VERBS: dict[str, tuple[Callable[..., Any], Any]] = {
    "start": (decisions.start_review, _("The application is in review.")),
    "approve": (decisions.approve_application, _("Approved: the agreement is signed.")),
    "ask": (decisions.ask_for_more, _("The applicant was asked for more.")),
    "reject": (decisions.reject_application, _("Rejected: the applicant sees the reason.")),
}


def review(
    request: HttpRequest, application: CreditApplication, site_context: dict[str, Any]
) -> HttpResponse:
    """Show an application, or act on it by one of the forms."""
    bound: dict[str, forms.Form] = {}
    decision, seen = request.POST.get("decision", ""), _moment(request.POST.get("seen", ""))
    if request.method == "POST" and decision in FORMS:
        form = FORMS[decision](request.POST, prefix=decision)
        if form.is_valid() and _done(request, application, decision, form, seen):
            return HttpResponseRedirect(
                reverse("admin:credit_creditapplication_change", args=[application.pk])
            )
        bound[decision] = form
    context = {**site_context, **_facts(request, application), "forms": _forms(application, bound)}
    return TemplateResponse(request, "admin/credit/review.html", context, status=400 if bound else 200)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _done(
    request: HttpRequest,
    application: CreditApplication,
    decision: str,
    form: forms.Form,
    seen: datetime | None,
) -> bool:
    verb, said = VERBS[decision]
    looked = {"seen": seen} if decision in SEEING else {}
    try:
        verb(application=application, operator=user_of(request), **form.cleaned_data, **looked)
    except RefusedError as error:
        for name, problems in (error.fields or {"": [error.detail]}).items():
            form.add_error(name if name in form.fields else None, problems)
        return False
    messages.success(request, said)
    return True


def _forms(application: CreditApplication, bound: dict[str, forms.Form]) -> dict[str, forms.Form]:
    initial = {
        "limit": plain(application.proposed_limit or 0),
        "collateral": plain(application.proposed_collateral or 0),
    }
    fresh = {name: form(prefix=name, initial=initial) for name, form in FORMS.items()}
    return {**fresh, **bound}


def _facts(request: HttpRequest, application: CreditApplication) -> dict[str, Any]:
    if application.state == State.WITHDRAWN:  # whoever took it back has nothing to show any more
        return {"title": str(application), "application": application, "withdrawn": True}
    participant, wallet = participant_of(application.user), wallet_of(application.user)
    prefetch_keys([application, *([participant] if participant else [])])
    transitions = CreditApplication.TRANSITIONS[application.state]
    merchant = application.merchant
    score = f"{application.score}/100" if application.score is not None else ""
    return {
        "state_variant": STATE_VARIANTS.get(application.state, "info"),
        "score_text": score,
        "title": _("Application of %(name)s") % {"name": participant or application.user.owner},
        "application": application,
        "seen": application.submitted_at.isoformat() if application.submitted_at else "",
        "participant": participant,
        "wallet": wallet,
        "shade": shade_of(wallet=wallet.address, merchant=merchant) if wallet else "",
        "documents": opened_documents(application.documents.all()),
        "checks": [_check(result) for result in application.checks.all()],
        "agreement": getattr(application, "agreement", None),
        "events": merchant_audit(user_of(request)).filter(person=application.user)[:12],
        "may": {
            "start": State.IN_REVIEW in transitions,
            "approve": State.APPROVED in transitions,
            "ask": State.MORE_INFO in transitions,
            "reject": State.REJECTED in transitions,
        },
    }


def _check(result: CheckResult) -> dict[str, Any]:
    return {
        "title": TITLES.get(result.code, result.code),
        "variant": OUTCOMES.get(result.outcome, "info"),
        "outcome": result.outcome,
        "reason": result.reason,
        "points": f"{result.points}/{result.max_points}" if result.max_points else "",
    }
