"""Writes around credit applications: applying and checking. Every verb owns its transaction. See also `decisions`."""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.models import Document, User
from marketplace.accounts.selectors import participant_of, shown_documents, wallet_of
from marketplace.accounts.services import record
from marketplace.credit.checking import read_papers, run_checks
from marketplace.credit.first_words import FirstApproval
from marketplace.credit.models import CreditApplication, Merchant
from marketplace.credit.states import locked, move

MAX_MONEY = 10**15
State = CreditApplication.State
NEEDED = ("legal_name", "birth_date", "street", "postcode", "city", "country", "meter_number")


@transaction.atomic
def start_application(
    *,
    user: User,
    merchant: Merchant,
    requested_limit: int,
    monthly_income: int,
    monthly_outgoings: int,
    consent: bool,
) -> CreditApplication:
    """Begin an application; the open one to the same merchant is given back where there is one."""
    _check_money(
        requested_limit=requested_limit, monthly_income=monthly_income, monthly_outgoings=monthly_outgoings
    )
    existing = CreditApplication.objects.filter(
        user=user, merchant=merchant, state__in=CreditApplication.OPEN_STATES
    )
    found = existing.first()
    if found is not None:
        return found
    return CreditApplication.objects.create(
        user=user,
        merchant=merchant,
        requested_limit=requested_limit,
        monthly_income=str(monthly_income),
        monthly_outgoings=str(monthly_outgoings),
        consent_at=timezone.now() if consent else None,
    )


def _check_money(**amounts: int) -> None:
    wrong = {
        name: [_("Must be between 0 and 10^15 micro-units.")]
        for name, n in amounts.items()
        if not 0 <= n <= MAX_MONEY
    }
    if amounts.get("requested_limit") == 0:
        wrong["requested_limit"] = [_("Must be more than nothing.")]
    if wrong:
        raise RefusedError("amount", _("An amount is out of range."), wrong)


@transaction.atomic
def change_application(
    *, application: CreditApplication, changes: Mapping[str, int | bool]
) -> CreditApplication:
    """Change amounts or consent while the applicant may still edit.

    Raises:
        ConflictError: it is with the merchant already, or decided.
    """
    application = locked(application)
    if application.state not in CreditApplication.EDITABLE_STATES:
        raise ConflictError(
            "wrong_state", _("The application is with the merchant and can't be changed now.")
        )
    amounts = {name: int(value) for name, value in changes.items() if name != "consent"}
    _check_money(**amounts)
    for name, amount in amounts.items():
        setattr(application, name, amount if name == "requested_limit" else str(amount))
    if "consent" in changes:
        application.consent_at = timezone.now() if changes["consent"] else None
    application.save()
    return application


def submit_application(*, application: CreditApplication) -> CreditApplication:
    """Hand the application to the merchant with all of the user's documents, and run the checks.

    Raises:
        ConflictError: `incomplete` with what is missing, or it is not the applicant's turn.
    """
    user = application.user
    papers = read_papers(user)
    with transaction.atomic():
        application = locked(application)
        move(application, State.SUBMITTED)
        _refuse_incomplete(application)
        application.submitted_at, application.question = timezone.now(), ""
        documents = shown_documents(user)
        documents.filter(kept_at=None).update(kept_at=application.submitted_at)
        application.documents.set(documents)
        run_checks(application, papers)
        application.save()
        record(
            actor=user, action="application.submitted", subject=f"application {application.pk}", person=user
        )
    return application


def _refuse_incomplete(application: CreditApplication) -> None:
    missing = missing_for(application)
    if missing:
        words = _("Something is missing before the merchant can review this.")
        raise ConflictError("incomplete", words, missing)


def missing_for(application: CreditApplication) -> dict[str, list[str]]:
    """What an application lacks before it can be handed in: words by field."""
    user, participant = application.user, participant_of(application.user)
    missing = {
        name: [_("Fill this in on your profile.")] for name in NEEDED if not getattr(participant, name, None)
    }
    if application.consent_at is None:
        missing["consent"] = [_("Consent to the check is needed.")]
    if wallet_of(user) is None:
        missing["wallet"] = [_("Make a wallet first.")]
    if not shown_documents(user).filter(kind=Document.Kind.IDENTITY).exists():
        missing["documents"] = [_("Upload an identity document.")]
    if Document.objects.filter(user=user, scan__in=(Document.Scan.WAITING, Document.Scan.FAILED)).exists():
        missing["documents"] = [_("A document is still being checked for malware: try again in a minute.")]
    return missing


@transaction.atomic
def withdraw_application(*, application: CreditApplication) -> CreditApplication:
    """Take an undecided application back; repeating it is harmless."""
    application = locked(application)
    if application.state != State.WITHDRAWN:
        move(application, State.WITHDRAWN)
        FirstApproval.objects.filter(application=application).delete()
        application.save()
    return application
