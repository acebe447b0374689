"""CAMT.053 (ISO 20022 bank-to-customer statement, versions 001.02 to 001.13), read without entities or other hosts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from marketplace.accounts.banking.records import BankStatement, Booking, check_balance, micro_units, refuse

FORM = "CAMT.053"
OPENING, CLOSING = ("OPBD", "PRCD"), ("CLBD",)


class _Lined(DefusedXMLParser):  # type: ignore[misc]  # defusedxml ships no types
    """Notes the line of each element."""

    def _start(self, *args: Any) -> Any:
        element = super()._start(*args)
        element.line = self.parser.CurrentLineNumber
        return element


def read(raw: bytes) -> BankStatement:
    """The statement in an XML file; several statements of one account become one.

    Raises:
        StatementFaultError: It can't be read.
    """
    root = _root(raw)
    message = next(iter(root), root)
    if _name(message) != "BkToCstmrStmt":
        raise refuse("xml_other", _line(message), found=_name(message)[:40])
    pages = [_page(element) for element in message if _name(element) == "Stmt"]
    if not pages or not any(page.bookings for page in pages):
        raise refuse("empty", _line(message))
    if len({page.iban for page in pages}) > 1:
        raise refuse("mixed", _line(message))
    holder = next((page.holder for page in pages if page.holder), "")
    bookings = tuple(booking for page in pages for booking in page.bookings)
    start = min(page.start for page in pages if page.start is not None)
    end = max(page.end for page in pages if page.end is not None)
    return BankStatement(FORM, pages[0].iban, holder, start, end, bookings)


def _root(raw: bytes) -> Element:
    parser = _Lined(forbid_dtd=True, forbid_entities=True, forbid_external=True)
    try:
        parser.feed(raw)
        root: Element = parser.close()
    except DefusedXmlException as error:
        raise refuse("xml_active", parser.parser.CurrentLineNumber) from error
    except (
        ParseError,
        LookupError,
        ValueError,
    ) as error:  # expat, an unknown encoding, an impossible character
        raise refuse("xml_broken", getattr(error, "position", (0, 0))[0]) from error
    return root


@dataclass(frozen=True, slots=True)
class _Page:
    iban: str
    holder: str
    start: date | None
    end: date | None
    bookings: tuple[Booking, ...]


def _page(page: Element) -> _Page:
    iban = _text(page, "Acct", "Id", "IBAN") or _text(page, "Acct", "Id", "Othr", "Id")
    if not iban:
        raise refuse("account", _line(page))
    bookings = tuple(_booking(entry) for entry in _all(page, "Ntry") if _is_booked(entry))
    check_balance(_balance(page, OPENING), _balance(page, CLOSING), bookings)
    days = [booking.day for booking in bookings]
    period = [_text(page, "FrToDt", name) for name in ("FrDtTm", "ToDtTm")]
    if all(period):
        days += [_day(text, page) for text in period]
    holder = _text(page, "Acct", "Ownr", "Nm")
    return _Page(iban, holder, min(days, default=None), max(days, default=None), bookings)


def _is_booked(entry: Element) -> bool:
    return (_text(entry, "Sts", "Cd") or _text(entry, "Sts") or "BOOK") == "BOOK"


def _booking(entry: Element) -> Booking:
    amount = _amount(entry)
    day = _text(entry, "BookgDt", "Dt") or _text(entry, "BookgDt", "DtTm") or _text(entry, "ValDt", "Dt")
    other = "Dbtr" if amount > 0 else "Cdtr"
    party = _deep(entry, "RltdPties", other)
    words = [node.text or "" for node in entry.iter() if _name(node) in ("Ustrd", "AddtlNtryInf", "Purp")]
    return Booking(_day(day, entry), amount, party, " ".join(" ".join(words).split()))


def _amount(holder: Element) -> int:
    """Signed by the credit or debit indicator. A reversal's indicator is the direction of the reversal itself."""
    node = next(iter(_all(holder, "Amt")), None)
    if node is None:
        raise refuse("amount", _line(holder), text="")
    if node.get("Ccy", "EUR") != "EUR":
        raise refuse("currency", _line(node), currency=str(node.get("Ccy"))[:3])
    amount = micro_units((node.text or "").strip(), _line(node))
    return amount if _text(holder, "CdtDbtInd") == "CRDT" else -amount


def _balance(page: Element, codes: tuple[str, ...]) -> int | None:
    for balance in _all(page, "Bal"):
        if _text(balance, "Tp", "CdOrPrtry", "Cd") in codes:
            return _amount(balance)
    return None


def _day(text: str, element: Element) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise refuse("date", _line(element), text=text[:40]) from None


def _deep(entry: Element, group: str, other: str) -> str:
    """Name of the other side; from version 8 on it stands one element deeper."""
    for parties in entry.iter():
        if _name(parties) == group:
            return _text(parties, other, "Nm") or _text(parties, other, "Pty", "Nm")
    return ""


def _all(element: Element, name: str) -> Iterator[Element]:
    return (child for child in element if _name(child) == name)


def _text(element: Element, *path: str) -> str:
    found: Element | None = element
    for name in path:
        found = next(_all(found, name), None) if found is not None else None
    return " ".join((found.text or "").split()) if found is not None else ""


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _line(element: Element) -> int:
    return int(getattr(element, "line", 0))
