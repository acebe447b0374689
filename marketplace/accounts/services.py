"""Writes around a person: profile, wallet, documents, erasure. Every verb owns its transaction."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone

from channels_engine.core.errors import SignatureError
from channels_engine.core.signing import recover
from marketplace.accounts import files, keyring, siwe
from marketplace.accounts.crypto import open_sealed, seal
from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.hexadecimal import to_hex
from marketplace.accounts.models import AuditEvent, DataKey, Document, Participant, SignInNonce, User, Wallet
from marketplace.accounts.signals import person_erased

CHALLENGE_LIFE = timedelta(minutes=5)
MAX_DOCUMENTS = 20
PROFILE_FIELDS = (
    "display_name",
    "legal_name",
    "birth_date",
    "street",
    "postcode",
    "city",
    "country",
    "meter_number",
)


def record(
    *, actor: User | None, action: str, subject: str, person: User | None = None, **detail: object
) -> None:
    """Add to the audit log; `detail` must hold nothing personal."""
    AuditEvent.objects.create(actor=actor, action=action, subject=subject, person=person, detail=detail)


@transaction.atomic
def update_profile(*, user: User, changes: Mapping[str, str | None]) -> Participant:
    """Change the given fields of a participant's profile, made now where there is none."""
    participant = Participant.objects.filter(user=user).first()
    if participant is None:
        participant = Participant(user=user, display_name=f"Home {secrets.token_hex(2)}")
    for name in PROFILE_FIELDS:
        if name in changes:
            setattr(participant, name, changes[name])
    participant.save()
    return participant


@dataclass(frozen=True, slots=True)
class Challenge:
    """A message to be signed by the wallet, until `expires_at`."""

    message: str
    nonce: str
    expires_at: datetime


def issue_challenge(*, user: User, address: bytes, site: siwe.Site) -> Challenge:
    """Make the EIP-4361 message by which `user` proves to hold `address` (20 bytes)."""
    now = timezone.now().replace(microsecond=0)
    nonce, expires_at = secrets.token_hex(12), now + CHALLENGE_LIFE
    SignInNonce.objects.filter(user=user, expires_at__lt=now).delete()
    SignInNonce.objects.create(value=nonce, user=user, expires_at=expires_at)
    message = siwe.SignInMessage(site.domain, address, site.uri, site.chain_id, nonce, now, expires_at)
    return Challenge(message.text(), nonce, expires_at)


def prove_wallet(*, user: User, text: str, signature: bytes, site: siwe.Site) -> Wallet:
    """Check a signed message and keep the wallet as the user's root address, in place of an earlier one.

    The nonce is used up by any attempt, also by one that fails.

    Raises:
        RefusedError: form, site, chain, time, nonce or signature are wrong.
        ConflictError: somebody else has proven this address.
    """
    message = siwe.parse(text)
    siwe.check(message, site=site, now=timezone.now())
    _use_up(nonce=message.nonce, user=user)
    if _signer(text, signature) != message.address:
        raise RefusedError("wrong_signer", "The signature is by another key than the message names.")
    return _keep_wallet(user=user, address=to_hex(message.address), text=text, signature=to_hex(signature))


def _use_up(*, nonce: str, user: User) -> None:
    now = timezone.now()
    unused = SignInNonce.objects.filter(value=nonce, user=user, used_at__isnull=True, expires_at__gt=now)
    if unused.update(used_at=now) != 1:
        raise RefusedError("siwe_nonce", "The message was used before or is not yours: ask for a new one.")


def _signer(text: str, signature: bytes) -> bytes:
    try:
        return recover(siwe.personal_digest(text), signature)
    except SignatureError as error:
        raise RefusedError(error.code, error.message, {"signature": [error.message]}) from error


def _keep_wallet(*, user: User, address: str, text: str, signature: str) -> Wallet:
    proof = {"address": address, "message": text, "signature": signature, "proven_at": timezone.now()}
    try:
        with transaction.atomic():
            wallet, _ = Wallet.objects.update_or_create(user=user, defaults=proof)
            record(actor=user, action="wallet.proven", subject=f"wallet {address}", person=user)
    except IntegrityError as error:
        raise ConflictError("wallet_taken", "Another account has proven this wallet already.") from error
    return wallet


def add_document(*, user: User, kind: str, filename: str, raw: bytes) -> Document:
    """Check, rebuild and seal an upload; the same content of the same kind again gives the same document.

    Raises:
        RefusedError: the file can't be taken, or there are too many.
    """
    if kind not in Document.Kind.values:
        raise RefusedError(
            "document_kind", "Unknown kind of document.", {"kind": ["Choose one of the list."]}
        )
    mine = list(Document.objects.filter(user=user))
    if len(mine) >= MAX_DOCUMENTS:
        raise RefusedError("too_many_documents", f"At most {MAX_DOCUMENTS} documents: delete some first.")
    file = files.clean(raw, max_bytes=settings.DOCUMENT_MAX_BYTES)
    digest = "0x" + hashlib.sha256(file.content).hexdigest()
    twin = next((one for one in mine if one.kind == kind and one.digest == digest), None)
    return twin or _keep_document(user=user, kind=kind, filename=filename, file=file, digest=digest)


def _keep_document(*, user: User, kind: str, filename: str, file: files.CleanFile, digest: str) -> Document:
    document = Document(
        user=user,
        kind=kind,
        filename=_safe_name(filename),
        content_type=file.content_type,
        size_bytes=len(file.content),
        digest=digest,
        pages=file.pages,
    )
    blob = seal(keyring.obtain(user.pk), file.content, aad=_place(document))
    default_storage.save(_path(document), ContentFile(blob))
    document.save(force_insert=True)
    return document


def _safe_name(filename: str) -> str:
    kept = "".join(
        letter for letter in filename.rpartition("/")[2] if letter.isprintable() and letter not in '\\"<>'
    )
    return kept[-80:] or "document"


def _path(document: Document) -> str:
    return f"documents/{document.user_id}/{document.pk}"


def _place(document: Document) -> bytes:
    return f"document|{document.pk}|{document.user_id}".encode()


def read_document(*, document: Document, viewer: User) -> bytes:
    """Plain content of a document for somebody to look at; the view goes into the audit log first.

    Raises:
        RefusedError: the person was erased.
    """
    subject = f"document {document.pk}"
    record(actor=viewer, action="document.viewed", subject=subject, person=document.user, kind=document.kind)
    return open_document(document)


def open_document(document: Document) -> bytes:
    """Plain content of a document for the site's own checks and its owner's export.

    Raises:
        RefusedError: the person was erased.
    """
    key = keyring.find(document.user_id)
    if key is None or not default_storage.exists(_path(document)):
        raise RefusedError(
            "document_erased", "The person's data was erased; this document can't be read any more."
        )
    with default_storage.open(_path(document)) as file:
        return open_sealed(key, file.read(), aad=_place(document))


@transaction.atomic
def remove_document(*, document: Document) -> None:
    """Delete a document and its file.

    Raises:
        ConflictError: something was submitted with it.
    """
    if document.kept_at is not None:
        raise ConflictError("document_used", "An application was submitted with this document.")
    path = _path(document)
    document.delete()
    transaction.on_commit(lambda: default_storage.delete(path))


@transaction.atomic
def erase_person(*, user: User, actor: User) -> None:
    """Make a person's data unreadable for good: destroy the key, and drop what names the person in the clear."""
    for document in Document.objects.filter(user=user):
        path = _path(document)
        transaction.on_commit(lambda path=path: default_storage.delete(path))  # type: ignore[misc]  # mypy and defaults of lambdas
        document.delete()
    person_erased.send(sender=User, user=user)
    DataKey.objects.filter(user=user).delete()
    Participant.objects.filter(user=user).update(display_name="Erased")
    for model in (Wallet, SignInNonce, EmailAddress, Authenticator):
        model.objects.filter(user=user).delete()
    for log in (AccessAttempt, AccessFailureLog, AccessLog):
        log.objects.filter(username=user.email).delete()
    user.email, user.is_active, user.erased_at = f"{user.owner}@erased.invalid", False, timezone.now()
    user.set_unusable_password()
    user.save()
    record(actor=actor, action="person.erased", subject=f"user {user.owner}", person=user)
