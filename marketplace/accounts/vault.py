"""Sealed content of documents on the disk."""

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from marketplace.accounts import keyring
from marketplace.accounts.crypto import open_sealed, seal
from marketplace.accounts.errors import RefusedError
from marketplace.accounts.models import Document


def place_of(document: Document) -> str:
    """Where it lies in the private storage."""
    return f"documents/{document.user_id}/{document.pk}"


def _bound_to(document: Document) -> bytes:
    return f"document|{document.pk}|{document.user_id}".encode()


def keep_content(document: Document, content: bytes) -> None:
    """Seal and write."""
    blob = seal(keyring.obtain(document.user_id), content, aad=_bound_to(document))
    default_storage.save(place_of(document), ContentFile(blob))


def open_content(document: Document) -> bytes:
    """Plain content, whatever a scanner says of it.

    Raises:
        RefusedError: the person was erased, or the file is gone.
    """
    key = keyring.find(document.user_id)
    if key is None or not default_storage.exists(place_of(document)):
        raise RefusedError(
            "document_erased", _("The person's data was erased; this document can't be read any more.")
        )
    with default_storage.open(place_of(document)) as file:
        return open_sealed(key, file.read(), aad=_bound_to(document))
