"""The hook for a malware scanner. Until it has called a document clean, nobody is shown it.

`DOCUMENT_SCANNER` names a clamd (`clamd:///run/clamav/clamd.sock`, `clamd://host:3310`) or a callable by its dotted path
that takes the content and answers with a `Verdict`. Without one, documents are shown as the rebuilding left them.
"""

import enum
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.module_loading import import_string

CHUNK = 1 << 16
PATIENCE_S = 30
MOST_ANSWER = 4096


class Verdict(enum.StrEnum):
    """What a scanner says."""

    CLEAN = "clean"
    INFECTED = "infected"


class ScanError(Exception):
    """The scanner gave no verdict: it is away, too slow, or said something else."""


Scanner: TypeAlias = Callable[[bytes], Verdict]


def scanner() -> Scanner | None:
    """The scanner of the settings, or None."""
    name: str = settings.DOCUMENT_SCANNER
    if not name:
        return None
    if not name.startswith("clamd:"):
        found: Scanner = import_string(name)
        return found
    parts = urlsplit(name)
    return Clamd(parts.path if not parts.hostname else (parts.hostname, parts.port or 3310))


@dataclass(frozen=True, slots=True)
class Clamd:
    """A clamd by its INSTREAM command (clamd(8)): chunks with their length in four bytes, an empty one ends it."""

    place: str | tuple[str, int]

    def __call__(self, content: bytes) -> Verdict:
        """Ask.

        Raises:
            ScanError: No verdict.
        """
        try:
            answer = self._asked(content)
        except OSError as error:
            raise ScanError(f"clamd can't be asked: {error}") from error
        if answer == b"stream: OK":
            return Verdict.CLEAN
        if answer.startswith(b"stream: ") and answer.endswith(b" FOUND"):
            return Verdict.INFECTED
        raise ScanError(f"clamd answered {answer[:80]!r}.")

    def _asked(self, content: bytes) -> bytes:
        is_path = isinstance(self.place, str)
        with socket.socket(socket.AF_UNIX if is_path else socket.AF_INET) as line:
            line.settimeout(PATIENCE_S)
            line.connect(self.place)
            line.sendall(b"zINSTREAM\0")
            for start in range(0, len(content), CHUNK):
                chunk = content[start : start + CHUNK]
                line.sendall(struct.pack("!I", len(chunk)) + chunk)
            line.sendall(struct.pack("!I", 0))
            return _until_zero(line)


def _until_zero(line: socket.socket) -> bytes:
    answer = b""
    while not answer.endswith(b"\0") and len(answer) < MOST_ANSWER:
        more = line.recv(MOST_ANSWER)
        if not more:
            break
        answer += more
    return answer.rstrip(b"\0\n")
