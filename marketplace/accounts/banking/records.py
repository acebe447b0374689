"""What a bank statement says, and what can be wrong with a file that should be one.

Money is in micro-units (integers), days are calendar dates as the bank books them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from types import MappingProxyType

MICRO = Decimal(10**6)
MOST = 10**15
MOST_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Booking:
    """One booked amount: above zero came in, below zero went out."""

    day: date
    amount: int
    party: str
    text: str


@dataclass(frozen=True, slots=True)
class BankStatement:
    """One account over a period; `start` and `end` are its first and last day. Empty texts are unknown."""

    form: str
    iban: str
    holder: str
    start: date
    end: date
    bookings: tuple[Booking, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong: a code with its parameters for words in any language, at a line counted from 1 (0: the whole file)."""

    code: str
    line: int = 0
    params: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def words(self) -> str:
        """The fault and its remedy in English."""
        place = f"Line {self.line}: " if self.line else ""
        return place + WORDS[self.code].format(**self.params)


WORDS: Mapping[str, str] = MappingProxyType(
    {
        "encoding": "The file is no text: export the statement again as CAMT.053, MT940 or CSV.",
        "form": "This is neither CAMT.053 (XML), MT940 nor CSV with semicolons: export it from your online banking again.",
        "xml_broken": "The XML breaks off here: export the statement again and don't edit it.",
        "xml_active": "The XML declares a document type or entities, which no statement needs: export it again.",
        "xml_other": "This is {found}, not a statement (camt.053): choose “camt.053” or “account statement” at the export.",
        "currency": "The account is kept in {currency}: only statements in EUR can be read.",
        "amount": "“{text}” is no amount: it must look like -1.234,56 or -1234.56.",
        "date": "“{text}” is no date: it must look like 31.12.2026 or 2026-12-31.",
        "mt940_line": "“{text}” is no line of MT940: export the statement again and don't edit it.",
        "account": "There is no account number: export the statement with its account.",
        "columns": "There is no header with the columns {missing}: export with all columns, separated by semicolons.",
        "fields": "{found} fields instead of {wanted}: a text with a semicolon needs quotation marks; export it again.",
        "empty": "There is no booking in it: choose a period with bookings.",
        "balance": "Opening balance and bookings miss the closing balance by {difference}: the file is cut or was changed.",
        "mixed": "There is more than one account in it: export one file an account.",
    }
)


class StatementFaultError(Exception):
    """A file that can't be read as a statement; `faults` has at most `MOST_FAULTS`."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(fault.words for fault in faults))
        self.faults = tuple(faults[:MOST_FAULTS])


def refuse(code: str, line: int = 0, **params: str) -> StatementFaultError:
    """A single fault, to be raised."""
    return StatementFaultError([Fault(code, line, params)])


def micro_units(text: str, line: int) -> int:
    """Micro-units of an amount with a decimal point and no other sign between digits.

    Raises:
        StatementFaultError: It is none, or out of range.
    """
    try:
        amount = Decimal(text) * MICRO
    except InvalidOperation:
        raise refuse("amount", line, text=text[:40]) from None
    if not amount.is_finite() or amount != int(amount) or abs(amount) > MOST:
        raise refuse("amount", line, text=text[:40])
    return int(amount)


def shown(amount: int) -> str:
    """An amount in a fault's words."""
    return f"{Decimal(amount) / MICRO:.2f}"


def check_balance(opening: int | None, closing: int | None, bookings: Sequence[Booking]) -> None:
    """Refuse a file whose bookings don't lead from its opening to its closing balance.

    Raises:
        StatementFaultError: `balance`.
    """
    if opening is None or closing is None:
        return
    difference = closing - opening - sum(booking.amount for booking in bookings)
    if difference:
        raise refuse("balance", difference=shown(difference))
