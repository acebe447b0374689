"""Which phases a connection hangs on."""

import numpy as np
import numpy.typing as npt

from grid.networks.feeder import Connection, Feeder, Phases

SINGLE_PHASE_KVA = 4.6  # VDE-AR-N 4105 (2018), 5.1: the most that a plant may feed into one phase
LOW_VOLTAGE_KV = 1.0
SHARES: dict[Phases, tuple[float, float, float]] = {
    "a": (1.0, 0.0, 0.0),
    "b": (0.0, 1.0, 0.0),
    "c": (0.0, 0.0, 1.0),
    "abc": (1 / 3, 1 / 3, 1 / 3),
}
_TURNS: tuple[Phases, ...] = ("a", "b", "c")


def allotted(feeder: Feeder) -> tuple[Phases, ...]:
    """Phases per connection: its own where the network gives them, else by rule.

    Low-voltage connections whose biggest element is rated up to 4.6 kVA get one phase, in turn along the list
    (a, b, c, a, ...); bigger ones and those at higher voltages all three.
    """
    found: list[Phases] = []
    singles = 0
    for connection in feeder.connections:
        if connection.phases:
            found.append(connection.phases)
        elif feeder.buses[connection.bus].vn_kv >= LOW_VOLTAGE_KV or rated_kva(connection) > SINGLE_PHASE_KVA:
            found.append("abc")
        else:
            found.append(_TURNS[singles % 3])
            singles += 1
    return tuple(found)


def rated_kva(connection: Connection) -> float:
    """Rating of the biggest element of a connection."""
    powers = [(part.p_mw, part.q_mvar) for part in (connection.load, *connection.generators) if part]
    watts = [part.power_w for part in (connection.battery, connection.vehicle, connection.heat_pump) if part]
    return max([*(1e3 * float(np.hypot(p, q)) for p, q in powers), *(w / 1e3 for w in watts)], default=0.0)


def shares_of(phases: tuple[Phases, ...]) -> npt.NDArray[np.float64]:
    """(connections, 3) how each connection's power divides among the phases."""
    return np.array([SHARES[one] for one in phases]).reshape(-1, 3)
