"""Content of people's files on the disk, sealed under their owner's key: of documents here, of whatever else in other apps."""

from collections.abc import Callable
from typing import Any, Protocol

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from marketplace.accounts import keyring
from marketplace.accounts.crypto import open_sealed, seal
from marketplace.accounts.errors import RefusedError


class Owned(Protocol):
    """A row whose content lies in a vault."""

    pk: Any
    user_id: int


class Vault:
    """Files of one kind.

    Args:
        folder: Of the private storage.
        kind: Bound into the seal with row and owner, so that no content passes for another's.
        gone: What to say where the person was erased, or the file is gone.
    """

    def __init__(self, folder: str, kind: str, gone: Callable[[], RefusedError]) -> None:
        self._folder, self._kind, self._gone = folder, kind, gone

    def place_of(self, row: Owned) -> str:
        """Where it lies in the private storage."""
        return f"{self._folder}/{row.user_id}/{row.pk}"

    def keep(self, row: Owned, content: bytes) -> None:
        """Seal and write."""
        blob = seal(keyring.obtain(row.user_id), content, aad=self._bound_to(row))
        default_storage.save(self.place_of(row), ContentFile(blob))

    def drop(self, row: Owned) -> None:
        """Delete the content, if it is still there."""
        default_storage.delete(self.place_of(row))

    def content_of(self, row: Owned) -> bytes:
        """Plain content, whatever a scanner says of it.

        Raises:
            RefusedError: the person was erased, or the file is gone.
        """
        key, place = keyring.find(row.user_id), self.place_of(row)
        if key is None or not default_storage.exists(place):
            raise self._gone()
        with default_storage.open(place) as file:
            return open_sealed(key, file.read(), aad=self._bound_to(row))

    def _bound_to(self, row: Owned) -> bytes:
        return f"{self._kind}|{row.pk}|{row.user_id}".encode()


DOCUMENTS = Vault(
    "documents",
    "document",
    lambda: RefusedError(
        "document_erased", _("The person's data was erased; this document can't be read any more.")
    ),
)
