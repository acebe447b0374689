"""Every path of the site by its name, and the addresses that the matrix has tried."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

TABLE = Path(__file__).with_name("matrix.txt")
ACTIONS = Path(__file__).with_name("actions.txt")
METHODS = {"G": "get", "P": "post", "U": "put", "A": "patch", "D": "delete"}
DEFAULTS = {
    "UUIDConverter": "0" * 8 + "-0000-4000-8000-" + "0" * 12,
    "SlugConverter": "none",
    "IntConverter": "1",
}


@dataclass(frozen=True)
class Row:
    """What a path lets each role do with an object: letters of `METHODS`, or a dot for nothing."""

    name: str
    thing: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Route:
    """A path as the URLconf has it."""

    name: str
    pattern: str
    arguments: tuple[tuple[str, str], ...]
    view: Any = None
    """The class of its view, where it has one."""

    def knows(self, method: str) -> bool:
        """Whether the view might answer the method at all."""
        return self.view is None or hasattr(self.view, method)

    def address(self, value: Any) -> str:
        """The path with its arguments filled; without a value, with what is nobody's."""
        filled = self.pattern
        for name, kind in self.arguments:
            chosen = value[name] if isinstance(value, dict) else value
            text = str(chosen if value is not None else DEFAULTS.get(kind, "0x" + "0" * 64))
            filled = re.sub(rf"<(\w+:)?{name}>", lambda _found, text=text: text, filled, count=1)
        return "/" + filled


def rows(table: Path = TABLE) -> list[Row]:
    """The declared matrix; `a_{b,c}` declares a_b and a_c."""
    found = []
    for line in table.read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text:
            words = text.rsplit(None, 8)
            names, thing = re.split(r"\s+", words[0], maxsplit=1)
            found += [Row(name, thing, tuple(words[1:])) for name in _expanded(names)]
    return found


def _expanded(names: str) -> list[str]:
    head, brace, rest = names.partition("{")
    if not brace:
        return [names]
    choices, _brace, tail = rest.partition("}")
    return [head + choice + tail for choice in choices.split(",")]


def routes() -> dict[str, list[Route]]:
    """Paths by name; those without one by what they are for."""
    found: dict[str, list[Route]] = {}
    for route in _walk(get_resolver().url_patterns, "", ""):
        found.setdefault(route.name, []).append(route)
    return found


def _walk(patterns: list[Any], prefix: str, space: str) -> Iterator[Route]:
    for item in patterns:
        own = getattr(item.pattern, "_route", None)
        place = prefix + (_plain(str(item.pattern)) if own is None else own)
        if isinstance(item, URLResolver):
            yield from _walk(
                item.url_patterns, place, space + (f"{item.namespace}:" if item.namespace else "")
            )
        elif isinstance(item, URLPattern):
            kinds = {name: type(kind).__name__ for name, kind in item.pattern.converters.items()}
            names = kinds or dict.fromkeys(item.pattern.regex.groupindex, "text")
            nameless = "old-address" if "object_id" in names else "nowhere"
            yield Route(space + (item.name or nameless), place, tuple(names.items()), _view_of(item))


def _view_of(item: URLPattern) -> Any:
    return getattr(item.callback, "cls", None)


def _plain(regex: str) -> str:
    """A regular expression's path: its named groups as arguments."""
    named = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", regex)
    return named.strip("^$").replace("\\", "").replace(".*", "nowhere")
