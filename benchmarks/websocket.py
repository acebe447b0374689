"""Negotiated trades over websockets against a bare echo on the same server, 64 sockets each.

A trade is an offer, its acceptance and the confirmation: three signed client messages, each verified, stored
durably (SQLite, `synchronous=FULL`), answered, and delivered to the other side, which answers only after it
got it. The messages are made before the clock starts; the clients are one process, the server another. Of both
the best round counts: what the machine does while nobody else uses it.

    python benchmarks/websocket.py [--pairs 32] [--trades 21]
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "tests" / "engine")]
os.environ.setdefault("DATABASE_URL", "sqlite://")

import engine_site  # noqa: E402  configures Django
import msgspec  # noqa: E402  as above
from engine_parties import DOMAIN, METER  # noqa: E402  as above
from results import record  # noqa: E402  as above
from websockets.asyncio.client import connect  # noqa: E402  as above

from channels_engine import frames, relay  # noqa: E402  as above
from channels_engine.codec import to_hex  # noqa: E402  as above
from channels_engine.core import messages as m  # noqa: E402  as above
from channels_engine.core.inputs import LedgerOpened  # noqa: E402  as above
from channels_engine.core.keccak import keccak256  # noqa: E402  as above
from channels_engine.core.negotiation import next_state_for_offer  # noqa: E402  as above
from channels_engine.core.signing import LocalSigner  # noqa: E402  as above
from channels_engine.core.typed_data import Signable, digest, struct_hash  # noqa: E402  as above
from channels_engine.core.types import ChannelOpen, EntityContract, Offer, Side  # noqa: E402  as above
from tests.services import daphne  # noqa: E402  as above

GOAL = 0.50
ACK_EVERY = 64
COMMAND = "python benchmarks/websocket.py"


class Script:
    """All that one pair will say, made by playing it through beforehand."""

    def __init__(self, number: int, trades: int, now: int) -> None:
        seed = keccak256(b"websocket %d" % number)
        self.now = now
        self.keys = (LocalSigner(keccak256(seed + b"a")), LocalSigner(keccak256(seed + b"b")))
        self.owners = (f"alice-{number}", f"bob-{number}")
        a, b = self.keys
        self.terms = EntityContract(a.address, b.address, METER.address, 3600, 4, 5, seed)
        empty = (bytes(20), bytes(32)) * 2
        self.opening = ChannelOpen(
            struct_hash(self.terms), 0, 10**12, 10**12, *empty, now + 3600, now + 10**6
        )
        self.channel = struct_hash(self.opening)
        self.setup, hosting = self._setup()
        self.trades = []
        for trade in range(trades):
            said, hosting = self._trade(hosting, trade)
            self.trades.append([frame_of(message) for _, message in said])

    def sign(self, side: Side, value: Signable) -> bytes:
        """One side's signature."""
        return self.keys[side].sign(digest(DOMAIN, value))

    def _setup(self) -> tuple[list[tuple[Side, str]], relay.Hosting]:
        nonce, funding = self.terms.nonce, m.DepositFunding(self.opening.open_by, bytes(64) + b"\x1b")
        proposed = msgspec.structs.replace(self.terms, party_b=bytes(20))
        talk = [
            (Side.A, frames.message_of("propose", nonce, m.EscPropose(self.owners[1], proposed))),
            (
                Side.B,
                frames.message_of("accept", nonce, m.EscAccept(self.terms, self.sign(Side.B, self.terms))),
            ),
            (Side.A, frames.message_of("confirm", nonce, m.EscConfirm(self.sign(Side.A, self.terms)))),
        ]
        request = m.OpenRequest(self.opening, self.sign(Side.A, self.opening), funding)
        asked = frames.message_of("request", self.channel, request)
        confirm = m.OpenConfirm(self.sign(Side.B, self.opening), funding)
        agreed = frames.message_of("confirm", self.channel, confirm)
        hosting = relay.Hosting(self.channel, self.opening.scid, self.owners)
        hosting = relay.open_channel(asked, hosting, Side.A, self.now, domain=DOMAIN, terms=self.terms).after
        hosting = relay.deliver(agreed, hosting, Side.B, self.now).after
        hosting = relay.report(LedgerOpened(), "opened", hosting, self.now).after
        said = [*talk, (Side.A, asked), (Side.B, agreed)]
        return [(side, frame_of(message)) for side, message in said], hosting

    def _trade(
        self, hosting: relay.Hosting, number: int
    ) -> tuple[list[tuple[Side, frames.Message]], relay.Hosting]:
        slot, sells, said = self.now - self.now % 900 + 900, True, []
        current = hosting.endpoint(Side.A).current
        version, nonce = current.state.version if current else 0, keccak256(b"offer %d" % number)
        prices = (200_000, 300_000)
        offer = Offer(self.channel, version, nonce, sells, 1000, *prices, slot, slot + 900, self.now + 3600)
        bodies: list[tuple[Side, Any]] = [(Side.A, lambda _: m.OfferMade(offer, self.sign(Side.A, offer)))]
        bodies.append((Side.B, lambda seen: self._accept(seen, offer)))
        bodies.append((Side.A, self._confirm))
        for step, (side, body) in enumerate(bodies):
            message = frames.message_of(f"{number}-{step}", self.channel, body(hosting.endpoint(side)))
            hosting = relay.deliver(message, hosting, side, self.now).after
            said.append((side, message))
        return said, hosting

    def _accept(self, endpoint: Any, offer: Offer) -> m.UpdateRequest:
        state = next_state_for_offer(endpoint, offer.id)
        return m.UpdateRequest(offer.id, state, self.sign(Side.B, state))

    def _confirm(self, endpoint: Any) -> m.UpdateConfirm:
        state = endpoint.staged.state
        return m.UpdateConfirm(state.version, self.sign(Side.A, state))


def frame_of(message: frames.Message) -> str:
    """A `send` frame."""
    head = {"kind": "send", "id": message.id, "channel": to_hex(message.channel), "type": message.type}
    return json.dumps(head)[:-1] + f', "body": {message.text}}}'


class Talker:
    """One socket that says its lines and waits for what they need."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.received = 0

    async def until(self, kind: str, what: str) -> None:
        """Read on to an `accepted` of this id or a `message` of this type."""
        field = "id" if kind == "accepted" else "type"
        while True:
            frame = json.loads(await self.socket.recv())
            self.received += 1
            if self.received % ACK_EVERY == 0:
                await self.socket.send(f'{{"kind":"ack","received":{self.received}}}')
            if frame["kind"] == "refused":
                raise SystemExit(f"refused: {frame}")
            if frame["kind"] == kind and frame[field] == what:
                return


async def set_up(script: Script, a: Talker, b: Talker) -> None:
    """Terms, opening, opened."""
    for side, frame in script.setup:
        speaker = (a, b)[side]
        await speaker.socket.send(frame)
        await speaker.until("accepted", json.loads(frame)["id"])
    for talker in (a, b):
        await talker.until("message", "ledger.opened")


async def trade_all(script: Script, a: Talker, b: Talker, numbers: range) -> None:
    """The trades of these numbers, one after the other."""
    for number in numbers:
        offer, accept, confirm = script.trades[number]
        await a.socket.send(offer)
        await b.until("message", "offer")
        await b.socket.send(accept)
        await a.until("message", "update.request")
        await a.socket.send(confirm)
        await b.until("message", "update.confirm")
        await a.until("accepted", f"{number}-2")


async def echo_all(socket: Any, count: int, text: str) -> None:
    """Ping-pong with frames as long as a trade's."""
    for _ in range(count):
        await socket.send(text)
        await socket.recv()


async def measure(port: int, pairs: int, trades: int, rounds: int) -> tuple[list[float], list[float]]:
    """Messages a second of both, in alternating rounds: 3 x trades, and echoes."""
    scripts = [Script(number, trades * rounds, int(time.time())) for number in range(pairs)]
    base, options = f"ws://127.0.0.1:{port}/ws", {"compression": None, "max_queue": None}
    async with asyncio.TaskGroup() as opening:
        dialled = [
            opening.create_task(_dial(f"{base}/channels/?owner={owner}", options))
            for script in scripts
            for owner in script.owners
        ]
        echoes = [opening.create_task(_dial(f"{base}/echo/", options)) for _ in range(2 * pairs)]
    talkers = [Talker(task.result()) for task in dialled]
    couples = list(zip(scripts, talkers[::2], talkers[1::2], strict=True))
    await asyncio.gather(*(set_up(*couple) for couple in couples))
    traded, echoed, sample = [], [], scripts[0].trades[0][1]
    for number in range(rounds):
        started = time.perf_counter()
        await asyncio.gather(*(echo_all(task.result(), 2 * trades, sample) for task in echoes))
        echoed.append(4 * pairs * trades / (time.perf_counter() - started))
        numbers = range(number * trades, (number + 1) * trades)
        started = time.perf_counter()
        await asyncio.gather(*(trade_all(*couple, numbers) for couple in couples))
        traded.append(3 * pairs * trades / (time.perf_counter() - started))
    for socket in [talker.socket for talker in talkers] + [task.result() for task in echoes]:
        await socket.close()
    return traded, echoed


async def _dial(address: str, options: dict[str, Any]) -> Any:
    return await connect(address, **options)


def main() -> None:
    """Start the server, measure, record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=32)
    parser.add_argument("--trades", type=int, default=21)
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder:
        url, site = (
            f"sqlite:///{folder}/db.sqlite3",
            [str(ROOT), str(ROOT / "tests" / "engine"), str(ROOT / "benchmarks")],
        )
        environment = {
            "DATABASE_URL": url,
            "PYTHONPATH": os.pathsep.join([*site, os.environ.get("PYTHONPATH", "")]),
        }
        migrate = "import engine_site; from django.core.management import call_command as c; c('migrate', verbosity=0)"
        subprocess.run([sys.executable, "-c", migrate], env={**os.environ, **environment}, check=True)  # noqa: S603  fixed argv, no shell
        with daphne("websocket_site:application", Path(folder), ENGINE_WORKER="1", **environment) as port:
            traded, echoed = asyncio.run(measure(port, arguments.pairs, arguments.trades, arguments.rounds))
    ours, reference = max(traded), max(echoed)
    record(
        "websocket_trade",
        ours=ours,
        reference=reference,
        ratio=ours / reference,
        goal=GOAL,
        unit="messages/s",
        better="higher",
        command=COMMAND,
    )
    print(
        f"{'':<32} {ours / 3:.0f} trades/s over {2 * arguments.pairs} sockets; Django {engine_site.django.__version__}"
    )


if __name__ == "__main__":
    main()
