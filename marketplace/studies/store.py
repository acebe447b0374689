"""Content of uploaded files: sealed under the owner's key, and laid out in the clear only while a task reads it."""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from marketplace.accounts import keyring
from marketplace.accounts.crypto import open_sealed, seal
from marketplace.accounts.errors import RefusedError
from marketplace.studies.models import InputFile

_MEMORY = Path("/dev/shm")  # noqa: S108  a private folder is made in it; files there never reach a disk


def _path(file: InputFile) -> str:
    return f"inputs/{file.user_id}/{file.pk}"


def _place(file: InputFile) -> bytes:
    return f"input|{file.pk}|{file.user_id}".encode()


def keep(file: InputFile, content: bytes) -> None:
    """Seal and store."""
    blob = seal(keyring.obtain(file.user_id), content, aad=_place(file))
    default_storage.save(_path(file), ContentFile(blob))


def drop(file: InputFile) -> None:
    """Delete the content, if it is still there."""
    default_storage.delete(_path(file))


def content_of(file: InputFile) -> bytes:
    """Plain content. Raises RefusedError if the person was erased or the file is gone."""
    key = keyring.find(file.user_id)
    if key is None or not default_storage.exists(_path(file)):
        raise RefusedError("file_gone", _("The file is not there any more: upload it again."))
    with default_storage.open(_path(file)) as sealed:
        return open_sealed(key, sealed.read(), aad=_place(file))


@contextlib.contextmanager
def laid_out(files: Iterable[InputFile]) -> Iterator[Path]:
    """A private folder with the files under their own names, in memory where the system offers that; gone afterwards."""
    parent = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="wattnote-", dir=parent) as name:
        folder = Path(name)
        for file in files:
            (folder / str(file.filename)).write_bytes(content_of(file))
        yield folder
