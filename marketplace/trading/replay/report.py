"""A report as one HTML file that needs no other file and no network, and whose own policy lets it ask for none."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from marketplace.words.scripts import script_words

SCRIPTS = ("data", "charts", "drawing", "map", "matrix", "tables", "page")
TOP_PAIRS = 25
MOST_ROWS = 1000
_IMPORT = re.compile(r"^import .*?;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)
_FONT = re.compile(r"@font-face \{.*?\}\n", re.DOTALL)


def render_report(data: dict[str, Any]) -> str:
    """The page of a report's data (`grid.results.report.report_of`)."""
    script, sheet = _script(), _sheet()
    context = {
        "report": data,
        "top_pairs": _top_pairs(data),
        "by_saving": _both_ends(sorted(data["households"], key=lambda row: -row["saved"])),
        "data": _as_block(data),
        "language": (get_language() or settings.LANGUAGE_CODE)[:2],
        "words": _words(script),
        "script": SafeString(script),
        "sheet": SafeString(sheet),
        "policy": policy_of(script, sheet),
    }
    return render_to_string("replay/report.html", context)


def _top_pairs(data: dict[str, Any]) -> list[dict[str, Any]]:
    names = [row["name"] for row in data["households"]]
    keys = ("wh", "paid", "trades")
    return [
        {"seller": names[seller], "buyer": names[buyer], **dict(zip(keys, rest, strict=True))}
        for seller, buyer, *rest in data["trading"]["pairs"][:TOP_PAIRS]
    ]


def _both_ends(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many rows as a page can hold: those who saved most and those who saved least."""
    return rows if len(rows) <= MOST_ROWS else rows[: MOST_ROWS // 2] + rows[-MOST_ROWS // 2 :]


def report_policy() -> str:
    """What the page's own policy says, for whoever serves it."""
    return policy_of(_script(), _sheet())


def policy_of(script: str, sheet: str) -> str:
    """Nothing but this script and this sheet; no request to anywhere."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(sheet)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _as_block(data: dict[str, Any]) -> SafeString:
    """JSON that can stand in a script element: names come from people's files, so that no `<` may end it."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return SafeString(text)


def _words(script: str) -> SafeString | str:
    """What the script says, in the reader's language; English stands in the script itself."""
    said = {text: words for text, words in script_words(get_language()).items() if f'"{text}"' in script}
    return _as_block(said) if said else ""


def _script() -> str:
    """The modules one after the other; their names don't clash, so that imports and exports can go."""
    parts = (_read(f"trading/report/{name}.js") for name in SCRIPTS)
    return "\n" + "\n".join(_EXPORT.sub("", _IMPORT.sub("", part)) for part in parts)


def _sheet() -> str:
    """The design's tokens, with the system's fonts, and the report's own rules."""
    tokens = _FONT.sub("", _read("web/css/tokens.css"))
    rules = [_read(f"trading/report/{name}.css") for name in ("charts", "feeder", "report")]
    return "\n".join(("", tokens, *rules))


def _read(name: str) -> str:
    found = finders.find(name)
    if not isinstance(found, str):
        raise FileNotFoundError(f"The static file {name} is missing; is its app installed?")
    return Path(found).read_text(encoding="utf-8")
