"""How reports write energy, money, shares and time."""

import datetime as dt

from django import template

register = template.Library()

MICRO = 1_000_000
MICRO_PER_CENT = 10_000
WH_PER_KWH = 1000
NOTHING = "–"


@register.filter
def kwh(wh: int) -> str:
    """Watt-hours as kWh with one decimal."""
    return f"{wh / WH_PER_KWH:,.1f}"


@register.filter
def money(micro_units: int) -> str:
    """Micro-units of the stablecoin, all six decimals where they matter."""
    sign = "−" if micro_units < 0 else ""
    whole, rest = divmod(abs(micro_units), MICRO)
    return f"{sign}{whole:,}.{rest:06d}"


@register.filter
def cents(per_kwh: int | None) -> str:
    """A price in cents with one decimal."""
    return NOTHING if per_kwh is None else f"{per_kwh / MICRO_PER_CENT:.1f}"


@register.filter
def percent(share: float | None) -> str:
    """A share in percent."""
    return NOTHING if share is None else f"{100 * share:.1f} %"


@register.filter
def utc(seconds: int) -> str:
    """A moment in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
