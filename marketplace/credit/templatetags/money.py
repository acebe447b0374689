"""Amounts and times in the back office's templates."""

from datetime import datetime

from django import template

from marketplace import formats
from marketplace.credit.money import shown

register = template.Library()


@register.filter
def units(micro_units: int | str | None) -> str:
    """Exact amount in euros of micro-units; a dash for nothing."""
    return shown(None if micro_units in (None, "") else int(micro_units or 0))


@register.filter
def day(seconds: int) -> str:
    """Epoch seconds as a date of the reader's zone."""
    return formats.when(seconds, "date")


@register.filter
def minute(at: int | datetime | None) -> str:
    """Epoch seconds, or an aware datetime, as a date and time of the reader's zone; a dash for nothing."""
    return formats.told(at)
