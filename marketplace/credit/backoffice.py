"""What the back office's pages share: each operator sees the own merchant's rows and nothing else."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from marketplace.accounts.backoffice import LightAdmin, is_superuser, user_of
from marketplace.accounts.errors import RefusedError
from marketplace.accounts.models import User
from marketplace.credit.ledger import treasury_of
from marketplace.credit.listing import Appeal
from marketplace.credit.models import Agreement, CreditApplication, Merchant
from marketplace.credit.overview import exposure_chart, overview_of, standings
from marketplace.credit.queue import counted
from marketplace.credit.selectors import (
    appeals_before,
    merchant_agreements,
    operated_merchants,
    reviewable_applications,
)


def is_operator(request: HttpRequest) -> bool:
    """Whether the user acts for some merchant; asked once a request, for every line of the navigation wants to know."""
    known: bool | None = getattr(request, "is_operator", None)
    if known is None:
        known = operated_merchants(user_of(request)).exists()
        request.is_operator = known  # type: ignore[attr-defined]  # kept where it was asked
    return known


def waiting_applications(request: HttpRequest) -> str:
    """Number of applications that wait for a decision, for the navigation."""
    rows = reviewable_applications(user_of(request))
    return str(rows.filter(state__in=CreditApplication.REVIEWABLE_STATES).count())


def answers_appeals(request: HttpRequest) -> bool:
    """Operators answer for their merchant, who runs the site for what holds for all."""
    return is_operator(request) or is_superuser(request)


def waiting_appeals(request: HttpRequest) -> str:
    """Number of appeals that wait for an answer, for the navigation."""
    return str(appeals_before(user_of(request)).filter(state=Appeal.State.OPEN).count())


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """The front page: what waits for me, money at risk, claims whose clock runs."""
    user = user_of(request)
    applications = reviewable_applications(user)
    waiting = applications.filter(state__in=CreditApplication.REVIEWABLE_STATES)
    agreements = list(merchant_agreements(user))
    context["title"] = _("Overview")
    context["counts"] = counted(applications, user)
    context["oldest"] = waiting.order_by("submitted_at").first()
    context["appeals"] = appeals_before(user).filter(state=Appeal.State.OPEN).count()
    context["active_agreements"] = sum(one.state == Agreement.State.ACTIVE for one in agreements)
    context["sums"] = overview_of(standings(agreements))
    context["chart"] = exposure_chart(agreements)
    context["merchants"] = [_with_treasury(merchant) for merchant in operated_merchants(user)]
    return context


def _with_treasury(merchant: Merchant) -> dict[str, Any]:
    if not merchant.msc:
        return {"merchant": merchant, "problem": _("no contract yet")}
    try:
        held = treasury_of(merchant)
    except RefusedError as error:
        return {"merchant": merchant, "problem": error.detail}
    total = held.free + held.reserved + held.earnings + held.collateral
    parts = [
        (_("free"), "free", held.free),
        (_("reserved"), "reserved", held.reserved),
        (_("owed as earnings"), "earnings", held.earnings),
        (_("participants' collateral"), "collateral", held.collateral),
    ]
    return {"merchant": merchant, "parts": _bars(parts, total), "total": total, "held": held}


def _bars(parts: list[tuple[Any, str, int]], total: int) -> list[dict[str, Any]]:
    """Widths and places of a stacked bar a thousand wide."""
    found, place = [], 0
    for words, name, amount in parts:
        width = 1000 * amount // total if total else 0
        found.append({"words": words, "name": name, "amount": amount, "x": place, "width": width})
        place += width
    return found


class ScopedAdmin(LightAdmin):
    """Read-only pages of the rows that `scope` gives; a row outside it does not exist for the user."""

    list_filter_submit = False
    list_per_page = 50
    show_full_result_count = False

    @staticmethod
    def scope(user: User) -> QuerySet[Any]:
        """Rows that the user may see."""
        raise NotImplementedError

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The user's rows, in the model's order."""
        rows = self.scope(user_of(request))
        return rows.order_by(*(self.get_ordering(request) or self.model._meta.ordering))  # noqa: SLF001  Django's public name for it

    def has_module_permission(self, request: HttpRequest) -> bool:
        """For operators."""
        return is_operator(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """For operators, of rows within their scope."""
        if obj is None:
            return is_operator(request)
        return self.scope(user_of(request)).filter(pk=obj.pk).exists()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows come from the site's own services."""
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is edited here."""
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing is deleted here."""
        del request, obj
        return False


class PageAdmin(ScopedAdmin):
    """Rows with a page of their own in place of a form of fields."""

    def page(self, request: HttpRequest, row: Any, context: dict[str, Any]) -> HttpResponse:
        """The row's page, or the answer to what was done on it; `context` is what the frame needs."""
        raise NotImplementedError

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page of a row that the user may see; any other does not exist."""
        del form_url
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        frame = {**self.admin_site.each_context(request), "opts": self.opts, **(extra_context or {})}
        return self.page(request, row, frame)
