"""Addresses that take only forms, opened as pages: after signing in again, by "back", or by a reload."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render


class WrongWayMiddleware:
    """Such an address would be an empty page: it says that nothing was sent, and how to go on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer, with words where it has none."""
        answer = self._get_response(request)
        is_page = request.method == "GET" and not request.path.startswith("/api/")
        if not (is_page and isinstance(answer, HttpResponseNotAllowed) and not answer.content):
            return answer
        page = render(request, "405.html", status=answer.status_code)
        page["Allow"] = answer["Allow"]
        return page
