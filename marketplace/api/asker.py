"""Who asks: a signed-in person, or the holder of a token. Found once for each request, for limits, keys and the views."""

import ipaddress
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest

from marketplace.accounts.models import User
from marketplace.programs.models import ProgramToken
from marketplace.programs.tokens import PREFIX, find_token
from marketplace.trading.meters.selectors import token_of
from marketplace.trading.models import MeterToken

SCHEME = "bearer"


@dataclass(frozen=True, slots=True)
class Asker:
    """`name` tells askers apart; `user` is None for meters' tokens and strangers."""

    name: str
    user: User | None = None
    token: ProgramToken | None = None
    meter_token: MeterToken | None = None


STRANGER = Asker("")


def bearer(request: HttpRequest) -> str:
    """The token that the request shows, or nothing."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == SCHEME else ""


def asker_of(request: HttpRequest) -> Asker:
    """Who asks; a token goes before a session, and one that is not known makes a stranger."""
    found: Asker | None = request.__dict__.get("_wattnote_asker")
    if found is None:
        found = request.__dict__["_wattnote_asker"] = _by_token(bearer(request)) or _by_session(request)
    return found


def _by_token(secret: str) -> Asker | None:
    if secret.startswith(PREFIX):
        token = find_token(secret)
        return Asker(f"token-{token.pk}", token.user, token) if token else STRANGER
    meter_token = token_of(secret) if secret else None
    return Asker(f"meters-{meter_token.pk}", meter_token=meter_token) if meter_token else None


def _by_session(request: HttpRequest) -> Asker:
    user = getattr(request, "user", None)
    return Asker(f"user-{user.pk}", user) if isinstance(user, User) and user.is_active else STRANGER


def address_of(request: HttpRequest) -> str:
    """Where the request comes from, as far as the proxies in front can be believed; of IPv6 the network."""
    hops = settings.AXES_IPWARE_PROXY_COUNT
    said = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    text = said[-min(hops, len(said))] if hops and said else request.META.get("REMOTE_ADDR") or ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
