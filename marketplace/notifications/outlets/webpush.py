"""Message encryption for web push (RFC 8291 with the `aes128gcm` coding of RFC 8188) and VAPID (RFC 8292)."""

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECORD_BYTES = 4096
SALT_BYTES = 16
PAYLOAD_MAX_BYTES = 3000
"""Push services must take 4096 bytes with header and tag (RFC 8291, 4)."""
CLAIM_S = 12 * 3600
"""RFC 8292 allows no more than a day."""
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class Receiver:
    """A browser's keys: its public P-256 point (65 bytes) and its secret (16 bytes)."""

    point: bytes
    auth: bytes


def encode64(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode64(text: str) -> bytes:
    """Back, padded or not."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key as an uncompressed point of 65 bytes."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def encrypt(
    payload: bytes,
    to: Receiver,
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """One record for one browser.

    Args:
        payload: At most `PAYLOAD_MAX_BYTES`.
        to: Whose it is.
        key: Of this one message; a fresh one but in tests against the standard's example.
        salt: 16 bytes, as `key`.

    Raises:
        ValueError: The payload is too long, or the receiver's point is not on the curve.
    """
    if len(payload) > PAYLOAD_MAX_BYTES:
        raise ValueError(f"{len(payload)} bytes are too many for a push message")
    key = key or ec.generate_private_key(ec.SECP256R1())
    salt = salt or os.urandom(SALT_BYTES)
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), to.point)
    mine = point_of(key)
    shared = _hkdf(to.auth, key.exchange(ec.ECDH(), theirs), b"WebPush: info\0" + to.point + mine, 32)
    content_key = _hkdf(salt, shared, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _hkdf(salt, shared, b"Content-Encoding: nonce\0", 12)
    header = salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(mine)]) + mine
    return header + AESGCM(content_key).encrypt(nonce, payload + b"\x02", None)


def _hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def site_key(secret: str) -> ec.EllipticCurvePrivateKey:
    """The site's own key pair, from its secret: all processes have the same one."""
    wide = hashlib.sha512(b"wattnote/vapid/" + secret.encode()).digest()
    return ec.derive_private_key(int.from_bytes(wide, "big") % (_ORDER - 1) + 1, ec.SECP256R1())


def authorization(key: ec.EllipticCurvePrivateKey, endpoint: str, *, contact: str, now: int) -> str:
    """The header by which a push service knows the site: an ES256 token for that service's origin."""
    where = urlsplit(endpoint)
    claims = {"aud": f"{where.scheme}://{where.netloc}", "exp": now + CLAIM_S, "sub": contact}
    parts = (
        json.dumps(part, separators=(",", ":")).encode() for part in ({"typ": "JWT", "alg": "ES256"}, claims)
    )
    said = ".".join(encode64(part) for part in parts)
    r, s = decode_dss_signature(key.sign(said.encode(), ec.ECDSA(hashes.SHA256())))
    token = f"{said}.{encode64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
    return f"vapid t={token}, k={encode64(point_of(key))}"
