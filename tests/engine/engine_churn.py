"""A process that trades on a few channels until it is killed; says on stdout what is durable.

    python engine_churn.py CHANNELS ROUNDS NAME

Every line is one round of deals that `trade_many` has reported as durable.
"""

import json
import sys
from typing import Any

import engine_site
from engine_parties import Pair, World

from channels_engine import service
from channels_engine.core.inputs import LedgerOpened
from channels_engine.core.keccak import keccak256
from channels_engine.core.signing import LocalSigner
from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import ChannelOpen, EntityContract
from channels_engine.drivers import Deal, Pairing
from channels_engine.submissions import Accepted, Fact

FUNDING = 10**9
NOW = 1_900_000_000


def pair_of(world: World, number: int) -> Pair:
    """The same pair in every run."""
    seed = keccak256(b"churn %d" % number)
    a, b = LocalSigner(keccak256(seed + b"a")), LocalSigner(keccak256(seed + b"b"))
    world.keys[a.address], world.keys[b.address] = a, b
    terms = EntityContract(a.address, b.address, bytes(20), 3600, 4, 5, seed)
    empty = (bytes(20), bytes(32)) * 2
    opening = ChannelOpen(struct_hash(terms), 0, FUNDING, FUNDING, *empty, NOW + 600, NOW + 10**6)
    return Pair(f"alice-{number}", f"bob-{number}", a, b, terms, opening)


def deal(pair: Pair, key: str) -> Deal:
    slot = NOW - NOW % 900 + 900
    sells = True
    return Deal(key, pair.channel, pair.owner_a, sells, 1000, 200_000, 300_000, slot, slot + 900, NOW + 500)


class Frozen:
    def now(self) -> int:
        return NOW


def world() -> World:
    runtime = service.runtime()
    runtime.clock = Frozen()
    return World(runtime)


def prepare(where: World, channels: int) -> list[Pair]:
    pairs = [pair_of(where, number) for number in range(channels)]
    outcomes: list[Any] = where.floor.agree_many([Pairing(p.owner_a, p.owner_b, p.terms) for p in pairs])
    outcomes += where.floor.open_many([where.opening(p) for p in pairs])
    outcomes += where.runtime.process([Fact(p.channel, LedgerOpened(), f"tx:{p.owner_a}") for p in pairs])
    if not all(isinstance(outcome, Accepted) for outcome in outcomes):
        raise SystemExit(f"the channels did not open: {outcomes}")
    return pairs


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    channels, rounds, name = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    where = world()
    pairs = prepare(where, channels)
    tell("ready")
    for number in range(rounds):
        deals = [deal(pair, f"{name}-{number}") for pair in pairs]
        outcomes = where.floor.trade_many(deals)
        done = [d.key for d, outcome in zip(deals, outcomes, strict=True) if isinstance(outcome, Accepted)]
        tell(json.dumps({"round": number, "done": len(done)}))
    tell("end")


if __name__ == "__main__":
    if not engine_site.settings.configured:
        raise SystemExit("engine_site configures Django first.")
    main()
