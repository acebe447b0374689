"""The feeder and the live market: for the map, and for those who trade."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from channels_engine.core.types import SLOT_SECONDS
from marketplace.accounts.errors import MissingError
from marketplace.api.fields import MoneyField
from marketplace.api.views import one, user_of
from marketplace.trading import selectors
from marketplace.trading.live.control import hand
from marketplace.trading.live.desk import guest_funding
from marketplace.trading.live.telemetry import feeder_of, telemetry
from marketplace.trading.live.view import MarketView, live_run, market_view

HASH = r"^0x[0-9a-f]{64}\Z"


class NodeSerializer(serializers.Serializer[Any]):
    """A bus; x and y are grid steps of the drawing."""

    id = serializers.CharField()
    name = serializers.CharField()
    kv = serializers.FloatField()
    x = serializers.FloatField()
    y = serializers.FloatField()
    source = serializers.BooleanField(help_text="The bus of the grid above.")  # type: ignore[assignment]  # the field's name is the API's
    connections = serializers.ListField(child=serializers.IntegerField())


class EdgeSerializer(serializers.Serializer[Any]):
    """A line or transformer between two nodes."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(choices=[("line", "line"), ("transformer", "transformer")])
    name = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # the field's name is the API's
    target = serializers.CharField()
    closed = serializers.BooleanField()


class HomeSerializer(serializers.Serializer[Any]):
    """A connection of the feeder."""

    index = serializers.IntegerField()
    name = serializers.CharField()
    bus = serializers.CharField()
    pv_kw = serializers.FloatField()
    battery_kwh = serializers.FloatField()
    wind_kw = serializers.FloatField()
    ev_kw = serializers.FloatField()
    heat_pump_kw = serializers.FloatField()


class LimitsSerializer(serializers.Serializer[Any]):
    """What the gate holds: the voltage band in pu, loadings in percent of the ratings."""

    vm_min_pu = serializers.FloatField()
    vm_max_pu = serializers.FloatField()
    line_percent = serializers.FloatField()
    transformer_percent = serializers.FloatField()


class FeederMapSerializer(serializers.Serializer[Any]):
    """What a map draws."""

    name = serializers.CharField()
    nodes = NodeSerializer(many=True)
    edges = EdgeSerializer(many=True)
    connections = HomeSerializer(many=True)
    attribution = serializers.CharField()
    limits = LimitsSerializer()


class FeederSerializer(serializers.Serializer[Any]):
    """The feeder of the live replay."""

    feeder = FeederMapSerializer()


class RunSerializer(serializers.Serializer[Any]):
    """A replay run."""

    id = serializers.UUIDField()
    scenario = serializers.CharField()
    status = serializers.CharField()
    paused = serializers.BooleanField(help_text="Whether an operator has paused the market.")
    speed = serializers.FloatField(help_text="Multiple of the scenario's pace.")


class LiveTradeSerializer(serializers.Serializer[Any]):
    """A trade of the newest slot, by the names of the connections."""

    id = serializers.CharField()
    seller = serializers.CharField()
    buyer = serializers.CharField()
    quantity_wh = serializers.IntegerField()
    price_per_kwh = serializers.CharField()
    amount = serializers.CharField()
    channel = serializers.CharField()


class SeriesSerializer(serializers.Serializer[Any]):
    """The last 96 slots."""

    slot_start = serializers.ListField(child=serializers.IntegerField())
    traded_wh = serializers.ListField(child=serializers.IntegerField())
    import_wh = serializers.ListField(child=serializers.IntegerField())
    export_wh = serializers.ListField(child=serializers.IntegerField())
    price = serializers.ListField(child=serializers.IntegerField(allow_null=True))


class LiveSerializer(serializers.Serializer[Any]):
    """The newest slot; only `run` before the first one was played."""

    run = RunSerializer(allow_null=True)
    slot_start = serializers.IntegerField(required=False)
    slot_index = serializers.IntegerField(required=False)
    slots_total = serializers.IntegerField(required=False)
    vm_pu = serializers.ListField(child=serializers.FloatField(), required=False)
    line_loading_percent = serializers.ListField(child=serializers.FloatField(), required=False)
    trafo_loading_percent = serializers.ListField(child=serializers.FloatField(), required=False)
    traded_wh = serializers.IntegerField(required=False)
    price_mean = serializers.CharField(required=False, allow_null=True)
    refused = serializers.IntegerField(required=False)
    trades = LiveTradeSerializer(many=True, required=False)
    series = SeriesSerializer(required=False)


class TariffSerializer(serializers.Serializer[Any]):
    """The supplier's prices, micro-units per kWh."""

    retail_per_kwh = MoneyField()
    feed_in_per_kwh = MoneyField()
    imbalance_per_kwh = MoneyField()


class MarketSerializer(serializers.Serializer[Any]):
    """Which slots are open, and at which prices the supplier stands by."""

    open = serializers.ListField(child=serializers.IntegerField(), help_text="First and last slot start.")
    slot_seconds = serializers.IntegerField()
    seconds_per_slot = serializers.FloatField()
    tariff = TariffSerializer()


class ForecastSerializer(serializers.Serializer[Any]):
    """What a connection is expected to have or need in a slot."""

    slot_start = serializers.IntegerField()
    surplus_wh = serializers.IntegerField()
    deficit_wh = serializers.IntegerField()


class FundingQuerySerializer(serializers.Serializer[Any]):
    """Under which entity contract."""

    scid = serializers.RegexField(HASH)
    index = serializers.IntegerField(min_value=0, max_value=2**63 - 1, default=0)


class FundingSerializer(serializers.Serializer[Any]):
    """A side of `ChannelOpen`."""

    source = serializers.CharField()  # type: ignore[assignment]  # the field's name is the API's
    note = serializers.CharField()
    amount = MoneyField()


def _market() -> MarketView:
    market = market_view()
    if market is None:
        raise MissingError("no_replay", _("The market is not running yet; try again in a minute."))
    return market


class FeederView(APIView):
    """The map."""

    scope = "public"
    permission_classes = (AllowAny,)

    @extend_schema(responses=FeederSerializer)
    def get(self, _request: Request) -> Response:
        """Nodes, edges and connections."""
        run = live_run()
        if run is None:
            raise MissingError("no_replay", _("No replay has begun yet; try again in a minute."))
        return Response({"feeder": feeder_of(run.scenario)})


class LiveView(APIView):
    """The newest slot."""

    scope = "public"
    permission_classes = (AllowAny,)

    @extend_schema(responses=LiveSerializer)
    def get(self, _request: Request) -> Response:
        """Voltages, loadings, trades and the last day's series."""
        return Response(telemetry())


class MarketInfoView(APIView):
    """Open slots and tariff."""

    scope = "public"
    permission_classes = (AllowAny,)

    @extend_schema(responses=MarketSerializer)
    def get(self, _request: Request) -> Response:
        """What can be traded now."""
        market = _market()
        scenario, slots = market.simulation.scenario, market.open_slots
        content = {
            "open": [slots[0], slots[-1]] if slots else [],
            "slot_seconds": SLOT_SECONDS,
            "seconds_per_slot": scenario.replay.seconds_per_slot / hand().speed,
            "tariff": scenario.tariff,
        }
        return Response(MarketSerializer(content).data)


class MarketForecastView(APIView):
    """My own expectation."""

    scope = "trade"

    @extend_schema(responses=ForecastSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Surplus or need in every open slot."""
        market = _market()
        index = market.connections().get(user_of(request).owner)
        if index is None:
            raise MissingError("not_connected", _("You have no connection on this feeder yet."))
        positions = ((slot, market.plan(slot).positions[index]) for slot in market.open_slots)
        rows = [
            {"slot_start": slot, "surplus_wh": at.surplus_wh, "deficit_wh": at.deficit_wh}
            for slot, at in positions
        ]
        return Response(ForecastSerializer(rows, many=True).data)


class FundingView(APIView):
    """How a household's agent funds its side."""

    scope = "trade"

    @extend_schema(
        parameters=[
            OpenApiParameter("scid", str, required=True, pattern=HASH),
            OpenApiParameter("index", int, description="Of the channel under this contract; 0 is the first."),
        ],
        responses=FundingSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        """Source, note and amount for its side of the opening."""
        query = FundingQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        prosumer = one(selectors.prosumers().filter(is_agent=True), slug=slug)
        funding = guest_funding(
            prosumer.owner, bytes.fromhex(query.validated_data["scid"][2:]), query.validated_data["index"]
        )
        if funding is None:
            raise MissingError("no_replay", _("The market is not running yet; try again in a minute."))
        return Response(FundingSerializer(funding).data)
