"""Erasure of a participant: what stands in its way, and what this app keeps of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from channels_engine.store.models import Endpoint
from marketplace.accounts.erasure import erase_person
from marketplace.accounts.errors import AwayError, ConflictError
from marketplace.accounts.models import User
from marketplace.credit.books import fresh_statement_of
from marketplace.credit.models import Agreement, CheckResult, CreditApplication
from marketplace.credit.services import withdraw_application

OVER = ("closed", "aborted")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that must end before the person can be erased."""

    code: str
    words: str
    params: Mapping[str, int] = field(default_factory=dict)


def obstacles(user: User) -> list[Obstacle]:
    """Open money on the ledger: channels, debts, agreements that run.

    Raises:
        AwayError: the ledger can't be asked for debts.
    """
    found = []
    channels = Endpoint.objects.filter(owner=user.owner).exclude(phase__in=OVER).count()
    if channels:
        words = _("Channels that are open: %(count)s. Close them, so that the ledger pays out your money.")
        found.append(Obstacle("channels_open", words % {"count": channels}, {"count": channels}))
    agreements = Agreement.objects.filter(user=user).exclude(state=Agreement.State.FAILED)
    running = (
        agreements.filter(valid_until__gt=int(timezone.now().timestamp())).order_by("valid_until").last()
    )
    if running is not None:
        words = _("A credit agreement still runs: it must end before the erasure.")
        found.append(Obstacle("agreement_runs", words, {"valid_until": running.valid_until}))
    owing = list(agreements.filter(state=Agreement.State.ACTIVE, notes__isnull=False).distinct())
    if any(fresh_statement_of(one).exposure for one in owing):
        words = _("A debt or a channel on credit is still open: pay and close before the erasure.")
        found.append(Obstacle("agreement_owes", words))
    return found


def obstacles_if_known(user: User) -> tuple[list[Obstacle], bool]:
    """The same for a page, and whether the ledger could be asked."""
    try:
        return obstacles(user), True
    except AwayError:
        return [], False


def erase_participant(*, user: User, actor: User) -> None:
    """Erase a person who has no money open.

    Raises:
        ConflictError: with what stands in the way.
        AwayError: the ledger can't be asked for debts.
    """
    for obstacle in obstacles(user):
        raise ConflictError(obstacle.code, obstacle.words)
    with transaction.atomic():
        for application in CreditApplication.objects.filter(
            user=user, state__in=CreditApplication.OPEN_STATES
        ):
            withdraw_application(application=application)
        erase_person(user=user, actor=actor)


def forget_person(*, user: User, **_signal: object) -> None:
    """Leave the bare fact of applications and agreements; what was asked, answered and found goes."""
    applications = CreditApplication.objects.filter(user=user)
    CheckResult.objects.filter(application__in=applications).delete()
    for application in applications:
        application.monthly_income = application.monthly_outgoings = None
        application.question = application.decision_reason = ""
        application.save()
    for agreement in Agreement.objects.filter(user=user):
        agreement.documents_salt = None
        agreement.save()
