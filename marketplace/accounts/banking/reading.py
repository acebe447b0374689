"""Which form a file has, judged by its content, and the statement in it."""

import re

from marketplace.accounts.banking import camt, semicolons, swift
from marketplace.accounts.banking.records import BankStatement, refuse

_XML = re.compile(rb"(\xef\xbb\xbf)?\s*<(\?xml|Document|[\w:]*Document)\b")
_MT940 = re.compile(r"\s*(\{1:|:20:)")


def text_of(raw: bytes) -> str:
    """Text in UTF-8, else in Windows-1252, as German banks export it.

    Raises:
        StatementFaultError: It is no text.
    """
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if all(letter.isprintable() or letter in "\r\n\t\xa0" for letter in text):
            return text
        break
    raise refuse("encoding")


def form_of(raw: bytes) -> str:
    """`CAMT.053`, `MT940`, `CSV`, or empty where it looks like none of them."""
    if _XML.match(raw[:200]):
        return camt.FORM
    head = raw[:4000].decode("cp1252", "replace")
    if _MT940.match(head):
        return swift.FORM
    return semicolons.FORM if any(line.count(";") >= 2 for line in head.splitlines()) else ""  # noqa: PLR2004  three columns


def read_statement(raw: bytes) -> BankStatement:
    """The statement in a file.

    Raises:
        StatementFaultError: With what is wrong, where, and what to do.
    """
    form = form_of(raw)
    if form == camt.FORM:
        return camt.read(raw)
    if form == swift.FORM:
        return swift.read(text_of(raw))
    if form == semicolons.FORM:
        return semicolons.read(text_of(raw))
    raise refuse("form")
