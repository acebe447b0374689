"""HTTP for the node: POST / with JSON, kept-alive connections, bounded bodies, local callers only.

A web page may send requests to a port of this machine. So the body must be `application/json`, which a
foreign page can't send without asking first, and the Host must be an address or localhost, which a
rebound domain name is not.
"""

import ipaddress
import logging
import socket
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from . import rpc
from .errors import NodeStartError
from .methods import CLIENT_VERSION
from .node import Node

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 5 * 1024 * 1024  # as geth
IDLE_SECONDS = 300


class RpcServer(ThreadingHTTPServer):
    """One thread a connection; they end with the process."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, host: str, port: int, node: Node) -> None:
        """Bind to `host` and `port` (0 for any free one).

        Raises:
            NodeStartError: The port is in use or the address is not this machine's.
        """
        self.node = node
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            raise NodeStartError(
                f"can't listen on {host}:{port}: {error}; stop what uses it or choose another --port"
            ) from error

    @property
    def url(self) -> str:
        """Where clients reach the node."""
        host, port = str(self.server_address[0]), self.server_address[1]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def server_bind(self) -> None:
        """Bind without the reverse look-up of the host name, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  named by socketserver
        """Log a connection that broke; the others go on."""
        logger.debug("connection of %s broke: %r", client_address, sys.exc_info()[1])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = CLIENT_VERSION
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave as one packet
    server: RpcServer

    def do_POST(self) -> None:
        """Answer a JSON-RPC request."""
        refusal = self._refusal()
        if refusal is not None:
            self.close_connection = True  # its body is unread
            self._send(refusal[0], refusal[1].encode(), "text/plain")
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        response = rpc.answer(self.server.node, body)
        if self.server.node.closing:  # to a client, a node that goes down is away, and has refused nothing
            self.close_connection = True
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, b"the node is shutting down\n", "text/plain")
            return
        status = HTTPStatus.OK if response else HTTPStatus.NO_CONTENT
        self._send(status, response, "application/json")

    def do_GET(self) -> None:
        """Say what this is."""
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, b"JSON-RPC 2.0 by POST only\n", "text/plain")

    def _refusal(self) -> tuple[HTTPStatus, str] | None:
        if not _is_local_name(self.headers.get("Host", "")):
            return HTTPStatus.FORBIDDEN, "invalid host: call the node by its address or as localhost\n"
        if self.headers.get_content_type() != "application/json":
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json\n"
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            return HTTPStatus.LENGTH_REQUIRED, "send Content-Length\n"
        if len(length) > 12 or int(length) > MAX_BODY_BYTES:  # noqa: PLR2004  digits of a terabyte
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {MAX_BODY_BYTES} bytes\n"
        return None

    def _send(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  named by http.server
        """Keep requests out of the terminal unless debugging."""
        logger.debug(format, *args)


def _is_local_name(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if name.lower() in ("localhost", ""):
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
