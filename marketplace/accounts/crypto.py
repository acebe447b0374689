"""Sealing of personal data: AES-256-GCM under a key per user, which a master key wraps.

Destroying a user's wrapped key makes everything sealed under it unreadable, in backups too.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = b"\x01"
NONCE_BYTES = 12
KEY_BYTES = 32


class SealBrokenError(Exception):
    """Sealed data was changed, moved to another place, or sealed under another key."""


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """Master keys by their id; the first one wraps, the others only unwrap."""

    by_id: dict[str, bytes]

    @classmethod
    def from_secrets(cls, secrets: Sequence[str]) -> "MasterKeys":
        """Derive keys from secrets of at least 16 characters, newest first.

        Raises:
            ValueError: no secret, or a short one.
        """
        if not secrets or min(map(len, secrets)) < KEY_BYTES // 2:
            raise ValueError("PII_MASTER_KEYS needs one or more secrets of at least 16 characters.")
        derived = [
            hashlib.blake2b(s.encode(), digest_size=KEY_BYTES, person=b"wattnote pii").digest()
            for s in secrets
        ]
        return cls({hashlib.sha256(key).hexdigest()[:8]: key for key in derived})

    @property
    def current(self) -> str:
        """Id of the key that wraps new data keys."""
        return next(iter(self.by_id))

    def wrap(self, data_key: bytes, *, user_id: int) -> tuple[str, bytes]:
        """Seal a user's data key; returns the master key's id and the wrapped key."""
        key_id = self.current
        return key_id, seal(self.by_id[key_id], data_key, aad=_key_aad(user_id, key_id))

    def unwrap(self, wrapped: bytes, *, user_id: int, key_id: str) -> bytes:
        """Open a user's data key.

        Raises:
            SealBrokenError: the master key is not among the given ones, or the wrapping was changed.
        """
        if key_id not in self.by_id:
            raise SealBrokenError(f"Master key {key_id} is missing: add its secret to PII_MASTER_KEYS.")
        return open_sealed(self.by_id[key_id], wrapped, aad=_key_aad(user_id, key_id))


def _key_aad(user_id: int, key_id: str) -> bytes:
    return f"datakey|{user_id}|{key_id}".encode()


def new_key() -> bytes:
    """Make a fresh data key."""
    return os.urandom(KEY_BYTES)


def seal(key: bytes, plain: bytes, *, aad: bytes) -> bytes:
    """Encrypt and authenticate `plain`, bound to its place by `aad`."""
    nonce = os.urandom(NONCE_BYTES)
    return VERSION + nonce + AESGCM(key).encrypt(nonce, plain, VERSION + aad)


def open_sealed(key: bytes, blob: bytes, *, aad: bytes) -> bytes:
    """Decrypt what `seal` made.

    Raises:
        SealBrokenError: another key, another place, or changed data.
    """
    if blob[:1] != VERSION:
        raise SealBrokenError("Sealed data has an unknown version.")
    nonce, body = blob[1 : 1 + NONCE_BYTES], blob[1 + NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, body, VERSION + aad)
    except (InvalidTag, ValueError) as error:
        raise SealBrokenError("Sealed data does not open: changed, moved, or under another key.") from error
