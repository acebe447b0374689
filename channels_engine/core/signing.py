"""Signatures: secp256k1 over EIP-712 digests, and the only maker of `Verified`.

A signature is 65 bytes r, s, v with v in 27/28 and s in the lower half of the group's order (EIP-2).
The hot path calls libsecp256k1 as coincurve brings it, without coincurve's wrapping: a DER form made only to be
parsed again, and objects that live for one call. Nothing is shared between calls, since each lets other threads run.
"""

import hmac
from typing import Any, TypeVar

from coincurve import PrivateKey, PublicKey
from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT

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
_DIGEST_LENGTH = 32
_KNOWN_KEYS_LIMIT = 131_072
_CONTEXT = GLOBAL_CONTEXT.ctx
_NULL = ffi.NULL
_new = ffi.new
_buffer = ffi.buffer
_SIGNATURE = ffi.typeof("secp256k1_ecdsa_signature *")
_RECOVERABLE = ffi.typeof("secp256k1_ecdsa_recoverable_signature *")
_COMPACT = ffi.typeof("unsigned char[64]")
_RECOVERY_ID = ffi.typeof("int *")
_parse = lib.secp256k1_ecdsa_signature_parse_compact
_verify = lib.secp256k1_ecdsa_verify
_sign_recoverable = lib.secp256k1_ecdsa_sign_recoverable
_serialize = lib.secp256k1_ecdsa_recoverable_signature_serialize_compact

T = TypeVar("T", bound=Signable)

# libsecp256k1's form of keys learned by recovery: checking against one is faster than recovering it again.
# In two generations, so that a full memory forgets the half that was used longest ago, and not all of it.
_known_keys: dict[bytes, Any] = {}
_older_keys: dict[bytes, Any] = {}


def address_of(public_key: PublicKey) -> bytes:
    """20-byte Ethereum address of a public key."""
    return keccak256(public_key.format(compressed=False)[1:])[12:]


def _sign(message: bytes, secret: bytes) -> bytes:
    """Sign with a secret that is known to be a private key; its length is what C reads."""
    if len(message) != _DIGEST_LENGTH:
        raise ValueError(f"A digest has {_DIGEST_LENGTH} bytes, got {len(message)}.")
    made, compact, recovery = _new(_RECOVERABLE), _new(_COMPACT), _new(_RECOVERY_ID)
    if not _sign_recoverable(_CONTEXT, made, message, secret, _NULL, _NULL):
        raise SignatureError("signing", "The key could not sign this; sign another message.")
    _serialize(_CONTEXT, compact, recovery, made)
    if recovery[0] > 1:
        raise SignatureError("recovery_id", "The nonce gave an unusable recovery id; sign another message.")
    return _buffer(compact)[:] + _V[recovery[0]]  # type: ignore[no-any-return]  # cffi has no types


def sign(message: bytes, secret: bytes) -> bytes:
    """65-byte low-s signature of a 32-byte digest by a 32-byte private key (RFC 6979 nonce)."""
    return _sign(message, PrivateKey(secret).secret)


class LocalSigner:
    """A key held in this process (`ports.Signer`): agents, operators' keystores, tests."""

    __slots__ = ("_secret", "address", "public_key")

    def __init__(self, secret: bytes) -> None:
        key = PrivateKey(secret)
        self._secret: bytes = key.secret
        self.public_key: PublicKey = key.public_key
        self.address: bytes = address_of(self.public_key)

    def sign(self, message: bytes) -> bytes:
        """65-byte low-s signature of a 32-byte digest."""
        return _sign(message, self._secret)


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


def _learn(message: bytes, signature: bytes, signer: bytes) -> bool:
    key = _recover_key(message, signature)
    if address_of(key) != signer:
        return False
    _remember(signer, key.public_key)
    return True


def _remember(signer: bytes, key: Any) -> None:
    global _known_keys, _older_keys
    if len(_known_keys) >= _KNOWN_KEYS_LIMIT:
        _known_keys, _older_keys = {}, _known_keys
    _known_keys[signer] = key


def _known_key(signer: bytes) -> Any | None:
    key = _known_keys.get(signer)
    if key is None and (key := _older_keys.get(signer)) is not None:
        _remember(signer, key)
    return key


def is_signed_by(message: bytes, signature: bytes, signer: bytes) -> bool:
    """Whether `signer` (20 bytes) made this signature of the 32-byte digest `message`.

    A known key is checked directly, which does not involve v: use `canonical` before a signature goes
    where it is recovered (the ledger, other clients).

    Raises:
        SignatureError: Wrong form.
        ValueError: `message` is no digest.
    """
    check_form(signature)
    key = _known_key(signer)
    if key is None:
        return _learn(message, signature, signer)
    if len(message) != _DIGEST_LENGTH:  # C would read on beyond its end
        raise ValueError(f"A digest has {_DIGEST_LENGTH} bytes, got {len(message)}.")
    parsed = _new(_SIGNATURE)
    # Fails where r is no number of the group; low s was asked for by `check_form`.
    if not _parse(_CONTEXT, parsed, signature):
        return False
    return _verify(_CONTEXT, parsed, message, key) == 1  # type: ignore[no-any-return]  # cffi has no types


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
