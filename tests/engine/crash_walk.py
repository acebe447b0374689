"""A server that can be made to die at any write and any send, and what must hold after it came back.

Nothing in the product knows of this: the faults sit in the seams that are there anyway. Writes are seen by
Django's `execute_wrapper`, commits at the connection, sends at the adapters of `ports.py` and at the ledger
client. To die is to lose all memory: a `BaseException` that no handler of the product takes leaves the open
transaction behind, the connection is closed, and every object of the engine is made anew. What the disk does
under `kill -9` is test_kill's part; here the database needs no fsync.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.db import connection
from engine_parties import Pair, SettableClock, World
from test_ledger import Chain

from channels_engine.codec import to_hex
from channels_engine.core import messages as m
from channels_engine.core.rules import funded_total
from channels_engine.core.types import Side
from channels_engine.frames import decode_body, message_of
from channels_engine.ledger import RegistryLedger
from channels_engine.outbox import Outbox
from channels_engine.ports import Listener, Notice
from channels_engine.relay import Hosting
from channels_engine.runtime import Runtime
from channels_engine.store.models import (
    Channel,
    CoSignedState,
    Endpoint,
    LedgerEvent,
    LogEntry,
    OutboxItem,
    TradeRecord,
)
from channels_engine.store.repository import log_numbers
from channels_engine.submissions import Accepted, Said
from channels_engine.watchtower import Watchtower
from contracts.connection import LedgerClient, LedgerRpcError
from contracts.devnode.accounts import dev_key
from contracts.gateway import Sender
from contracts.indexer import RpcBlockSource

MOST_ROUNDS = 30
_WRITE = re.compile(r"\s*(INSERT INTO|UPDATE|DELETE FROM|COPY)\s+\"?(\w+)", re.IGNORECASE)


class Crash(BaseException):
    """The process is dead. No handler of the product catches it."""


@dataclass
class Faults:
    """Counts the points that a run passes, and kills it at one of them."""

    seen: list[str] = field(default_factory=list)
    at: int | None = None
    dead: bool = False

    def point(self, label: str) -> None:
        assert not self.dead, f"a dead process went on to: {label}"
        self.seen.append(label)
        if self.at == len(self.seen) - 1:
            self.dead = True
            raise Crash(label)

    def rearm(self, at: int | None) -> None:
        self.seen, self.at, self.dead = [], at, False

    def execute(self, run: Callable[..., Any], sql: str, params: Any, many: Any, context: Any) -> Any:
        """After each write (`django.db.connection.execute_wrapper`)."""
        result, write = run(sql, params, many, context), _WRITE.match(sql)
        if write is not None:
            self.point(f"{write.group(1).split()[0].lower()} {write.group(2)}")
        return result

    def wake(self, _: Any) -> None:
        """Before the sockets are told (`ports.Transport`)."""
        self.point("wake")

    def listen(self, heard: Counter[str]) -> Listener:
        """Before and after listeners are told (`ports.Listener`)."""

        def told(notices: Sequence[Notice]) -> None:
            self.point("before listeners")
            heard.update(f"{type(notice.effect).__name__} {to_hex(notice.channel)}" for notice in notices)
            self.point("after listeners")

        return told


class FaultyClient(LedgerClient):
    """Dies before a transaction leaves, or after it has arrived and before its answer is read."""

    def __init__(self, url: str, faults: Faults) -> None:
        super().__init__(url)
        self._faults = faults

    def batch(self, wanted: Sequence[tuple[str, Sequence[Any]]]) -> list[Any | LedgerRpcError]:
        sends = any(method == "eth_sendRawTransaction" for method, _ in wanted)
        if sends:
            self._faults.point("before the transaction")
        answers = super().batch(wanted)
        if sends:
            self._faults.point("after the transaction")
        return answers


@contextmanager
def seams(faults: Faults) -> Iterator[None]:
    """Watch the writes and commits of this thread's connection."""
    commit = connection.commit

    def commit_and_tell() -> None:
        commit()
        faults.point("commit")

    connection.commit = commit_and_tell  # type: ignore[method-assign]  # a seam of the test alone
    try:
        with connection.execute_wrapper(faults.execute):
            yield
    finally:
        del connection.commit


class Server:
    """The engine of one process, from its start to its death."""

    def __init__(self, place: "Place") -> None:
        faults = place.faults
        self.client = FaultyClient(place.chain.client.url, faults)
        self.runtime = Runtime(domain=place.chain.domain, clock=place.clock, transport=faults)
        self.world = World(self.runtime, place.keys)
        sender = Sender(self.client, dev_key(4))
        ledger = RegistryLedger(self.runtime, place.chain.registry, sender)
        self.outbox = Outbox(place.clock, ledger, [faults.listen(place.heard)])
        source = RpcBlockSource(self.client, [place.chain.registry.address])
        self.tower = Watchtower(self.runtime, source, start=place.first_block)
        self.outbox.reclaim()

    def pump(self) -> None:
        """The worker, until it is idle."""
        for _ in range(MOST_ROUNDS):
            done = self.outbox.tick() + self.runtime.tick()
            if not done and self.tower.tick().idle:
                return
        raise AssertionError("the engine never comes to rest")


@dataclass
class Place:
    """What outlives a crash: ledger, clock, the parties' keys, what listeners heard."""

    chain: Chain
    clock: SettableClock
    faults: Faults
    keys: dict[bytes, Any]
    heard: Counter[str] = field(default_factory=Counter)
    first_block: int = 0

    def advance(self, seconds: int) -> None:
        """Let time pass, on the ledger and here."""
        self.chain.client.request("evm_increaseTime", seconds)
        self.chain.client.request("evm_mine")
        self.clock.set(self.clock.now() + seconds)

    def synchronise(self) -> None:
        """The ledger's time runs on by itself; begin each run at its time."""
        head = self.chain.client.request("eth_getBlockByNumber", *["latest", False])
        self.clock.set(max(self.clock.now(), int(head["timestamp"], 16)))


@dataclass
class Life:
    """One pair's run through a flow. The clients are not on the server: they remember what they said last."""

    place: Place
    pair: Pair
    server: Server
    steps: tuple["Step", ...]
    said: dict[str, tuple[str, bytes, m.Body]] = field(default_factory=dict)
    position: int = 0

    def drive(self) -> None:
        """Go on where the clients stand, to the end."""
        while self.position < len(self.steps):
            self.steps[self.position](self)
            self.position += 1

    @property
    def world(self) -> World:
        return self.server.world

    def hosting(self) -> Hosting:
        hosting = self.server.runtime.hosting(self.pair.channel)
        assert hosting is not None
        return hosting

    def say(self, owner: str, message_id: str, body: Callable[[], m.Body], channel: bytes = b"") -> None:
        """Send a message; after a crash the very same again, until it is answered."""
        if message_id not in self.said:
            self.said[message_id] = (owner, channel or self.pair.channel, body())
        who, where, what = self.said[message_id]
        (outcome,) = self.server.runtime.process([Said(who, message_of(f"walk-{message_id}", where, what))])
        assert isinstance(outcome, Accepted), outcome


Step = Callable[[Life], None]
Prepare = Callable[[Server, Place, Sequence[Pair]], None]


@dataclass(frozen=True)
class Scenario:
    """A flow: how pairs come to its beginning, and its steps. Each step may be done again after a crash.

    The pairs of one scenario are prepared together, and expire `spacing` seconds after one another.
    """

    name: str
    prepare: Prepare
    steps: tuple[Step, ...]
    expiry: int = 10**6
    spacing: int = 0


def essence(place: Place, pair: Pair) -> dict[str, Any]:
    """What a run leaves behind, as far as it must not depend on crashes. Checks what must hold in any case."""
    name = to_hex(pair.channel)
    hosting = Runtime(domain=place.chain.domain, clock=place.clock).hosting(pair.channel)
    if hosting is not None:
        check_sides(hosting)
    check_logs(pair)
    assert not OutboxItem.objects.filter(channel=name, done_at__isnull=True).exists(), "something is undone"
    trades = TradeRecord.objects.filter(channel=name).order_by("id")
    ends = [] if hosting is None else [hosting.endpoint(side) for side in Side]
    states = [end.current.state for end in ends if end.current is not None]
    return {
        "phases": [end.phase for end in ends],
        "payouts": [end.payout for end in ends],
        "balances": [(s.balance_a, s.balance_b, s.energy_to_a, s.energy_to_b) for s in states],
        "open trades": [len(end.open_trades) for end in ends],
        "trees": [end.tree.size for end in ends],
        "trades": list(
            trades.values_list(
                "seller",
                "buyer",
                "quantity_wh",
                "amount",
                "delivered_wh",
                "refund",
                "is_enforced",
                "is_refunded",
            )
        ),
        "settled": [row.settled_version is not None for row in trades],
        "ledger": list(
            LedgerEvent.objects.filter(channel=name).order_by("id").values_list("name", flat=True)
        ),
        "tokens": [place.chain.balance(s.address) for s in (pair.signer_a, pair.signer_b)],
        "told": {key for key in place.heard if key.endswith(name)},
    }


def renamed(what: Mapping[str, Any], pair: Pair) -> str:
    """The essence with roles in place of names."""
    names = {pair.owner_a: "alice", pair.owner_b: "bob", to_hex(pair.channel): "channel"}
    text = repr({**what, "told": sorted(what["told"])})
    for name, role in names.items():
        text = text.replace(name, role)
    return text


def check_sides(hosting: Hosting) -> None:
    a, b = hosting.endpoint(Side.A), hosting.endpoint(Side.B)
    assert a.current == b.current, "both sides hold the same newest state"
    assert (a.open_trades, a.tree) == (b.open_trades, b.tree)
    assert (a.staged is None) == (b.staged is None)
    if a.current is not None:
        state = a.current.state
        assert state.balance_a + state.balance_b == funded_total(a)
    stored = CoSignedState.objects.filter(channel=to_hex(hosting.channel)).order_by("-version").first()
    newest = a.current.state.version if a.current is not None else 0
    assert (stored.version if stored else 0) == newest, "the newest co-signed state is the current one"


def check_logs(pair: Pair) -> None:
    """Numbered without a gap, nothing twice, and no side ever signed two states of one version."""
    signed: dict[tuple[int, int], set[Any]] = {}
    for name in (pair.channel, pair.terms.nonce):
        entries = list(LogEntry.objects.filter(log=log_numbers([name]).get(name, 0)).order_by("seq"))
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        spoken = Counter((entry.sender, entry.type, entry.body) for entry in entries if entry.sender < 2)
        repeated = [key for key, count in spoken.items() if count > 1 and not key[1].startswith("dispute.")]
        assert not repeated, f"said twice: {repeated}"
        for entry in entries:
            if entry.sender < 2:
                _note_signature(entry, signed)
    doubled = {key: states for key, states in signed.items() if len(states) > 1}
    assert not doubled, f"two states of one version: {doubled}"


def _note_signature(entry: LogEntry, signed: dict[tuple[int, int], set[Any]]) -> None:
    body = decode_body(entry.type, entry.body)
    assert getattr(body, "signature", None) is None or entry.type != "dispute.raise", "a consent in the log"
    state = getattr(body, "state", None)
    if entry.type.endswith(".request") and state is not None:
        signed.setdefault((entry.sender, state.version), set()).add(msgspec.json.encode(str(state)))


def forget(pair: Pair) -> None:
    """Clear a pair away, so that its timers do not ring in the next run."""
    for table in (Endpoint, Channel, OutboxItem):
        table.objects.filter(channel=to_hex(pair.channel)).delete()
