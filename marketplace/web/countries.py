"""Countries by their names in the reader's language (ISO 3166, names of pycountry)."""

import gettext
from functools import lru_cache

import pycountry
from django.utils.translation import get_language

FIRST = ("DE", "AT", "CH")


@lru_cache(maxsize=8)
def _named(language: str) -> tuple[tuple[str, str], ...]:
    words = gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language], fallback=True)
    names = {one.alpha_2: words.gettext(getattr(one, "common_name", one.name)) for one in pycountry.countries}
    first = tuple((code, names.pop(code)) for code in FIRST)
    return first + tuple(sorted(names.items(), key=lambda pair: pair[1].casefold()))


def countries() -> tuple[tuple[str, str], ...]:
    """Codes and names, the most likely ones first."""
    return _named(get_language() or "en")
