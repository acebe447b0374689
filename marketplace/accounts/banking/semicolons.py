"""CSV as German banks export it: semicolons, a preamble that differs by bank, decimal commas."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from marketplace.accounts.banking.records import (
    BankStatement,
    Booking,
    Fault,
    StatementFaultError,
    micro_units,
    refuse,
)

FORM = "CSV"
MOST_PREAMBLE = 30
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "day": ("buchungstag", "buchungsdatum", "buchung", "datum"),
        "amount": ("betrag", "betrag (eur)", "betrag (€)", "betrag in eur", "umsatz", "umsatz in eur"),
        "party": (
            "name zahlungsbeteiligter",
            "beguenstigter/zahlungspflichtiger",
            "begünstigter/zahlungspflichtiger",
            "auftraggeber/empfänger",
            "auftraggeber / begünstigter",
            "empfänger/zahlungspflichtiger",
        ),
        "payer": ("zahlungspflichtige*r", "zahlungspflichtiger", "auftraggeber"),
        "payee": ("zahlungsempfänger*in", "zahlungsempfänger", "empfänger", "begünstigter"),
        "purpose": ("verwendungszweck",),
        "kind": ("buchungstext", "umsatztyp", "vorgang"),
        "currency": ("waehrung", "währung"),
        "iban": ("iban auftragskonto", "auftragskonto"),
        "holder": ("kontoinhaber",),
        "state": ("status",),
    }
)
NEEDED = MappingProxyType({"day": "Buchungstag", "amount": "Betrag"})
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", re.ASCII)
_DAY = re.compile(r"(\d\d)\.(\d\d)\.(\d{4}|\d\d)", re.ASCII)
_AMOUNT = re.compile(r"([+-]?)(\d{1,3}(?:\.\d{3})*|\d+)(?:,(\d{1,2}))?|([+-]?\d+\.\d{1,2})", re.ASCII)
_HOLDER_KEYS = ("kunde", "kontoinhaber", "inhaber")


@dataclass(frozen=True, slots=True)
class _Table:
    preamble: tuple[tuple[str, ...], ...]
    names: Mapping[str, int]
    width: int
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def read(text: str) -> BankStatement:
    """The statement in a file.

    Raises:
        StatementFaultError: It can't be read; all wrong lines at once.
    """
    table = _table(text)
    bookings, faults = list[Booking](), list[Fault]()
    ibans, holders = set[str](), set[str]()
    for line, row in table.rows:
        try:
            booking = _booking(table, row, line)
        except StatementFaultError as error:
            faults += error.faults
            continue
        if booking is not None:
            bookings.append(booking)
            ibans.add(_cell(table, row, "iban").replace(" ", ""))
            holders.add(_cell(table, row, "holder"))
    if faults:
        raise StatementFaultError(faults)
    if not bookings:
        raise refuse("empty")
    return _statement(table, tuple(bookings), ibans - {""}, holders - {""})


def _statement(
    table: _Table, bookings: tuple[Booking, ...], ibans: set[str], holders: set[str]
) -> BankStatement:
    if len(ibans) > 1:
        raise refuse("mixed")
    flat = [cell for row in table.preamble for cell in row]
    named = (match[0] for cell in flat if (match := _IBAN.search(cell.replace(" ", ""))))
    iban = next(iter(ibans), "") or next(named, "")
    holder = next(iter(holders), "") or _keyed(table)
    days = [booking.day for booking in bookings]
    days += [
        _day(match[0], 0) for cell in flat for match in _DAY.finditer(cell) if " - " in cell or " – " in cell
    ]
    return BankStatement(FORM, iban, holder, min(days), max(days), bookings)


def _keyed(table: _Table) -> str:
    for row in table.preamble:
        if len(row) > 1 and row[0].rstrip(":").lower() in _HOLDER_KEYS:
            return row[1]
    return ""


def _table(text: str) -> _Table:
    rows = list(_rows(text))
    for at, (_line, row) in enumerate(rows[:MOST_PREAMBLE]):
        names = _names(row)
        if not set(NEEDED) - set(names):
            preamble = tuple(early for _, early in rows[:at])
            return _Table(preamble, names, len(row), tuple(rows[at + 1 :]))
    best = max((_names(row) for _, row in rows[:MOST_PREAMBLE]), key=len, default={})
    missing = ", ".join(f"“{label}”" for name, label in NEEDED.items() if name not in best)
    raise refuse("columns", missing=missing)


def _rows(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    reader = csv.reader(io.StringIO(text), delimiter=";")
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, tuple(" ".join(cell.split()) for cell in row)
    except csv.Error as error:
        raise refuse("form", reader.line_num) from error


def _names(row: tuple[str, ...]) -> dict[str, int]:
    lowered = [cell.lower() for cell in row]
    return {
        name: lowered.index(alias)
        for name, aliases in COLUMNS.items()
        for alias in reversed(aliases)
        if alias in lowered
    }


def _cell(table: _Table, row: tuple[str, ...], name: str) -> str:
    return row[table.names[name]] if name in table.names else ""


def _booking(table: _Table, row: tuple[str, ...], line: int) -> Booking | None:
    if len(row) < table.width or any(row[table.width :]):
        raise refuse("fields", line, found=str(len(row)), wanted=str(table.width))
    if _cell(table, row, "state").lower() in ("vorgemerkt", "pending"):
        return None
    if _cell(table, row, "currency").upper() not in ("", "EUR", "€"):
        raise refuse("currency", line, currency=_cell(table, row, "currency")[:3])
    amount = _amount(_cell(table, row, "amount"), line)
    party = _cell(table, row, "party") or _cell(table, row, "payer" if amount > 0 else "payee")
    words = " ".join(filter(None, (_cell(table, row, "kind"), _cell(table, row, "purpose"))))
    return Booking(_day(_cell(table, row, "day"), line), amount, party, words)


def _amount(text: str, line: int) -> int:
    match = _AMOUNT.fullmatch(text.replace("€", "").replace("EUR", "").strip().replace("−", "-"))
    if match is None:
        raise refuse("amount", line, text=text[:40])
    plain = match[4] or f"{match[1]}{match[2].replace('.', '')}.{match[3] or 0}"
    return micro_units(plain, line)


def _day(text: str, line: int) -> date:
    match = _DAY.fullmatch(text)
    try:
        if match is None:
            return date.fromisoformat(text)
        year = int(match[3])
        return date(year if year > 99 else 2000 + year, int(match[2]), int(match[1]))  # noqa: PLR2004  two digits
    except ValueError:
        raise refuse("date", line, text=text[:40]) from None
