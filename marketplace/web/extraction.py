"""The texts of the site that are to be translated, found by GNU gettext.

Templates become Python for `xgettext` by Django's own `templatize`. Nothing is written beside the sources, as Django's
`makemessages` does, so that tests can look for forgotten texts while the site runs.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.utils.translation import templatize

ROOT: Path = settings.BASE_DIR
LOCALE: Path = settings.LOCALE_PATHS[0]
DOMAINS = ("django", "djangojs")
_KEYWORDS = {
    "django": (
        "Words",
        "gettext_noop",
        "gettext_lazy",
        "_lazy",
        "ngettext_lazy:1,2",
        "pgettext:1c,2",
        "npgettext:1c,2,3",
        "pgettext_lazy:1c,2",
        "npgettext_lazy:1c,2,3",
    ),
    "djangojs": ("gettext", "ngettext:1,2", "pgettext:1c,2", "npgettext:1c,2,3"),
}
_LANGUAGES = {"django": "Python", "djangojs": "JavaScript"}
_FORGET = ("node_modules", "migrations", "vendor")


class GettextError(RuntimeError):
    """One of GNU gettext's programs failed; carries what it said."""


def catalogue_path(language: str, domain: str, suffix: str = "po") -> Path:
    """Where a language's catalogue is kept."""
    return LOCALE / language / "LC_MESSAGES" / f"{domain}.{suffix}"


def languages() -> list[str]:
    """Those that need a catalogue."""
    return [code for code, _name in settings.LANGUAGES if code != settings.LANGUAGE_CODE]


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """What one of gettext's programs printed.

    Raises:
        GettextError: it failed.
        FileNotFoundError: GNU gettext is not installed.
    """
    result = subprocess.run(  # noqa: S603  fixed programs, our own files
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise GettextError(f"{command[0]}: {result.stderr.strip()}")
    return result.stdout


def sources(domain: str) -> Iterator[Path]:
    """Files that may hold texts, relative to the project."""
    patterns = {
        "django": ("marketplace/**/*.py", "grid/**/*.py", "templates/**/*"),
        "djangojs": ("marketplace/**/static/**/*.js",),
    }
    for pattern in patterns[domain]:
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and not set(_FORGET) & set(path.parts):
                yield path.relative_to(ROOT)


def template(domain: str) -> str:
    """Every text of a domain, as a catalogue without translations."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = [_copied(path, folder) for path in sources(domain)]
        (folder / "files").write_text("\n".join(map(str, found)))
        return run(
            "xgettext",
            f"--language={_LANGUAGES[domain]}",
            *(f"--keyword={keyword}" for keyword in _KEYWORDS[domain]),
            "--from-code=UTF-8",
            "--add-comments=Translators",
            "--add-location=file",
            "--no-wrap",
            "--package-name=Wattnote",
            "--files-from=files",
            "--output=-",
            cwd=folder,
        ).replace("charset=CHARSET", "charset=UTF-8")


def _copied(path: Path, folder: Path) -> Path:
    content = (ROOT / path).read_text(encoding="utf-8")
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    is_code = path.suffix in {".py", ".js"}
    target.write_text(content if is_code else templatize(content, origin=str(path)), encoding="utf-8")
    return path


def merged(language: str, domain: str) -> str:
    """A language's catalogue with exactly the texts of the sources; new ones have no translation yet."""
    with tempfile.TemporaryDirectory() as name:
        pot = Path(name) / "all.pot"
        pot.write_text(template(domain), encoding="utf-8")
        known = catalogue_path(language, domain)
        text = run(
            "msgmerge",
            "--quiet",
            "--no-fuzzy-matching",
            "--no-wrap",
            "--add-location=file",
            known,
            pot,
            "-o",
            "-",
        )
        (Path(name) / "merged.po").write_text(text, encoding="utf-8")
        kept = run("msgattrib", "--no-obsolete", "--no-wrap", Path(name) / "merged.po")
    return "".join(line for line in kept.splitlines(keepends=True) if "POT-Creation-Date" not in line)


def compiled(catalogue: Path, target: Path) -> None:
    """Check a catalogue's header and compile it; placeholders are checked by tests, since a per cent sign is no directive."""
    run("msgfmt", "--check-header", "--output-file", target, catalogue)
