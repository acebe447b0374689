"""One websocket to the site, by the client's token or its session."""

from contextlib import ExitStack
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from marketplace.client.api import Client
from marketplace.client.errors import ShutOutError

CLOSED = {
    4401: ("invalid_token", "The site takes neither token nor session: unknown, expired or revoked."),
    4403: ("insufficient_scope", "The token lacks the scope trade:read, or trade:write to send."),
}
"""Close codes that no new try will mend."""


def _handshake(client: Client) -> dict[str, Any]:
    """A token needs no `Origin`; cookies do."""
    token = client.http.headers.get("Authorization")
    if token:
        return {"additional_headers": {"Authorization": token}}
    cookies = "; ".join(f"{name}={value}" for name, value in client.http.cookies.items())
    return {"additional_headers": {"Cookie": cookies}, "origin": Origin(client.url)}


class Line:
    """Frames in, frames out."""

    def __init__(self, client: Client) -> None:
        address = client.url.replace("http", "ws", 1) + "/ws/channels/"
        self._hold = ExitStack()
        self._socket = self._hold.enter_context(connect(address, proxy=None, **_handshake(client)))

    def heard(self, seconds: float) -> str:
        """The next frame.

        Raises:
            TimeoutError: There is none for so long.
            ShutOutError: The site closed for good.
        """
        try:
            return str(self._socket.recv(max(0.01, seconds)))
        except ConnectionClosed as closed:
            reason = CLOSED.get(closed.rcvd.code) if closed.rcvd else None
            if reason is None:
                raise
            raise ShutOutError(*reason) from closed

    def send(self, frame: str) -> None:
        """Say it."""
        self._socket.send(frame)

    def close(self) -> None:
        """Hang up."""
        self._hold.close()
