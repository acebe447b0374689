"""Who trades with whom: few, near partners, so that channels stay few and energy travels short ways."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grid.networks.feeder import Feeder, electrical_distances

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


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
    ohms = _distances(feeder, sellers)
    count = np.zeros(len(feeder.connections), dtype=np.int64)
    made: list[Pair] = []
    known = {i: [i] for i in range(len(count))}
    for _ in range(partners):
        for seller in sellers:
            if count[seller] >= partners:
                continue
            distance = ohms[feeder.connections[seller].bus]
            buyer = _nearest_least_chosen(count, distance, known[seller], partners)
            if buyer is None:
                continue
            made.append(Pair(seller, buyer, float(distance[buyer])))
            for one, other in ((seller, buyer), (buyer, seller)):
                count[one] += 1
                known[one].append(other)
    return tuple(made)


def _nearest_least_chosen(count: IntArray, ohms: FloatArray, taken: list[int], partners: int) -> int | None:
    """Of those chosen least, the nearest, and of equals the first; None where nobody is left."""
    rank = np.where(count < partners, count, partners)
    rank[taken] = partners
    least = rank.min()
    if least >= partners:
        return None
    free = np.flatnonzero(rank == least)
    return int(free[np.argmin(ohms[free])])


def _distances(feeder: Feeder, sellers: Sequence[int]) -> dict[int, FloatArray]:
    """Per bus of a seller: ohms to every connection."""
    at = np.array([connection.bus for connection in feeder.connections])
    buses = {feeder.connections[seller].bus for seller in sellers}
    return {bus: np.array(electrical_distances(feeder, bus))[at] for bus in buses}
