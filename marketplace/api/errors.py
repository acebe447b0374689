"""Errors as `application/problem+json` (RFC 9457)."""

from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation, ValidationError
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from channels_engine.core.errors import ProtocolError
from marketplace.accounts.errors import RefusedError
from marketplace.api.problems import PROBLEM, content
from marketplace.words import protocol


class TooLarge(exceptions.APIException):
    """The body is larger than allowed."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = gettext_lazy("The body is too large.")
    default_code = "too_large"


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: everything that a client caused, in one form; the rest stays a 500."""
    if isinstance(error, RefusedError):
        set_rollback()
        return answer(error.status, error.code, error.detail, error.fields)
    if isinstance(error, exceptions.APIException):
        return _of_framework(error, context)
    return _of_django(error)


def _of_django(error: Exception) -> Response | None:
    if isinstance(error, Http404):
        return answer(404, "not_found", _("There is no such thing, or it is not yours."), {})
    if isinstance(error, PermissionDenied):
        return answer(403, "forbidden", str(error) or _("This is not yours to do."), {})
    if isinstance(error, SuspiciousOperation | ValidationError):
        return answer(400, "bad_request", _("The request can't be read."), {})
    if isinstance(error, ProtocolError):
        return answer(400, error.code, protocol.refusal(error), {})
    return None


def _of_framework(error: exceptions.APIException, context: dict[str, Any]) -> Response:
    plain = exception_handler(error, context)
    fields = error.detail if isinstance(error, exceptions.ValidationError) else {}
    named = _by_field(fields)
    detail = _("Something in the request is wrong.") if named else str(error.detail)
    code = "invalid" if named else str(getattr(error.detail, "code", error.default_code))
    return answer(error.status_code, code, detail, named, headers=dict(plain.headers) if plain else None)


def _by_field(detail: Any) -> dict[str, list[str]]:
    if isinstance(detail, list):
        return {"non_field_errors": [str(item) for item in detail]} if detail else {}
    if isinstance(detail, dict):
        return {name: [str(item) for item in _flat(messages)] for name, messages in detail.items()}
    return {}


def _flat(messages: Any) -> list[Any]:
    if isinstance(messages, dict):
        return [item for inner in messages.values() for item in _flat(inner)]
    if isinstance(messages, list):
        return [item for inner in messages for item in _flat(inner)]
    return [messages]


def answer(
    status_code: int,
    code: str,
    detail: str,
    fields: dict[str, list[str]],
    headers: dict[str, str] | None = None,
) -> Response:
    """One problem."""
    kept = {name: value for name, value in (headers or {}).items() if name != "Content-Type"}
    said = content(status_code, code, detail, fields)
    return Response(said, status=status_code, headers=kept, content_type=PROBLEM)
