"""Amounts in templates."""

from django import template

from marketplace.credit.money import shown

register = template.Library()


@register.filter
def units(micro_units: int | str | None) -> str:
    """Exact amount in units of micro-units; a dash for nothing."""
    return shown(None if micro_units in (None, "") else int(micro_units or 0))
