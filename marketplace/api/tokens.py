"""Tokens in place of a session: people's programs by scope, meters and their operators for readings alone."""

from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from marketplace.accounts.models import User
from marketplace.accounts.zones import zone_of
from marketplace.api.asker import asker_of, bearer
from marketplace.api.scopes import Needed, needed
from marketplace.programs.models import ProgramToken
from marketplace.programs.tokens import PREFIX
from marketplace.trading.models import MeterToken


class TokenUnknown(APIException):
    """The token opens nothing (RFC 6750)."""

    status_code = 401
    default_detail = gettext_lazy(
        "The token is unknown, has expired or was revoked; make a new one on the site."
    )
    default_code = "invalid_token"
    auth_header = 'Bearer error="invalid_token"'


class ScopeMissing(PermissionDenied):
    """The token is good, but not for this (RFC 6750)."""

    default_code = "insufficient_scope"

    def __init__(self, needs: Needed) -> None:
        words = _("A token can't do this: sign in on the site.")
        if needs.name != str(needs):
            words = _("The token lacks the scope %(scope)s.") % {"scope": needs}
            self.auth_header = f'Bearer error="insufficient_scope", scope="{needs}"'
        super().__init__(words)


class ProgramTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer wnp_...`. Scopes are judged here, so that no view's own permissions can forget them."""

    def authenticate(self, request: Request) -> tuple[User, ProgramToken] | None:
        """The token's person; None where there is no such token.

        Raises:
            TokenUnknown: It opens nothing.
            ScopeMissing: It does not open this.
        """
        http = request._request  # noqa: SLF001  DRF hides the Django request there
        if not bearer(http).startswith(PREFIX):
            return None
        token = asker_of(http).token
        if token is None:
            raise TokenUnknown
        needs = needed(request.parser_context["view"], request.method or "")
        if not needs.met_by(token.scopes):
            raise ScopeMissing(needs)
        timezone.activate(zone_of(token.user))
        return token.user, token


@dataclass(frozen=True, slots=True)
class Courier:
    """Who shows a meter's token: nobody with an account."""

    pk: str
    is_authenticated: bool = True


class MeterTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer wnm_...`."""

    def authenticate(self, request: Request) -> tuple[Courier, MeterToken] | None:
        """The token's holder; None where there is no token.

        Raises:
            AuthenticationFailed: there is no such token, or it was revoked.
        """
        http = request._request  # noqa: SLF001  DRF hides the Django request there
        if request.headers.get("Authorization", "").partition(" ")[0].lower() != "bearer":
            return None
        token = asker_of(http).meter_token
        if token is None:
            raise AuthenticationFailed(_("The token is unknown or was revoked; ask the metering operator."))
        return Courier(f"token-{token.pk}"), token
