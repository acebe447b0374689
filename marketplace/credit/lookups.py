"""Who looked at somebody's documents, for that somebody."""

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from marketplace.accounts.models import AuditEvent, Document, User


def views_of(user: User) -> QuerySet[AuditEvent]:
    """Views of the person's documents, newest first."""
    rows = AuditEvent.objects.filter(person=user, action="document.viewed")
    return rows.select_related("actor").prefetch_related("actor__merchants")


def told(rows: Iterable[AuditEvent], user: User) -> list[dict[str, Any]]:
    """Each with who (`you`, a merchant's name, or empty for staff of the site) and what; persons stay unnamed."""
    kinds = dict(Document.Kind.choices)
    return [
        {
            "at": row.at,
            "is_own": row.actor_id == user.pk,
            "merchant": ", ".join(sorted(merchant.name for merchant in row.actor.merchants.all()))
            if row.actor and row.actor_id != user.pk
            else "",
            "what": kinds.get(row.detail.get("kind", ""), row.subject),
        }
        for row in rows
    ]
