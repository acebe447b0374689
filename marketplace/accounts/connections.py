"""Numbers that a German bill names a connection by: market location, metering location, meter. Pure.

Market location (MaLo-ID, BDEW): 11 digits, the last a check digit. Metering location (MeLo-ID, metering code):
33 characters, "DE", six digits of the grid operator, the postcode, twenty letters and digits. Meter: by DIN 43863-5
a digit, three letters and ten digits, such as 1ESY1160012345; old meters have plain numbers.
"""

import enum
import re
from dataclasses import dataclass

_MARKET = re.compile(r"[1-9]\d{10}", re.ASCII)
_METERING = re.compile(r"DE\d{11}[A-Z0-9]{20}", re.ASCII)
_IDENTIFIER = re.compile(r"\d[A-Z]{3}\d{10}", re.ASCII)
_PLAIN = re.compile(r"[A-Z0-9]*\d[A-Z0-9]*", re.ASCII)
_SPACES = re.compile(r"[\s.\-/]+")
SHORTEST, LONGEST, METERING_LENGTH = 4, 20, 33


class Kind(enum.StrEnum):
    """What a number names."""

    MARKET = "market_location"
    METERING = "metering_location"
    METER = "meter"


class Wrong(enum.StrEnum):
    """What can be wrong with a number."""

    CHECK_DIGIT = "check_digit"
    METERING = "metering_location"
    LENGTH = "length"
    LETTERS = "letters"


@dataclass(frozen=True, slots=True)
class Connection:
    """A number in its plain form, and what it names."""

    kind: Kind
    number: str


def read_connection(text: str) -> Connection | Wrong:
    """The number in a text; spaces, points, dashes and slashes between its digits don't matter."""
    number = _SPACES.sub("", text).upper()
    if _MARKET.fullmatch(number):
        return (
            Connection(Kind.MARKET, number) if check_digit(number[:10]) == number[10] else Wrong.CHECK_DIGIT
        )
    if number.startswith("DE") and len(number) > LONGEST:
        return Connection(Kind.METERING, number) if _METERING.fullmatch(number) else Wrong.METERING
    if not SHORTEST <= len(number) <= LONGEST:
        return Wrong.LENGTH
    if _IDENTIFIER.fullmatch(number) or _PLAIN.fullmatch(number):
        return Connection(Kind.METER, number)
    return Wrong.LETTERS


def check_digit(digits: str) -> str:
    """Of the ten digits of a market location: those at even places count twice (BDEW, MaLo-ID)."""
    total = sum(int(digit) * (1 + place % 2) for place, digit in enumerate(digits))
    return str(-total % 10)
