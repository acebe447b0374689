"""What this app keeps of a person: for the export, and to be dropped on erasure."""

from typing import Any

from marketplace.accounts import export
from marketplace.accounts.models import User
from marketplace.programs.models import KeptAnswer, ProgramToken, Webhook
from marketplace.programs.tokens import for_export


def tokens(user: User) -> list[dict[str, Any]]:
    """Tokens, without what opens anything."""
    return for_export(user)


def webhooks(user: User) -> list[dict[str, Any]]:
    """Where the person's programs hear of things."""
    rows = user.webhooks.values("url", "events", "created_at", "disabled_at")
    return [{**row} for row in rows]


def register() -> None:
    """Name the topics."""
    for collect in (tokens, webhooks):
        export.register(collect.__name__, collect)


def forget_person(*, user: User, **_context: object) -> None:
    """Drop all of it, inside the erasure's transaction."""
    for model in (ProgramToken, KeptAnswer, Webhook):
        model.objects.filter(user=user).delete()
