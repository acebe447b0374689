"""My data: the export, who looked at my documents, how my applications were checked, the erasure."""

from typing import Any
from uuid import UUID

from django.contrib.auth import logout
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.accounts import export
from marketplace.accounts.errors import RefusedError
from marketplace.accounts.models import AuditEvent
from marketplace.accounts.services import record
from marketplace.api.fields import MomentField, StrictCharField
from marketplace.api.views import PagedView, checked, one, user_of
from marketplace.credit import selectors
from marketplace.credit.erasure import erase_participant, obstacles
from marketplace.credit.lookups import told, views_of
from marketplace.credit.reasons import in_words, title_of


class ExportView(APIView):
    """Everything that is kept of me."""

    scope = "session"
    throttle_scope = "sensitive"

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def get(self, request: Request) -> HttpResponse:
        """A ZIP: JSON by topic, and my documents."""
        user = user_of(request)
        record(actor=user, action="data.exported", subject=f"user {user.owner}", person=user)
        response = HttpResponse(export.archive(user), content_type="application/zip")
        response["Content-Disposition"] = 'attachment; filename="wattnote.zip"'
        response["Cache-Control"] = "private, no-store"
        return response


class LookSerializer(serializers.Serializer[Any]):
    """One view of one of my documents."""

    at = MomentField()
    is_own = serializers.BooleanField()
    merchant = serializers.CharField(help_text="Who looked; empty for myself and for staff of the site.")
    what = serializers.CharField()


class LooksView(PagedView):
    """Who looked at my documents."""

    scope = "profile"
    serializer_class = LookSerializer
    queryset = AuditEvent.objects.none()

    def get(self, request: Request) -> Response:
        """List the views, newest first."""
        user = user_of(request)
        page = self.paginate_queryset(views_of(user))
        rows = told(page or (), user)
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)


class OutcomeSerializer(serializers.Serializer[Any]):
    """How one check of my application came out."""

    code = serializers.CharField()
    title = serializers.CharField()
    outcome = serializers.ChoiceField(choices=["pass", "warn", "fail"])
    reason_code = serializers.CharField()
    reason = serializers.CharField()
    points = serializers.IntegerField()
    max_points = serializers.IntegerField()


class ApplicationChecksView(APIView):
    """How my application was checked."""

    scope = "credit"

    @extend_schema(responses=OutcomeSerializer(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        """The scorecard's parts, in the order in which the reviewer reads them."""
        application = one(selectors.own_applications(user_of(request)), pk=pk)
        rows = [
            {
                "code": result.code,
                "title": title_of(result),
                "outcome": result.outcome,
                "reason_code": result.reason_code,
                "reason": in_words(result),
                "points": result.points,
                "max_points": result.max_points,
            }
            for result in application.checks.all()
        ]
        return Response(OutcomeSerializer(rows, many=True).data)


class ObstacleSerializer(serializers.Serializer[Any]):
    """What must end before I can be erased."""

    code = serializers.CharField()
    words = serializers.CharField()


class ErasureSerializer(serializers.Serializer[Any]):
    """The address once more, since there is no way back, and the password where there is one."""

    email = StrictCharField(max_length=254)
    password = StrictCharField(max_length=128, required=False, trim_whitespace=False)


class ErasureView(APIView):
    """Erasure of my personal data."""

    scope = "session"
    throttle_scope = "sensitive"

    @extend_schema(responses=ObstacleSerializer(many=True))
    def get(self, request: Request) -> Response:
        """What stands in its way; nothing, where the list is empty."""
        return Response(ObstacleSerializer(obstacles(user_of(request)), many=True).data)

    @extend_schema(request=ErasureSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Make my personal data unreadable for good, and sign me out."""
        user, given = user_of(request), checked(ErasureSerializer, request)
        if given["email"].strip().lower() != user.email:
            problem = _("This is not the address of this account.")
            raise RefusedError("wrong_email", problem, {"email": [problem]})
        if user.has_usable_password() and not user.check_password(given.get("password", "")):
            problem = _("Give the account’s password: there is no way back.")
            raise RefusedError("wrong_password", problem, {"password": [problem]})
        erase_participant(user=user, actor=user)
        logout(request._request)  # noqa: SLF001  DRF hides the Django request there
        return Response(status=status.HTTP_204_NO_CONTENT)
