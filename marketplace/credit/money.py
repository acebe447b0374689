"""Amounts as people read and write them: euros with decimals, where the books hold micro-units."""

from decimal import Decimal

from marketplace import formats

UNIT = 1_000_000
PLACES = 6


def shown(micro_units: int | None) -> str:
    """Exact amount with at least two decimals, such as `€150.00` or `0,250001 €`, as the reader's language has it."""
    return formats.NOTHING if micro_units is None else formats.money(micro_units, exact=True)


def plain(micro_units: int) -> str:
    """The same with a point, without groups and without its sign, as a number field takes it in any language."""
    decimals = max(2, len(f"{abs(micro_units) % UNIT:0{PLACES}d}".rstrip("0")))
    return formats.plain(micro_units, PLACES, decimals, "en")


def micro_units(units: Decimal) -> int:
    """Micro-units of an amount in units.

    Raises:
        ValueError: more than six decimals.
    """
    scaled = units * UNIT
    if scaled != scaled.to_integral_value():
        raise ValueError("Amounts have at most six decimals.")
    return int(scaled)
