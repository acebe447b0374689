"""Today at a glance: my surplus and need by slot, what is agreed, what is open, and prices around me."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.api.fields import MoneyField
from marketplace.api.trading import PartnerSerializer, partner
from marketplace.api.views import user_of
from marketplace.trading.models import Listing
from marketplace.trading.outlook import Agreed, Outlook, SlotAhead, outlook_of

PLACES = ("here", "no_market", "not_connected")


class PricesSerializer(serializers.Serializer[Any]):
    """Micro-units per kWh: the supplier's two, what neighbours ask and bid (lowest, highest), the newest slot's mean."""

    retail_per_kwh = MoneyField()
    feed_in_per_kwh = MoneyField()
    asked = serializers.ListField(child=MoneyField(), allow_null=True)
    bid = serializers.ListField(child=MoneyField(), allow_null=True)
    traded_at = MoneyField(allow_null=True)


class AgreedSerializer(serializers.Serializer[Any]):
    """A trade of mine in this slot, with the signed state behind it."""

    sells = serializers.BooleanField(help_text="Whether I sell.")
    partner = PartnerSerializer()
    quantity_wh = serializers.IntegerField()
    price_per_kwh = MoneyField()
    amount = MoneyField()
    channel = serializers.CharField()
    version = serializers.IntegerField()


class BestSerializer(serializers.Serializer[Any]):
    """The listing that fits best what is open."""

    partner = PartnerSerializer()
    quantity_wh = serializers.IntegerField()
    price_per_kwh = MoneyField()


class SlotAheadSerializer(serializers.Serializer[Any]):
    """A slot that can be traded."""

    slot_start = serializers.IntegerField()
    surplus_wh = serializers.IntegerField()
    need_wh = serializers.IntegerField()
    sold_wh = serializers.IntegerField()
    bought_wh = serializers.IntegerField()
    open_surplus_wh = serializers.IntegerField()
    open_need_wh = serializers.IntegerField()
    agreed = AgreedSerializer(many=True)
    best = BestSerializer(allow_null=True)


class SlotBehindSerializer(serializers.Serializer[Any]):
    """What my meter showed in a slot that is over."""

    slot_start = serializers.IntegerField(source="start")
    import_wh = serializers.IntegerField()
    export_wh = serializers.IntegerField()
    price_per_kwh = MoneyField(allow_null=True)


class TodaySerializer(serializers.Serializer[Any]):
    """`place` says whether there is a market and a connection of mine; without them the lists are empty."""

    place = serializers.ChoiceField(choices=[(name, name) for name in PLACES])
    playing = serializers.IntegerField(help_text="The slot that is being delivered, market time.")
    prices = PricesSerializer(allow_null=True)
    slots = SlotAheadSerializer(many=True)
    past = SlotBehindSerializer(many=True)


def _agreed(one: Agreed) -> dict[str, Any]:
    record = one.record
    owner = record.buyer if one.sells else record.seller
    return {
        "sells": one.sells,
        "partner": partner(owner, {owner: one.partner} if one.partner else {}),
        "quantity_wh": record.quantity_wh,
        "price_per_kwh": record.price_per_kwh,
        "amount": record.amount,
        "channel": record.channel,
        "version": record.version,
    }


def _best(listing: Listing | None) -> dict[str, Any] | None:
    if listing is None:
        return None
    who = partner(listing.prosumer.owner, {listing.prosumer.owner: listing.prosumer})
    return {"partner": who, "quantity_wh": listing.quantity_wh, "price_per_kwh": listing.price_per_kwh}


def _slot(slot: SlotAhead) -> dict[str, Any]:
    names = ("surplus_wh", "need_wh", "sold_wh", "bought_wh", "open_surplus_wh", "open_need_wh")
    figures = {name: getattr(slot, name) for name in names}
    agreed = [_agreed(one) for one in slot.agreed]
    return {"slot_start": slot.start, **figures, "agreed": agreed, "best": _best(slot.best)}


def _prices(look: Outlook) -> dict[str, Any] | None:
    if look.tariff is None:
        return None
    return {
        "retail_per_kwh": look.tariff.retail_per_kwh,
        "feed_in_per_kwh": look.tariff.feed_in_per_kwh,
        "asked": look.asked,
        "bid": look.bid,
        "traded_at": look.traded_at,
    }


class TodayView(APIView):
    """Today at a glance."""

    scope = "trade"

    @extend_schema(responses=TodaySerializer)
    def get(self, request: Request) -> Response:
        """As the market stands now."""
        look = outlook_of(user_of(request))
        content = {
            "place": look.place,
            "playing": look.playing,
            "prices": _prices(look),
            "slots": [_slot(slot) for slot in look.slots],
            "past": look.past,
        }
        return Response(TodaySerializer(content).data)
