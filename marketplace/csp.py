"""Content security policies by area of the site."""

from csp.middleware import CSPMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse


class PolicyByAreaMiddleware(CSPMiddleware):
    """The strict policy everywhere; the admin's own under the admin's path."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Choose the policy, unless the view chose one itself."""
        if request.path_info.startswith(reverse("admin:index")) and not hasattr(response, "_csp_config"):
            response._csp_config = settings.ADMIN_CSP  # type: ignore[attr-defined]  # noqa: SLF001  django-csp's own hook
        return super().process_response(request, response)
