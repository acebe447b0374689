"""From a new account to credit: wallet, person, application, decision, agreement. Each step can be left and resumed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from marketplace.accounts.documents import add_document, remove_document
from marketplace.accounts.errors import RefusedError
from marketplace.accounts.models import Participant, User, Wallet
from marketplace.accounts.selectors import opened_documents, own_documents, participant_of, wallet_of
from marketplace.accounts.services import PROFILE_FIELDS, update_profile
from marketplace.credit import services as credit
from marketplace.credit.models import Agreement, CreditApplication
from marketplace.credit.selectors import open_merchants, own_agreements, own_applications
from marketplace.trading.services import ensure_prosumer
from marketplace.web.forms import ApplicationForm, DocumentForm, ProfileForm

STEPS = {
    "wallet": "Wallet",
    "person": "About you",
    "application": "Application",
    "decision": "Decision",
    "agreement": "Agreement",
}
HANDED_IN = (*CreditApplication.REVIEWABLE_STATES, CreditApplication.State.APPROVED)
NEEDED = ("legal_name", "birth_date", "street", "postcode", "city", "country")


@dataclass(slots=True)
class Progress:
    """How far somebody has come."""

    wallet: Wallet | None
    participant: Participant | None
    application: CreditApplication | None
    agreement: Agreement | None
    forms: dict[str, Form] = field(default_factory=dict)

    @property
    def done(self) -> dict[str, bool]:
        """Which steps are behind."""
        application, agreement = self.application, self.agreement
        handed_in = application is not None and application.state in HANDED_IN
        return {
            "wallet": self.wallet is not None,
            "person": all(getattr(self.participant, name, None) for name in NEEDED),
            "application": handed_in,
            "decision": agreement is not None,
            "agreement": agreement is not None and agreement.state == Agreement.State.ACTIVE,
        }

    @property
    def step(self) -> str:
        """The first step that is not behind; the last one where all are."""
        return next((name for name, done in self.done.items() if not done), "agreement")


def progress_of(user: User) -> Progress:
    """Read how far a user has come; a withdrawn or rejected application does not stand in the way of a new one."""
    application = own_applications(user).exclude(state=CreditApplication.State.WITHDRAWN).first()
    agreement = own_agreements(user).first()
    return Progress(wallet_of(user), participant_of(user), application, agreement)


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _filled(progress: Progress) -> dict[str, Form]:
    person = {name: getattr(progress.participant, name, None) or "" for name in PROFILE_FIELDS}
    application = progress.application
    wish: dict[str, Any] = {"requested_limit": 150_000_000}
    if application is not None and application.state in CreditApplication.EDITABLE_STATES:
        wish = {
            "merchant": application.merchant,
            "requested_limit": application.requested_limit,
            "monthly_income": int(application.monthly_income or 0),
            "monthly_outgoings": int(application.monthly_outgoings or 0),
            "consent": application.consent_at is not None,
        }
    return {
        "person": ProfileForm(initial={name: value for name, value in person.items() if value}),
        "document": DocumentForm(auto_id="id_document_%s"),
        "application": ApplicationForm(initial=wish, merchants=open_merchants()),
    }


def _page(request: HttpRequest, forms: Mapping[str, Form] | None = None, step: str = "") -> HttpResponse:
    user = _user(request)
    progress = progress_of(user)
    chosen = step or request.GET.get("step", "")
    current = (
        chosen if chosen in STEPS and (progress.done[chosen] or chosen == progress.step) else progress.step
    )
    context = {
        "progress": progress,
        "steps": [
            {"name": name, "label": label, "done": progress.done[name], "current": name == current}
            for name, label in STEPS.items()
        ],
        "step": current,
        "forms": {**_filled(progress), **(forms or {})},
        "documents": opened_documents(own_documents(user)) if current == "application" else [],
    }
    return render(request, "web/onboarding.html", context, status=422 if forms else 200)


@login_required
@require_GET
def onboarding(request: HttpRequest) -> HttpResponse:
    """The step where the person is."""
    return _page(request)


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


@login_required
@require_POST
def save_person(request: HttpRequest) -> HttpResponse:
    """Keep who applies."""
    user, form = _user(request), ProfileForm(request.POST)
    if form.is_valid() and _attempt(
        request, lambda: update_profile(user=user, changes=form.cleaned_data), form
    ):
        ensure_prosumer(user=user)
        return redirect("web:onboarding")
    return _page(request, {"person": form}, "person")


@login_required
@require_POST
def save_document(request: HttpRequest) -> HttpResponse:
    """Take one document."""
    form = DocumentForm(request.POST, request.FILES, auto_id="id_document_%s")
    if form.is_valid():
        file, kind = form.cleaned_data["file"], form.cleaned_data["kind"]
        user = _user(request)

        def keep() -> object:
            return add_document(user=user, kind=kind, filename=file.name, raw=file.read())

        if _attempt(request, keep, form):
            return redirect(reverse("web:onboarding") + "?step=application#documents")
    return _page(request, {"document": form}, "application")


@login_required
@require_POST
def drop_document(request: HttpRequest, document: str) -> HttpResponse:
    """Delete one of the own documents."""
    found = get_object_or_404(own_documents(_user(request)), pk=document)
    _attempt(request, lambda: remove_document(document=found))
    return redirect(reverse("web:onboarding") + "?step=application#documents")


def _hand_in(user: User, wish: dict[str, Any]) -> None:
    application = credit.start_application(user=user, **wish)
    changes = {name: value for name, value in wish.items() if name != "merchant"}
    application = credit.change_application(application=application, changes=changes)
    credit.submit_application(application=application)


@login_required
@require_POST
def apply(request: HttpRequest) -> HttpResponse:
    """Keep the wish and hand everything to the merchant."""
    form = ApplicationForm(request.POST, merchants=open_merchants())
    if form.is_valid() and _attempt(request, lambda: _hand_in(_user(request), form.cleaned_data), form):
        messages.success(request, "Your application is with the merchant.")
        return redirect("web:onboarding")
    return _page(request, {"application": form}, "application")


@login_required
@require_POST
def withdraw(request: HttpRequest, application: str) -> HttpResponse:
    """Take an application back."""
    found = get_object_or_404(own_applications(_user(request)), pk=application)
    _attempt(request, lambda: credit.withdraw_application(application=found))
    return redirect("web:onboarding")
