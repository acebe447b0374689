"""What a token may be good for. Each scope is given for reading or for writing, as `billing:read`; writing holds reading."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

READ, WRITE = "read", "write"
SCOPES: dict[str, str | Promise] = {
    "profile": _("Who I am, and my profile"),
    "documents": _("List of my documents, and uploads; never their content"),
    "credit": _("Applications, agreements, credit notes, statements"),
    "wallet": _("Wallet, session keys, signed transfers"),
    "trade": _("Partners, listings, channels, trades"),
    "billing": _("Bills and payments"),
    "notices": _("Notices, their settings, and webhooks"),
    "agent": _("My agent: its rules, plans and dry runs"),
    "runs": _("Own files, studies, runs, the replay"),
    "meters": _("Meters and their readings"),
}


def every() -> list[str]:
    """All that can be given."""
    return [f"{name}:{access}" for name in SCOPES for access in (READ, WRITE)]


def covers(held: list[str], *, name: str, access: str) -> bool:
    """Whether what a token holds is enough."""
    return f"{name}:{access}" in held or (access == READ and f"{name}:{WRITE}" in held)
