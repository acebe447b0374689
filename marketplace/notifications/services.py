"""Telling people things."""

from django.db import transaction

from marketplace.accounts.models import User
from marketplace.notifications.kinds import KINDS
from marketplace.notifications.models import Notice
from marketplace.notifications.signals import noticed


def notify(*, user: User, kind: str, key: str, url: str = "", **details: str | int) -> Notice | None:
    """Tell a person something once, within the caller's transaction; None where `key` was told before.

    Args:
        user: Who is told.
        kind: One of `KINDS`.
        key: What it is about, such as an id and a state; the same key of a kind is told once.
        url: Path of the page where it can be dealt with.
        details: What the kind's words name; nothing personal.

    Raises:
        KeyError: There is no such kind, or a detail that its words name is missing.
    """
    words = KINDS[kind]
    _ = str(words.title).format(**details), str(words.text).format(**details)
    notice, is_new = Notice.objects.get_or_create(
        user=user, kind=kind, key=key, defaults={"url": url, "details": details}
    )
    if not is_new:
        return None
    transaction.on_commit(lambda: noticed.send_robust(sender=Notice, notice=notice))
    return notice
