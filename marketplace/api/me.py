"""Me: who is signed in, and the profile."""

import re
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketplace.accounts.connection_words import METER_WORDS
from marketplace.accounts.connections import Wrong, read_connection
from marketplace.accounts.models import Participant, User
from marketplace.accounts.selectors import display_name, participant_of, wallet_of
from marketplace.accounts.services import PROFILE_FIELDS, update_profile
from marketplace.api.fields import AddressField, StrictCharField
from marketplace.api.views import checked, user_of
from marketplace.credit.selectors import active_agreement, operated_merchants
from marketplace.trading.services import ensure_prosumer


class MeSerializer(serializers.Serializer[Any]):
    """Who is signed in."""

    email = serializers.EmailField()
    owner = serializers.CharField()
    display_name = serializers.CharField()
    wallet = AddressField(allow_null=True)
    merchants = serializers.ListField(child=serializers.SlugField())
    agreement = serializers.UUIDField(allow_null=True)


def _me(user: User) -> dict[str, Any]:
    wallet, agreement = wallet_of(user), active_agreement(user)
    return {
        "email": user.email,
        "owner": user.owner,
        "display_name": display_name(user),
        "wallet": wallet.address if wallet else None,
        "merchants": list(operated_merchants(user).values_list("slug", flat=True)),
        "agreement": agreement.pk if agreement else None,
    }


class MeView(APIView):
    """The signed-in user."""

    scope = "profile"

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """Who I am here."""
        return Response(MeSerializer(_me(user_of(request))).data)


class ProfileSerializer(serializers.Serializer[Participant]):
    """A participant's profile; all but the display name is sealed at rest."""

    display_name = StrictCharField(max_length=40, min_length=2, required=False)
    legal_name = StrictCharField(max_length=120, allow_blank=True, allow_null=True, required=False)
    birth_date = StrictCharField(max_length=10, allow_blank=True, allow_null=True, required=False)
    street = StrictCharField(max_length=120, allow_blank=True, allow_null=True, required=False)
    postcode = StrictCharField(max_length=12, allow_blank=True, allow_null=True, required=False)
    city = StrictCharField(max_length=80, allow_blank=True, allow_null=True, required=False)
    country = StrictCharField(max_length=2, allow_blank=True, allow_null=True, required=False)
    meter_number = StrictCharField(max_length=60, allow_blank=True, allow_null=True, required=False)

    def validate_birth_date(self, value: str | None) -> str | None:
        """An ISO date, or nothing."""
        if value:
            try:
                return date.fromisoformat(value).isoformat()
            except ValueError:
                raise serializers.ValidationError(_("Must be a date, as 1990-12-31.")) from None
        return value

    def validate_meter_number(self, value: str | None) -> str | None:
        """A meter, market location or metering location in its plain form, or nothing."""
        found = read_connection(value) if value else None
        if isinstance(found, Wrong):
            raise serializers.ValidationError(str(METER_WORDS[found]), code=found.value)
        return found.number if found else value

    def validate_country(self, value: str | None) -> str | None:
        """Two letters, or nothing."""
        if value and not re.fullmatch("[A-Za-z]{2}", value):
            raise serializers.ValidationError(_("Must be the country's two letters, as DE."))
        return value.upper() if value else value


def _profile(user: User) -> dict[str, Any]:
    participant = participant_of(user)
    content = {name: getattr(participant, name, None) for name in PROFILE_FIELDS}
    return {**content, "display_name": display_name(user)}


class ProfileView(APIView):
    """My profile."""

    scope = "profile"

    @extend_schema(responses=ProfileSerializer)
    def get(self, request: Request) -> Response:
        """What I said about myself."""
        return Response(_profile(user_of(request)))

    @extend_schema(request=ProfileSerializer, responses=ProfileSerializer)
    def patch(self, request: Request) -> Response:
        """Change some of it."""
        user = user_of(request)
        update_profile(user=user, changes=checked(ProfileSerializer, request, partial=True))
        ensure_prosumer(user=user)
        return Response(_profile(user))
