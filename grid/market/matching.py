"""Who trades with whom: few, near partners, so that channels stay few and energy travels short ways."""

from collections.abc import Sequence
from dataclasses import dataclass

from grid.network import Feeder, electrical_distances


@dataclass(frozen=True, slots=True)
class Pair:
    """Two prosumers that keep a channel; `seller` has PV, wind or a battery. `ohm` is their electrical distance."""

    seller: int
    buyer: int
    ohm: float


def match_partners(feeder: Feeder, partners: int) -> tuple[Pair, ...]:
    """Pairs by electrical distance, at most `partners` for each prosumer, in the order in which they were made.

    Round robin: in each round every seller takes the nearest prosumer that has been chosen least, so that nobody is
    left out while others have many. A pair is made once, whoever of two sellers asks first.
    """
    sellers = [i for i, cn in enumerate(feeder.connections) if cn.sells]
    ohms = {seller: _distances(feeder, seller) for seller in sellers}
    count = [0] * len(feeder.connections)
    made: dict[frozenset[int], Pair] = {}
    for _ in range(partners):
        for seller in sellers:
            if count[seller] >= partners:
                continue
            free = [i for i in range(len(count)) if _may_pair(seller, i, count, made, partners)]
            if free:
                buyer = min(free, key=lambda i: (count[i], ohms[seller][i], i))
                made[frozenset((seller, buyer))] = Pair(seller, buyer, ohms[seller][buyer])
                count[seller] += 1
                count[buyer] += 1
    return tuple(made.values())


def _may_pair(
    seller: int, other: int, count: Sequence[int], made: dict[frozenset[int], Pair], partners: int
) -> bool:
    return other != seller and count[other] < partners and frozenset((seller, other)) not in made


def _distances(feeder: Feeder, connection: int) -> tuple[float, ...]:
    at_bus = electrical_distances(feeder, feeder.connections[connection].bus)
    return tuple(at_bus[cn.bus] for cn in feeder.connections)
