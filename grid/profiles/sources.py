"""Bytes of a file, unpacked as they are read and never more than allowed."""

import gzip
import io
import zlib
from pathlib import Path
from typing import IO, Any, cast

from grid.profiles.faults import refuse
from grid.words import Words

GZIP = b"\x1f\x8b"
DAMAGED = (gzip.BadGzipFile, EOFError, zlib.error)


class TooLargeError(Exception):
    """More bytes than allowed; told as a fault by `refuse_large`."""


class Limited(io.RawIOBase):
    """A stream that stops where a bomb would begin."""

    def __init__(self, inner: IO[bytes], most: int) -> None:
        super().__init__()
        self._inner, self._left = inner, most

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer. Raises TooLargeError."""
        content = self._inner.read(len(buffer))
        self._left -= len(content)
        if self._left < 0:
            raise TooLargeError
        buffer[: len(content)] = content
        return len(content)


def refuse_large(name: str, most: int) -> None:
    """Raise the fault of a file that is too large."""
    refuse(
        name,
        Words(
            "is larger than %(most)s MiB unpacked; cut it to fewer days or columns, or to 15 minutes",
            most=most // 1024**2,
        ),
    )


def opened(path: Path) -> IO[bytes]:
    """The file, unpacked where it is gzip. Raises ProfileFaultError."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == GZIP
        unpacked: IO[bytes] = path.open("rb") if not packed else cast("IO[bytes]", gzip.open(path, "rb"))  # noqa: SIM115  the caller's
    except OSError as error:
        refuse(path.name, Words("can't be read (%(strerror)s); check the path", strerror=str(error.strerror)))
    return unpacked


def head_of(path: Path, size: int = 256) -> bytes:
    """The first bytes after unpacking. Raises ProfileFaultError."""
    try:
        with opened(path) as file:
            return file.read(size)
    except DAMAGED:
        refuse(path.name, Words("is damaged gzip; pack it again"))
