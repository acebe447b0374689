"""Meters: their signed readings come in, and their slots go out with the quality of each."""

import re
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from channels_engine.core.types import MeterReading
from grid.assets import SLOT_SECONDS
from grid.metering.validation import Judgement, Outcome
from marketplace.api.fields import MAX_MONEY, MAX_SAFE, HashField, SignatureField
from marketplace.api.tokens import MeterTokenAuthentication, ProgramTokenAuthentication
from marketplace.api.views import PagedView, asked, checked, one, user_of
from marketplace.trading.meters.intake import SignedReading, take_readings
from marketplace.trading.meters.selectors import ReadSlot, meters_of, meters_of_token, read_slots
from marketplace.trading.models import Meter, MeterToken
from marketplace.words.cores import told

MOST_READINGS = 1000
MOST_SLOTS = 31 * 96
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)


@extend_schema_field({"type": "string", "pattern": "^(0|-?[1-9][0-9]{0,18})$", "example": "1234567"})
class WholeField(serializers.Field[int, str, str, int]):
    """A whole number as a decimal string; below zero too, so that a reading can be refused with a word."""

    default_error_messages = {"invalid": _("Must be a whole number, as a decimal string.")}  # noqa: RUF012  DRF's way

    def to_internal_value(self, data: str) -> int:
        """Read a decimal string."""
        if not isinstance(data, str) or not _WHOLE.fullmatch(data) or abs(int(data)) > MAX_MONEY:
            self.fail("invalid")
        return int(data)

    def to_representation(self, value: int) -> str:
        """Write a decimal string."""
        return str(value)


class MeterReadingSerializer(serializers.Serializer[Any]):
    """`MeterReading` as it is signed: what the registers show at the slot's end, and the reading's number."""

    meter = HashField()
    slotStart = WholeField()  # noqa: N815  the names in the signed structure
    slotEnd = WholeField()  # noqa: N815
    importWh = WholeField()  # noqa: N815
    exportWh = WholeField()  # noqa: N815
    sequence = WholeField()


class SignedMeterReadingSerializer(serializers.Serializer[Any]):
    """A reading and the signature of its meter's key."""

    reading = MeterReadingSerializer()
    signature = SignatureField()


class BatchSerializer(serializers.Serializer[Any]):
    """Readings of one meter or of many, in any order."""

    readings = serializers.ListField(
        child=SignedMeterReadingSerializer(), allow_empty=False, max_length=MOST_READINGS
    )


class ReadingOutcomeSerializer(serializers.Serializer[Any]):
    """What became of a reading; `code`, `detail` and `remedy` are empty where there is nothing to say."""

    meter = serializers.CharField()
    slotStart = serializers.CharField()  # noqa: N815  the names in the signed structure
    sequence = serializers.CharField()
    outcome = serializers.ChoiceField(choices=[(word.value, word.value) for word in Outcome])
    code = serializers.CharField(allow_blank=True)
    detail = serializers.CharField(allow_blank=True)
    remedy = serializers.CharField(allow_blank=True)


class TakenSerializer(serializers.Serializer[Any]):
    """The outcomes, in the order of the readings, and how many there are of each."""

    accepted = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    refused = serializers.IntegerField()
    outcomes = ReadingOutcomeSerializer(many=True)


class ReadSlotSerializer(serializers.Serializer[Any]):
    """A slot of a meter; `sequence` is null where no reading came at its end."""

    meter = serializers.CharField()
    slot_start = serializers.IntegerField()
    slot_end = serializers.IntegerField()
    import_wh = serializers.IntegerField()
    export_wh = serializers.IntegerField()
    quality = serializers.ChoiceField(
        choices=[(word, word) for word in ("measured", "estimated", "corrected")]
    )
    sequence = serializers.IntegerField(allow_null=True)


class SlotsQuerySerializer(serializers.Serializer[Any]):
    """Which slots: of one meter, from `start` on, before `end`; the last day without them."""

    meter = HashField()
    start = serializers.IntegerField(required=False, min_value=0, max_value=MAX_SAFE)
    end = serializers.IntegerField(required=False, min_value=0, max_value=MAX_SAFE)


class MeterSerializer(serializers.ModelSerializer[Meter]):
    """A meter of mine; `replaces` is the one whose place it took."""

    meter = serializers.CharField(source="serial")
    replaces = serializers.CharField(source="replaces.serial", default=None, allow_null=True)

    class Meta:
        """What its owner may know."""

        model = Meter
        fields = (
            "meter",
            "name",
            "key",
            "connection",
            "digits",
            "max_power_w",
            "installed_at",
            "removed_at",
            "replaces",
            "duplicates",
        )


def _speaking_for(request: Request) -> QuerySet[Meter]:
    token = request.auth
    return meters_of_token(token) if isinstance(token, MeterToken) else meters_of(user_of(request))


class MetersView(PagedView):
    """Meters."""

    scope = "meters"
    authentication_classes = (ProgramTokenAuthentication, SessionAuthentication, MeterTokenAuthentication)
    serializer_class = MeterSerializer
    queryset = Meter.objects.none()

    def get(self, request: Request) -> Response:
        """List mine; a metering operator's are all."""
        return self.listed(_speaking_for(request))


EXAMPLE = {
    "reading": {
        "meter": "0x654ab3d9d2ec44b99d24d0cfa10ea910fb1be454ba924ea7180346bbf1a5b08b",
        "slotStart": "1789998300",
        "slotEnd": "1789999200",
        "importWh": "4711250",
        "exportWh": "982000",
        "sequence": "1207",
    },
    "signature": "0xd74c185d92aa90b82d91ed5983722b14665abe0b298f393a20275fb05317bd4741169d988ab4b681ea3cf23e1d343b91febaa94e2a09591376854187062905941c",
}
"""Signed by a key of the published examples for their domain (tests/marketplace/test_meters.py)."""
TAKEN = {
    "accepted": 1,
    "duplicate": 0,
    "refused": 1,
    "outcomes": [
        {
            "meter": "0x654ab3d9d2ec44b99d24d0cfa10ea910fb1be454ba924ea7180346bbf1a5b08b",
            "slotStart": "1789998300",
            "sequence": "1207",
            "outcome": "accepted",
            "code": "",
            "detail": "",
            "remedy": "",
        },
        {
            "meter": "0x654ab3d9d2ec44b99d24d0cfa10ea910fb1be454ba924ea7180346bbf1a5b08b",
            "slotStart": "1789997400",
            "sequence": "1206",
            "outcome": "refused",
            "code": "negative",
            "detail": "a register, its number or its time is negative",
            "remedy": "registers only count up: put export into the export register",
        },
    ],
}


class ReadingsView(PagedView):
    """Readings."""

    scope = "meters"
    authentication_classes = (ProgramTokenAuthentication, SessionAuthentication, MeterTokenAuthentication)
    serializer_class = ReadSlotSerializer
    queryset = Meter.objects.none()

    @extend_schema(parameters=[SlotsQuerySerializer])
    def get(self, request: Request) -> Response:
        """The slots of a meter of mine with the quality of each, the oldest first."""
        wanted = asked(SlotsQuerySerializer, request)
        meter = one(_speaking_for(request), serial="0x" + wanted["meter"].hex())
        end = min(wanted.get("end", MAX_SAFE), int(timezone.now().timestamp()))
        start = max(wanted.get("start", end - 96 * SLOT_SECONDS), end - MOST_SLOTS * SLOT_SECONDS)
        slots = self.paginate_queryset(read_slots(meter, start=start, end=end))
        rows = [_slot(meter, slot) for slot in slots or ()]
        return self.get_paginated_response(ReadSlotSerializer(rows, many=True).data)

    @extend_schema(
        request=BatchSerializer,
        responses=TakenSerializer,
        examples=[
            OpenApiExample("One reading", {"readings": [EXAMPLE]}, request_only=True),
            OpenApiExample("One taken, one refused", TAKEN, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        """Bring signed readings; each is judged by itself, and what comes twice counts once."""
        readings = [_signed(given) for given in checked(BatchSerializer, request)["readings"]]
        now = int(timezone.now().timestamp())
        judged = take_readings(meters=_speaking_for(request), readings=readings, now=now)
        counts = {word.value: sum(item.outcome is word for item in judged) for word in Outcome}
        outcomes = [_outcome(*pair) for pair in zip(readings, judged, strict=True)]
        return Response(TakenSerializer({**counts, "outcomes": outcomes}).data)


def _signed(given: dict[str, Any]) -> SignedReading:
    said = given["reading"]
    names = ("meter", "slotStart", "slotEnd", "importWh", "exportWh", "sequence")
    return SignedReading(MeterReading(*(said[name] for name in names)), given["signature"])


def _outcome(one_reading: SignedReading, judged: Judgement) -> dict[str, Any]:
    said, fault = one_reading.reading, judged.fault
    return {
        "meter": "0x" + said.meter.hex(),
        "slotStart": str(said.slot_start),
        "sequence": str(said.sequence),
        "outcome": judged.outcome.value,
        "code": fault.code.value if fault else "",
        "detail": told(fault.words) if fault else "",
        "remedy": told(fault.remedy) if fault else "",
    }


def _slot(meter: Meter, slot: ReadSlot) -> dict[str, Any]:
    return {
        "meter": meter.serial,
        "slot_start": slot.slot_start,
        "slot_end": slot.slot_end,
        "import_wh": slot.import_wh,
        "export_wh": slot.export_wh,
        "quality": slot.quality.value,
        "sequence": slot.sequence,
    }
