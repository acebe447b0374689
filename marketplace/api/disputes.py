"""A channel's dispute: where it stands in words, and what its parties can do beside the websocket."""

import json
import time
from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from channels_engine.core.state import Endpoint as EndpointState
from channels_engine.store.repository import stored_endpoint
from marketplace.api.fields import HashField, SignatureField, StrictBooleanField, StrictCharField
from marketplace.api.views import checked, one, user_of
from marketplace.trading import selectors
from marketplace.trading.disputes import story_of
from marketplace.trading.disputing import finalise, show_state

STAGES = ("none", "asked", "sending", "running", "answering", "behind", "due", "resolved", "paid")


class StoryStepSerializer(serializers.Serializer[Any]):
    """What comes next, and who does it: `me`, `partner`, `ledger` or `anyone`."""

    who = serializers.CharField()
    does = serializers.CharField()


class StorySerializer(serializers.Serializer[Any]):
    """Where a dispute stands for me; docs/prosumer.md explains the stages."""

    stage = serializers.ChoiceField(choices=[(name, name) for name in STAGES])
    raised_by = serializers.CharField(help_text="me, partner, nobody (after an expiry), or empty.")
    until = serializers.IntegerField(allow_null=True, help_text="When this stage ends by itself.")
    version = serializers.IntegerField(allow_null=True, help_text="The state in dispute.")
    mine = serializers.IntegerField(help_text="My newest co-signed state.")
    enforced = serializers.BooleanField(help_text="The ledger applied an accepted offer.")
    title = serializers.CharField()
    words = serializers.CharField()
    steps = StoryStepSerializer(many=True)
    actions = serializers.ListField(child=serializers.CharField(), help_text="What I can do now.")


class CoSignedBodySerializer(serializers.Serializer[Any]):
    """`ChannelState` as it is signed."""

    channel = HashField()
    version = StrictCharField(max_length=19)
    base = StrictCharField(max_length=19)
    balanceA = StrictCharField(max_length=19)  # noqa: N815  the name in the signed structure
    balanceB = StrictCharField(max_length=19)  # noqa: N815  the name in the signed structure
    energyToA = StrictCharField(max_length=19)  # noqa: N815  the name in the signed structure
    energyToB = StrictCharField(max_length=19)  # noqa: N815  the name in the signed structure
    tradesRoot = HashField()  # noqa: N815  the name in the signed structure
    isFinal = StrictBooleanField()  # noqa: N815  the name in the signed structure


class EvidenceSerializer(serializers.Serializer[Any]):
    """A state that both signed, as `dispute.answer` has it."""

    state = CoSignedBodySerializer()
    signatureA = SignatureField()  # noqa: N815  the name in the message
    signatureB = SignatureField()  # noqa: N815  the name in the message


def _mine(request: Request, channel_id: str) -> tuple[EndpointState, str]:
    """My side of a channel, and my partner's name."""
    row = one(selectors.own_channels(user_of(request)), channel=channel_id)
    known = selectors.prosumers_by_owner([row.peer]).get(row.peer)
    return stored_endpoint(row), known.display_name if known else row.peer


def _told(request: Request, channel_id: str) -> Response:
    endpoint, partner = _mine(request, channel_id)
    return Response(StorySerializer(asdict(story_of(endpoint, partner=partner))).data)


class DisputeView(APIView):
    """Where it stands."""

    scope = "trade"

    @extend_schema(responses=StorySerializer)
    def get(self, request: Request, channel_id: str) -> Response:
        """In words, with its clock and what comes next."""
        return _told(request, channel_id)


class EvidenceView(APIView):
    """A state that I kept."""

    scope = "trade"
    throttle_scope = "sensitive"

    @extend_schema(request=EvidenceSerializer, responses=StorySerializer)
    def post(self, request: Request, channel_id: str) -> Response:
        """Show it to both machines: the newest one counts, and answers a dispute with an older one."""
        endpoint, _ = _mine(request, channel_id)
        checked(EvidenceSerializer, request)
        show_state(endpoint=endpoint, evidence=json.dumps(request.data).encode())
        return _told(request, channel_id)


class FinaliseView(APIView):
    """The payout after a dispute."""

    scope = "trade"
    throttle_scope = "sensitive"

    @extend_schema(request=None, responses=StorySerializer)
    def post(self, request: Request, channel_id: str) -> Response:
        """Have the ledger pay out, once the time to answer is over."""
        endpoint, _ = _mine(request, channel_id)
        finalise(endpoint=endpoint, now=int(time.time()))
        return _told(request, channel_id)
