"""Runs that are over: their figures, their reports, their tables."""

import tempfile
from contextlib import ExitStack
from typing import Any

from django.http import FileResponse, HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from grid.models import ReplayRun
from grid.results.export import FORMATS
from grid.results.tables import TABLES
from marketplace.accounts.errors import MissingError
from marketplace.api.fields import MomentField
from marketplace.api.views import PagedView, asked, one, user_of
from marketplace.trading.runs import export_table, finished_runs, report_of_run

MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
EXAMPLE = OpenApiExample(
    "A week",
    {
        "id": "5f1d0f0e-7c39-4a51-9a3e-3d1c5f7b2a10",
        "scenario": "june-week",
        "kind": "channels",
        "funding": "notes",
        "live": False,
        "is_mine": False,
        "starts_at": 1465164000,
        "ends_at": 1465768800,
        "slots": 672,
        "households": 153,
        "trades": 17715,
        "refused": 39,
        "made_at": 1795000000,
    },
    response_only=True,
)


class FinishedRunSerializer(serializers.Serializer[ReplayRun]):
    """A run that is over."""

    id = serializers.UUIDField()
    scenario = serializers.CharField()
    kind = serializers.ChoiceField(choices=ReplayRun.Kind.choices)
    funding = serializers.CharField()
    live = serializers.BooleanField(help_text="Of the live market; its operators alone see it.")
    is_mine = serializers.SerializerMethodField()
    starts_at = serializers.IntegerField()
    ends_at = serializers.IntegerField()
    slots = serializers.IntegerField(source="summary.slots")
    households = serializers.IntegerField(source="summary.households")
    trades = serializers.IntegerField(source="summary.trades")
    refused = serializers.IntegerField(source="summary.refused")
    made_at = MomentField(source="created_at")

    def get_is_mine(self, run: ReplayRun) -> bool:
        """Whether it was made from my files."""
        return run.owner_id is not None and run.owner_id == self.context["request"].user.pk


class RunSummarySerializer(FinishedRunSerializer):
    """The same with all of its figures, in the form of docs/replay.md: money and energy as numbers."""

    summary = serializers.JSONField()


class TableQuerySerializer(serializers.Serializer[Any]):
    """In which format."""

    kind = serializers.ChoiceField(choices=list(FORMATS), default="csv")


class RunsView(PagedView):
    """All that I may see."""

    scope = "runs"
    serializer_class = FinishedRunSerializer

    @extend_schema(examples=[EXAMPLE])
    def get(self, request: Request) -> Response:
        """The newest first."""
        return self.listed(finished_runs(user_of(request)))


class RunView(APIView):
    """One of them."""

    scope = "runs"

    @extend_schema(responses=RunSummarySerializer)
    def get(self, request: Request, pk: str) -> Response:
        """Its figures."""
        run = one(finished_runs(user_of(request)), pk=pk)
        return Response(RunSummarySerializer(run, context={"request": request}).data)


class RunReportView(APIView):
    """What its report shows."""

    scope = "runs"

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, pk: str) -> Response:
        """Findings, figures, and all series, packed as `grid/results/packing.py` has it."""
        return Response(report_of_run(one(finished_runs(user_of(request)), pk=pk)))


class RunTableView(APIView):
    """One of its tables as a file."""

    scope = "runs"

    @extend_schema(
        parameters=[
            OpenApiParameter("table", str, "path", enum=list(TABLES)),
            OpenApiParameter("kind", str, enum=list(FORMATS), default="csv"),
        ],
        responses={(200, media.partition(";")[0]): OpenApiTypes.BINARY for media in MEDIA.values()},
    )
    def get(self, request: Request, pk: str, table: str) -> HttpResponseBase:
        """Columns and units as docs/replay.md has them."""
        kind = asked(TableQuerySerializer, request)["kind"]
        run = one(finished_runs(user_of(request)), pk=pk)
        if table not in TABLES:
            raise MissingError(
                "no_table", _("There is no such table; there are %(names)s.") % {"names": ", ".join(TABLES)}
            )
        with ExitStack() as stack:
            file = stack.enter_context(tempfile.TemporaryFile())
            export_table(run, table, kind, file)
            stack.pop_all()  # from here on the response closes it
        file.seek(0)
        name = f"{run.scenario}-{table}.{kind}"
        return FileResponse(file, as_attachment=True, filename=name, content_type=MEDIA[kind])
