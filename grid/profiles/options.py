"""How a file is to be read, where the file itself does not say it, and how much of it at most."""

from dataclasses import dataclass
from typing import Literal, get_args

Stamps = Literal["start", "end"]
Decimal = Literal[".", ","]
STAMPS: tuple[str, ...] = get_args(Stamps)
DECIMALS: tuple[str, ...] = get_args(Decimal)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one file may cost: `bytes` unpacked, `cells` of numbers (8 bytes of memory each), `rows`."""

    bytes: int = 256 * 1024 * 1024
    cells: int = 24_000_000
    rows: int = 1_100_000
    """Two years of minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a file leaves open.

    Attributes:
        zone: IANA zone of naive times; None refuses them.
        unit: of columns that name none; None refuses them.
        stamps: whether a time is the start or the end of its interval.
        decimal: decimal separator; None takes what the file's numbers leave no doubt about.
        bounds: size limits.
    """

    zone: str | None = None
    unit: str | None = None
    stamps: Stamps = "start"
    decimal: Decimal | None = None
    bounds: Bounds = Bounds()
