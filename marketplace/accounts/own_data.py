"""What this app keeps of a person, for the export."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator

from marketplace.accounts import export
from marketplace.accounts.documents import open_document
from marketplace.accounts.models import AuditEvent, Document, User
from marketplace.accounts.selectors import (
    opened_documents,
    own_documents,
    participant_of,
    shown_documents,
    wallet_of,
)
from marketplace.accounts.services import PROFILE_FIELDS


def account(user: User) -> dict[str, Any]:
    """Who signs in, and how."""
    addresses = EmailAddress.objects.filter(user=user)
    return {
        "email": user.email,
        "owner": user.owner,
        "joined_at": user.date_joined,
        "last_login": user.last_login,
        "language": user.language,
        "time_zone": user.time_zone,
        "addresses": list(addresses.values("email", "verified", "primary")),
        "second_factors": list(
            Authenticator.objects.filter(user=user).values("type", "created_at", "last_used_at")
        ),
    }


def profile(user: User) -> dict[str, Any]:
    """What the person said about themselves."""
    participant = participant_of(user)
    return {name: getattr(participant, name, None) for name in PROFILE_FIELDS}


def wallet(user: User) -> dict[str, Any] | None:
    """The proven root address and its proof."""
    found = wallet_of(user)
    if found is None:
        return None
    return {name: getattr(found, name) for name in ("address", "message", "signature", "proven_at")}


def documents(user: User) -> list[dict[str, Any]]:
    """The documents' descriptions; the files lie beside them."""
    names = ("kind", "filename", "content_type", "size_bytes", "digest", "pages", "uploaded_at", "kept_at")
    rows = opened_documents(own_documents(user))
    return [
        {"id": row.pk, "file": _name(row), **{name: getattr(row, name) for name in names}} for row in rows
    ]


def document_files(user: User) -> list[tuple[str, bytes]]:
    """The documents themselves."""
    return [(_name(row), open_document(row)) for row in opened_documents(shown_documents(user))]


def _name(document: Document) -> str:
    return f"{str(document.pk)[:8]} {document.filename}"


def record(user: User) -> list[dict[str, Any]]:
    """What the audit log has about the person, and what the person did; others appear as what they are."""
    rows = AuditEvent.objects.filter(person=user) | AuditEvent.objects.filter(actor=user)
    return [
        {"at": row.at, "by": "you" if row.actor_id == user.pk else "staff", "action": row.action}
        | {"subject": row.subject, "detail": row.detail}
        for row in rows.order_by("at", "pk")
    ]


def register() -> None:
    """Name the topics."""
    for collect in (account, profile, wallet, documents, record):
        export.register(collect.__name__, collect)
    export.register_files("documents", document_files)
