"""Signatures of the Standard Webhooks specification (standardwebhooks.com): HMAC-SHA256 over id, time and body."""

import base64
import hashlib
import hmac
import secrets

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """A fresh secret, as receivers' libraries take it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, *, message: str, timestamp: int, body: bytes) -> str:
    """One signature, `v1,` and base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(secrets_: list[str], *, message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three header fields; while a secret is being changed there is a signature by each."""
    made = [signature(secret, message=message, timestamp=timestamp, body=body) for secret in secrets_]
    return {"webhook-id": message, "webhook-timestamp": str(timestamp), "webhook-signature": " ".join(made)}
