"""The translated words of scripts, for pages that can't ask the site for them."""

import json

from django.conf import settings
from django.http import HttpRequest
from django.utils import translation
from django.views.i18n import JSONCatalog


def script_words(code: str | None) -> dict[str, str | list[str]]:
    """A language's texts by the English ones; lists are singular and plural. Nothing for English itself."""
    if code is None or code.startswith(settings.LANGUAGE_CODE):
        return {}
    with translation.override(code):
        answer = JSONCatalog(domain="djangojs", packages=["marketplace.web"]).get(HttpRequest())
    words: dict[str, str | list[str]] = json.loads(answer.content)["catalog"]
    return words
