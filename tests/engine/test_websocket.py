"""The websocket of a real server process, on SQLite with the memory layer and on PostgreSQL with Redis."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_client import Client, Couple, sign
from websockets.exceptions import ConnectionClosed

from channels_engine.codec import to_hex
from channels_engine.core import messages as m
from channels_engine.core.negotiation import next_state_for_offer
from tests.services import create_database, daphne

HERE = Path(__file__).parent


def prepare(folder: Path, url: str, redis: str = "") -> dict[str, str]:
    """Environment of a server of engine_site, its tables made."""
    path = os.pathsep.join([str(HERE), str(HERE.parent.parent)])
    environment = {"DATABASE_URL": url, "REDIS_URL": redis, "PYTHONPATH": path, "ENGINE_WORKER": ""}
    migrate = "import engine_site; from django.core.management import call_command; call_command('migrate', verbosity=0)"
    subprocess.run([sys.executable, "-c", migrate], env={**os.environ, **environment}, check=True)
    return environment | {"ENGINE_WORKER": "1"}


@pytest.fixture(scope="module", params=["embedded", "grown"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("site")
    if request.param == "embedded":
        environment = prepare(folder, f"sqlite:///{folder / 'db.sqlite3'}")
    else:
        database = create_database(request.getfixturevalue("postgres_url"), f"ws{time.time_ns()}")
        environment = prepare(folder, database, request.getfixturevalue("redis_url"))
    with daphne("engine_site:application", folder, **environment) as port:
        yield port


@pytest.fixture
def couple(server: int) -> Iterator[Couple]:
    made = Couple(server, f"{time.time_ns()}", int(time.time()))
    yield made
    made.close()


def test_two_browsers_open_a_channel_and_trade(couple: Couple) -> None:
    couple.open()
    assert couple.trade(salt="one") == 2
    assert couple.trade(version=2, salt="two") == 4
    seen = couple.a.state(couple.channel)
    assert seen["current"]["state"]["balanceA"] == str(10**9 + 400_000)
    other = couple.b.state(couple.channel)
    assert other["current"] == seen["current"]


def test_nobody_gets_in_unnamed(server: int) -> None:
    with pytest.raises(ConnectionClosed, match="4401"):
        Client(server, "")


def test_a_lost_connection_resumes_where_it_stopped(couple: Couple, server: int) -> None:
    couple.open()
    couple.b.close()
    offers = [couple.offer(salt=str(n)) for n in range(5)]
    for offer in offers:
        couple.a.say(couple.channel, m.OfferMade(offer, sign(couple.key_a, offer)))
    couple.b = Client(server, couple.b.owner)
    couple.b.raw({"kind": "resume", "channel": to_hex(couple.channel), "afterSeq": 0})
    last = couple.b.wait(kind="message", type="offer", seq=8)
    log = couple.b.log[to_hex(couple.channel)]
    assert sorted(log) == list(range(1, 9))
    assert [entry["type"] for _, entry in sorted(log.items())][:3] == [
        "channel.open_request",
        "channel.open_confirm",
        "ledger.opened",
    ]
    assert last["body"]["offer"]["id"] == to_hex(offers[-1].id)


def test_a_repeated_message_is_answered_as_before(couple: Couple) -> None:
    couple.open()
    offer = couple.offer()
    body = m.OfferMade(offer, sign(couple.key_a, offer))
    first = couple.a.say(couple.channel, body, "once")
    assert couple.a.say(couple.channel, body, "once") == first
    other = couple.offer(salt="other")
    changed = couple.a.say(couple.channel, m.OfferMade(other, sign(couple.key_a, other)), "once")
    assert changed["code"] == "id_reused"


def test_the_grid_gate_refuses_with_its_reason(couple: Couple) -> None:
    couple.open()
    offer = couple.offer(quantity_wh=1_000_001)
    couple.a.say(couple.channel, m.OfferMade(offer, sign(couple.key_a, offer)))
    state = next_state_for_offer(couple.b.endpoint(couple.channel), offer.id)
    answer = couple.b.say(couple.channel, m.UpdateRequest(offer.id, state, sign(couple.key_b, state)))
    assert (answer["kind"], answer["code"]) == ("refused", "grid_limit")
    assert couple.b.state(couple.channel)["staged"] is None


def test_the_window_is_bounded_and_nothing_is_lost(couple: Couple, server: int) -> None:
    couple.open()
    lazy = Client(server, couple.b.owner, acknowledge=False)
    offers = [couple.offer(salt=str(n)) for n in range(150)]
    for offer in offers:
        couple.a.say(couple.channel, m.OfferMade(offer, sign(couple.key_a, offer)))
        couple.a.say(couple.channel, m.Withdraw(offer.id))
    while lazy.received < 256:
        lazy.next()
    with pytest.raises(TimeoutError):
        lazy.next(timeout=0.5)
    lazy.raw({"kind": "ack", "received": lazy.received})
    lazy.wait(kind="message", type="withdraw", seq=303)
    assert sorted(lazy.log[to_hex(couple.channel)]) == list(range(4, 304))
    lazy.close()


def test_a_client_that_never_acknowledges_is_disconnected(couple: Couple) -> None:
    couple.a.acknowledge = False
    with pytest.raises(ConnectionClosed, match="4429"):
        ask_without_end(couple.a)


def ask_without_end(client: Client) -> None:
    for _ in range(600):
        client.raw({"kind": "list"})
        client.next()
