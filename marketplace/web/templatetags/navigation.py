"""The site's rooms, in groups: a side bar where there is room, else the first ones as tabs and the rest behind "More"."""

from dataclasses import dataclass
from typing import Any

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

register = template.Library()


@dataclass(frozen=True, slots=True)
class Room:
    """A page of the navigation; `also` are pages that belong to it. `is_tab`: among the tabs of a phone."""

    page: str
    icon: str
    title: str | Promise
    also: tuple[str, ...] = ()
    is_tab: bool = False

    @property
    def url(self) -> str:
        """As `{% url %}` takes it."""
        return f"web:{self.page}"


@dataclass(frozen=True, slots=True)
class Group:
    """Rooms about one thing."""

    title: str | Promise
    rooms: tuple[Room, ...]


GROUPS = (
    Group(
        _("Trading"),
        (
            Room("dashboard", "home", _("Today"), is_tab=True),
            Room("partners", "partners", _("Partners"), ("trade",), is_tab=True),
            Room("channels", "channel", _("Channels"), ("channel",), is_tab=True),
            Room("trades", "trades", _("Trades")),
            Room("agent", "agent", _("Agent")),
        ),
    ),
    Group(
        _("Money"),
        (
            Room("bills", "receipt", _("Bills"), ("bill",)),
            Room("wallet", "wallet", _("Wallet")),
            Room("ledger", "ledger", _("Ledger")),
        ),
    ),
    Group(
        _("Grid"),
        (
            Room("feeder", "map", _("Feeder"), ("decisions",), is_tab=True),
            Room("runs", "runs", _("Runs"), ("run", "compare", "play")),
            Room("own", "bolt", _("Own feeder"), ("own_file", "own_run")),
        ),
    ),
)


@register.inclusion_tag("web/parts/nav.html", takes_context=True)
def navigation(context: dict[str, Any]) -> dict[str, Any]:
    """The navigation, with the room that the reader is in."""
    match = getattr(context.get("request"), "resolver_match", None)
    here = match.url_name if match else ""
    rooms = [room for group in GROUPS for room in group.rooms]
    current = next((room.page for room in rooms if here == room.page or here in room.also), "")
    return {
        "groups": GROUPS,
        "tabs": [room for room in rooms if room.is_tab],
        "rest": [room for room in rooms if not room.is_tab],
        "current": current,
    }
