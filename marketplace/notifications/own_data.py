"""What this app keeps of a person: for the export, and for erasure."""

from typing import Any

from marketplace.accounts import export
from marketplace.accounts.models import User
from marketplace.notifications.models import Notice, Preference, PushDevice
from marketplace.notifications.wording import worded


def notices(user: User) -> dict[str, Any]:
    """Notices as they read, preferences, and devices."""
    return {
        "notices": [
            {
                "kind": row.kind,
                "title": words.title,
                "text": words.text,
                "at": row.created_at,
                "read_at": row.read_at,
            }
            for row, words in worded(Notice.objects.filter(user=user))
        ],
        "preferences": list(Preference.objects.filter(user=user).values("kind", "email", "push")),
        "devices": list(PushDevice.objects.filter(user=user).values("name", "endpoint", "created_at")),
    }


def register() -> None:
    """Name the topic."""
    export.register("notices", notices)


def forget_person(*, user: User, **_signal: object) -> None:
    """Drop all that an erased person was told, and their devices."""
    for kept in (Notice, Preference, PushDevice):
        kept.objects.filter(user=user).delete()
