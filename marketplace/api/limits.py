"""How often somebody may ask: buckets by address, person and token, and a small one for what is sensitive.

Says so in the header fields of draft-ietf-httpapi-ratelimit-headers. Signing in is guarded by axes and allauth.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from marketplace.api.asker import address_of, asker_of
from marketplace.api.problems import ROOT, response
from marketplace.programs.buckets import Policy, Taken, take

SENSITIVE = "sensitive"


def _policy(name: str) -> Policy | None:
    held = settings.API_LIMITS.get(name)
    return Policy(name, *held) if held else None


def _buckets(request: HttpRequest, view: object) -> Iterator[tuple[str, str]]:
    asker, address = asker_of(request), address_of(request)
    yield "address", address
    if not asker.name:
        yield "stranger", address
    if asker.user is not None:
        yield "person", str(asker.user.pk)
    if asker.token is not None or asker.meter_token is not None:
        yield "token", asker.name
    if getattr(view, "throttle_scope", None) == SENSITIVE:
        yield SENSITIVE, str(asker.user.pk) if asker.user is not None else address


def spend(request: HttpRequest, view: object) -> list[Taken]:
    """Take one request out of each bucket that it counts for, up to the first that is empty."""
    taken: list[Taken] = []
    for name, who in _buckets(request, view):
        policy = _policy(name)
        if policy is not None:
            taken.append(take(policy, who))
            if taken[-1].retry_s:
                break
    return taken


def describe(found: HttpResponseBase, taken: list[Taken]) -> None:
    """Name the policies, and what is left of each."""
    policies = (f'"{one.policy.name}";q={one.policy.quota};w={one.policy.window_s}' for one in taken)
    found.headers["RateLimit-Policy"] = ", ".join(policies)
    rest = (f'"{one.policy.name}";r={one.left};t={one.retry_s or one.full_s}' for one in taken)
    found.headers["RateLimit"] = ", ".join(rest)


class LimitMiddleware:
    """Counts requests under /api/, and turns away what is too much."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, with what is left."""
        found = self._get_response(request)
        taken = request.__dict__.get("_wattnote_taken")
        if taken:
            describe(found, taken)
        return found

    def process_view(
        self, request: HttpRequest, view: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """Turn it away where a bucket is empty."""
        del args, kwargs
        if not settings.API_LIMITS or not request.path_info.startswith(ROOT):
            return None
        taken = request.__dict__["_wattnote_taken"] = spend(request, getattr(view, "cls", None))
        wait_s = taken[-1].retry_s if taken else 0
        if not wait_s:
            return None
        detail = _("Too many requests: ask again in %(seconds)d seconds.") % {"seconds": wait_s}
        return response(429, "throttled", detail, {"Retry-After": str(wait_s)})
