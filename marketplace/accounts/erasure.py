"""Erasure of a person: the key is destroyed, and what names the person in the clear is deleted or overwritten."""

from pathlib import Path

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.utils import timezone

from marketplace.accounts.documents import drop_document
from marketplace.accounts.models import DataKey, Document, Participant, SignInNonce, User, Wallet
from marketplace.accounts.services import record
from marketplace.accounts.signals import person_erased

GONE = "Erased"


@transaction.atomic
def erase_person(*, user: User, actor: User) -> None:
    """Make a person's data unreadable for good: destroy the key, and drop what names the person in the clear."""
    email = user.email
    for document in Document.objects.filter(user=user):
        drop_document(document)
    person_erased.send(sender=User, user=user)
    DataKey.objects.filter(user=user).delete()
    _forget_profile(user)
    for model in (Wallet, SignInNonce, EmailAddress, Authenticator):
        model.objects.filter(user=user).delete()
    _forget_traces(user, email)
    user.email, user.is_active, user.erased_at = f"{user.owner}@erased.invalid", False, timezone.now()
    user.time_zone = ""
    user.set_unusable_password()
    user.save()
    record(actor=actor, action="person.erased", subject=f"user {user.owner}", person=user)
    transaction.on_commit(lambda: _forget_files(email))


def _forget_profile(user: User) -> None:
    """Sealed fields go too: without the key they are noise, but noise that nobody needs."""
    for participant in Participant.objects.filter(user=user):
        sealed = [field.name for field in Participant._meta.fields if field.null]  # noqa: SLF001  Django's public name for it
        for name in sealed:
            setattr(participant, name, None)
        participant.display_name = GONE
        participant.save()


def _forget_traces(user: User, email: str) -> None:
    """Logs of sign-ins, sessions (they hold the address), and the back office's log of what was changed."""
    for log in (AccessAttempt, AccessFailureLog, AccessLog):
        log.objects.filter(username=email).delete()
    for session in Session.objects.iterator():
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()
    accounts = ContentType.objects.get_for_model(User)
    entries = LogEntry.objects.filter(content_type=accounts, object_id=str(user.pk))
    (entries | LogEntry.objects.filter(object_repr__contains=email)).update(
        object_repr=user.owner, change_message=""
    )


def _forget_files(email: str) -> None:
    """Mail that was written to files, and what the database's own files still hold of what was deleted."""
    for path in Path(settings.EMAIL_FILE_PATH).glob("*.log"):
        if email.encode() in path.read_bytes():
            path.unlink()
    sweep_database()


def sweep_database() -> None:
    """SQLite: bring the write-ahead log home and empty it. Deleted rows are overwritten (`secure_delete`) as they go.

    Does nothing where somebody is reading; it comes round again (`accounts.sweep`). PostgreSQL's autovacuum does its part.
    """
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
