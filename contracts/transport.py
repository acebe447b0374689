"""POSTs to one ledger endpoint over connections that are kept alive. Threads may share a transport."""

from typing import Protocol
from urllib.parse import urlsplit

import urllib3

TIMEOUT_SECONDS = 30
POOLED_CONNECTIONS = 32
_HEADERS = {"Content-Type": "application/json"}
_FIRST_REFUSAL = 400


class TransportError(Exception):
    """No answer, or none with the status of one."""


class Transport(Protocol):
    """Brings a body to the endpoint."""

    def post(self, body: bytes) -> bytes:
        """The answer's body. Raises TransportError."""

    def close(self) -> None:
        """Close the kept connections."""


def transport_to(url: str) -> Transport:
    """The way to an endpoint."""
    parts = urlsplit(url)
    ours = parts.hostname in ("127.0.0.1", "localhost", "::1") and parts.username is None
    return LocalTransport(url) if ours and parts.scheme == "http" else RemoteTransport(url)


class LocalTransport:
    """To our own machine: no proxy, redirect, cookie or certificate, which cost more than the request."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pools = urllib3.PoolManager(1, maxsize=POOLED_CONNECTIONS, timeout=TIMEOUT_SECONDS)

    def post(self, body: bytes) -> bytes:
        """As the protocol says."""
        try:
            answer = self._pools.urlopen(
                "POST", self._url, body=body, headers=_HEADERS, retries=False, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise TransportError(type(error).__name__) from error
        if answer.status >= _FIRST_REFUSAL:
            raise TransportError(f"status {answer.status}")
        return answer.data

    def close(self) -> None:
        """As the protocol says."""
        self._pools.clear()


class RemoteTransport:
    """To anywhere else, with the environment's proxies and certificates."""

    def __init__(self, url: str) -> None:
        import requests  # noqa: PLC0415  a ledger of our own needs none of it

        self._url, self._errors = url, requests.RequestException
        self._session = requests.Session()
        adapter = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=POOLED_CONNECTIONS)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def post(self, body: bytes) -> bytes:
        """As the protocol says."""
        try:
            answer = self._session.post(self._url, data=body, headers=_HEADERS, timeout=TIMEOUT_SECONDS)
            answer.raise_for_status()
        except self._errors as error:
            raise TransportError(type(error).__name__) from error
        return answer.content

    def close(self) -> None:
        """As the protocol says."""
        self._session.close()
