"""0x-hex, as the ledger's world writes bytes."""

import re

from django.utils.translation import gettext as _

from marketplace.accounts.errors import RefusedError

_FORM = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)
ADDRESS_BYTES = 20
HASH_BYTES = 32
SIGNATURE_BYTES = 65


def from_hex(text: object, *, length: int, field: str) -> bytes:
    """Raw bytes of 0x-hex text.

    Raises:
        RefusedError: no text, no hex, or another length.
    """
    if not isinstance(text, str) or not _FORM.fullmatch(text) or len(text) != 2 + 2 * length:
        problem = _("Must be 0x and %(length)s hexadecimal digits.") % {"length": 2 * length}
        raise RefusedError("invalid_hex", f"{field}: {problem}", {field: [problem]})
    return bytes.fromhex(text[2:])


def to_hex(raw: bytes) -> str:
    """Lower-case 0x-hex."""
    return "0x" + bytes(raw).hex()
