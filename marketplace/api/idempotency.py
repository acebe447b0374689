"""`Idempotency-Key` on requests that write, as draft-ietf-httpapi-idempotency-key-header describes it.

The answer is stored in the same transaction as the work. Views that bring something to the ledger
(`throttle_scope = "sensitive"`) can't do that: they must keep what they send before they send it. They run as ever, the
answer is stored after them, and what a crash between leaves is found by the nonces that they carry. Views that show a
secret once say `keeps_answer = False`: they are done once, and their answer is not kept.
"""

import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from marketplace.accounts.errors import RefusedError
from marketplace.api.asker import asker_of
from marketplace.api.limits import SENSITIVE
from marketplace.api.problems import ROOT, refused, response
from marketplace.programs import answers
from marketplace.programs.answers import Asked, ClaimLostError
from marketplace.programs.models import KeptAnswer

SAFE = ("GET", "HEAD", "OPTIONS")
_KEY = re.compile(r'"?([!#-\[\]-~]{1,255})"?', re.ASCII)
_BOUNDARY = re.compile(r"boundary=\"?([^\";,]+)", re.IGNORECASE)
NOT_KEPT = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
KEPT_HEADERS = ("Content-Type", "Content-Language", "Location")
View = Callable[..., Any]


class IdempotencyMiddleware:
    """Does what has a key once. The last in line: who asks and how often is settled by then."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer."""
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """Answer in place of the view where there is a key."""
        said = request.headers.get("Idempotency-Key")
        if said is None or request.method in SAFE or not request.path_info.startswith(ROOT):
            return None
        asker = asker_of(request)
        if asker.user is None:
            return None
        key = _KEY.fullmatch(said.strip())
        if key is None:
            detail = _("An Idempotency-Key has 1 to 255 visible characters, best a fresh UUID.")
            return response(400, "idempotency_key", detail)
        fingerprint = _fingerprint(request)
        if fingerprint is None:
            return response(413, "too_large", _("The body is too large."))
        asked = Asked(asker.user, asker.name, key[1], fingerprint)
        return _once(asked, getattr(view, "cls", None), lambda: view(request, *args, **kwargs))


def _fingerprint(request: HttpRequest) -> str | None:
    """What tells requests apart, keyed: bodies hold personal data. None where the body is longer than any may be."""
    limit = settings.FILE_UPLOAD_MAX_MEMORY_SIZE
    raw = request.read(limit + 1)
    if len(raw) > limit:
        return None
    request._body = raw  # noqa: SLF001  Django's own place for a body that was read
    kind = request.headers.get("Content-Type", "")
    boundary = _BOUNDARY.search(kind)
    if boundary:  # a client makes a new one for each attempt
        raw, kind = raw.replace(boundary[1].encode(errors="replace"), b""), kind.partition(";")[0]
    text = f"{request.method} {request.get_full_path()} {kind}\n".encode(errors="replace")
    return salted_hmac("wattnote.idempotency", text + raw, algorithm="sha256").hexdigest()


def _once(asked: Asked, view: object, work: Callable[[], Any]) -> HttpResponseBase:
    try:
        row, mine = answers.claim(asked, now=time.time())
    except RefusedError as error:
        return refused(error, {"Retry-After": "1"} if error.code == "idempotency_in_progress" else None)
    if not mine:
        return _replayed(row)
    try:
        return _worked(row, view, work)
    except ClaimLostError as error:
        return refused(error)
    finally:
        answers.release(row)


def _worked(row: KeptAnswer, view: object, work: Callable[[], Any]) -> HttpResponseBase:
    if getattr(view, "throttle_scope", None) == SENSITIVE:
        return _stored(row, view, work())
    with transaction.atomic():
        found = _stored(row, view, work())
        if found.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            transaction.set_rollback(True)
        return found


def _stored(row: KeptAnswer, view: object, found: Any) -> HttpResponseBase:
    """The answer, kept unless it says that nothing was tried."""
    done: HttpResponseBase = found.render() if hasattr(found, "render") else found
    if done.status_code in NOT_KEPT or done.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or done.streaming:
        return done
    keeps = getattr(view, "keeps_answer", True) or done.status_code >= HTTPStatus.BAD_REQUEST
    body = found.content.decode() if keeps else ""
    headers = {name: done.headers[name] for name in KEPT_HEADERS if name in done.headers}
    answers.finish(row, status=done.status_code, headers=headers if keeps else {}, body=body)
    return done


def _replayed(row: KeptAnswer) -> HttpResponse:
    if not row.headers and row.status != HTTPStatus.NO_CONTENT:
        detail = _(
            "This was done with the same Idempotency-Key; its answer held a secret and is not shown twice."
        )
        return response(409, "answer_not_kept", detail)
    made = HttpResponse(row.body or "", status=row.status, headers=row.headers)
    made.headers["Idempotency-Replayed"] = "true"
    return made
