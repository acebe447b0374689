"""Operator keys of merchants: encrypted keystores (version 3), opened by the passphrase of the environment."""

import json
import secrets
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from eth_keyfile.keyfile import create_keyfile_json, decode_keyfile_json

from channels_engine.core.signing import LocalSigner
from marketplace.accounts.errors import AwayError
from marketplace.credit.models import Merchant


def new_keystore(secret: bytes | None = None) -> dict[str, Any]:
    """Encrypt a private key of 32 bytes (a fresh one where none is given)."""
    passphrase = settings.KEYSTORE_PASSPHRASE.encode()
    rounds = settings.KEYSTORE_ROUNDS
    made = create_keyfile_json(secret or secrets.token_bytes(32), passphrase, kdf="pbkdf2", iterations=rounds)
    return dict(made)


@lru_cache(maxsize=64)
def _opened(keystore: str, passphrase: str) -> LocalSigner:
    return LocalSigner(decode_keyfile_json(json.loads(keystore), passphrase.encode()))


def merchant_signer(merchant: Merchant) -> LocalSigner:
    """Signer of a merchant's operator key; opened once in a process, since opening is slow on purpose.

    Raises:
        AwayError: the merchant has no keystore, or the passphrase doesn't open it.
    """
    if not merchant.keystore:
        raise AwayError(
            "no_merchant_key",
            _("%(name)s has no operator key yet: make one in the back office.") % {"name": merchant.name},
        )
    try:
        return _opened(json.dumps(merchant.keystore, sort_keys=True), settings.KEYSTORE_PASSPHRASE)
    except ValueError as error:
        raise AwayError(
            "merchant_key_locked",
            _("KEYSTORE_PASSPHRASE does not open the key of %(name)s.") % {"name": merchant.name},
        ) from error


def all_keystores() -> dict[str, str]:
    """Every merchant's encrypted keystore as JSON, for backups; KEYSTORE_PASSPHRASE still opens them."""
    made = (one for one in Merchant.objects.order_by("pk") if one.keystore)
    return {f"merchant-{one.pk}": json.dumps(one.keystore, sort_keys=True) for one in made}
