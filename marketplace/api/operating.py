"""The operator's hand on the live market: everybody may see it, operators may move it."""

import math
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS, AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.api.fields import StrictBooleanField
from marketplace.api.views import checked, user_of
from marketplace.trading.live.control import (
    FASTEST,
    SLOWEST,
    USUAL,
    Hand,
    hand,
    may_operate,
    steer,
    step,
)

EXAMPLE = OpenApiExample(
    "Paused", {"paused": True, "speed": 1.0, "may_operate": True}, response_only=True, status_codes=["200"]
)


class MarketControlSerializer(serializers.Serializer[Any]):
    """How the market runs."""

    paused = serializers.BooleanField()
    speed = serializers.FloatField(help_text="Multiple of the scenario's pace.")
    may_operate = serializers.BooleanField(help_text="Whether I may change it.")


class SteeringSerializer(serializers.Serializer[Any]):
    """What to change."""

    paused = StrictBooleanField(required=False)
    speed = serializers.FloatField(
        required=False,
        min_value=SLOWEST / USUAL,
        max_value=FASTEST / USUAL,
        help_text="Multiple of the pace.",
    )

    def validate_speed(self, speed: float) -> float:
        """A number; what is none passes every comparison."""
        if not math.isfinite(speed):
            raise serializers.ValidationError(_("Must be a number."))
        return speed


def _shown(state: Hand, *, operator: bool) -> Response:
    content = {"paused": state.paused, "speed": state.speed, "may_operate": operator}
    return Response(MarketControlSerializer(content).data)


class MarketControlView(APIView):
    """Pause, go on, speed."""

    scope = "runs"

    def get_permissions(self) -> list[Any]:
        """Everybody sees it."""
        return [AllowAny() if self.request.method in SAFE_METHODS else IsAuthenticated()]

    @extend_schema(responses=MarketControlSerializer, examples=[EXAMPLE])
    def get(self, request: Request) -> Response:
        """How it runs."""
        return _shown(hand(), operator=may_operate(request.user))

    @extend_schema(request=SteeringSerializer, responses=MarketControlSerializer, examples=[EXAMPLE])
    def patch(self, request: Request) -> Response:
        """Change it, as an operator."""
        wanted = checked(SteeringSerializer, request, partial=True)
        speed = wanted.get("speed")
        permille = None if speed is None else round(speed * USUAL)
        state = steer(operator=user_of(request), paused=wanted.get("paused"), speed_permille=permille)
        return _shown(state, operator=True)


class MarketStepView(APIView):
    """One slot."""

    scope = "runs"

    @extend_schema(request=None, responses=MarketControlSerializer, examples=[EXAMPLE])
    def post(self, request: Request) -> Response:
        """Play one slot while the market is paused, as an operator."""
        return _shown(step(operator=user_of(request)), operator=True)
