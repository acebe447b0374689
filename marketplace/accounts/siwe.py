"""Sign-in with Ethereum (EIP-4361): the message, and a parser that takes exactly the form that we hand out.

The standard's optional fields `Not Before`, `Request ID` and `Resources` are refused: no message of ours
has them, and what nobody checks must not be signed.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.translation import gettext as _
from eth_utils.address import is_checksum_address, to_checksum_address

from channels_engine.core.keccak import keccak256
from marketplace.accounts.errors import RefusedError

STATEMENT = "Prove to Wattnote that this wallet is yours. This moves no money and costs nothing."
MAX_LENGTH = 2000
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_FORM = re.compile(
    r"(?P<domain>[a-zA-Z0-9.\-:\[\]]{1,255}) wants you to sign in with your Ethereum account:\n"
    r"(?P<address>0x[0-9a-fA-F]{40})\n\n"
    r"(?P<statement>[\x20-\x7e]{1,200})\n\n"
    r"URI: (?P<uri>[\x21-\x7e]{1,300})\n"
    r"Version: 1\n"
    r"Chain ID: (?P<chain_id>[1-9][0-9]{0,18})\n"
    r"Nonce: (?P<nonce>[a-zA-Z0-9]{8,32})\n"
    rf"Issued At: (?P<issued_at>{_TIME})\n"
    rf"Expiration Time: (?P<expires_at>{_TIME})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class SignInMessage:
    """An EIP-4361 message. `address` is 20 raw bytes; times are aware and in whole seconds."""

    domain: str
    address: bytes
    uri: str
    chain_id: int
    nonce: str
    issued_at: datetime
    expires_at: datetime
    statement: str = STATEMENT

    def text(self) -> str:
        """Render what the wallet signs."""
        return (
            f"{self.domain} wants you to sign in with your Ethereum account:\n"
            f"{to_checksum_address(self.address)}\n\n"
            f"{self.statement}\n\n"
            f"URI: {self.uri}\n"
            f"Version: 1\n"
            f"Chain ID: {self.chain_id}\n"
            f"Nonce: {self.nonce}\n"
            f"Issued At: {_rendered(self.issued_at)}\n"
            f"Expiration Time: {_rendered(self.expires_at)}"
        )


def _rendered(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise RefusedError("siwe_time", _("%(text)s is no date and time.") % {"text": text}) from None


def parse(text: str) -> SignInMessage:
    """Read a message.

    Raises:
        RefusedError: not exactly of our form, a wrong checksum of the address, or an impossible time.
    """
    match = _FORM.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if match is None:
        raise RefusedError(
            "siwe_form", _("This is no sign-in message of this site: sign the text as it was given.")
        )
    if not is_checksum_address(match["address"]):
        raise RefusedError("siwe_address", _("The address in the message has a wrong checksum (EIP-55)."))
    return SignInMessage(
        domain=match["domain"],
        address=bytes.fromhex(match["address"][2:]),
        uri=match["uri"],
        chain_id=int(match["chain_id"]),
        nonce=match["nonce"],
        issued_at=_moment(match["issued_at"]),
        expires_at=_moment(match["expires_at"]),
        statement=match["statement"],
    )


@dataclass(frozen=True, slots=True)
class Site:
    """What a message must name: our host, our address, our chain."""

    domain: str
    uri: str
    chain_id: int


def check(message: SignInMessage, *, site: Site, now: datetime) -> None:
    """Refuse a message made for another site, chain or time.

    Raises:
        RefusedError: with the field that doesn't fit.
    """
    if message.domain != site.domain or message.uri != site.uri:
        raise RefusedError(
            "siwe_domain",
            _("The message is for %(domain)s, this site is %(site)s.")
            % {"domain": message.domain, "site": site.domain},
        )
    if message.chain_id != site.chain_id:
        raise RefusedError(
            "siwe_chain",
            _("The message is for chain %(chain)s, not %(site)s.")
            % {"chain": message.chain_id, "site": site.chain_id},
        )
    if message.statement != STATEMENT:
        raise RefusedError(
            "siwe_statement", _("The message says something else than this site's sign-in text.")
        )
    if not message.issued_at <= now < message.expires_at:
        raise RefusedError("siwe_expired", _("The message is out of date: ask for a new one."))


def personal_digest(text: str) -> bytes:
    """The 32 bytes that `personal_sign` signs (EIP-191, version 0x45)."""
    raw = text.encode()
    return keccak256(b"\x19Ethereum Signed Message:\n" + str(len(raw)).encode() + raw)
