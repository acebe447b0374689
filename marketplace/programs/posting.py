"""Posting to addresses that people name, without letting them reach into our own network.

The name is resolved when it is sent to, every address is judged, and the connection goes to the judged address: an
answer of the name server that changes in between has no effect. Redirects are not followed, no proxy is used.
"""

import http.client
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from functools import cache
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from marketplace.accounts.errors import RefusedError

TIMEOUT_S = 10
LONGEST_URL = 500
LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Networks whose addresses hold IPv4 addresses, private ones too: NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380).
TRANSLATED = [
    ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
]


class BarredError(OSError):
    """The name leads to an address that may not be reached."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or why none did."""

    status: int | None
    failure: str = ""

    @property
    def taken(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004  the class of success


def check_url(url: str) -> str:
    """The address of a webhook, if it is one that could be sent to.

    Raises:
        RefusedError: what is wrong with it.
    """
    fault = _fault(url)
    if fault:
        raise RefusedError("webhook_url", fault, {"url": [fault]})
    return url


def _fault(url: str) -> str:
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        return _("This is no web address.")
    if (
        not parts.hostname
        or parts.username
        or parts.password
        or parts.fragment
        or not url.isascii()
        or " " in url
    ):
        return _("Give a web address without user name and fragment, such as https://program.example/hooks.")
    if len(url) > LONGEST_URL:
        return _("At most %(most)d characters.") % {"most": LONGEST_URL}
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts)):
        return _("The address must begin with https://.")
    return _private_fault(parts)


def _private_fault(parts: SplitResult) -> str:
    host = parts.hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        barred = host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
    else:
        barred = not _is_public(address)
    return _("This address is not on the internet.") if barred and not _is_loopback(parts) else ""


def _is_loopback(parts: SplitResult) -> bool:
    return bool(settings.WEBHOOKS_TO_LOOPBACK) and parts.hostname in LOOPBACK


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_public(address.ipv4_mapped)
        if any(address in network for network in TRANSLATED):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def judged_address(parts: SplitResult) -> tuple[str, int]:
    """Where to connect to.

    Raises:
        BarredError: One of the name's addresses is not on the internet.
        OSError: The name is unknown.
    """
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    allowed = (
        all(one.is_loopback for one in addresses) if _is_loopback(parts) else all(map(_is_public, addresses))
    )
    if not addresses or not allowed:
        raise BarredError("the name leads to an address that is not on the internet")
    return str(addresses[0]), port


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    address, port = judged_address(parts)
    made = http.client.HTTPConnection(parts.hostname or "", port, timeout=TIMEOUT_S)
    made.sock = socket.create_connection((address, port), timeout=TIMEOUT_S)
    if parts.scheme == "https":
        try:
            made.sock = _tls().wrap_socket(made.sock, server_hostname=parts.hostname)
        except OSError:
            made.sock.close()
            raise
    return made


def post(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    """Send it; whatever goes wrong is an answer too."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    said = {
        "Content-Type": "application/json",
        "User-Agent": "Wattnote-Webhooks/1",
        "Connection": "close",
        **headers,
    }
    try:
        connection = _connection(parts)
        try:
            connection.request("POST", target, body, said)
            return Answer(connection.getresponse().status)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(None, f"{type(error).__name__}: {error}"[:200])
