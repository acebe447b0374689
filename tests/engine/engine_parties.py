"""Participants with keys, and the steps that bring two of them into an open channel, for the engine's tests."""

import itertools
import time
from dataclasses import dataclass, field

from channels_engine.core import messages as m
from channels_engine.core.inputs import LedgerOpened
from channels_engine.core.keccak import keccak256
from channels_engine.core.signing import LocalSigner
from channels_engine.core.typed_data import digest, struct_hash
from channels_engine.core.types import ChannelOpen, Delivery, Domain, EntityContract
from channels_engine.drivers import Deal, Floor, Opening, Pairing
from channels_engine.frames import message_of
from channels_engine.runtime import Runtime
from channels_engine.submissions import Accepted, Fact, Outcome, Said

DOMAIN = Domain(31337, bytes(range(20)))
METER = LocalSigner(b"\x77" * 32)
_numbers = itertools.count(1)


class SettableClock:
    def __init__(self, now: int | None = None) -> None:
        self._now = now

    def now(self) -> int:
        return int(time.time()) if self._now is None else self._now

    def set(self, now: int) -> None:
        self._now = now


@dataclass
class Pair:
    """Two participants with an entity contract and a channel between them."""

    owner_a: str
    owner_b: str
    signer_a: LocalSigner
    signer_b: LocalSigner
    terms: EntityContract
    opening: ChannelOpen

    @property
    def channel(self) -> bytes:
        return struct_hash(self.opening)


@dataclass
class World:
    """A runtime and the keys of everybody in it."""

    runtime: Runtime
    keys: dict[bytes, LocalSigner] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.floor = Floor(self.runtime, self.keys.__getitem__)

    def pair(self, *, funding: int = 10**9, name: str = "") -> Pair:
        number = next(_numbers)
        seed = keccak256(f"{name}{time.time_ns()}-{number}".encode())
        a, b = LocalSigner(keccak256(seed + b"a")), LocalSigner(keccak256(seed + b"b"))
        self.keys[a.address], self.keys[b.address] = a, b
        terms = EntityContract(a.address, b.address, METER.address, 3600, 4, 50_000, seed)
        now = self.runtime.clock.now()
        opening = ChannelOpen(
            struct_hash(terms),
            0,
            funding,
            funding,
            bytes(20),
            bytes(32),
            bytes(20),
            bytes(32),
            now + 600,
            now + 10**6,
        )
        return Pair(f"alice-{seed.hex()[:12]}", f"bob-{seed.hex()[:12]}", a, b, terms, opening)

    def open(self, *pairs: Pair) -> None:
        agreed = self.floor.agree_many([Pairing(p.owner_a, p.owner_b, p.terms) for p in pairs])
        assert all(isinstance(outcome, Accepted) for outcome in agreed), agreed
        opened = self.floor.open_many([self.opening(p) for p in pairs])
        assert all(isinstance(outcome, Accepted) for outcome in opened), opened
        facts = [Fact(p.channel, LedgerOpened(), f"tx:{p.channel.hex()[:16]}:0") for p in pairs]
        told = self.runtime.process(facts)
        assert all(isinstance(outcome, Accepted) for outcome in told), told

    def opening(self, pair: Pair) -> Opening:
        deadline = pair.opening.open_by + 1000
        deposits = [
            m.DepositFunding(deadline, s.sign(keccak256(b"a permit"))) for s in (pair.signer_a, pair.signer_b)
        ]
        return Opening(pair.opening, pair.owner_a, pair.owner_b, pair.terms, *deposits)

    def deal(self, pair: Pair, key: str, *, quantity_wh: int = 1500, offeror_sells: bool = True) -> Deal:
        now = self.runtime.clock.now()
        slot = now - now % 900 + 900
        return Deal(
            key,
            pair.channel,
            pair.owner_a,
            offeror_sells,
            quantity_wh,
            200_000,
            300_000,
            slot,
            slot + 900,
            now + 60,
        )

    def say(self, owner: str, message_id: str, channel: bytes, body: m.Body) -> Outcome:
        (outcome,) = self.runtime.process([Said(owner, message_of(message_id, channel, body))])
        return outcome


def delivery(channel: bytes, trade: bytes, delivered_wh: int) -> m.SignedDelivery:
    value = Delivery(channel, trade, delivered_wh)
    return m.SignedDelivery(value, METER.sign(digest(DOMAIN, value)))
