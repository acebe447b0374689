"""MT940 (SWIFT customer statement), read by the `mt-940` library after a check of every line.

The library skips what it doesn't know; a line that nobody reads must be told instead.
"""

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

import mt940
from schwifty import IBAN
from schwifty.exceptions import SchwiftyException

from marketplace.accounts.banking.records import BankStatement, Booking, check_balance, micro_units, refuse

FORM = "MT940"
_TAG = re.compile(r":(?P<tag>20|21|25P?|28C?|60[FM]|61|62[FM]|64|65|86|NS):(?P<rest>.*)", re.ASCII)
_ENTRY = re.compile(r"\d{6}(\d{4})?R?[CD][A-Z]?\d[\d]{0,14},\d{0,2}[NFS]", re.ASCII)
_BALANCE = re.compile(r"[CD]\d{6}[A-Z]{3}\d{1,15},\d{0,2}", re.ASCII)
_FRAME = re.compile(r"\{[1-5]:.*|-\}?|", re.ASCII)
_PLACE = re.compile(r"(\d{8})/(\d{1,10})(EUR)?", re.ASCII)


def read(text: str) -> BankStatement:
    """The statement in a file; several pages of one account become one.

    Raises:
        StatementFaultError: It can't be read.
    """
    accounts = _checked(text)
    bookings = tuple(map(_booking, _entries(text)))
    if not bookings:
        raise refuse("empty")
    if len(accounts) != 1:
        raise refuse("mixed" if accounts else "account")
    opening, closing, days = _ends(text)
    check_balance(opening, closing, bookings)
    days += [booking.day for booking in bookings]
    return BankStatement(FORM, _iban(accounts.pop()), "", min(days), max(days), bookings)


def _checked(text: str) -> set[str]:
    """Look at every line; the accounts that are named."""
    accounts, tag = set[str](), ""
    for line, content in enumerate(text.splitlines(), 1):
        match = _TAG.fullmatch(content)
        if match is None and (
            content.startswith(":") or (tag not in ("61", "86") and not _FRAME.fullmatch(content))
        ):
            raise refuse("mt940_line", line, text=content[:40])
        if match is not None:
            tag = match["tag"]
            _check_tag(tag, match["rest"], line)
            accounts |= {match["rest"].strip()} if tag.startswith("25") else set()
    return accounts


def _check_tag(tag: str, rest: str, line: int) -> None:
    if tag == "61" and not _ENTRY.match(rest):
        raise refuse("mt940_line", line, text=f":61:{rest}"[:40])
    if tag[:2] in ("60", "62"):
        if not _BALANCE.fullmatch(rest.strip()):
            raise refuse("mt940_line", line, text=f":{tag}:{rest}"[:40])
        if rest[7:10] != "EUR":
            raise refuse("currency", line, currency=rest[7:10])


def _entries(text: str) -> Iterable[Any]:
    try:
        return list(mt940.parse(text))
    except (ValueError, RuntimeError, KeyError, TypeError, ArithmeticError) as error:
        raise refuse("form") from error


def _booking(entry: Any) -> Booking:
    data = entry.data
    amount = micro_units(str(data["amount"].amount), 0)
    day = data.get("guessed_entry_date") or data["date"]
    words = (data.get("posting_text"), data.get("purpose"), data.get("transaction_details"))
    said = " ".join(str(word) for word in words if word)
    return Booking(
        date(day.year, day.month, day.day),
        amount,
        str(data.get("applicant_name") or ""),
        " ".join(said.split()),
    )


def _ends(text: str) -> tuple[int | None, int | None, list[date]]:
    """First opening and last closing balance, and their days."""
    found = {"60": list[tuple[int, date]](), "62": list[tuple[int, date]]()}
    for line, content in enumerate(text.splitlines(), 1):
        match = _TAG.fullmatch(content)
        if match is not None and match["tag"][:2] in found:
            found[match["tag"][:2]].append(_balance(match["rest"].strip(), line))
    opening = found["60"][0] if found["60"] else None
    closing = found["62"][-1] if found["62"] else None
    days = [end[1] for end in (opening, closing) if end]
    return opening and opening[0], closing and closing[0], days


def _balance(rest: str, line: int) -> tuple[int, date]:
    amount = micro_units(rest[10:].replace(",", "."), line)
    try:
        day = date(2000 + int(rest[1:3]), int(rest[3:5]), int(rest[5:7]))
    except ValueError:
        raise refuse("date", line, text=rest[1:7]) from None
    return (amount if rest[0] == "C" else -amount), day


def _iban(account: str) -> str:
    """IBAN of an account that is named by it, or by bank code and number."""
    place = _PLACE.fullmatch(account)
    if place is None:
        return account.replace(" ", "")
    try:
        return str(IBAN.generate("DE", bank_code=place[1], account_code=place[2]))
    except (SchwiftyException, ValueError):
        return account
