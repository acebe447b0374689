"""Tokens of meters and their operators: for programs that bring readings, and for nothing else."""

from dataclasses import dataclass

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from marketplace.trading.meters.selectors import token_of
from marketplace.trading.models import MeterToken

SCHEME = "Bearer"


@dataclass(frozen=True, slots=True)
class Courier:
    """Who shows a token: nobody with an account. `pk` is what rates are counted by."""

    pk: str
    is_authenticated: bool = True


class MeterTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer ...`."""

    def authenticate(self, request: Request) -> tuple[Courier, MeterToken] | None:
        """The token's holder; None where there is no token.

        Raises:
            AuthenticationFailed: there is no such token, or it was revoked.
        """
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != SCHEME.lower():
            return None
        token = token_of(secret.strip())
        if token is None:
            raise AuthenticationFailed("The token is unknown or was revoked; ask the metering operator.")
        return Courier(f"token-{token.pk}"), token


class MeterTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # spectacular's registry has no types
    """For the API's description."""

    target_class = MeterTokenAuthentication
    name = "meterToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """A bearer token."""
        del auto_schema
        return {"type": "http", "scheme": "bearer"}
