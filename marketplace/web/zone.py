"""By which clock a page tells times: that of the device (`site.js` says it in a cookie)."""

import time
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin

from marketplace import formats
from marketplace.accounts.models import User
from marketplace.accounts.zones import feeder_zone, keep_zone, zone_named, zone_of

COOKIE = "zone"
_API = "/api/"


def told_by(_request: HttpRequest) -> dict[str, Any]:
    """Context of every page: how far its clock is from UTC now."""
    return {"utc_offset": formats.utc_offset(time.time())}


class ZoneMiddleware(MiddlewareMixin):
    """The zone that the device said, else the one kept with the account, else the feeder's.

    Under `/api/` nobody is asked who they are for this: a token brings its person's clock (`api.tokens`).
    """

    def process_request(self, request: HttpRequest) -> None:
        """Choose for this request; an account keeps what its device says."""
        name = request.COOKIES.get(COOKIE, "")
        zone = zone_named(name)
        signed_in = settings.SESSION_COOKIE_NAME in request.COOKIES
        user = request.user if signed_in and not request.path_info.startswith(_API) else None
        if isinstance(user, User):
            keep_zone(user=user, name=name)
            zone = zone or zone_of(user)
        timezone.activate(zone or feeder_zone())

    def process_response(self, _request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """The next request has its own."""
        timezone.deactivate()
        return response
