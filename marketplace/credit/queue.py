"""The queue of applications: what needs a person comes first; filters by state, hands, age, amount and risk."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplace.accounts.backoffice import user_of
from marketplace.accounts.models import User
from marketplace.credit.models import CreditApplication

State = CreditApplication.State
COIN = 1_000_000
OLD_DAYS, STALE_DAYS = 1, 3
SMALL, LARGE = 200 * COIN, 1000 * COIN
LOW_RISK, HIGH_RISK = 70, 40
NOBODY = "nobody"


def ranked(rows: QuerySet[CreditApplication], user: User) -> QuerySet[CreditApplication]:
    """Applications with `rank`, the smaller the sooner.

    0 waits for a second approval that the user can give, 1 for a decision, 2 for a second approval by somebody else,
    3 for the applicant; 4 is over.
    """
    waiting = Q(state__in=CreditApplication.REVIEWABLE_STATES)
    place = Case(
        When(waiting & Q(first_approval__isnull=True), then=Value(1)),
        When(waiting & ~Q(first_approval__operator=user), then=Value(0)),
        When(waiting, then=Value(2)),
        When(state=State.MORE_INFO, then=Value(3)),
        default=Value(4),
        output_field=IntegerField(),
    )
    return (
        rows.annotate(rank=place)
        .order_by("rank", "submitted_at")
        .select_related("reviewer", "first_approval")
    )


def counted(rows: QuerySet[CreditApplication], user: User) -> dict[str, int]:
    """How many wait, in whose hands: one query."""
    waiting = Q(state__in=CreditApplication.REVIEWABLE_STATES)
    kinds = {
        "waiting": waiting,
        "mine": waiting & Q(reviewer=user),
        "unassigned": waiting & Q(reviewer=None),
        "second": waiting & Q(first_approval__isnull=False) & ~Q(first_approval__operator=user),
        "with_applicant": Q(state=State.MORE_INFO),
    }
    return rows.aggregate(**{name: Count("pk", filter=kind) for name, kind in kinds.items()})


class _Choice(admin.SimpleListFilter):
    """A filter whose choices are queries."""

    choices_of: tuple[tuple[str, Any], ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The choices."""
        del request, model_admin
        return list(self.choices_of)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """What the chosen one leaves."""
        wanted = self.query(self.value() or "", request)
        return queryset if wanted is None else queryset.filter(wanted)

    def query(self, value: str, request: HttpRequest) -> Q | None:
        """The choice as a query, or None for all."""
        raise NotImplementedError


def hands_of(value: str, user: User) -> Q:
    """Applications that are `me`'s, `nobody`'s, or want the user's `second` approval; all of them otherwise."""
    if value == "me":
        return Q(reviewer=user)
    if value == "second":
        return Q(first_approval__isnull=False) & ~Q(first_approval__operator=user)
    return Q(reviewer=None) if value == NOBODY else Q()


class StateFilter(_Choice):
    """Who has to do something; at first only what waits for the merchant."""

    title, parameter_name = _("state"), "waits"
    choices_of = (
        ("applicant", _("for the applicant")),
        ("approved", _("approved")),
        ("rejected", _("rejected")),
        ("withdrawn", _("withdrawn")),
        ("all", _("all")),
    )

    def choices(self, changelist: Any) -> Any:
        """The default has words of its own."""
        first, *rest = super().choices(changelist)
        return [{**first, "display": _("waits for us")}, *rest]

    def query(self, value: str, request: HttpRequest) -> Q | None:
        """By who must act."""
        del request
        if value == "all":
            return None
        if value == "applicant":
            return Q(state=State.MORE_INFO)
        if value in State.values:
            return Q(state=value)
        return Q(state__in=CreditApplication.REVIEWABLE_STATES)


class HandsFilter(_Choice):
    """Whose it is."""

    title, parameter_name = _("hands"), "hands"
    choices_of = (("me", _("mine")), (NOBODY, _("nobody's")), ("second", _("second approval")))

    def query(self, value: str, request: HttpRequest) -> Q | None:
        """By the reviewer."""
        return hands_of(value, user_of(request))


class AgeFilter(_Choice):
    """How long it has waited."""

    title, parameter_name = _("age"), "age"
    choices_of = (
        ("new", _("less than a day")),
        ("old", _("one to three days")),
        ("stale", _("more than three days")),
    )

    def query(self, value: str, request: HttpRequest) -> Q | None:
        """By when it came in."""
        del request
        now = timezone.now()
        day, days = now - timedelta(days=OLD_DAYS), now - timedelta(days=STALE_DAYS)
        if value == "new":
            return Q(submitted_at__gt=day)
        if value == "old":
            return Q(submitted_at__lte=day, submitted_at__gt=days)
        return Q(submitted_at__lte=days) if value == "stale" else None


class AmountFilter(_Choice):
    """How much is asked for."""

    title, parameter_name = _("amount"), "amount"
    choices_of = (("small", _("up to 200")), ("middle", _("200 to 1,000")), ("large", _("above 1,000")))

    def query(self, value: str, request: HttpRequest) -> Q | None:
        """By the requested limit."""
        del request
        if value == "small":
            return Q(requested_limit__lte=SMALL)
        if value == "middle":
            return Q(requested_limit__gt=SMALL, requested_limit__lte=LARGE)
        return Q(requested_limit__gt=LARGE) if value == "large" else None


class RiskFilter(_Choice):
    """What the scorecard says."""

    title, parameter_name = _("risk"), "risk"
    choices_of = (("low", _("low")), ("middle", _("middle")), ("high", _("high")))

    def query(self, value: str, request: HttpRequest) -> Q | None:
        """By the score; advice to reject is high risk whatever the score."""
        del request
        refused = Q(proposed_limit=0)
        if value == "low":
            return Q(score__gte=LOW_RISK) & ~refused
        if value == "middle":
            return Q(score__gte=HIGH_RISK, score__lt=LOW_RISK) & ~refused
        return Q(score__lt=HIGH_RISK) | refused if value == "high" else None


def risk_of(application: CreditApplication) -> str:
    """`low`, `middle` or `high`."""
    score = application.score or 0
    if not application.proposed_limit or score < HIGH_RISK:
        return "high"
    return "low" if score >= LOW_RISK else "middle"
