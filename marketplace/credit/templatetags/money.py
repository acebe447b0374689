"""Amounts in templates."""

from datetime import UTC, datetime

from django import template

from marketplace.credit.money import shown

register = template.Library()


@register.filter
def units(micro_units: int | str | None) -> str:
    """Exact amount in units of micro-units; a dash for nothing."""
    return shown(None if micro_units in (None, "") else int(micro_units or 0))


@register.filter
def day(seconds: int) -> str:
    """Epoch seconds as a date in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


@register.filter
def minute(seconds: int) -> str:
    """Epoch seconds as a date and time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
