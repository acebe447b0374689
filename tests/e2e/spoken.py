"""What the site says in a reader's language, by its English text: the journeys find things by their words."""

import gettext
import re
from functools import cache
from pathlib import Path

import allauth

LOCALE = Path(__file__).resolve().parents[2] / "marketplace" / "locale"
CATALOGUES = {
    LOCALE: ("django", "djangojs"),
    Path(allauth.__file__).parent / "locale": ("django",),
}
_GAP = re.compile(r"%\(\w+\)s")


@cache
def _words(language: str) -> dict[str, str]:
    """Every text of a language; what comes first counts."""
    found: dict[str, str] = {}
    for folder, names in CATALOGUES.items():
        for name in names:
            catalogue = gettext.translation(name, folder, [language])
            for text, said in vars(catalogue)["_catalog"].items():
                if isinstance(text, str):
                    found.setdefault(text, said)
    return found


def say(text: str, language: str) -> str:
    """The text as the site says it.

    Raises:
        KeyError: The site has no such text in that language.
    """
    return text if language == "en" else _words(language)[text]


def part(text: str, language: str) -> str:
    """The longest piece of a text without its values, to be looked for."""
    return max(_GAP.split(say(text, language)), key=len).strip()
