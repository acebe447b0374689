"""The websocket takes a program's token, for its scopes and as long as it is good; cookies still need the own `Origin`."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from channels_engine.codec import to_hex
from marketplace.client import Client
from marketplace.client.desk import Desk
from marketplace.client.errors import RefusedError
from marketplace.client.wallet import Wallet
from tests.e2e.whole_site import WholeSite

pytestmark = pytest.mark.timeout(240)


def person(site: WholeSite) -> Client:
    """Who typed the password a moment ago, as making tokens asks for."""
    client, password = Client(site.url), "A password of a client"
    client.sign_up(f"socket-{uuid4().hex[:6]}@example.org", password)
    client.confirm(password)
    return client


@pytest.fixture(scope="module")
def client(site: WholeSite) -> Client:
    return person(site)


def token(client: Client, *scopes: str) -> dict[str, Any]:
    made: dict[str, Any] = client.post(
        "tokens/", dict, {"label": "socket", "scopes": list(scopes) or ["trade:write"], "days": 1}
    )
    return made


@contextmanager
def opened(
    site: WholeSite, secret: str, origin: str | None = None, **head: str
) -> Iterator[ClientConnection]:
    address = site.url.replace("http", "ws") + "/ws/channels/"
    head["Authorization"] = f"Bearer {secret}"
    with connect(address, additional_headers=head, origin=origin and Origin(origin), proxy=None) as socket:
        yield socket


def asked(socket: ClientConnection, **frame: Any) -> dict[str, Any]:
    socket.send(msgspec.json.encode(frame).decode())
    return dict(msgspec.json.decode(socket.recv(10)))


def code_of(socket: ClientConnection) -> int:
    """With which the site closes, whatever else is asked."""
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(30)
    return closed.value.rcvd.code if closed.value.rcvd else 0


def test_a_token_opens_what_it_is_good_for(site: WholeSite, client: Client) -> None:
    reader = token(client, "trade:read", "billing:write")
    with opened(site, reader["secret"]) as socket:
        hello = msgspec.json.decode(socket.recv(10))
        assert (hello["kind"], hello["owner"]) == ("hello", client.me().owner)
        assert asked(socket, kind="list")["kind"] == "channels"
        message = {"type": "esc.abort", "body": {"reason": "no"}, "channel": to_hex(bytes(32)), "id": "1"}
        refused = asked(socket, kind="send", **message)
        assert (refused["kind"], refused["code"], refused["id"]) == ("refused", "insufficient_scope", "1")
    with opened(site, token(client)["secret"]) as socket:
        socket.recv(10)
        assert asked(socket, kind="send", **message)["code"] == "unknown_channel"
    with opened(site, token(client, "agent:write", "wallet:write")["secret"]) as socket:
        assert code_of(socket) == 4403
    with pytest.raises(RefusedError, match="insufficient_scope"):
        Desk(Client(site.url, token=token(client, "notices:read")["secret"]), Wallet.fresh())


def test_a_token_opens_nothing_before_or_after_its_time(site: WholeSite, client: Client) -> None:
    with opened(site, "wnp_" + "x" * 43) as socket:
        assert code_of(socket) == 4401
    mine = token(client)
    with opened(site, mine["secret"]) as first, opened(site, mine["secret"]) as second:
        first.recv(10), second.recv(10)
        client.call("DELETE", f"tokens/{mine['id']}/")
        first.send('{"kind":"list"}')
        assert (code_of(first), code_of(second)) == (4401, 4401)  # one that speaks, and one that only listens
    with opened(site, mine["secret"]) as socket:
        assert code_of(socket) == 4401
    late = token(client)
    with closing(sqlite3.connect(site.folder / "db.sqlite3", timeout=20)) as database, database:
        ended = "UPDATE programs_programtoken SET expires_at = '2020-01-01 00:00:00' WHERE begins = ?"
        assert database.execute(ended, [late["begins"]]).rowcount == 1
    with opened(site, late["secret"]) as socket:
        assert code_of(socket) == 4401


def test_nobody_elses_channels(site: WholeSite, client: Client) -> None:
    """A conversation of one person is not there for another one's token."""
    other, stranger = next(one for one in client.listings() if one.prosumer.is_agent), person(site)
    with closing(Desk(Client(site.url, token=token(client)["secret"]), Wallet.fresh())) as desk:
        nonce = desk.propose(other.prosumer.owner).nonce
    with opened(site, token(stranger)["secret"]) as socket:
        socket.recv(10)
        for kind, more in (("state", {}), ("resume", {"afterSeq": 0})):
            assert asked(socket, kind=kind, channel=to_hex(nonce), **more)["code"] == "unknown_channel"
        assert asked(socket, kind="list")["contracts"] == []
        message = {"type": "esc.abort", "body": {"reason": "no"}, "channel": to_hex(nonce), "id": "1"}
        assert asked(socket, kind="send", **message)["kind"] == "refused"


def test_cookies_still_need_the_own_origin(site: WholeSite, client: Client) -> None:
    secret = token(client)["secret"]
    cookies = "; ".join(f"{name}={value}" for name, value in client.http.cookies.items())
    for origin in (None, "http://elsewhere.example"):
        with (
            pytest.raises(InvalidStatus) as refused,
            opened(site, secret, origin=origin, Cookie=cookies),
        ):
            pass
        assert refused.value.response.status_code == 403
    with opened(site, secret, origin=site.url, Cookie=cookies) as socket:
        assert msgspec.json.decode(socket.recv(10))["kind"] == "hello"
