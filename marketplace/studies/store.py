"""Content of uploaded files: sealed under the owner's key, and laid out in the clear only while a task reads it."""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.utils.translation import gettext as _

from marketplace.accounts.errors import RefusedError
from marketplace.accounts.vault import Vault
from marketplace.studies.models import InputFile

_MEMORY = Path("/dev/shm")  # noqa: S108  a private folder is made in it; files there never reach a disk
INPUTS = Vault(
    "inputs",
    "input",
    lambda: RefusedError("file_gone", _("The file is not there any more: upload it again.")),
)


@contextlib.contextmanager
def laid_out(files: Iterable[InputFile]) -> Iterator[Path]:
    """A private folder with the files under their own names, in memory where the system offers that; gone afterwards."""
    parent = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="wattnote-", dir=parent) as name:
        folder = Path(name)
        for file in files:
            (folder / str(file.filename)).write_bytes(INPUTS.content_of(file))
        yield folder
