"""My own files, and the studies that I run on them."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from grid.models import ReplayRun, SlotResult
from marketplace.accounts.errors import RefusedError
from marketplace.api.fields import MAX_SAFE, MomentField, SafeIntegerField
from marketplace.api.parsers import BoundedMultiPartParser
from marketplace.api.views import PagedView, checked, one, user_of
from marketplace.studies import selectors, services
from marketplace.studies.choices import STAMPS, UNIT_NAMES, Choices, tables_from
from marketplace.studies.library import CHANGEABLE
from marketplace.studies.models import InputFile
from marketplace.words.cores import told

PRICE = 10_000_000
FILE_EXAMPLE = OpenApiExample(
    "A file with a fault",
    value={
        "id": "5c9e9a52-9d5c-4f2e-9a3e-1d7a3f0f3c11",
        "kind": "profiles",
        "filename": "meters.csv",
        "size_bytes": 51234,
        "zone": "",
        "unit": "",
        "stamps": "start",
        "decimal": "",
        "state": "faulty",
        "faults": [
            {
                "file": "meters.csv",
                "line": 2,
                "words": "2026-03-01 00:00 has no offset; write it like 2026-03-01T00:00:00+01:00, or name the zone"
                " that the file's times are in, such as Europe/Berlin",
            }
        ],
        "understood": {},
        "uploaded_at": 1772323200,
    },
    response_only=True,
)
ORDER_EXAMPLE = OpenApiExample(
    "A day of my own street",
    value={
        "network": "street.json",
        "profiles": ["meters.csv"],
        "start": 1772319600,
        "end": 1772406000,
        "pv_scale": 1.5,
        "mechanism": "bilateral",
    },
    request_only=True,
)
STUDY_EXAMPLE = OpenApiExample(
    "A study that is being played",
    value={
        "id": "0d2f7a0e-58c0-4f7f-8b52-6f3f3c8f6f0a",
        "name": "street",
        "status": "running",
        "starts_at": 1772319600,
        "ends_at": 1772406000,
        "slots_done": 48,
        "slots_total": 96,
        "stalled": False,
        "failure": [],
        "summary": None,
        "created_at": 1772400000,
    },
    response_only=True,
)


class FaultSerializer(serializers.Serializer[Any]):
    """What is wrong, where, and what to do."""

    file = serializers.CharField()
    line = serializers.IntegerField(allow_null=True)
    words = serializers.CharField()


class InputSerializer(serializers.Serializer[InputFile]):
    """One of my files."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=InputFile.Kind.choices)
    filename = serializers.CharField()
    size_bytes = serializers.IntegerField()
    zone = serializers.CharField()
    unit = serializers.CharField()
    stamps = serializers.CharField()
    decimal = serializers.CharField()
    state = serializers.ChoiceField(choices=InputFile.State.choices)
    faults = FaultSerializer(source="told_faults", many=True)
    understood = serializers.DictField(
        source="told", help_text="What checking it showed; empty unless it is fine."
    )
    uploaded_at = MomentField()


class InputUploadSerializer(serializers.Serializer[Any]):
    """An upload; what the file itself does not say of its times and numbers."""

    file = serializers.FileField(allow_empty_file=True, max_length=255)
    zone = serializers.CharField(required=False, allow_blank=True, max_length=64, default="")
    unit = serializers.ChoiceField(choices=UNIT_NAMES, required=False, allow_blank=True, default="")
    stamps = serializers.ChoiceField(choices=STAMPS, required=False, default="start")
    decimal = serializers.ChoiceField(choices=(".", ","), required=False, allow_blank=True, default="")


class InputsView(PagedView):
    """My files."""

    scope = "runs"
    parser_classes = (BoundedMultiPartParser,)
    serializer_class = InputSerializer
    queryset = InputFile.objects.none()

    def present(self, rows: list[Any]) -> list[Any]:
        """Their content is sealed: fetch the key once."""
        return selectors.opened_files(InputFile.objects.filter(pk__in=[row.pk for row in rows]))

    @extend_schema(examples=[FILE_EXAMPLE])
    def get(self, request: Request) -> Response:
        """List my networks, profiles and scenarios, with their faults."""
        return self.listed(selectors.own_files(user_of(request)))

    @extend_schema(
        request={"multipart/form-data": InputUploadSerializer},
        responses={201: InputSerializer},
        examples=[FILE_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Upload a network, profiles or a scenario; it is checked in the background. The same name replaces."""
        upload = checked(InputUploadSerializer, request)
        file = upload.pop("file")
        kept = services.add_file(user=user_of(request), filename=file.name, raw=file.read(), reading=upload)
        return Response(InputSerializer(kept).data, status=status.HTTP_201_CREATED)


class InputView(APIView):
    """One of my files."""

    scope = "runs"

    @extend_schema(responses=InputSerializer, examples=[FILE_EXAMPLE])
    def get(self, request: Request, pk: UUID) -> Response:
        """Whether it is fine, and its faults."""
        return Response(InputSerializer(one(selectors.own_files(user_of(request)), pk=pk)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Delete it; studies that were played on it stay."""
        services.remove_file(file=one(selectors.own_files(user_of(request)), pk=pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class StudySerializer(serializers.Serializer[ReplayRun]):
    """A study of mine."""

    id = serializers.UUIDField()
    name = serializers.CharField(source="scenario")
    status = serializers.ChoiceField(choices=ReplayRun.Status.choices)
    starts_at = serializers.IntegerField()
    ends_at = serializers.IntegerField()
    slots_done = serializers.IntegerField(source="next_slot")
    slots_total = serializers.IntegerField()
    stalled = serializers.SerializerMethodField()
    failure = serializers.SerializerMethodField()
    summary = serializers.DictField(allow_null=True)
    created_at = MomentField()

    def get_stalled(self, run: ReplayRun) -> bool:
        """Whether nobody works on it any more; it can be resumed."""
        return services.is_stalled(run, timezone.now())

    def get_failure(self, run: ReplayRun) -> list[str]:
        """Why it failed, a fault each."""
        return [told(words) for words in run.failures]


class OrderSerializer(serializers.Serializer[Any]):
    """What to play: a shipped scenario or an uploaded one by its name, or a network with profiles and a few choices.

    Of a shipped scenario only the market, the scales, the firm export and the seed can be changed.
    """

    library = serializers.CharField(required=False, max_length=80, allow_blank=True, default="")
    scenario = serializers.CharField(required=False, max_length=80, allow_blank=True, default="")
    name = serializers.CharField(required=False, max_length=80, allow_blank=True, default="")
    network = serializers.CharField(required=False, max_length=80, allow_blank=True, default="")
    profiles = serializers.ListField(
        child=serializers.CharField(max_length=80), required=False, max_length=20, default=list
    )
    start = SafeIntegerField(min_value=0, max_value=MAX_SAFE, required=False, default=0)
    end = SafeIntegerField(min_value=0, max_value=MAX_SAFE, required=False, default=0)
    load_scale = serializers.FloatField(min_value=0, max_value=100, required=False, default=1.0)
    pv_scale = serializers.FloatField(min_value=0, max_value=100, required=False, default=1.0)
    firm_export_permille = SafeIntegerField(min_value=0, max_value=1000, required=False, default=1000)
    mechanism = serializers.CharField(required=False, max_length=40, default="bilateral")
    strategy = serializers.CharField(required=False, max_length=40, default="adaptive")
    retail_per_kwh = SafeIntegerField(min_value=0, max_value=PRICE, required=False, default=320_000)
    feed_in_per_kwh = SafeIntegerField(min_value=0, max_value=PRICE, required=False, default=82_000)
    imbalance_per_kwh = SafeIntegerField(min_value=0, max_value=PRICE, required=False, default=380_000)
    seed = SafeIntegerField(min_value=0, max_value=MAX_SAFE, required=False, default=1)


class StudiesView(PagedView):
    """My studies."""

    scope = "runs"
    serializer_class = StudySerializer
    queryset = ReplayRun.objects.none()

    @extend_schema(examples=[STUDY_EXAMPLE])
    def get(self, request: Request) -> Response:
        """List my studies."""
        return self.listed(selectors.own_runs(user_of(request)))

    @extend_schema(
        request=OrderSerializer, responses={201: StudySerializer}, examples=[ORDER_EXAMPLE, STUDY_EXAMPLE]
    )
    def post(self, request: Request) -> Response:
        """Have a scenario played in the background."""
        user, asked = user_of(request), checked(OrderSerializer, request)
        shipped, named = asked.pop("library"), asked.pop("scenario")
        if shipped:
            changes = {key: asked[key] for key in CHANGEABLE if key in request.data}
            run = services.start_shipped(user=user, key=shipped, changes=changes)
            return Response(StudySerializer(run).data, status=status.HTTP_201_CREATED)
        if named:
            found = [f for f in selectors.opened_files(selectors.own_files(user)) if f.filename == named]
            if not found or found[0].kind != InputFile.Kind.SCENARIO:
                words = _("%(named)s is no scenario of yours: upload it first.") % {"named": f"{named!r}"}
                raise RefusedError("scenario", words, {"scenario": [words]})
            tables = services.scenario_tables(file=found[0])
        else:
            tables = tables_from(Choices(**asked))
        run = services.start_study(user=user, tables=tables)
        return Response(StudySerializer(run).data, status=status.HTTP_201_CREATED)


class StudyView(APIView):
    """One of my studies."""

    scope = "runs"

    @extend_schema(responses=StudySerializer, examples=[STUDY_EXAMPLE])
    def get(self, request: Request, pk: UUID) -> Response:
        """How far it is; its summary once it is finished (docs/replay.md)."""
        return Response(StudySerializer(one(selectors.own_runs(user_of(request)), pk=pk)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Delete it with its results."""
        services.remove_study(run=one(selectors.own_runs(user_of(request)), pk=pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class StudySlotSerializer(serializers.Serializer[SlotResult]):
    """A played quarter-hour (docs/replay.md)."""

    index = serializers.IntegerField()
    slot_start = serializers.IntegerField()
    slot = serializers.DictField(source="data")


class StudySlotsView(PagedView):
    """What each quarter-hour of a study brought."""

    scope = "runs"
    serializer_class = StudySlotSerializer
    queryset = SlotResult.objects.none()

    def get(self, request: Request, pk: UUID) -> Response:
        """The slots in order, as docs/replay.md describes them."""
        run = one(selectors.own_runs(user_of(request)), pk=pk)
        return self.listed(SlotResult.objects.filter(run=run))
