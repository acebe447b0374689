"""Problems outside the framework: whatever goes wrong under /api/, also before or after a view, has the one form."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _

from marketplace.accounts.errors import RefusedError

PROBLEM = "application/problem+json"
ROOT = "/api/"
FIRST_ERROR = 400
TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    422: "Unprocessable",
    429: "Too many requests",
    500: "Internal error",
    503: "Away",
}


def content(status: int, code: str, detail: str, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One problem's JSON; what it quotes is made encodable: a lone surrogate could not be sent back."""
    errors = {_sound(name): [_sound(text) for text in texts] for name, texts in (fields or {}).items()}
    title = TITLES.get(status) or HTTPStatus(status).phrase.capitalize()
    head = {"type": "about:blank", "title": title, "status": status}
    return {**head, "detail": _sound(detail), "code": code, "errors": errors}


def _sound(text: str) -> str:
    return text.encode(errors="replace").decode()


def response(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> JsonResponse:
    """A problem from outside the views."""
    return JsonResponse(
        content(status, code, detail), status=status, content_type=PROBLEM, headers=dict(headers or {})
    )


def refused(error: RefusedError, headers: Mapping[str, str] | None = None) -> JsonResponse:
    """A refusal of the domain, outside the views."""
    return response(error.status, error.code, error.detail, headers)


class ProblemMiddleware:
    """Puts pages of errors under /api/ into the form of problems."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer."""
        found = self._get_response(request)
        if found.status_code < FIRST_ERROR or not request.path_info.startswith(ROOT):
            return found
        if found.headers.get("Content-Type", "").startswith(PROBLEM):
            return found
        return _translated(found)


def _translated(found: HttpResponseBase) -> HttpResponse:
    words = {
        400: ("bad_request", _("The request can't be read.")),
        403: ("forbidden", _("This is not yours to do.")),
        404: ("not_found", _("There is no such thing, or it is not yours.")),
        405: (
            "method_not_allowed",
            _("This address does not take that method; Allow names those that it takes."),
        ),
    }
    fallback = ("error", _("Something went wrong here; it was written down. Try again later."))
    code, detail = words.get(found.status_code, fallback)
    kept = {name: value for name, value in found.headers.items() if name in ("Allow", "Retry-After")}
    made = response(found.status_code, code, detail, kept)
    made.cookies = found.cookies
    return made
