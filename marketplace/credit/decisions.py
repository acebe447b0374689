"""What operators do with an application: take it, ask, reject, approve. Above a merchant's limit two of them approve.

Every verb owns its transaction and locks the application, so that of two reviewers at once the second one is told.
"""

from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.models import User
from marketplace.accounts.services import record
from marketplace.credit.first_words import FirstApproval
from marketplace.credit.issuing import sign_agreement
from marketplace.credit.limits import granted_besides, needs_second
from marketplace.credit.models import Agreement, CreditApplication, Merchant
from marketplace.credit.money import shown
from marketplace.credit.rules import may
from marketplace.credit.states import locked, move
from marketplace.notifications.services import notify

State = CreditApplication.State
MOST_WORDS = 2000


def _taken(application: CreditApplication, operator: User, seen: datetime | None = None) -> CreditApplication:
    """The application, locked, for an operator of its merchant who has seen what was handed in last."""
    application = locked(application)
    if not may(operator, "credit.review_application", application):
        raise PermissionDenied(_("Only the merchant's own operators may review its applications."))
    if seen is not None and seen != application.submitted_at:
        raise ConflictError(
            "changed", _("The applicant has handed it in anew since you opened it: look at it again.")
        )
    return application


@transaction.atomic
def start_review(*, application: CreditApplication, operator: User) -> CreditApplication:
    """Take an application that waits into one's own hands, also out of a colleague's."""
    application = _taken(application, operator)
    if application.state != State.IN_REVIEW:
        move(application, State.IN_REVIEW)
    if application.reviewer_id != operator.pk:
        application.reviewer = operator
        _record(application, operator, "application.taken")
    application.save()
    return application


@transaction.atomic
def hand_back(*, application: CreditApplication, operator: User) -> CreditApplication:
    """Put an undecided application back for whoever comes next."""
    application = _taken(application, operator)
    if application.state not in CreditApplication.REVIEWABLE_STATES:
        move(application, State.IN_REVIEW)  # says why not
    application.reviewer = None
    application.save()
    _record(application, operator, "application.handed_back")
    return application


@transaction.atomic
def ask_for_more(
    *, application: CreditApplication, operator: User, question: str, seen: datetime | None = None
) -> CreditApplication:
    """Send the application back with a question."""
    application = _taken(application, operator, seen)
    move(application, State.MORE_INFO)
    application.reviewer, application.question = operator, _needed(question, "question")
    application.save()
    FirstApproval.objects.filter(application=application).delete()
    _record(application, operator, "application.more_info")
    _tell(application, "application_question", f"{application.pk}-{application.submitted_at}")
    return application


@transaction.atomic
def reject_application(
    *, application: CreditApplication, operator: User, reason: str, seen: datetime | None = None
) -> CreditApplication:
    """Turn the application down, with the reason that the applicant will read."""
    application = _taken(application, operator, seen)
    move(application, State.REJECTED)
    application.reviewer, application.decision_reason = operator, _needed(reason, "reason")
    application.decided_at = timezone.now()
    application.save()
    FirstApproval.objects.filter(application=application).delete()
    _record(application, operator, "application.rejected")
    _tell(application, "application_decided", str(application.pk))
    return application


@transaction.atomic
def approve_application(
    *,
    application: CreditApplication,
    operator: User,
    limit: int,
    collateral: int,
    reason: str = "",
    seen: datetime | None = None,
) -> Agreement | None:
    """Approve: the merchant's key signs the agreement. The same approval again gives the same agreement.

    Where the person's limits together are above the merchant's `four_eyes_above`, the first operator's approval is kept,
    and None is given; another operator who approves the same terms completes it, on other terms takes the first one's
    place.

    Raises:
        ConflictError: it can't be approved now, or was approved on other terms.
        RefusedError: limit or collateral are out of range.
        AwayError: the merchant's key or contract is not at hand.
    """
    application = _taken(application, operator, seen)
    signed = Agreement.objects.filter(application=application).first()
    if signed is not None and (signed.credit_limit, signed.collateral) == (limit, collateral):
        return signed
    move(application, State.APPROVED)
    check_terms(application.merchant, limit, collateral)
    if not _is_second(application, operator, limit, collateral):
        _keep_first(application, operator, limit, collateral, _words(reason))
        return None
    application.reviewer = operator
    application.decision_reason = _words(reason) or _words_of_first(application)
    application.decided_at = timezone.now()
    application.save()
    _record(application, operator, "application.approved", limit=str(limit), collateral=str(collateral))
    _tell(application, "application_decided", str(application.pk))
    return sign_agreement(application=application, limit=limit, collateral=collateral)


def first_approval_of(application: CreditApplication) -> FirstApproval | None:
    """The approval that waits for a second one, or None."""
    return FirstApproval.objects.filter(application=application).select_related("operator").first()


def _is_second(application: CreditApplication, operator: User, limit: int, collateral: int) -> bool:
    """Whether this approval is enough: the limits take one operator, or another one has approved these terms."""
    total = limit + granted_besides(application.user, application.merchant)
    if not needs_second(application.merchant, total):
        return True
    first = first_approval_of(application)
    same = first is not None and (first.limit, first.collateral) == (limit, collateral)
    return same and first is not None and first.operator_id != operator.pk


def _keep_first(
    application: CreditApplication, operator: User, limit: int, collateral: int, reason: str
) -> None:
    terms = {"operator": operator, "limit": limit, "collateral": collateral, "reason": reason}
    FirstApproval.objects.update_or_create(application=application, defaults=terms)
    application.state, application.reviewer = State.IN_REVIEW, operator
    application.save()
    _record(application, operator, "application.first_approval", limit=str(limit), collateral=str(collateral))


def _words_of_first(application: CreditApplication) -> str:
    first = first_approval_of(application)
    return first.reason if first else ""


def check_terms(merchant: Merchant, limit: int, collateral: int) -> None:
    """Refuse terms that the merchant does not grant.

    Raises:
        RefusedError: limit or collateral are out of range.
    """
    if not 0 < limit <= merchant.max_limit:
        most = _("More than 0 and at most %(most)s.") % {"most": shown(merchant.max_limit)}
        raise RefusedError("limit", _("The limit is out of range."), {"limit": [most]})
    if not 0 <= collateral <= limit:
        between = _("Between 0 and the limit.")
        raise RefusedError("collateral", _("Collateral is out of range."), {"collateral": [between]})


def _needed(text: str, field: str) -> str:
    if not text.strip():
        problem = _("Say it in words: the applicant will read them.")
        raise RefusedError("reason_needed", problem, {field: [_("Needed.")]})
    return _words(text)


def _words(text: str) -> str:
    return text.strip()[:MOST_WORDS]


def _record(application: CreditApplication, operator: User, action: str, **detail: object) -> None:
    subject = f"application {application.pk}"
    record(actor=operator, action=action, subject=subject, person=application.user, **detail)


def _tell(application: CreditApplication, kind: str, key: str) -> None:
    notify(
        user=application.user,
        kind=kind,
        key=key,
        url=reverse("web:onboarding"),
        merchant=application.merchant.name,
    )
