"""Two people on their way to a channel, and the meter's word on what they traded."""

from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from channels_engine.codec import to_hex
from channels_engine.core.messages import SignedDelivery
from marketplace.accounts.errors import MissingError
from marketplace.api.fields import AddressField, HashField, MoneyField
from marketplace.api.trading import PartnerSerializer, partner
from marketplace.api.views import checked, one, user_of
from marketplace.trading.between_people import deliveries_of, partners_promise, promise_funding, waiting_for
from marketplace.trading.selectors import own_channels, prosumers_by_owner

KINDS = [(kind, kind) for kind in ("terms", "answer", "opening")]


class WaitingSerializer(serializers.Serializer[Any]):
    """What a person asks of me."""

    kind = serializers.ChoiceField(choices=KINDS)
    id = serializers.CharField()
    partner = PartnerSerializer()
    at = serializers.IntegerField()


class WaitingView(APIView):
    """What waits for my word."""

    scope = "trade"

    @extend_schema(responses=WaitingSerializer(many=True), operation_id="channels_waiting_list")
    def get(self, request: Request) -> Response:
        """Proposals, answers and openings of other people, the newest first."""
        found = waiting_for(user_of(request))
        known = prosumers_by_owner(item.peer for item in found)
        rows = [
            {"kind": item.kind, "id": item.id, "partner": partner(item.peer, known), "at": item.at}
            for item in found
        ]
        return Response(WaitingSerializer(rows, many=True).data)


class PromiseSerializer(serializers.Serializer[Any]):
    """A side of `ChannelOpen`."""

    source = AddressField()  # type: ignore[assignment]  # the field's name is the API's
    note = HashField()
    amount = MoneyField()


class PromiseView(APIView):
    """How the sides of a channel will be funded."""

    scope = "trade"

    @extend_schema(responses=PromiseSerializer)
    def get(self, request: Request, nonce: str) -> Response:
        """What my partner said that it would bring."""
        found = partners_promise(user_of(request), nonce)
        if found is None:
            raise MissingError("not_said", _("Your partner has not said yet how it funds its side."))
        return Response(PromiseSerializer(found).data)

    @extend_schema(request=PromiseSerializer, responses={204: None})
    def post(self, request: Request, nonce: str) -> Response:
        """Say what I will bring."""
        said = checked(PromiseSerializer, request)
        if not promise_funding(user=user_of(request), conversation=nonce, **said):
            raise Http404
        return Response(status=204)


class DeliverySerializer(serializers.Serializer[Any]):
    """`Delivery` as it is signed."""

    channel = serializers.CharField()
    trade = serializers.CharField()
    deliveredWh = serializers.CharField()  # noqa: N815  the name in the signed structure


class SignedDeliverySerializer(serializers.Serializer[Any]):
    """As `settle.request` takes it."""

    delivery = DeliverySerializer()
    signature = serializers.CharField()


def _signed(item: SignedDelivery) -> dict[str, Any]:
    said = item.delivery
    delivery = {
        "channel": to_hex(said.channel),
        "trade": to_hex(said.trade),
        "deliveredWh": str(said.delivered_wh),
    }
    return {"delivery": delivery, "signature": to_hex(item.signature)}


class DeliveriesView(APIView):
    """The meter's word."""

    scope = "trade"

    @extend_schema(responses=SignedDeliverySerializer(many=True), operation_id="channels_deliveries_list")
    def get(self, request: Request, channel_id: str) -> Response:
        """What was metered of the trades of my channel, and is not settled yet."""
        row = one(own_channels(user_of(request)), channel=channel_id)
        rows = [_signed(item) for item in deliveries_of(row.channel)]
        return Response(SignedDeliverySerializer(rows, many=True).data)
