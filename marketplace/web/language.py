"""Which language a page speaks, how a reader changes it, and the words of its scripts."""

import gzip
import hashlib
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.urls import reverse
from django.utils import translation
from django.views.decorators.http import require_GET, require_POST
from django.views.i18n import JavaScriptCatalog, set_language

from marketplace.accounts.languages import choose_language
from marketplace.accounts.models import User

_YEAR_S = 31_536_000
_API = "/api/"


class LanguageMiddleware(LocaleMiddleware):
    """The reader's choice on this device, else the one kept with their account, else what their browser asks for.

    Programs get what they ask for by `Accept-Language`, whatever cookies they carry.
    """

    def process_request(self, request: HttpRequest) -> None:
        """Choose and keep to it for this request."""
        code = self._code(request)
        translation.activate(code)
        request.LANGUAGE_CODE = translation.get_language()

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Name the language; what is kept for good is the same for everybody."""
        if "immutable" in response.get("Cache-Control", ""):
            return response
        return super().process_response(request, response)

    def _code(self, request: HttpRequest) -> str:
        if request.path_info.startswith(_API):
            request.COOKIES.pop(settings.LANGUAGE_COOKIE_NAME, None)
        elif settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
            kept = (
                getattr(request.user, "language", "")
                if settings.SESSION_COOKIE_NAME in request.COOKIES
                else ""
            )
            if kept:
                return str(kept)
        return translation.get_language_from_request(request)


@require_POST
def choose(request: HttpRequest) -> HttpResponseBase:
    """Change the language of this device, and of the account that is signed in here."""
    code = request.POST.get("language", "")
    if isinstance(request.user, User) and code in dict(settings.LANGUAGES):
        choose_language(user=request.user, code=code)
    return set_language(request)


class Catalogue(NamedTuple):
    """A language's words for scripts, as a compressed script."""

    digest: str
    packed: bytes


@lru_cache
def catalogue(code: str) -> Catalogue:
    """Made once a process: it changes with the code only."""
    with translation.override(code):
        script = JavaScriptCatalog(domain="djangojs", packages=["marketplace.web"]).get(HttpRequest()).content
    return Catalogue(hashlib.sha256(script).hexdigest()[:16], gzip.compress(script, mtime=0))


def words_url(code: str) -> str:
    """Where the words of a language's scripts are; nothing for English, which stands in the scripts themselves."""
    if code == settings.LANGUAGE_CODE:
        return ""
    return reverse("web:words", args=(code, catalogue(code).digest))


@require_GET
def words(request: HttpRequest, code: str, digest: str) -> HttpResponse:
    """The words, for good: their address changes with them."""
    if code not in dict(settings.LANGUAGES) or digest != catalogue(code).digest:
        raise Http404
    packed = catalogue(code).packed
    takes_gzip = "gzip" in request.headers.get("Accept-Encoding", "")
    answer = HttpResponse(packed if takes_gzip else gzip.decompress(packed), "text/javascript; charset=utf-8")
    answer["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable"
    answer["Vary"] = "Accept-Encoding"
    if takes_gzip:
        answer["Content-Encoding"] = "gzip"
    return answer


def spoken(_request: HttpRequest) -> dict[str, Any]:
    """Context of every page: its language, the others, and its scripts' words."""
    code = translation.get_language() or settings.LANGUAGE_CODE
    return {
        "LANGUAGE_CODE": code,
        "languages": [
            (one, translation.get_language_info(one)["name_local"]) for one, _name in settings.LANGUAGES
        ],
        "words_url": words_url(code),
    }
