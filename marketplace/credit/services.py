"""Writes around credit applications: applying, checking, deciding. Every verb owns its transaction."""

from collections.abc import Mapping

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.models import Document, User
from marketplace.accounts.selectors import participant_of, shown_documents, wallet_of
from marketplace.accounts.services import record
from marketplace.credit.checking import read_papers, run_checks
from marketplace.credit.issuing import sign_agreement
from marketplace.credit.models import Agreement, CreditApplication, Merchant
from marketplace.credit.rules import may

MAX_MONEY = 10**15
State = CreditApplication.State
NEEDED = ("legal_name", "birth_date", "street", "postcode", "city", "country", "meter_number")


def _locked(application: CreditApplication) -> CreditApplication:
    """The application as it is now, locked where the database can lock rows."""
    return (
        CreditApplication.objects.select_for_update()
        .select_related("merchant", "user")
        .get(pk=application.pk)
    )


def _move(application: CreditApplication, target: str) -> None:
    if target not in CreditApplication.TRANSITIONS[application.state]:
        now = application.get_state_display().lower()
        raise ConflictError("wrong_state", f"This can't be done now: the application is “{now}”.")
    application.state = target


def _may_review(operator: User, application: CreditApplication) -> None:
    if not may(operator, "credit.review_application", application):
        raise PermissionDenied("Only the merchant's own operators may review its applications.")


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
        name: ["Must be between 0 and 10^15 micro-units."]
        for name, n in amounts.items()
        if not 0 <= n <= MAX_MONEY
    }
    if amounts.get("requested_limit") == 0:
        wrong["requested_limit"] = ["Must be more than nothing."]
    if wrong:
        raise RefusedError("amount", "An amount is out of range.", wrong)


@transaction.atomic
def change_application(
    *, application: CreditApplication, changes: Mapping[str, int | bool]
) -> CreditApplication:
    """Change amounts or consent while the applicant may still edit.

    Raises:
        ConflictError: it is with the merchant already, or decided.
    """
    application = _locked(application)
    if application.state not in CreditApplication.EDITABLE_STATES:
        raise ConflictError("wrong_state", "The application is with the merchant and can't be changed now.")
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
        application = _locked(application)
        _move(application, State.SUBMITTED)
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
    application = _locked(application)
    if application.state != State.WITHDRAWN:
        _move(application, State.WITHDRAWN)
        application.save()
    return application


@transaction.atomic
def start_review(*, application: CreditApplication, operator: User) -> CreditApplication:
    """Take a submitted application into review."""
    application = _locked(application)
    _may_review(operator, application)
    _move(application, State.IN_REVIEW)
    application.reviewer = operator
    application.save()
    return application


@transaction.atomic
def ask_for_more(*, application: CreditApplication, operator: User, question: str) -> CreditApplication:
    """Send the application back with a question."""
    application = _locked(application)
    _may_review(operator, application)
    _move(application, State.MORE_INFO)
    application.reviewer, application.question = operator, _needed(question, "question")
    application.save()
    _record_decision(application, operator, "application.more_info")
    return application


@transaction.atomic
def reject_application(*, application: CreditApplication, operator: User, reason: str) -> CreditApplication:
    """Turn the application down, with the reason that the applicant will read."""
    application = _locked(application)
    _may_review(operator, application)
    _move(application, State.REJECTED)
    application.reviewer, application.decision_reason = operator, _needed(reason, "reason")
    application.decided_at = timezone.now()
    application.save()
    _record_decision(application, operator, "application.rejected")
    return application


def _needed(text: str, field: str) -> str:
    if not text.strip():
        raise RefusedError(
            "reason_needed", "Say it in words: the applicant will read them.", {field: ["Needed."]}
        )
    return text.strip()[:2000]


def _record_decision(application: CreditApplication, operator: User, action: str, **detail: object) -> None:
    subject = f"application {application.pk}"
    record(actor=operator, action=action, subject=subject, person=application.user, **detail)


@transaction.atomic
def approve_application(
    *,
    application: CreditApplication,
    operator: User,
    limit: int,
    collateral: int,
    reason: str = "",
) -> Agreement:
    """Approve: the merchant's key signs the agreement. The same approval again gives the same agreement.

    Raises:
        ConflictError: it can't be approved now, or was approved on other terms.
        RefusedError: limit or collateral are out of range.
        AwayError: the merchant's key or contract is not at hand.
    """
    application = _locked(application)
    _may_review(operator, application)
    signed = Agreement.objects.filter(application=application).first()
    if signed is not None and (signed.credit_limit, signed.collateral) == (limit, collateral):
        return signed
    _move(application, State.APPROVED)
    _check_terms(application.merchant, limit, collateral)
    application.reviewer, application.decision_reason = operator, reason.strip()[:2000]
    application.decided_at = timezone.now()
    application.save()
    _record_decision(
        application, operator, "application.approved", limit=str(limit), collateral=str(collateral)
    )
    return sign_agreement(application=application, limit=limit, collateral=collateral)


def _check_terms(merchant: Merchant, limit: int, collateral: int) -> None:
    if not 0 < limit <= merchant.max_limit:
        most = f"Between 1 and {merchant.max_limit} micro-units."
        raise RefusedError("limit", "The limit is out of range.", {"limit": [most]})
    if not 0 <= collateral <= limit:
        raise RefusedError(
            "collateral", "Collateral is out of range.", {"collateral": ["Between 0 and the limit."]}
        )
