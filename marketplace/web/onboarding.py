"""The guided application: a page a step. Each saves itself, can be left and resumed, and says what comes next."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from marketplace.accounts.documents import add_document, remove_document
from marketplace.accounts.errors import RefusedError
from marketplace.accounts.models import Document, User
from marketplace.accounts.selectors import opened_documents, own_documents
from marketplace.accounts.services import update_profile
from marketplace.credit import services as credit
from marketplace.credit.checking import read_papers
from marketplace.credit.models import CreditApplication
from marketplace.credit.reasons import in_words, title_of
from marketplace.credit.selectors import open_merchants, own_applications
from marketplace.trading.services import ensure_prosumer
from marketplace.web.forms import (
    AddressForm,
    ConsentForm,
    CreditForm,
    IdentityForm,
    MeterForm,
    PersonForm,
    StatementForm,
)
from marketplace.web.progress import APPLYING, STEPS, Progress, progress_of

PROFILE_FORMS: Mapping[str, type[Form]] = {"person": PersonForm, "address": AddressForm, "meter": MeterForm}
FILE_FORMS: Mapping[str, type[Form]] = {"identity": IdentityForm, "statements": StatementForm}
FIRST_WISH = 150_000_000


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _form(step: str, progress: Progress, data: Mapping[str, Any] | None, files: Any = None) -> Form | None:
    """The step's form: filled with what was saved, or bound to what was sent."""
    if step in PROFILE_FORMS:
        kept = {name: getattr(progress.participant, name, None) for name in PROFILE_FORMS[step].base_fields}
        return PROFILE_FORMS[step](data, initial={name: value for name, value in kept.items() if value})
    if step in FILE_FORMS:
        return FILE_FORMS[step](data, files)
    if step == "credit":
        return CreditForm(data, initial=_wish(progress), merchants=open_merchants())
    if step == "consent":
        draft = progress.draft
        return ConsentForm(data, initial={"consent": draft is not None and draft.consent_at is not None})
    return None


def _wish(progress: Progress) -> dict[str, Any]:
    """What was saved, else what the statements show."""
    draft = progress.draft
    if draft is not None:
        return {
            "merchant": draft.merchant,
            "requested_limit": draft.requested_limit,
            "monthly_income": int(draft.monthly_income or 0),
            "monthly_outgoings": int(draft.monthly_outgoings or 0),
        }
    wish: dict[str, Any] = {"requested_limit": FIRST_WISH}
    if progress.participant is not None and "statement" in progress.kinds:
        accounts = read_papers(progress.participant.user).accounts
        shown = next((account for account in accounts if account.income), None)
        if shown is not None:
            wish |= {"monthly_income": shown.income, "monthly_outgoings": shown.outgoings}
    return wish


@login_required
@require_GET
def onboarding(request: HttpRequest) -> HttpResponse:
    """The step where the person is."""
    progress = progress_of(_user(request))
    return _page(request, progress, progress.step)


@login_required
@require_http_methods(["GET", "POST"])
def onboarding_step(request: HttpRequest, step: str) -> HttpResponse:
    """One step: shown, or saved. What can't be opened yet, or any more, leads to where the person is."""
    if step not in STEPS:
        raise Http404
    progress = progress_of(_user(request))
    if not progress.may_open(step):
        return redirect("web:onboarding")
    if request.method == "POST":
        return _saved(request, progress, step)
    return _page(request, progress, step)


def _saved(request: HttpRequest, progress: Progress, step: str) -> HttpResponse:
    form = _form(step, progress, request.POST, request.FILES)
    if form is not None and not form.is_valid():
        return _page(request, progress, step, form)
    acts: dict[str, Callable[[], object]] = {
        "credit": lambda: _keep_wish(_user(request), form),
        "consent": lambda: credit.change_application(
            application=_draft(progress), changes={"consent": bool(form and form.cleaned_data["consent"])}
        ),
        "review": lambda: credit.submit_application(application=_draft(progress)),
        **dict.fromkeys(PROFILE_FORMS, lambda: _keep_profile(_user(request), form)),
        **dict.fromkeys(FILE_FORMS, lambda: _keep_files(_user(request), step, form)),
    }
    if step not in acts or not _attempt(request, acts[step], form):
        return _page(request, progress, step, form)
    if step == "review":
        messages.success(request, _("Your application is with the merchant."))
    return redirect("web:onboarding_step", step) if step in FILE_FORMS else redirect(_next(step))


def _next(step: str) -> str:
    names = list(STEPS)
    return f"/onboarding/{names[names.index(step) + 1]}/"


def _draft(progress: Progress) -> CreditApplication:
    if progress.draft is None:
        raise Http404
    return progress.draft


def _keep_profile(user: User, form: Form | None) -> None:
    update_profile(user=user, changes=form.cleaned_data if form else {})
    ensure_prosumer(user=user)


def _keep_files(user: User, step: str, form: Form | None) -> None:
    given = form.cleaned_data if form else {}
    kind = Document.Kind.IDENTITY if step == "identity" else given["kind"]
    for file in given["file"]:
        add_document(user=user, kind=kind, filename=file.name, raw=file.read())


def _keep_wish(user: User, form: Form | None) -> None:
    wish = dict(form.cleaned_data) if form else {}
    for other in own_applications(user).filter(state=CreditApplication.State.DRAFT):
        if other.merchant != wish["merchant"]:
            credit.withdraw_application(application=other)
    application = credit.start_application(user=user, **wish, consent=False)
    changes = {name: value for name, value in wish.items() if name != "merchant"}
    credit.change_application(application=application, changes=changes)


def _attempt(request: HttpRequest, act: Callable[[], object], form: Form | None = None) -> bool:
    """Do it; what the domain refuses is said at the fields to blame, or above them."""
    try:
        act()
    except RefusedError as error:
        for name, wrong in error.fields.items():
            if form is not None and name in form.fields:
                form.add_error(name, wrong)
            else:
                messages.error(request, " ".join(wrong))
        if not error.fields:
            messages.error(request, error.detail)
        return False
    return True


def _page(request: HttpRequest, progress: Progress, step: str, form: Form | None = None) -> HttpResponse:
    names = list(STEPS)
    context = {
        "progress": progress,
        "steps": [
            {
                "name": name,
                "label": label,
                "done": progress.done[name],
                "current": name == step,
                "opens": name != step and progress.may_open(name),
            }
            for name, label in STEPS.items()
        ],
        "step": step,
        "number": names.index(step) + 1,
        "count": len(names),
        "previous": names[names.index(step) - 1] if step in APPLYING[1:] else "",
        "title": STEPS[step],
        "form": form or _form(step, progress, None),
        **_shown(_user(request), progress, step),
    }
    return render(request, "web/onboarding.html", context, status=422 if request.method == "POST" else 200)


def _shown(user: User, progress: Progress, step: str) -> dict[str, Any]:
    """What a step shows beside its form."""
    if step in FILE_FORMS or step == "review":
        documents = opened_documents(own_documents(user))
        mine = [one for one in documents if step == "review" or _belongs(one, step)]
        shows = {"documents": mine, "waits": any(one.scan == Document.Scan.WAITING for one in mine)}
        if step == "statements":
            shows["accounts"] = read_papers(user).accounts
        if step == "review" and progress.draft is not None:
            missing = credit.missing_for(progress.draft)
            shows["missing"] = [" ".join(words) for words in missing.values()]
        return shows
    if step == "decision" and progress.application is not None:
        return {"checks": checks_in_words(progress.application)}
    return {}


def _belongs(document: Document, step: str) -> bool:
    return (document.kind == Document.Kind.IDENTITY) == (step == "identity")


def checks_in_words(application: CreditApplication) -> Sequence[dict[str, Any]]:
    """How each check came out, for the applicant."""
    return [
        {
            "title": title_of(result),
            "outcome": result.outcome,
            "reason": in_words(result),
            "points": result.points,
            "max_points": result.max_points,
        }
        for result in application.checks.all()
    ]


@login_required
@require_POST
def drop_document(request: HttpRequest, document: str) -> HttpResponse:
    """Delete one of the own documents."""
    found = get_object_or_404(own_documents(_user(request)), pk=document)
    step = "identity" if _belongs(found, "identity") else "statements"
    _attempt(request, lambda: remove_document(document=found))
    return redirect("web:onboarding_step", step)


@login_required
@require_POST
def withdraw(request: HttpRequest, application: str) -> HttpResponse:
    """Take an application back."""
    found = get_object_or_404(own_applications(_user(request)), pk=application)
    _attempt(request, lambda: credit.withdraw_application(application=found))
    return redirect("web:onboarding")
