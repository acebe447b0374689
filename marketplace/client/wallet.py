"""The person's own keys: a root key in a file under a passphrase, session keys derived from it. They never leave."""

import json
import secrets
from pathlib import Path
from typing import Any

from eth_account import Account

from channels_engine.codec import parse_hex, to_hex
from channels_engine.core.keccak import keccak256
from channels_engine.core.signing import LocalSigner, derive_session_key
from channels_engine.core.typed_data import Signable, digest
from channels_engine.core.types import Domain
from marketplace.client.api import Client

SCRYPT_COST = 2**18


def text_digest(text: str) -> bytes:
    """The 32 bytes that `personal_sign` signs (EIP-191, version 0x45)."""
    raw = text.encode()
    return keccak256(b"\x19Ethereum Signed Message:\n" + str(len(raw)).encode() + raw)


class Wallet:
    """A root key."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self.signer = LocalSigner(root)
        self.sessions: dict[bytes, LocalSigner] = {}

    @classmethod
    def fresh(cls) -> "Wallet":
        """A new key."""
        return cls(secrets.token_bytes(32))

    @classmethod
    def load(cls, path: Path, passphrase: str) -> "Wallet":
        """Open a version 3 keystore, as the site's backup is one.

        Raises:
            ValueError: The passphrase is wrong.
        """
        return cls(bytes(Account.decrypt(json.loads(path.read_text()), passphrase)))

    def save(self, path: Path, passphrase: str, *, cost: int = SCRYPT_COST) -> None:
        """Write a version 3 keystore (scrypt, `cost` its N), readable by its owner only."""
        path.touch(mode=0o600)
        sealed = Account.encrypt(self._root, passphrase, kdf="scrypt", iterations=cost)
        path.write_text(json.dumps(sealed))

    @property
    def address(self) -> bytes:
        """The root address."""
        return self.signer.address

    def session(self, nonce: bytes) -> LocalSigner:
        """The key of one entity contract; the root key and the nonce find it again."""
        made = LocalSigner(derive_session_key(self._root, b"esc/" + nonce))
        self.sessions[made.address] = made
        return made

    def sign_root(self, domain: Domain, value: Signable) -> bytes:
        """The root key's EIP-712 signature."""
        return self.signer.sign(digest(domain, value))

    def sign_text(self, text: str) -> bytes:
        """The root key's signature of a text as it stands (EIP-191, `personal_sign`)."""
        return self.signer.sign(text_digest(text))

    def prove(self, client: Client) -> None:
        """Show the site that this wallet is mine (EIP-4361); needs a session.

        Raises:
            PermissionError: The text names another site or another address.
        """
        asked: dict[str, Any] = client.post("wallet/challenge/", dict, {"address": to_hex(self.address)})
        text = str(asked["message"])
        host = client.url.partition("://")[2]
        first, address = text.split("\n")[:2]
        if not first.startswith(f"{host} wants you") or parse_hex(address.lower(), 20) != self.address:
            raise PermissionError("The site asks for a signature that is not its own to ask for.")
        client.post("wallet/", dict, {"message": text, "signature": to_hex(self.sign_text(text))})
