"""Notices: what I was told, where else I want to hear of it, and which browsers show it."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.api.fields import MomentField, SafeIntegerField, StrictCharField
from marketplace.api.views import PagedView, asked, checked, one, user_of
from marketplace.notifications import services
from marketplace.notifications.kinds import KINDS
from marketplace.notifications.models import Notice, PushDevice
from marketplace.notifications.outlets.pushing import public_key
from marketplace.notifications.selectors import devices_of, notices_of, unread_count, wish_of, wishes_of
from marketplace.notifications.wording import worded

NEWEST = 3
KIND_CHOICES = [(name, name) for name in KINDS]


class NoticeSerializer(serializers.Serializer[Any]):
    """A notice in the words of the asker's language."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    title = serializers.CharField()
    text = serializers.CharField()
    url = serializers.CharField(allow_blank=True, help_text="Path of the page where it can be dealt with.")
    created_at = MomentField()
    read_at = MomentField(allow_null=True)


class NoticesQuerySerializer(serializers.Serializer[Any]):
    """Which notices."""

    kind = serializers.ChoiceField(choices=KIND_CHOICES, required=False)
    unread = serializers.BooleanField(required=False, default=False)


class ReadSerializer(serializers.Serializer[Any]):
    """Which notice was read; all, where none is named."""

    notice = SafeIntegerField(min_value=1, required=False)


class UnreadSerializer(serializers.Serializer[Any]):
    """How many are unread, counted up to 99, and the newest of them."""

    unread = serializers.IntegerField()
    newest = NoticeSerializer(many=True)


class WishSerializer(serializers.Serializer[Any]):
    """Where I hear of a kind; on the site it stands always."""

    kind = serializers.ChoiceField(choices=KIND_CHOICES)
    email = serializers.BooleanField()
    push = serializers.BooleanField()


class DeviceSerializer(serializers.Serializer[PushDevice]):
    """A browser that shows my notices."""

    id = serializers.UUIDField()
    name = serializers.CharField(allow_blank=True)
    created_at = MomentField()


class DevicesSerializer(serializers.Serializer[Any]):
    """The site's key for browsers that subscribe (VAPID), and my devices."""

    key = serializers.CharField(help_text="P-256 point, base64url: `applicationServerKey` of a subscription.")
    devices = DeviceSerializer(many=True)


class SubscriptionSerializer(serializers.Serializer[Any]):
    """A browser's push subscription (RFC 8291)."""

    endpoint = StrictCharField(max_length=600)
    p256dh = StrictCharField(max_length=100)
    auth = StrictCharField(max_length=40)
    name = StrictCharField(max_length=60, required=False, allow_blank=True)


def _shown(rows: list[Notice]) -> list[dict[str, Any]]:
    names = ("id", "kind", "url", "created_at", "read_at")
    return [
        {**{name: getattr(row, name) for name in names}, "title": words.title, "text": words.text}
        for row, words in worded(rows)
    ]


class NoticesView(PagedView):
    """My notices."""

    scope = "notices"
    serializer_class = NoticeSerializer
    queryset = Notice.objects.none()

    def present(self, rows: list[Any]) -> list[Any]:
        """In words."""
        return _shown(rows)

    @extend_schema(parameters=[NoticesQuerySerializer])
    def get(self, request: Request) -> Response:
        """List my notices, the newest first."""
        return self.listed(notices_of(user_of(request), **asked(NoticesQuerySerializer, request)))


class UnreadView(APIView):
    """What is new."""

    scope = "notices"

    @extend_schema(responses=UnreadSerializer)
    def get(self, request: Request) -> Response:
        """How many notices are unread, and the newest three of them; cheap enough to be asked twice a minute."""
        user = user_of(request)
        newest = list(notices_of(user, unread=True)[:NEWEST])
        unread = unread_count(user) if len(newest) == NEWEST else len(newest)
        return Response(UnreadSerializer({"unread": unread, "newest": _shown(newest)}).data)


class NoticesReadView(APIView):
    """Marking as read."""

    scope = "notices"

    @extend_schema(request=ReadSerializer, responses=UnreadSerializer)
    def post(self, request: Request) -> Response:
        """Mark one notice as read, or all; what is unread then."""
        user = user_of(request)
        said = checked(ReadSerializer, request)
        if "notice" in said:
            one(notices_of(user), pk=said["notice"])
        services.mark_read(user=user, notice=said.get("notice"))
        newest = list(notices_of(user, unread=True)[:NEWEST])
        return Response(UnreadSerializer({"unread": unread_count(user), "newest": _shown(newest)}).data)


class PreferencesView(APIView):
    """Where I hear of what."""

    scope = "notices"

    @extend_schema(responses=WishSerializer(many=True), operation_id="notices_preferences_list")
    def get(self, request: Request) -> Response:
        """By kind; what I never said is as the kind has it."""
        return Response(WishSerializer(list(wishes_of(user_of(request)).values()), many=True).data)

    @extend_schema(request=WishSerializer, responses=WishSerializer)
    def put(self, request: Request) -> Response:
        """Say it for one kind."""
        user, said = user_of(request), checked(WishSerializer, request)
        services.prefer(user=user, **said)
        return Response(WishSerializer(wish_of(user, said["kind"])).data)


class DevicesView(APIView):
    """Browsers that show my notices."""

    scope = "notices"

    @extend_schema(responses=DevicesSerializer)
    def get(self, request: Request) -> Response:
        """My devices, and the key with which a browser subscribes."""
        devices = devices_of(user_of(request))
        return Response(DevicesSerializer({"key": public_key(), "devices": devices}).data)

    @extend_schema(request=SubscriptionSerializer, responses={201: DeviceSerializer})
    def post(self, request: Request) -> Response:
        """Have a browser show my notices; the same one again only changes its keys."""
        device = services.add_device(user=user_of(request), **checked(SubscriptionSerializer, request))
        return Response(DeviceSerializer(device).data, status=status.HTTP_201_CREATED)


class DeviceView(APIView):
    """One of my devices."""

    scope = "notices"

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """It shows no more notices."""
        device = one(devices_of(user_of(request)), pk=pk)
        services.drop_device(user=user_of(request), pk=str(device.pk))
        return Response(status=status.HTTP_204_NO_CONTENT)
