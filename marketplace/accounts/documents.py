"""Documents: taken in, shown, deleted. Every verb owns its transaction."""

import hashlib

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.accounts import files
from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.models import Document, User
from marketplace.accounts.quarantine import first_state
from marketplace.accounts.services import record
from marketplace.accounts.vault import DOCUMENTS

MAX_DOCUMENTS = 20


def add_document(*, user: User, kind: str, filename: str, raw: bytes) -> Document:
    """Check, rebuild and seal an upload; the same content of the same kind again gives the same document.

    Raises:
        RefusedError: the file can't be taken, or there are too many.
    """
    if kind not in Document.Kind.values:
        raise RefusedError(
            "document_kind", _("Unknown kind of document."), {"kind": [_("Choose one of the list.")]}
        )
    mine = list(Document.objects.filter(user=user))
    if len(mine) >= MAX_DOCUMENTS:
        raise _too_many(_("At most %(most)s documents: delete some first.") % {"most": MAX_DOCUMENTS})
    file = files.clean(
        raw, max_bytes=settings.DOCUMENT_MAX_BYTES, is_statement=kind == Document.Kind.STATEMENT
    )
    digest = "0x" + hashlib.sha256(file.content).hexdigest()
    twin = next((one for one in mine if one.kind == kind and one.digest == digest), None)
    if (
        twin is None
        and sum(one.size_bytes for one in mine) + len(file.content) > settings.DOCUMENTS_MAX_BYTES
    ):
        most = settings.DOCUMENTS_MAX_BYTES // 1024**2
        raise _too_many(
            _("All documents together may take %(most)s MiB: delete some first.") % {"most": most}
        )
    return twin or _keep_document(user=user, kind=kind, filename=filename, file=file, digest=digest)


def _too_many(words: str) -> RefusedError:
    return RefusedError("too_many_documents", words, {"file": [words]})


def _keep_document(*, user: User, kind: str, filename: str, file: files.CleanFile, digest: str) -> Document:
    document = Document(
        user=user,
        kind=kind,
        filename=_safe_name(filename),
        content_type=file.content_type,
        size_bytes=len(file.content),
        digest=digest,
        pages=file.pages,
        scan=first_state(),
    )
    DOCUMENTS.keep(document, file.content)
    document.save(force_insert=True)
    if document.scan == Document.Scan.WAITING:
        _have_scanned(document)
    return document


def _have_scanned(document: Document) -> None:
    from marketplace.accounts.tasks import scan_document  # noqa: PLC0415  tasks need loaded apps

    scan_document.enqueue(str(document.pk))
    document.refresh_from_db(fields=["scan"])


def _safe_name(filename: str) -> str:
    kept = "".join(
        letter for letter in filename.rpartition("/")[2] if letter.isprintable() and letter not in '\\"<>'
    )
    return kept[-80:] or "document"


def read_document(*, document: Document, viewer: User) -> bytes:
    """Plain content of a document for somebody to look at; the view goes into the audit log first.

    Raises:
        RefusedError: the person was erased.
        ConflictError: no scanner has called it clean.
    """
    if document.scan in Document.SHUT_STATES:
        raise ConflictError("document_shut", shut_words(document))
    subject = f"document {document.pk}"
    record(actor=viewer, action="document.viewed", subject=subject, person=document.user, kind=document.kind)
    return DOCUMENTS.content_of(document)


def open_document(document: Document) -> bytes:
    """Plain content of a document for the site's own checks and its owner's export.

    Raises:
        RefusedError: the person was erased.
        ConflictError: no scanner has called it clean.
    """
    if document.scan in Document.SHUT_STATES:
        raise ConflictError("document_shut", shut_words(document))
    return DOCUMENTS.content_of(document)


def shut_words(document: Document) -> str:
    """Why a document isn't shown."""
    return {
        Document.Scan.WAITING: _("This document is being checked for malware: try again in a minute."),
        Document.Scan.FAILED: _("The check for malware did not work; it is tried again by itself."),
        Document.Scan.INFECTED: _(
            "Malware was found in this document; its content was deleted. Upload another file."
        ),
    }.get(Document.Scan(document.scan), "")


@transaction.atomic
def remove_document(*, document: Document) -> None:
    """Delete a document and its file.

    Raises:
        ConflictError: something was submitted with it.
    """
    if document.kept_at is not None:
        raise ConflictError("document_used", _("An application was submitted with this document."))
    drop_document(document)


def drop_document(document: Document) -> None:
    """Delete a document and its file, whatever relied on it; within the caller's transaction."""
    path = DOCUMENTS.place_of(document)
    document.delete()
    transaction.on_commit(lambda: default_storage.delete(path))
