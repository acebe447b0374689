"""Numbers of people's files: one decimal separator per file, no thousands separators, nothing guessed."""

import re

from grid.profiles.options import Decimal
from grid.words import Words, WordsError

_POINT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?", re.ASCII)
_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+(?:[eE][+-]?\d+)?\.?", re.ASCII)
_DOUBTFUL = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:[., '’\u00a0\u202f]\d{3})+(?:[.,]\d+)?", re.ASCII)
_MISSING = {
    "",
    "-",
    "--",
    "na",
    "n/a",
    "nan",
    "null",
    "none",
    "inf",
    "-inf",
    "+inf",
    "infinity",
    "#n/a",
    "#wert!",
    "#value!",
}


class NumberError(WordsError):
    """A field that is no number; says what is wrong with it and the remedy."""


class Numbers:
    """Reads the numbers of one file.

    Args:
        decimal: Its decimal separator; None takes that of the first number that leaves no doubt. While there is none, a
            number such as 1.234, which may be a thousand or a little more than one, is refused.
    """

    def __init__(self, decimal: Decimal | None) -> None:
        self._decimal = decimal

    def look(self, text: str) -> bool:
        """Learn the decimal separator from a number that leaves no doubt; whether it is known now."""
        text = text.strip()
        if self._decimal is None and not _DOUBTFUL.fullmatch(text):
            self._decimal = "." if _POINT.fullmatch(text) else "," if _COMMA.fullmatch(text) else None
        return self._decimal is not None

    def read(self, text: str) -> float:
        """One number. Raises NumberError."""
        text = text.strip()
        if _WHOLE.fullmatch(text):
            return float(text)
        if _POINT.fullmatch(text):
            return self._fraction(text, ".")
        if _COMMA.fullmatch(text):
            return self._fraction(text, ",")
        raise NumberError(_unreadable(text))

    def _fraction(self, text: str, separator: Decimal) -> float:
        if not self.look(text):
            raise NumberError(
                Words(
                    "%(text)s may be a thousand or a decimal number; write numbers without thousands separators and say which decimal separator the file has",
                    text=repr(text),
                )
            )
        if separator != self._decimal:
            other = (
                Words(
                    "%(text)s has another decimal separator than the rest of the file, a decimal comma; write all numbers alike and without thousands separators",
                    text=repr(text),
                )
                if self._decimal == ","
                else Words(
                    "%(text)s has another decimal separator than the rest of the file, a decimal point; write all numbers alike and without thousands separators",
                    text=repr(text),
                )
            )
            raise NumberError(other)
        return float(text.replace(",", "."))


def _unreadable(text: str) -> Words:
    if text.lower() in _MISSING:
        if not text:
            return Words("is empty; estimate the missing value first")
        return Words("holds %(text)s; estimate the missing value first", text=repr(text))
    if _GROUPED.fullmatch(text):
        return Words("%(text)s has thousands separators; write it without", text=repr(text))
    return Words(
        "%(text)s is no number; write digits only, the unit belongs into the column's name",
        text=repr(text[:40]),
    )
