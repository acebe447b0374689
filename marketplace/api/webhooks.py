"""My webhooks: where my programs hear of things, what was sent there, and how it went."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.api.fields import MomentField, StrictBooleanField, StrictCharField
from marketplace.api.views import PagedView, checked, one, user_of
from marketplace.programs import webhooks
from marketplace.programs.models import Delivery, Webhook
from marketplace.programs.posting import LONGEST_URL


class WebhookSerializer(serializers.Serializer[Webhook]):
    """A webhook, without its secret."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.CharField(), help_text="Names, or * for all.")
    created_at = MomentField()
    failing_since = MomentField(allow_null=True)
    disabled_at = MomentField(
        allow_null=True, help_text="When it was switched off, by me or after days of failures."
    )


class NewWebhookSerializer(serializers.Serializer[Any]):
    """Where to send what."""

    url = StrictCharField(max_length=LONGEST_URL)
    events = serializers.ListField(child=StrictCharField(max_length=60), allow_empty=False, max_length=100)


class ChangedWebhookSerializer(serializers.Serializer[Any]):
    """What to change."""

    url = StrictCharField(max_length=LONGEST_URL, required=False)
    events = serializers.ListField(
        child=StrictCharField(max_length=60), allow_empty=False, max_length=100, required=False
    )
    enabled = StrictBooleanField(required=False)


class WebhookSecretSerializer(serializers.Serializer[Any]):
    """The secret, shown this once."""

    secret = serializers.CharField()


class MadeWebhookSerializer(WebhookSerializer):
    """A new webhook with its secret, shown this once."""

    secret = serializers.CharField()


class WebhookDeliverySerializer(serializers.Serializer[Delivery]):
    """Something that was sent, or is on its way."""

    id = serializers.UUIDField()
    event = serializers.CharField()
    state = serializers.ChoiceField(choices=Delivery.State.choices)
    attempts = serializers.IntegerField()
    status = serializers.IntegerField(allow_null=True, help_text="The receiver's last answer.")
    failure = serializers.CharField()
    created_at = MomentField()
    done_at = MomentField(allow_null=True)


class WebhooksView(PagedView):
    """My webhooks."""

    scope = "notices"
    keeps_answer = False
    serializer_class = WebhookSerializer
    queryset = Webhook.objects.none()

    def get(self, request: Request) -> Response:
        """List my webhooks, the newest first."""
        return self.listed(webhooks.own_webhooks(user_of(request)))

    @extend_schema(request=NewWebhookSerializer, responses={201: MadeWebhookSerializer})
    def post(self, request: Request) -> Response:
        """Register an address; its secret is shown this once."""
        hook, secret = webhooks.add_webhook(user=user_of(request), **checked(NewWebhookSerializer, request))
        shown = dict(WebhookSerializer(hook).data)
        return Response({**shown, "secret": secret}, status=status.HTTP_201_CREATED)


def _own(request: Request, pk: UUID) -> Webhook:
    return one(webhooks.own_webhooks(user_of(request)), pk=pk)


class WebhookView(APIView):
    """One of my webhooks."""

    scope = "notices"

    @extend_schema(responses=WebhookSerializer, operation_id="webhooks_retrieve")
    def get(self, request: Request, pk: UUID) -> Response:
        """Where it goes, and whether it does."""
        return Response(WebhookSerializer(_own(request, pk)).data)

    @extend_schema(request=ChangedWebhookSerializer, responses=WebhookSerializer)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Change it, or switch it off and on."""
        hook = _own(request, pk)
        webhooks.change_webhook(webhook=hook, **checked(ChangedWebhookSerializer, request, partial=True))
        return Response(WebhookSerializer(_own(request, pk)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Forget it."""
        webhooks.remove_webhook(webhook=_own(request, pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class WebhookSecretView(APIView):
    """A new secret."""

    scope = "notices"
    keeps_answer = False

    @extend_schema(request=None, responses=WebhookSecretSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        """Change the secret; for a day the old one signs too."""
        return Response({"secret": webhooks.rotate_secret(webhook=_own(request, pk))})


class WebhookPingView(APIView):
    """A test."""

    scope = "notices"

    @extend_schema(request=None, responses={202: WebhookDeliverySerializer})
    def post(self, request: Request, pk: UUID) -> Response:
        """Send the event `ping`."""
        made = webhooks.ping(webhook=_own(request, pk))
        return Response(WebhookDeliverySerializer(made).data, status=status.HTTP_202_ACCEPTED)


class DeliveriesView(PagedView):
    """What was sent."""

    scope = "notices"
    serializer_class = WebhookDeliverySerializer
    queryset = Delivery.objects.none()

    @extend_schema(operation_id="webhooks_deliveries_list")
    def get(self, request: Request, pk: UUID) -> Response:
        """List it, the newest first; a month is kept."""
        return self.listed(webhooks.deliveries_of(_own(request, pk)))


class ResendView(APIView):
    """Once more."""

    scope = "notices"

    @extend_schema(request=None, responses={202: WebhookDeliverySerializer})
    def post(self, request: Request, pk: UUID, delivery: UUID) -> Response:
        """Send it again, with the same id."""
        found = one(webhooks.deliveries_of(_own(request, pk)).select_related("webhook__user"), pk=delivery)
        webhooks.resend(delivery=found)
        return Response(WebhookDeliverySerializer(found).data, status=status.HTTP_202_ACCEPTED)
