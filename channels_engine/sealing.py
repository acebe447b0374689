"""Files that only who knows a passphrase can read or make: scrypt (RFC 7914) and AES-256-GCM.

The first line names the kind of file and its form, so that a later form can say what it is; line, salt and
nonce are authenticated with the content.
"""

import contextlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

KIND = b"wattnote-backup"
FORM = 1
SALT_BYTES = 16
NONCE_BYTES = 12
SHORTEST_PASSPHRASE = 12
_HEAD = KIND + b" %d\n"
_LONGEST_LINE = 64


class SealError(Exception):
    """The file can't be used; the message says why and what to do."""


def seal(content: bytes, passphrase: str) -> bytes:
    """Encrypt and authenticate.

    Raises:
        SealError: The passphrase is too short to protect anything.
    """
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise SealError(f"The passphrase needs at least {SHORTEST_PASSPHRASE} characters.")
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    head = _HEAD % FORM + salt + nonce
    return head + AESGCM(_key(passphrase, salt)).encrypt(nonce, content, head)


def unseal(sealed: bytes, passphrase: str) -> bytes:
    """The content of a sealed file.

    Raises:
        SealError: Another kind of file, a form of another version, a wrong passphrase, or damage.
    """
    line, _, rest = sealed[:_LONGEST_LINE].partition(b"\n")
    kind, _, form = line.partition(b" ")
    if kind != KIND or not form.isdigit() or not rest:
        raise SealError("This is no backup of Wattnote; choose the file that `backup export` wrote.")
    if int(form) != FORM:
        raise SealError(
            f"The backup has form {int(form)}, this version reads form {FORM}; restore it with the version that made it."
        )
    start = len(line) + 1
    head = sealed[: start + SALT_BYTES + NONCE_BYTES]
    salt, nonce = head[start : start + SALT_BYTES], head[start + SALT_BYTES :]
    if len(nonce) < NONCE_BYTES:
        raise SealError("The backup is cut short; use another copy.")
    try:
        return AESGCM(_key(passphrase, salt)).decrypt(nonce, sealed[len(head) :], head)
    except InvalidTag:
        raise SealError(
            "The passphrase does not open this backup, or the file is damaged; nothing was read."
        ) from None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file for its owner's eyes, durably, and never half of it: an older one stays until then."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode())
