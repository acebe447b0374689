"""A merchant's money in the back office: treasury, exposure over time, ending a note, and words to begin from."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.api.credit import NoteSerializer
from marketplace.api.fields import AddressField, MoneyField
from marketplace.api.scopes import SESSION
from marketplace.api.views import PagedView, asked, one, user_of
from marketplace.credit import claims, selectors
from marketplace.credit.ledger import treasury_of
from marketplace.credit.models import Merchant, ReasonTemplate
from marketplace.credit.overview import exposure_chart
from marketplace.credit.reason_words import reasons_for


class HeldMerchantSerializer(serializers.Serializer[Merchant]):
    """A merchant of mine."""

    slug = serializers.SlugField()
    name = serializers.CharField()
    msc = serializers.CharField(help_text="Its contract; empty while it has none.")
    max_limit = MoneyField()
    four_eyes_above = MoneyField(help_text="Limits above it take two operators.")


class HeldMerchantsView(PagedView):
    """My merchants."""

    scope = SESSION
    serializer_class = HeldMerchantSerializer
    queryset = Merchant.objects.none()

    def get(self, request: Request) -> Response:
        """Whose books I may see."""
        return self.listed(selectors.operated_merchants(user_of(request)))


class TreasurySerializer(serializers.Serializer[Any]):
    """Where the tokens of a merchant's contract belong."""

    msc = AddressField()
    free = MoneyField()
    reserved = MoneyField(help_text="For open channels.")
    earnings = MoneyField(help_text="Owed to participants.")
    collateral = MoneyField(help_text="Of participants.")


class TreasuryView(APIView):
    """A merchant's treasury."""

    scope = SESSION

    @extend_schema(responses=TreasurySerializer)
    def get(self, request: Request, slug: str) -> Response:
        """Read from the ledger now."""
        merchant = one(selectors.operated_merchants(user_of(request)).exclude(msc=""), slug=slug)
        held = treasury_of(merchant)
        names = ("free", "reserved", "earnings", "collateral")
        content = {"msc": merchant.msc, **{name: getattr(held, name) for name in names}}
        return Response(TreasurySerializer(content).data)


class ExposureSerializer(serializers.Serializer[Any]):
    """A moment of the last thirty days."""

    at = serializers.IntegerField()
    used = MoneyField(help_text="Reserved or owed, and not paid.")
    collateral = MoneyField()


class ExposureView(APIView):
    """Exposure over time."""

    scope = SESSION

    @extend_schema(responses=ExposureSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Of all agreements of my merchants; empty where nothing happened yet."""
        chart = exposure_chart(list(selectors.merchant_agreements(user_of(request))))
        names = ("at", "used", "collateral")
        rows = [dict(zip(names, row, strict=True)) for row in (chart.rows if chart else ())]
        return Response(ExposureSerializer(rows, many=True).data)


class EndNoteView(APIView):
    """Ending a note."""

    scope = SESSION
    throttle_scope = "sensitive"

    @extend_schema(request=None, responses=NoteSerializer)
    def post(self, request: Request, serial: str) -> Response:
        """Let it fund no further channel; what it funds already stays funded."""
        user = user_of(request)
        mine = selectors.merchant_notes(user).filter(
            agreement__merchant__in=selectors.staffed_merchants(user)
        )
        note = one(mine.select_related("agreement__merchant", "agreement__user"), serial=serial)
        claims.cancel_note(note=note, operator=user)
        return Response(NoteSerializer(note).data)


class ReasonSerializer(serializers.Serializer[Any]):
    """Words to begin from."""

    title = serializers.CharField()
    text = serializers.CharField()


class ReasonsQuerySerializer(serializers.Serializer[Any]):
    """Where they are needed."""

    use = serializers.ChoiceField(choices=ReasonTemplate.Use.choices)


class ReasonsView(APIView):
    """A merchant's own reasons and the house's."""

    scope = SESSION

    @extend_schema(parameters=[ReasonsQuerySerializer], responses=ReasonSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """For questions, refusals or answers to appeals."""
        merchant = one(selectors.staffed_merchants(user_of(request)), slug=slug)
        rows = reasons_for(merchant, asked(ReasonsQuerySerializer, request)["use"])
        return Response(ReasonSerializer(rows, many=True).data)
