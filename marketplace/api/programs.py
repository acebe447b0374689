"""My tokens. Only people who are signed in see or make them: a token can't make another one."""

from typing import Any
from uuid import UUID

from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.accounts.errors import RefusedError
from marketplace.api.fields import MomentField, SafeIntegerField, StrictCharField
from marketplace.api.views import PagedView, checked, one, user_of
from marketplace.programs.models import ProgramToken
from marketplace.programs.scopes import every
from marketplace.programs.tokens import LONGEST_DAYS, make_token, own_tokens, revoke_token


class AgainError(RefusedError):
    """Being signed in is not enough; it must be recent."""

    status = 403


class ProgramTokenSerializer(serializers.Serializer[ProgramToken]):
    """A token, without its secret."""

    id = serializers.UUIDField()
    label = serializers.CharField()  # type: ignore[assignment]  # a declared field hides Field.label here only
    begins = serializers.CharField(help_text="How the secret begins.")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=[(name, name) for name in every()]))
    created_at = MomentField()
    expires_at = MomentField()
    used_at = MomentField(allow_null=True)
    revoked_at = MomentField(allow_null=True)


class NewTokenSerializer(serializers.Serializer[Any]):
    """What a token is for, what it may, and for how long."""

    label = StrictCharField(max_length=60)  # type: ignore[assignment]  # a declared field hides Field.label here only
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=[(name, name) for name in every()]),
        allow_empty=False,
        max_length=40,
    )
    days = SafeIntegerField(min_value=1, max_value=LONGEST_DAYS)


class MadeTokenSerializer(ProgramTokenSerializer):
    """A new token with its secret, shown this once."""

    secret = serializers.CharField()


def require_recent_sign_in(request: Request) -> None:
    """Let nobody through who signed in long ago.

    Raises:
        AgainError: with the page where to sign in again.
    """
    http = request._request  # noqa: SLF001  DRF hides the Django request there
    if is_reauthentication_required(http, app=""):
        where = reverse("account_reauthenticate")
        raise AgainError("sign_in_again", _("Confirm who you are at %(page)s first.") % {"page": where})


class TokensView(PagedView):
    """My tokens."""

    scope = "session"
    keeps_answer = False
    throttle_scope = "sensitive"
    serializer_class = ProgramTokenSerializer
    queryset = ProgramToken.objects.none()

    def get(self, request: Request) -> Response:
        """List my tokens, the newest first; also those that ended."""
        return self.listed(own_tokens(user_of(request)))

    @extend_schema(request=NewTokenSerializer, responses={201: MadeTokenSerializer})
    def post(self, request: Request) -> Response:
        """Make one; needs a recent sign-in, and shows the secret this once."""
        require_recent_sign_in(request)
        token, secret = make_token(user=user_of(request), **checked(NewTokenSerializer, request))
        shown = dict(ProgramTokenSerializer(token).data)
        return Response({**shown, "secret": secret}, status=status.HTTP_201_CREATED)


class TokenView(APIView):
    """One of my tokens."""

    scope = "session"

    @extend_schema(responses=ProgramTokenSerializer, operation_id="tokens_retrieve")
    def get(self, request: Request, pk: UUID) -> Response:
        """What it may, and when it was last used."""
        return Response(ProgramTokenSerializer(one(own_tokens(user_of(request)), pk=pk)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """End it at once; it stays in the list."""
        revoke_token(token=one(own_tokens(user_of(request)), pk=pk))
        return Response(status=status.HTTP_204_NO_CONTENT)
