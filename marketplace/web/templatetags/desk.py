"""What only the pages of the desk show."""

from django import template
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from marketplace.web.templatetags.wattnote import chip

register = template.Library()
NO_BREAK_SPACE = "\u00a0"
PERMILLE_PER_PERCENT = 10
PHASES = {
    "requested": _("Asked for"),
    "funding": _("Opening"),
    "open": _("Open"),
    "staged": _("Waits for a signature"),
    "changing": _("Funding changes"),
    "closing": _("Closing"),
    "disputed": _("In dispute"),
    "closed": _("Closed"),
    "aborted": _("Not opened"),
}


@register.simple_tag
def phase_chip(phase: str) -> SafeString:
    """The phase of a channel."""
    return chip(phase, str(PHASES.get(phase, phase)))


@register.filter
def percent(permille: int) -> str:
    """Per mille as percent with one decimal, in the reader's way of writing numbers."""
    return f"{number_format(permille / PERMILLE_PER_PERCENT, 1)}{NO_BREAK_SPACE}%"
