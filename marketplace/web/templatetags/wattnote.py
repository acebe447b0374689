"""How money, energy, prices, times and hashes look on a page. `static/web/js/ui/format.js` does the same."""

from datetime import UTC, datetime

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

NARROW_SPACE = "\u202f"
NO_BREAK_SPACE = "\u00a0"
MINUS = "\u2212"
MICRO = 1_000_000
CENT = 10_000
FINE_DECIMALS = 4
CHIP_BY_WORD = {
    "open": "good",
    "active": "good",
    "agreed": "good",
    "approved": "good",
    "allowed": "good",
    "running": "good live",
    "fine": "good",
    "finished": "good",
    "measured": "good",
    "corrected": "energy",
    "estimated": "warn",
    "waiting": "warn",
    "faulty": "bad",
    "staged": "warn",
    "requested": "warn",
    "funding": "warn",
    "changing": "warn",
    "closing": "warn",
    "submitted": "warn",
    "in_review": "warn",
    "more_info": "energy",
    "initialising": "warn",
    "signed": "energy",
    "draft": "plain",
    "disputed": "bad",
    "rejected": "bad",
    "failed": "bad",
    "refused": "bad",
    "sells": "energy",
    "buys": "need",
    "seller": "energy",
    "buyer": "need",
}


def scaled(value: int, decimals: int, shown: int) -> str:
    """`value` divided by 10**decimals, cut to `shown` decimals, grouped by narrow spaces; no float involved."""
    whole, fraction = divmod(abs(value), 10**decimals)
    grouped = f"{whole:,}".replace(",", NARROW_SPACE)
    digits = f"{fraction:0{decimals}d}"[:shown]
    return f"{MINUS if value < 0 else ''}{grouped}.{digits}"


def _integer(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None


@register.filter
def money(value: object) -> str:
    """Micro-units as euros with cents, under one euro with what is left of a cent; an en dash without a number."""
    number = _integer(value)
    if number is None:
        return "–"
    shown = FINE_DECIMALS if abs(number) < MICRO and number % CENT else 2
    return f"{scaled(number, 6, shown)}{NO_BREAK_SPACE}€"


@register.filter
def money_exact(value: object) -> str:
    """Micro-units as euros to the last one: where a figure is proven by a signature."""
    number = _integer(value)
    if number is None:
        return "–"
    whole, _, fraction = scaled(number, 6, 6).partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}{NO_BREAK_SPACE}€"


@register.filter
def price(value: object) -> str:
    """Micro-units per kWh as cents per kWh."""
    number = _integer(value)
    return "–" if number is None else f"{scaled(number, 4, 2)}{NO_BREAK_SPACE}ct/kWh"


@register.filter
def energy(value: object) -> str:
    """Wh as kWh with all three decimals."""
    number = _integer(value)
    return "–" if number is None else f"{scaled(number, 3, 3)}{NO_BREAK_SPACE}kWh"


@register.filter
def energy_input(value: int) -> str:
    """Wh as the kWh that a person types."""
    return scaled(value, 3, 3)


@register.filter
def price_input(value: int) -> str:
    """Micro-units per kWh as the cents that a person types."""
    return scaled(value, 4, 2)


@register.simple_tag
def moment(value: datetime | float | None, form: str = "datetime") -> str | SafeString:
    """A time that `site.js` shows in the reader's zone; without scripts it reads in UTC.

    Args:
        value: Seconds since the epoch, or an aware datetime.
        form: `datetime`, `date`, `time`, or `slot` for a quarter-hour that starts then.
    """
    if value is None:
        return "–"
    at = value.astimezone(UTC) if isinstance(value, datetime) else datetime.fromtimestamp(value, tz=UTC)
    return format_html(
        '<time datetime="{}" data-form="{}">{} UTC</time>',
        at.isoformat(),
        form,
        at.strftime("%d %b %Y %H:%M"),
    )


@register.simple_tag
def icon(name: str) -> SafeString:
    """One icon of the sprite; decorative, so hidden from screen readers."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("web/img/icons.svg"), name
    )


@register.simple_tag
def short_hash(value: str, label: str = "hash") -> SafeString:
    """A hash, shortened, that copies itself when pressed."""
    text = value if len(value) <= 18 else f"{value[:8]}…{value[-6:]}"  # noqa: PLR2004  0x, 6 digits, dots, 6 digits
    return format_html(
        '<button type="button" class="hash" data-copy="{}" title="{}" aria-label="Copy {} {}">{}</button>',
        value,
        value,
        label,
        text,
        text,
    )


@register.simple_tag
def chip(word: str, label: str = "") -> SafeString:
    """A status chip; its colour follows from the word, its text says the same."""
    kinds = CHIP_BY_WORD.get(word, "plain").split()
    classes = " ".join(f"chip--{kind}" for kind in kinds)
    return format_html(
        '<span class="chip {}" data-state="{}">{}</span>',
        classes,
        word,
        label or word.replace("_", " ").capitalize(),
    )


@register.filter
def duration(seconds: int) -> str:
    """A time span in the largest unit that divides it evenly enough: 60 s, 15 min, 2 h, 30 days."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0 and unit != "days"):
            return f"{round(seconds / size)} {unit}"
    return f"{seconds} s"


@register.filter
def monogram(name: str) -> str:
    """Up to two letters or digits that stand for a party."""
    words = [word for word in name.replace("-", " ").replace("_", " ").split() if word]
    if len(words) > 1 and words[-1].isdigit():
        return words[-1][-3:]
    return "".join(word[0] for word in words[:2]).upper() or "?"
