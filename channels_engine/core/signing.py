"""Signatures: secp256k1 over EIP-712 digests, and the only maker of `Verified`.

A signature is 65 bytes r, s, v with v in 27/28 and s in the lower half of the group's order (EIP-2).
"""

import hmac
from functools import lru_cache
from typing import TypeVar

from coincurve import PrivateKey, PublicKey

from channels_engine.core.errors import SignatureError
from channels_engine.core.inputs import Verified
from channels_engine.core.keccak import keccak256
from channels_engine.core.typed_data import Signable, digest
from channels_engine.core.types import Domain
from channels_engine.ports import Signer

SIGNATURE_LENGTH = 65
SESSION_SALT = b"wattnote/session"
GROUP_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_HALF_ORDER = (GROUP_ORDER // 2).to_bytes(32, "big")
_V_OFFSET = 27
_V = (b"\x1b", b"\x1c")
_SIGN_BIT = 0x7F
_DER_SEQUENCE = [bytes((0x30, length)) for length in range(128)]
_KNOWN_KEYS_LIMIT = 65_536

T = TypeVar("T", bound=Signable)

# Keys learned by recovery. Checking against a known key is faster than recovering it again.
_known_keys: dict[bytes, PublicKey] = {}


def address_of(public_key: PublicKey) -> bytes:
    """20-byte Ethereum address of a public key."""
    return keccak256(public_key.format(compressed=False)[1:])[12:]


@lru_cache(maxsize=1024)
def _private_key(secret: bytes) -> PrivateKey:
    return PrivateKey(secret)


def _sign(message: bytes, key: PrivateKey) -> bytes:
    compact: bytes = key.sign_recoverable(message, hasher=None)
    if compact[64] > 1:
        raise SignatureError("recovery_id", "The nonce gave an unusable recovery id; sign another message.")
    return compact[:64] + _V[compact[64]]


def sign(message: bytes, secret: bytes) -> bytes:
    """65-byte low-s signature of a 32-byte digest by a 32-byte private key (RFC 6979 nonce)."""
    return _sign(message, PrivateKey(secret))


class LocalSigner:
    """A key held in this process (`ports.Signer`): agents, operators' keystores, tests."""

    __slots__ = ("_key", "address", "public_key")

    def __init__(self, secret: bytes) -> None:
        self._key = PrivateKey(secret)
        self.public_key: PublicKey = self._key.public_key
        self.address: bytes = address_of(self.public_key)

    def sign(self, message: bytes) -> bytes:
        """65-byte low-s signature of a 32-byte digest."""
        return _sign(message, self._key)


def check_form(signature: bytes) -> None:
    """Refuse what is no canonical signature.

    Raises:
        SignatureError: Wrong length, high s (a malleable twin of another signature), or v other than 27/28.
    """
    if len(signature) != SIGNATURE_LENGTH:
        raise SignatureError(
            "signature_length",
            f"A signature has {SIGNATURE_LENGTH} bytes (r, s, v), got {len(signature)}.",
        )
    if signature[32:64] > _HALF_ORDER:
        raise SignatureError(
            "signature_high_s", "The signature's s is in the upper half; send the low-s form."
        )
    if not 0 <= signature[64] - _V_OFFSET <= 1:
        raise SignatureError("signature_v", f"The signature's v must be 27 or 28, got {signature[64]}.")


def recover(message: bytes, signature: bytes) -> bytes:
    """Address that signed the 32-byte digest `message`.

    Raises:
        SignatureError: Wrong form, or no key fits.
    """
    check_form(signature)
    return address_of(_recover_key(message, signature))


def _recovers_to(message: bytes, signature: bytes, signer: bytes) -> bool:
    try:
        return recover(message, signature) == signer
    except SignatureError:
        return False


def _recover_key(message: bytes, signature: bytes) -> PublicKey:
    compact = signature[:64] + bytes((signature[64] - _V_OFFSET,))
    try:
        return PublicKey.from_signature_and_message(compact, message, hasher=None)
    except Exception as error:  # coincurve raises bare Exception and ValueError alike
        raise SignatureError(
            "signature_invalid", "No key can have made this signature; sign again."
        ) from error


def _der(signature: bytes) -> bytes:
    """DER form of r, s, the only one that coincurve verifies against a key."""
    r, s = _der_integer(signature[:32]), _der_integer(signature[32:64])
    return b"".join((_DER_SEQUENCE[len(r) + len(s)], r, s))


def _der_integer(number: bytes) -> bytes:
    """Two's complement without needless zeros; nearly all numbers take one of the first two ways."""
    first = number[0]
    if first > _SIGN_BIT:
        return b"\x02\x21\x00" + number
    if first:
        return b"\x02\x20" + number
    short = number.lstrip(b"\0") or b"\0"
    if short[0] > _SIGN_BIT:
        short = b"\0" + short
    return bytes((2, len(short))) + short


def _learn(message: bytes, signature: bytes, signer: bytes) -> bool:
    key = _recover_key(message, signature)
    if address_of(key) != signer:
        return False
    if len(_known_keys) >= _KNOWN_KEYS_LIMIT:
        _known_keys.clear()
    _known_keys[signer] = key
    return True


def is_signed_by(message: bytes, signature: bytes, signer: bytes) -> bool:
    """Whether `signer` (20 bytes) made this signature of the 32-byte digest `message`.

    A known key is checked directly, which does not involve v: use `canonical` before a signature goes
    where it is recovered (the ledger, other clients).

    Raises:
        SignatureError: Wrong form.
    """
    check_form(signature)
    key = _known_keys.get(signer)
    if key is None:
        return _learn(message, signature, signer)
    verified: bool = key.verify(_der(signature), message, hasher=None)
    return verified


def canonical(message: bytes, signature: bytes, signer: bytes) -> bytes:
    """The same signature with the v by which `signer` is recovered.

    A peer could send good r and s with the wrong v: valid for its key, worthless on the ledger, which
    recovers. Whoever holds r and s can tell v, so that nothing is lost.

    Raises:
        SignatureError: With neither v the signer is recovered.
    """
    check_form(signature)
    for v in (signature[64], 2 * _V_OFFSET + 1 - signature[64]):
        candidate = signature[:64] + bytes((v,))
        if _recovers_to(message, candidate, signer):
            return candidate
    raise SignatureError("wrong_signer", f"The signature is not by 0x{signer.hex()}; ask that party to sign.")


def verify(domain: Domain, value: T, signature: bytes, signer: bytes) -> Verified[T]:
    """`value` with the proof that `signer` signed it for this chain and contract.

    Args:
        domain: Chain and verifying contract of the signature.
        value: Any structure of `core.types` that has a type string.
        signature: 65 bytes.
        signer: 20-byte address that is expected to have signed.

    Raises:
        SignatureError: Wrong form, or not by `signer` for exactly this value, type and domain.
        EncodingError: The value does not fit its EIP-712 types.
    """
    if not is_signed_by(digest(domain, value), signature, signer):
        name = type(value).__name__
        raise SignatureError(
            "wrong_signer",
            f"This {name} is not signed by 0x{signer.hex()} for chain {domain.chain_id}; sign the same value again.",
        )
    return Verified(value, signature, signer)


def sign_value(domain: Domain, value: T, signer: Signer) -> Verified[T]:
    """`value` signed by our own signer: verified by construction."""
    return Verified(value, signer.sign(digest(domain, value)), signer.address)


def derive_session_key(root_key: bytes, label: bytes) -> bytes:
    """32-byte private key of one session, from the root key: HKDF-SHA256 (RFC 5869), one block.

    ikm = `root_key` (32 bytes), salt = `wattnote/session`, info = `label`, length = 32. A browser does the
    same by WebCrypto. If the output is zero or not below the group's order (probability 2^-128), info is
    `label` followed by a 4-byte big-endian counter 1, 2, ... until it fits.
    """
    pseudo_random_key = hmac.digest(SESSION_SALT, root_key, "sha256")
    info, counter = label, 0
    while True:
        key = hmac.digest(pseudo_random_key, info + b"\x01", "sha256")
        if 0 < int.from_bytes(key, "big") < GROUP_ORDER:
            return key
        counter += 1
        info = label + counter.to_bytes(4, "big")
