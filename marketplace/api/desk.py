"""Before and while one negotiates: what the grid takes, what a partner's past says, whether it is there."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from channels_engine import presence
from marketplace.api.fields import MAX_SAFE, MoneyField
from marketplace.api.views import asked, one, user_of
from marketplace.trading import selectors
from marketplace.trading.live.room import MOST_WH, room_between
from marketplace.trading.reputation import reputation_of


class ReputationSerializer(serializers.Serializer[Any]):
    """A participant's record: co-signed trades, metered deliveries, disputes by the ledger's events."""

    trades = serializers.IntegerField()
    since = serializers.IntegerField(allow_null=True, help_text="Its first trade.")
    sold_wh = serializers.IntegerField(help_text="In trades that are settled by the meter.")
    delivered_wh = serializers.IntegerField()
    delivered_permille = serializers.IntegerField(allow_null=True)
    raised = serializers.IntegerField(help_text="Disputes that it raised.")
    against = serializers.IntegerField(help_text="Disputes that others raised with it.")
    lost = serializers.IntegerField(help_text="Raised with an old state: it paid the penalty.")
    won = serializers.IntegerField(help_text="Raised with it with an old state: it was right.")


class ReputationView(APIView):
    """What a partner's past says."""

    scope = "trade"

    @extend_schema(responses=ReputationSerializer)
    def get(self, _request: Request, slug: str) -> Response:
        """Counted from what others signed too; nobody's opinion."""
        prosumer = one(selectors.prosumers(), slug=slug)
        return Response(ReputationSerializer(reputation_of(prosumer.owner)).data)


class PresenceSerializer(serializers.Serializer[Any]):
    """Whether somebody could answer now."""

    here = serializers.BooleanField()
    by_agent = serializers.BooleanField(help_text="An agent answers by itself, as long as the market runs.")


class PresenceView(APIView):
    """Whether a partner is there."""

    scope = "trade"

    @extend_schema(responses=PresenceSerializer)
    def get(self, _request: Request, slug: str) -> Response:
        """Whether it has a page or a program connected. Offers wait for it in any case."""
        prosumer = one(selectors.prosumers(), slug=slug)
        here = prosumer.is_agent or presence.is_here(prosumer.owner)
        return Response({"here": here, "by_agent": prosumer.is_agent})


class RoomQuerySerializer(serializers.Serializer[Any]):
    """A trade that nobody has signed."""

    partner = serializers.SlugField()
    side = serializers.ChoiceField(
        choices=[("sells", "sells"), ("buys", "buys")], help_text="What I would do."
    )
    slot_start = serializers.IntegerField(min_value=0, max_value=MAX_SAFE)
    quantity_wh = serializers.IntegerField(min_value=1, max_value=MOST_WH)


class RoomSerializer(serializers.Serializer[Any]):
    """The gate's answer; it binds nobody, and the gate is asked again when a trade is signed."""

    slot_start = serializers.IntegerField()
    quantity_wh = serializers.IntegerField()
    fits = serializers.BooleanField()
    passes_wh = serializers.IntegerField(help_text="What of it passes.")
    room_wh = serializers.IntegerField(help_text="The most that passes between the two of us in this slot.")
    ends = serializers.BooleanField(help_text=f"False: nothing is full even at {MOST_WH} Wh.")
    kind = serializers.CharField(help_text="What is full first: transformer, line, voltage, or nothing.")
    place = serializers.CharField(help_text="Its name in the feeder.")
    cost = MoneyField(help_text="What others are paid so that it fits; each side pays half.")


class RoomView(APIView):
    """The gate's answer beforehand."""

    scope = "trade"

    @extend_schema(parameters=[RoomQuerySerializer], responses=RoomSerializer)
    def get(self, request: Request) -> Response:
        """What the grid takes between me and a partner in a slot, beside all that is binding."""
        wanted = asked(RoomQuerySerializer, request)
        partner, me = one(selectors.prosumers(), slug=wanted["partner"]).owner, user_of(request).owner
        seller, buyer = (me, partner) if wanted["side"] == "sells" else (partner, me)
        found = room_between(
            seller=seller, buyer=buyer, slot_start=wanted["slot_start"], quantity_wh=wanted["quantity_wh"]
        )
        return Response(RoomSerializer(asdict(found)).data)
