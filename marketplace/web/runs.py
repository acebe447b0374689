"""Pages of runs that are over: which there are, one of them with its report and tables, and two side by side."""

from typing import Any, cast
from uuid import UUID

from csp.constants import SELF
from csp.decorators import csp_update
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from grid.models import ReplayRun
from grid.results.export import FORMATS
from grid.results.tables import TABLES
from marketplace.accounts.errors import MissingError
from marketplace.accounts.models import User
from marketplace.trading.replay.report import render_report, report_policy
from marketplace.trading.runs import finished_runs, report_of_run

PAGE_SIZE = 25
CHOICES = 100
TILES = ("Self-sufficiency", "Self-consumption", "Saved", "Curtailed", "Losses", "Slots outside limits")


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


@login_required
@require_safe
def runs(request: HttpRequest) -> HttpResponse:
    """All that the reader may see, the newest first."""
    page = Paginator(finished_runs(_user(request)), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "web/runs.html", {"page": page})


@login_required
@require_safe
@csp_update({"frame-src": [SELF]})  # type: ignore[arg-type]  # its types know no view with arguments
def run(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One run: figures, report, tables, and whom to compare it with."""
    found = get_object_or_404(finished_runs(_user(request)), pk=pk)
    report = _report(found)
    figures = report["figures"] if report else []
    context = {
        "run": found,
        "report": report,
        "tiles": [figure for figure in figures if figure["name"] in TILES],
        "tables": TABLES.values(),
        "formats": list(FORMATS),
        "others": finished_runs(_user(request)).exclude(pk=pk)[:CHOICES],
    }
    return render(request, "web/run.html", context)


@login_required
@require_safe
@xframe_options_sameorigin
def report(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The report itself, under its own policy and in an origin of its own: it holds names from people's files."""
    found = get_object_or_404(finished_runs(_user(request)), pk=pk)
    try:
        response = HttpResponse(render_report(report_of_run(found)))
    except MissingError as error:
        return HttpResponse(error.detail, status=404, content_type="text/plain; charset=utf-8")
    response["Content-Security-Policy"] = (
        f"{report_policy()}; frame-ancestors 'self'; sandbox allow-scripts allow-modals"
    )
    response["Cache-Control"] = "private, no-cache"
    if "download" in request.GET:
        response["Content-Disposition"] = f'attachment; filename="{found.scenario}-report.html"'
    return response


@login_required
@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    """Two runs side by side; without two the choice."""
    mine = finished_runs(_user(request))
    chosen = [_chosen(mine, request.GET.get(name, "")) for name in ("a", "b")]
    context: dict[str, Any] = {"runs": mine[:CHOICES], "a": chosen[0], "b": chosen[1], "rows": []}
    reports = [_report(one) if one else None for one in chosen]
    if all(reports):
        context["rows"] = side_by_side(*cast("list[dict[str, Any]]", reports))
    return render(request, "web/compare.html", context)


def side_by_side(a: dict[str, Any], b: dict[str, Any]) -> list[dict[str, Any]]:
    """Key figures of two reports by name: `market` is b's, `alone` a's, so that the change is from a to b."""
    others = {figure["name"]: figure["market"] for figure in a["figures"]}
    return [figure | {"alone": others.get(figure["name"])} for figure in b["figures"]]


def _chosen(mine: Any, text: str) -> ReplayRun | None:
    try:
        wanted = UUID(text)
    except ValueError:
        return None
    found: ReplayRun | None = mine.filter(pk=wanted).first()
    return found


def _report(found: ReplayRun) -> dict[str, Any] | None:
    try:
        return report_of_run(found)
    except MissingError:
        return None
