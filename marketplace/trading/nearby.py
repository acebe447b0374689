"""How far partners are from somebody along the feeder's cables."""

import math
from collections.abc import Iterable
from functools import lru_cache

from grid.networks.feeder import cable_distances
from marketplace.accounts.models import User
from marketplace.trading.live.view import live_run, simulation_of
from marketplace.trading.models import Prosumer

M_PER_KM = 1000


@lru_cache(maxsize=256)
def _metres_from(scenario: str, bus: int) -> tuple[float, ...]:
    return tuple(km * M_PER_KM for km in cable_distances(simulation_of(scenario).feeder, bus))


def metres_from(user: User) -> tuple[float, ...]:
    """Metres of cable from the person's own bus to every bus; empty without a connection or a feeder."""
    run = live_run()
    bus = Prosumer.objects.filter(owner=user.owner).values_list("bus", flat=True).first()
    if run is None or bus is None:
        return ()
    return _metres_from(run.scenario, bus)


def buses_within(user: User, metres: int) -> list[int]:
    """Buses at most so far away, the nearest first; empty where nothing is known."""
    far = metres_from(user)
    return sorted((bus for bus, m in enumerate(far) if m <= metres), key=lambda bus: far[bus])


def with_distances(user: User, prosumers: Iterable[Prosumer]) -> list[Prosumer]:
    """The prosumers, each with `metres` of cable to the asker, None where that is not known."""
    rows, far = list(prosumers), metres_from(user)
    for row in rows:
        known = row.bus is not None and row.bus < len(far) and math.isfinite(far[row.bus])
        row.metres = round(far[row.bus]) if known and row.bus is not None else None
    return rows
