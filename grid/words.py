"""Sentences that remember how they were made, so that somebody else can say them in another language.

The cores know no languages: they say English, with its template and values; the site looks the template up
(`marketplace.words.cores.told`). Templates are literal texts with `%(name)s`, found by name (`manage.py words`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self

Value = str | int


class Moment(str):
    """A time as programs write it, ISO 8601 in UTC, which remembers its `seconds` since the epoch for people's clocks."""

    __slots__ = ("seconds",)
    seconds: int

    def __new__(cls, seconds: int, /) -> Self:
        """To the minute, where it is one."""
        at = datetime.fromtimestamp(seconds, UTC)
        made = super().__new__(cls, at.strftime("%Y-%m-%dT%H:%M:%SZ" if seconds % 60 else "%Y-%m-%dT%H:%MZ"))
        made.seconds = int(seconds)
        return made


class Words(str):
    """An English sentence: itself a text, with the `text` and the `values` that it was made of.

    Values are figures, names, a `Moment`, and other `Words`. Without values the text stands as it is, a per cent sign included.
    """

    __slots__ = ("text", "values")
    text: str
    values: Mapping[str, Value]

    def __new__(cls, text: str, /, **values: Value) -> Self:
        """Fill the values in."""
        made = super().__new__(cls, text % values if values else text)
        made.text, made.values = str(text), values
        return made

    def as_dict(self) -> dict[str, Any]:
        """JSON-able: `text`, and `values` with words in the same form; a time is `{"at": seconds}`."""
        return {"text": self.text, "values": {key: _plain(value) for key, value in self.values.items()}}


def _plain(value: Value) -> Any:
    """Figures of numpy and pandas are no integers of Python's."""
    if isinstance(value, Words):
        return value.as_dict()
    if isinstance(value, Moment):
        return {"at": value.seconds}
    return value if isinstance(value, int) else str(value)


class WordsError(ValueError):
    """A refusal in words."""

    def __init__(self, words: Words) -> None:
        super().__init__(words)
        self.words = words


def placed(place: str, words: Words) -> Words:
    """A fault with its place before it: a file, a table, a section."""
    return Words("%(place)s: %(fault)s", place=place, fault=words)


def unplaced(words: Words, place: str) -> Words:
    """Without this place before it, where that stands beside it anyway."""
    fault = words.values.get("fault")
    return fault if isinstance(fault, Words) and words == placed(place, fault) else words
