"""Amounts as people read and write them: units with a point, where the books hold micro-units."""

from decimal import Decimal

UNIT = 1_000_000
PLACES = 6


def shown(micro_units: int | None) -> str:
    """Exact amount in units with at least two decimals, such as `150.00` or `0.250001`."""
    if micro_units is None:
        return "–"
    sign = "-" if micro_units < 0 else ""
    units, rest = divmod(abs(micro_units), UNIT)
    decimals = f"{rest:0{PLACES}d}".rstrip("0").ljust(2, "0")
    return f"{sign}{units:,}.{decimals}"


def plain(micro_units: int) -> str:
    """The same without separators of thousands, as a form takes it."""
    return shown(micro_units).replace(",", "")


def micro_units(units: Decimal) -> int:
    """Micro-units of an amount in units.

    Raises:
        ValueError: more than six decimals.
    """
    scaled = units * UNIT
    if scaled != scaled.to_integral_value():
        raise ValueError("Amounts have at most six decimals.")
    return int(scaled)
