"""The review page: everything about one application on one screen, and the four things to do with it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from marketplace.accounts.backoffice import user_of
from marketplace.accounts.errors import RefusedError
from marketplace.accounts.fields import prefetch_keys
from marketplace.accounts.selectors import opened_documents, participant_of, wallet_of
from marketplace.credit import decisions
from marketplace.credit.models import CheckResult, CreditApplication
from marketplace.credit.money import plain
from marketplace.credit.overview import standings
from marketplace.credit.reason_words import reasons_for
from marketplace.credit.reasons import in_words, title_of
from marketplace.credit.record import record_of
from marketplace.credit.review_forms import ApproveForm, QuestionForm, RejectForm, StartForm
from marketplace.credit.selectors import merchant_agreements, merchant_audit, shade_of

State = CreditApplication.State
OUTCOMES = {"pass": "success", "warn": "warning", "fail": "danger"}
OUTCOME_WORDS = {"pass": _("passed"), "warn": _("look"), "fail": _("failed")}
STATE_VARIANTS = {"more_info": "warning", "approved": "success", "rejected": "danger"}
FORMS: dict[str, type[forms.Form]] = {
    "start": StartForm,
    "hand_back": StartForm,
    "approve": ApproveForm,
    "ask": QuestionForm,
    "reject": RejectForm,
}
FIRST = _("Your approval is kept. A second operator must approve the same terms before anything is signed.")
SEEING = ("approve", "ask", "reject")
"""What is decided about the papers as they were handed in last."""
VERBS: dict[str, tuple[Callable[..., Any], Any]] = {
    "start": (decisions.start_review, _("The application is in your hands.")),
    "hand_back": (decisions.hand_back, _("The application is free for a colleague.")),
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
        made = verb(application=application, operator=user_of(request), **form.cleaned_data, **looked)
    except RefusedError as error:
        for name, problems in (error.fields or {"": [error.detail]}).items():
            form.add_error(name if name in form.fields else None, problems)
        return False
    is_first = decision == "approve" and made is None
    messages.success(request, FIRST if is_first else said)
    return True


def _forms(application: CreditApplication, bound: dict[str, forms.Form]) -> dict[str, forms.Form]:
    first = decisions.first_approval_of(application)
    limit = first.limit if first else application.proposed_limit
    collateral = first.collateral if first else application.proposed_collateral
    initial = {"limit": plain(limit or 0), "collateral": plain(collateral or 0)}
    fresh = {name: form(prefix=name, initial=initial) for name, form in FORMS.items()}
    return {**fresh, **bound}


def _facts(request: HttpRequest, application: CreditApplication) -> dict[str, Any]:
    if application.state == State.WITHDRAWN:  # whoever took it back has nothing to show any more
        return {"title": str(application), "application": application, "withdrawn": True}
    participant, wallet = participant_of(application.user), wallet_of(application.user)
    prefetch_keys([application, *([participant] if participant else [])])
    merchant = application.merchant
    return {
        "state_variant": STATE_VARIANTS.get(application.state, "info"),
        "score_text": f"{application.score}/100" if application.score is not None else "",
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
        "reasons": {use: reasons_for(merchant, use) for use in ("ask", "reject")},
        **_history(request, application),
        **_hands(request, application),
    }


def _history(request: HttpRequest, application: CreditApplication) -> dict[str, Any]:
    """What the ledger knows: credit of this person at the operator's merchants, and all of their disputes."""
    mine = merchant_agreements(user_of(request)).filter(user=application.user)
    return {"standings": standings(list(mine)), "record": record_of(application.user)}


def _hands(request: HttpRequest, application: CreditApplication) -> dict[str, Any]:
    """Who has it, whose eyes it takes, and what this operator may do now."""
    me, transitions = user_of(request), CreditApplication.TRANSITIONS[application.state]
    first, reviewer = decisions.first_approval_of(application), application.reviewer
    is_waiting = application.state in CreditApplication.REVIEWABLE_STATES
    return {
        "first": first,
        "i_was_first": first is not None and first.operator_id == me.pk,
        "somebody_else": reviewer if is_waiting and reviewer and reviewer != me else None,
        "may": {
            "start": is_waiting and reviewer != me,
            "hand_back": is_waiting and reviewer == me,
            "approve": State.APPROVED in transitions,
            "ask": State.MORE_INFO in transitions,
            "reject": State.REJECTED in transitions,
        },
    }


def _check(result: CheckResult) -> dict[str, Any]:
    return {
        "title": title_of(result),
        "variant": OUTCOMES.get(result.outcome, "info"),
        "outcome": OUTCOME_WORDS.get(result.outcome, result.outcome),
        "reason": in_words(result),
        "points": f"{result.points}/{result.max_points}" if result.max_points else "",
        "percent": max(0, 100 * result.points // result.max_points) if result.max_points else None,
    }
