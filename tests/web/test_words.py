"""Nothing on the site is said in one language only."""

import gettext
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from grid.results import findings, tables
from marketplace.studies.choices import mechanism_names
from marketplace.studies.library import shipped
from marketplace.web import extraction
from marketplace.words import cores
from tests.system_parts import require

ROOT = Path(__file__).resolve().parents[2]
CATALOGUES = [(code, domain) for code in extraction.languages() for domain in extraction.DOMAINS]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd](?!\w)|\{\w*\}")

# Names, units and signs that are the same in every language.
ANYWHERE = frozenset(
    [
        "Wattnote",
        "kWh",
        "Wh",
        "ct",
        "kW",
        "kVA",
        "V",
        "pu",
        "km",
        "A",
        "m",
        "min",
        "h",
        "s",
        "UTC",
        "PV",
        "API",
        "CSV",
        "PDF",
        "JSON",
        "XML",
        "TOML",
        "EN",
        "DE",
        "ISO",
        "SHA",
        "TOTP",
        "IBAN",
        "VAT",
        "sid",
        "ESY",
        "MATPOWER",
        "pandapower",
        "Parquet",
        "English",
        "Deutsch",
        "x",
        "de",
        "en",
        "QR",
        "GMT",
    ]
)
TEMPLATE_CODE = re.compile(
    r"\{#.*?#\}|\{% *comment *%\}.*?\{% *endcomment *%\}|"
    r"\{% *blocktrans(?:late)?\b.*?\{% *endblocktrans(?:late)? *%\}|\{%.*?%\}|\{\{.*?\}\}",
    re.DOTALL,
)
SPOKEN_ATTRIBUTES = ("aria-label", "aria-description", "title", "placeholder", "alt")


def _catalogue(code: str, domain: str, suffix: str = "mo") -> Path:
    return extraction.catalogue_path(code, domain, suffix)


def _messages(path: Path) -> dict[str | tuple[str, int], str]:
    with path.open("rb") as file:
        return dict(gettext.GNUTranslations(file)._catalog)  # type: ignore[attr-defined]  # the standard library's own


@pytest.mark.parametrize(("code", "domain"), CATALOGUES)
def test_catalogues_are_complete_and_compiled(code: str, domain: str, tmp_path: Path) -> None:
    require("gettext")
    kept = _catalogue(code, domain, "po")
    merged = tmp_path / "merged.po"
    merged.write_text(extraction.merged(code, domain), encoding="utf-8")
    assert extraction.run("msgattrib", "--untranslated", merged) == "", (
        "call `make words` and translate these"
    )
    assert extraction.run("msgattrib", "--only-fuzzy", kept) == ""
    extraction.compiled(merged, tmp_path / "merged.mo")
    assert _messages(tmp_path / "merged.mo") == _messages(_catalogue(code, domain)), "call `make words`"


@pytest.mark.parametrize(("code", "domain"), CATALOGUES)
def test_what_a_text_names_its_translation_names(code: str, domain: str) -> None:
    for text, words in _messages(_catalogue(code, domain)).items():
        source, number = text if isinstance(text, tuple) else (text, 1)
        if number:
            said = set(PLACEHOLDER.findall(words))
            assert said <= set(PLACEHOLDER.findall(source)), words
            assert isinstance(text, tuple) or said == set(PLACEHOLDER.findall(source)), words


def test_words_of_the_cores_are_known() -> None:
    named = {*cores.FIGURES, *cores.FORMULAS, *cores.TABLES, *cores.CHOICES}
    shown = re.findall(r'Figure\(\s*"([^"]+)"', Path(findings.__file__).read_text(encoding="utf-8"))
    assert shown
    every = tables.TABLES.values() if isinstance(tables.TABLES, dict) else tables.TABLES
    said = {*shown, *mechanism_names()} | {word for one in every for word in (one.title, one.meaning)}
    shipped_words = {one.description for one in shipped()}
    assert shipped_words <= set(cores.SCENARIOS), shipped_words - set(cores.SCENARIOS)
    assert said <= named, f"name these in marketplace/words/cores.py: {said - named}"


def _foreign(text: str) -> list[str]:
    words = re.findall(r"[^\W\d_]{2,}", re.sub(r"&#?\w+;", " ", text))
    return [word for word in words if word not in ANYWHERE]


class _Raw(HTMLParser):
    """Collects what a template says without `translate`."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "style", "svg", "code", "pre"}:
            self.inside = self.inside or tag
        for name, value in attrs:
            if name in SPOKEN_ATTRIBUTES and value and _foreign(value):
                self.found.append(f"{name}={value!r}")

    def handle_endtag(self, tag: str) -> None:
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data: str) -> None:
        if not self.inside and _foreign(data):
            self.found.append(data.strip())


def _raw(path: Path) -> Iterator[str]:
    parser = _Raw()
    text = TEMPLATE_CODE.sub(
        "", re.sub(r"\{% *block page_class *%\}.*?\{% *endblock *%\}", "", path.read_text())
    )
    parser.feed(text if "<" in text else f"<p>{text}</p>")
    for words in parser.found:
        yield f"{path.relative_to(ROOT)}: {words}"


def test_templates_say_nothing_untranslated() -> None:
    assert [words for path in sorted((ROOT / "templates").rglob("*.html")) for words in _raw(path)] == []


# What is signed must be the same bytes in every language; the rest tells programmers.
SAME_FOR_ALL = (
    "My Wattnote agent may trade for me by these rules, and by no others.",
    "Budget for a day of delivery:",
    "Most in one trade:",
    "Make the keys of my Wattnote channels",
    "Sign this only on the site where you trade.",
    "No value for",
    "Nothing is signed without words.",
    "This key never signs",
)
# A sentence or a capitalised word in quotes that is given to no translating function.
SAID = re.compile(r"""(?P<call>\w+\(\s*)?(["'`])(?P<text>(?:\\.|(?!\2).)*)\2""")
COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'`])//[^\n]*", re.DOTALL)
SENTENCE = re.compile(r"[A-Z][a-z’']+ [a-z’']{2,}")
UNSAID = re.compile(r"(?:throw new (?:Error|TypeError)|console\.\w+|import .* from|new Error)\W*$")


def _unsaid_js(path: Path) -> Iterator[str]:
    source = COMMENT.sub("", path.read_text(encoding="utf-8"))
    for number, line in enumerate(source.splitlines(), 1):
        for match in SAID.finditer(line):
            before = line[: match.start("text") - 1]
            translated = re.search(r"n?p?gettext\((?:\"(?:\\.|[^\"])*\", )*$", before)
            if match["text"].startswith(SAME_FOR_ALL):
                continue
            if SENTENCE.match(match["text"]) and not translated and not UNSAID.search(before):
                yield f"{path.relative_to(ROOT)}:{number}: {match['text']}"


def test_scripts_say_nothing_untranslated() -> None:
    scripts = [ROOT / path for path in extraction.sources("djangojs")]
    assert [words for path in scripts for words in _unsaid_js(path)] == []
