"""How money, energy, prices, times and hashes look on a page, by the rules of `marketplace.formats`."""

from datetime import UTC, date, datetime

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from marketplace import formats

register = template.Library()

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
    "clean": "good",
    "infected": "bad",
    "pass": "good",
    "warn": "warn",
    "fail": "bad",
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
    "paid": "good",
    "credit": "energy",
    "overdue": "bad",
    "rejected": "bad",
    "failed": "bad",
    "refused": "bad",
    "sells": "energy",
    "buys": "need",
    "seller": "energy",
    "buyer": "need",
}


CHIP_WORDS = {
    "accepted": _lazy("Accepted"),
    "active": _lazy("Active"),
    "agreed": _lazy("Agreed"),
    "allowed": _lazy("Allowed"),
    "approved": _lazy("Approved"),
    "changing": _lazy("Funding changes"),
    "closed": _lazy("Closed"),
    "closing": _lazy("Closing"),
    "corrected": _lazy("Corrected"),
    "disputed": _lazy("In dispute"),
    "draft": _lazy("Draft"),
    "ended": _lazy("Ended"),
    "estimated": _lazy("Estimated"),
    "expired": _lazy("Expired"),
    "failed": _lazy("Failed"),
    "faulty": _lazy("Faulty"),
    "fine": _lazy("Fine"),
    "finished": _lazy("Finished"),
    "funding": _lazy("Funding"),
    "in_review": _lazy("In review"),
    "initialising": _lazy("Initialising"),
    "measured": _lazy("Measured"),
    "more_info": _lazy("More asked for"),
    "offered": _lazy("Offered"),
    "open": _lazy("Open"),
    "opening": _lazy("Opening"),
    "refused": _lazy("Refused"),
    "rejected": _lazy("Rejected"),
    "requested": _lazy("Requested"),
    "running": _lazy("Running"),
    "settled": _lazy("Settled"),
    "signed": _lazy("Signed"),
    "staged": _lazy("Half signed"),
    "submitted": _lazy("Submitted"),
    "waiting": _lazy("Waiting"),
    "withdrawn": _lazy("Withdrawn"),
}


def _integer(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None


@register.filter
def money(value: object) -> str:
    """Micro-units as euros with cents, under one euro with what is left of a cent; an en dash without a number."""
    number = _integer(value)
    return formats.NOTHING if number is None else formats.money(number)


@register.filter
def money_exact(value: object) -> str:
    """Micro-units as euros to the last one: where a figure is proven by a signature."""
    number = _integer(value)
    return formats.NOTHING if number is None else formats.money(number, exact=True)


@register.filter
def price(value: object) -> str:
    """Micro-units per kWh as cents per kWh."""
    number = _integer(value)
    return formats.NOTHING if number is None else formats.price(number)


@register.filter
def energy(value: object) -> str:
    """Wh as kWh with all three decimals."""
    number = _integer(value)
    return formats.NOTHING if number is None else formats.energy(number)


@register.filter
def energy_input(value: int) -> str:
    """Wh as the kWh that a person types."""
    return formats.plain(value, 3, 3)


@register.filter
def price_input(value: int) -> str:
    """Micro-units per kWh as the cents that a person types."""
    return formats.plain(value, 4, 2)


@register.simple_tag
def moment(value: datetime | float | None, form: str = "datetime") -> str | SafeString:
    """A time in the reader's zone; `site.js` corrects it where the device is somewhere else.

    Args:
        value: Seconds since the epoch, or an aware datetime.
        form: `datetime`, `date`, `day`, `month`, `time`, or `slot` for a quarter-hour that starts then.
    """
    if value is None:
        return formats.NOTHING
    at = value.astimezone(UTC) if isinstance(value, datetime) else datetime.fromtimestamp(value, tz=UTC)
    return format_html(
        '<time datetime="{}" data-form="{}">{}</time>', at.isoformat(), form, formats.told(at, form)
    )


@register.filter
def told(value: datetime | float | None, form: str = "datetime") -> str:
    """A time where only text may stand: in a sentence, or in a list to choose from."""
    return formats.told(value, form)


@register.filter
def civil_date(value: date | str | None) -> str:
    """A date that no time zone moves."""
    return formats.civil(value)


@register.simple_tag
def icon(name: str) -> SafeString:
    """One icon of the sprite; decorative, so hidden from screen readers."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("web/img/icons.svg"), name
    )


@register.simple_tag
def short_hash(value: str, label: str = "") -> SafeString:
    """A hash, shortened, that copies itself when pressed."""
    text = value if len(value) <= 18 else f"{value[:8]}…{value[-6:]}"  # noqa: PLR2004  0x, 6 digits, dots, 6 digits
    return format_html(
        '<button type="button" class="hash" data-copy="{}" title="{}" aria-label="{}">{}</button>',
        value,
        value,
        _("Copy %(what)s %(text)s") % {"what": label or _("hash"), "text": text},
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
        label or CHIP_WORDS.get(word) or word.replace("_", " ").capitalize(),
    )


@register.filter
def duration(seconds: int) -> str:
    """A time span in the largest unit that says enough."""
    return formats.duration(seconds)


@register.filter
def monogram(name: str) -> str:
    """Up to two letters or digits that stand for a party."""
    words = [word for word in name.replace("-", " ").replace("_", " ").split() if word]
    if len(words) > 1 and words[-1].isdigit():
        return words[-1][-3:]
    return "".join(word[0] for word in words[:2]).upper() or "?"
