"""An agent over a real websocket, on a copy that it verifies itself; copies made from logs."""

import json
import time
from pathlib import Path

import msgspec
import pytest
from engine_client import Client, Couple, sign
from engine_parties import DOMAIN, World
from test_agents import Patient
from test_websocket import prepare

from channels_engine.agent import Agent
from channels_engine.codec import to_hex
from channels_engine.core import messages as m
from channels_engine.core.errors import ProtocolError, SignatureError
from channels_engine.core.types import Side
from channels_engine.drivers import Closing
from channels_engine.replica import RemoteAgent, Replica
from channels_engine.store.repository import entries_after
from tests.services import daphne


def copied(world: World, owner: str, *logs: bytes) -> Replica:
    replica = Replica(owner, DOMAIN)
    for log in logs:
        for entry in entries_after(log, 0, 1000):
            assert replica.feed(entry)
            assert not replica.feed(entry), "twice is once"
    return replica


def test_the_log_replays_to_the_same_channel(world: World) -> None:
    pair = world.pair()
    world.open(pair)
    world.floor.trade_many([world.deal(pair, f"{number}") for number in range(5)])
    world.floor._run([world.deal(pair, "staged")], (world.floor._offer, world.floor._accept))
    world.floor.close_many([Closing(pair.channel, pair.owner_a)])
    hosting = world.runtime.hosting(pair.channel)
    assert hosting is not None
    for side, owner in zip(Side, (pair.owner_a, pair.owner_b), strict=True):
        replica = copied(world, owner, pair.terms.nonce, pair.channel)
        assert replica.endpoints[pair.channel] == hosting.endpoint(side)


def test_a_copy_refuses_what_the_peer_did_not_sign(world: World) -> None:
    pair = world.pair()
    world.open(pair)
    world.floor.trade_many([world.deal(pair, "one")])
    entries = entries_after(pair.channel, 0, 1000)
    replica = copied(world, pair.owner_a, pair.terms.nonce)
    for entry in entries[:-2]:
        replica.feed(entry)
    request = json.loads(entries[-2].body)
    request["state"]["balanceA"] = "1"
    with pytest.raises(SignatureError):
        replica.feed(msgspec.structs.replace(entries[-2], body=json.dumps(request)))
    with pytest.raises(ProtocolError, match="follows"):
        replica.feed(entries[-1])


def test_an_agent_trades_over_its_websocket(tmp_path: Path) -> None:
    environment = prepare(tmp_path, f"sqlite:///{tmp_path / 'db.sqlite3'}")
    with daphne("engine_site:application", tmp_path, **environment) as port:
        couple = Couple(port, f"{time.time_ns()}", int(time.time()))
        keys = {couple.key_b.address: couple.key_b}
        remote = RemoteAgent(Agent(couple.b.owner, DOMAIN, Patient(couple.key_b), keys.__getitem__), DOMAIN)
        serve(couple.b, remote, [json.dumps(couple.b.hello)])
        proposed = msgspec.structs.replace(couple.terms, party_b=bytes(20))
        couple.a.say(couple.terms.nonce, m.EscPropose(couple.b.owner, proposed))
        serve(couple.b, remote)
        couple.a.say(couple.terms.nonce, m.EscConfirm(sign(couple.key_a, couple.terms)))
        funding = m.DepositFunding(couple.opening.open_by, bytes(64) + b"\x1b")
        request = m.OpenRequest(couple.opening, sign(couple.key_a, couple.opening), funding)
        couple.a.say(couple.channel, request)
        serve(couple.b, remote)
        couple.a.wait(kind="message", type="ledger.opened")
        offer = couple.offer()
        couple.a.say(couple.channel, m.OfferMade(offer, sign(couple.key_a, offer)))
        serve(couple.b, remote)
        version = int(couple.a.wait(kind="message", type="update.request")["body"]["state"]["version"])
        staged = couple.a.endpoint(couple.channel).staged
        assert staged is not None
        couple.a.say(couple.channel, m.UpdateConfirm(version, sign(couple.key_a, staged.state)))
        serve(couple.b, remote)
        view = couple.b.state(couple.channel)
        current = remote.replica.endpoints[couple.channel].current
        assert current is not None
        assert view["current"]["state"]["version"] == str(current.state.version) == "2"
        assert view["seq"] == remote.replica.positions[couple.channel]
        assert to_hex(couple.channel) == view["channel"]
        couple.close()


def serve(client: Client, remote: RemoteAgent, frames: list[str] | None = None) -> None:
    """Move frames until the relay is silent for a while."""
    waiting = list(frames or [])
    while True:
        if not waiting:
            try:
                waiting.append(json.dumps(client.next(timeout=0.5)))
            except TimeoutError:
                return
        for answer in remote.handle(waiting.pop(0)):
            client.raw(answer)
