"""How reports write energy, money, shares and time."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django import template
from django.utils.translation import gettext

from marketplace import formats
from marketplace.words import gate

register = template.Library()

MICRO = 1_000_000
MICRO_PER_CENT = 10_000
WH_PER_KWH = 1000
NOTHING = "–"


@register.filter
def said(words: str) -> str:
    """English words of the grid's core in the reader's language (`marketplace/words/cores.py`)."""
    return gettext(words) if words else ""


@register.filter
def gate_said(answer: dict[str, Any]) -> str:
    """The gate's answer to a trade (`grid.gate.verdicts.Verdict.as_dict`)."""
    return gate.said(answer)


@register.filter
def exceeded(breach: dict[str, Any]) -> str:
    """A limit that was exceeded all the same (`grid.gate.limits.Breach`)."""
    return gate.exceeded(breach)


@register.filter
def kwh(wh: int) -> str:
    """Watt-hours as kWh with one decimal."""
    return formats.grouped(wh / WH_PER_KWH, 1)


@register.filter
def kwh3(wh: int) -> str:
    """Watt-hours as kWh, all of them."""
    return formats.scaled(wh, 3, 3)


@register.filter
def money(micro_units: int) -> str:
    """Micro-units of the stablecoin, all six decimals where they matter."""
    return formats.scaled(micro_units, 6, 6)


@register.filter
def cents(per_kwh: int | None) -> str:
    """A price in cents with one decimal."""
    return NOTHING if per_kwh is None else formats.grouped(per_kwh / MICRO_PER_CENT, 1)


@register.filter
def percent(share: float | None) -> str:
    """A share in percent."""
    return NOTHING if share is None else f"{formats.grouped(100 * share, 1)} %"


@register.filter
def coins(micro_units: float | None) -> str:
    """Money with two decimals and its sign."""
    if micro_units is None:
        return NOTHING
    return formats.euros(micro_units / MICRO)


@register.filter
def local(seconds: int, offset_s: int) -> str:
    """A moment at a scenario's own offset, such as "Thu 9 Jun 2016, 13:30"."""
    zone = dt.timezone(dt.timedelta(seconds=offset_s))
    weekday, _space, _day = formats.when(seconds, "day", zone=zone).partition(" ")
    return f"{weekday} {formats.when(seconds, zone=zone)}"


@register.filter
def offset(seconds: int) -> str:
    """An offset from UTC, such as "UTC+02:00"."""
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"UTC{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"


@register.filter
def pu(value: float) -> str:
    """A voltage by its nominal one, five decimals: the limit's own step."""
    return formats.grouped(value, 5)


@register.filter
def whole(number: int) -> str:
    """A count, thousands apart."""
    return formats.grouped(number, 0)


@register.filter
def one(value: float) -> str:
    """A plain number with one decimal."""
    return formats.grouped(value, 1)


@register.filter
def per_unit(value: float | None, unit: str) -> str:
    """A key figure in its unit (`grid.results.findings.Figure`)."""
    if value is None:
        return NOTHING
    return _written(value, unit)


def _written(value: float, unit: str) -> str:
    write = _WRITTEN.get(unit)
    return formats.grouped(value, 0) if write is None else write(value)


def _seen(text: str) -> bool:
    """Whether there is anything but zeros in it."""
    return any(sign in "123456789" for sign in text)


@register.filter
def change(figure: dict[str, Any]) -> str:
    """By how much the market moved a key figure, with its sign."""
    market, alone = figure["market"], figure["alone"]
    if market is None or alone is None:
        return ""
    moved = market - alone
    text = (
        gettext("%(share)s points") % {"share": formats.grouped(100 * moved, 2)}
        if figure["unit"] == "share"
        else _written(moved, figure["unit"])
    )
    return f"+{text}" if moved > 0 and _seen(text) else text


@register.filter
def change_look(figure: dict[str, Any]) -> str:
    """Class of a change: good, bad, or neither."""
    market, alone, better = figure["market"], figure["alone"], figure["better"]
    if market is None or alone is None or not better or not _seen(change(figure)):
        return ""
    return "good" if (market > alone) == (better == "higher") else "bad"


_WRITTEN: dict[str, Callable[[float], str]] = {
    "share": lambda value: f"{formats.grouped(100 * value, 2)}\u00a0%",
    "percent": lambda value: f"{formats.grouped(value, 1)}\u00a0%",
    "wh": lambda value: f"{formats.grouped(value / WH_PER_KWH, 1)}\u00a0kWh",
    "kw": lambda value: f"{formats.grouped(value, 1)}\u00a0kW",
    "money": lambda value: formats.euros(value / MICRO),
    "price": lambda value: f"{formats.grouped(value / MICRO_PER_CENT, 2)}\u00a0ct/kWh",
    "pu": lambda value: f"{formats.grouped(value, 5)}\u00a0pu",
}
