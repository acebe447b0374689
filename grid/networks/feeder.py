"""The feeder as typed, immutable data: buses, lines, transformers, and who is connected where.

Electrical values are those of pandapower's tables with `parallel`, `df` and switches already worked in, so that
nothing downstream needs to know pandapower. `grid.networks.files` reads and writes feeders.
"""

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from grid.equipment import ElectricVehicle, HeatPump
from grid.words import Words

DEGREES_PER_HOUR = 30  # of a vector group's clock
_SAME_ANGLE = 1e-6
Phases = Literal["", "a", "b", "c", "abc"]


class NetworkFaultError(ValueError):
    """A network that can't be used; `faults` names each culprit with its remedy."""

    def __init__(self, faults: tuple[Words, ...]) -> None:
        """Keep every fault, so that the file's owner can mend all of them at once."""
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Bus:
    """A node; longitude and latitude where the source has them."""

    name: str
    vn_kv: float
    lon: float | None = None
    lat: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line or cable; totals over its length and parallel systems. An open end stays energised from the other.

    `r0_ohm`, `x0_ohm`, `c0_nf` are zero-sequence values, None where the source has none (`grid.flow.unbalanced` assumes them).
    """

    name: str
    from_bus: int
    to_bus: int
    length_km: float
    r_ohm: float
    x_ohm: float
    c_nf: float
    g_us: float
    max_i_ka: float
    from_closed: bool = True
    to_closed: bool = True
    r0_ohm: float | None = None
    x0_ohm: float | None = None
    c0_nf: float | None = None


@dataclass(frozen=True, slots=True)
class Transformer:
    """A two-winding transformer; `sn_mva` counts parallel units, `tap_steps` is tap position minus neutral.

    An open end leaves it at no load from the other. `vk0_percent` and `vkr0_percent` are zero-sequence values as seen
    from the low-voltage side, None where the source has none.
    """

    name: str
    hv_bus: int
    lv_bus: int
    sn_mva: float
    vn_hv_kv: float
    vn_lv_kv: float
    vk_percent: float
    vkr_percent: float
    pfe_kw: float
    i0_percent: float
    shift_degree: float
    tap_side: Literal["hv", "lv"]
    tap_steps: float
    tap_step_percent: float
    derating: float = 1.0
    hv_closed: bool = True
    lv_closed: bool = True
    vector_group: str = ""
    vk0_percent: float | None = None
    vkr0_percent: float | None = None


@dataclass(frozen=True, slots=True)
class Shunt:
    """A constant impedance at a bus, by the power it takes at the bus's nominal voltage; positive is consumption."""

    name: str
    bus: int
    p_mw: float
    q_mvar: float


@dataclass(frozen=True, slots=True)
class Load:
    """Inflexible demand: rated power times the profile columns `{profile}_pload` and `{profile}_qload`."""

    name: str
    p_mw: float
    q_mvar: float
    profile: str | None


@dataclass(frozen=True, slots=True)
class Generator:
    """A PV plant, wind turbine or other feed-in: rated power times its profile column; positive is generation."""

    name: str
    p_mw: float
    q_mvar: float
    profile: str | None
    is_wind: bool = False


@dataclass(frozen=True, slots=True)
class Battery:
    """A home battery: power in watts at its terminals, capacity in Wh, one-way efficiency in per mille."""

    name: str
    power_w: int
    capacity_wh: int
    efficiency_permille: int


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection point, that is one prosumer with one meter at one bus; `wind` is a turbine besides `generator`.

    `phases` are those that it is connected to, "" where the source doesn't say (`grid.flow.unbalanced` allots them).
    """

    name: str
    bus: int
    load: Load | None
    generator: Generator | None = None
    battery: Battery | None = None
    wind: Generator | None = None
    vehicle: ElectricVehicle | None = None
    heat_pump: HeatPump | None = None
    phases: Phases = ""

    @property
    def generators(self) -> tuple[Generator, ...]:
        """All that feeds in by itself."""
        return tuple(plant for plant in (self.generator, self.wind) if plant is not None)

    @property
    def sells(self) -> bool:
        """Whether it can ever have something to sell."""
        return bool(self.generators) or self.battery is not None


@dataclass(frozen=True, slots=True)
class Feeder:
    """A network with its connection points; indices are positions in these tuples."""

    name: str
    source_bus: int
    source_vm_pu: float
    buses: tuple[Bus, ...]
    lines: tuple[Line, ...]
    transformers: tuple[Transformer, ...]
    connections: tuple[Connection, ...]
    attribution: str = ""
    shunts: tuple[Shunt, ...] = ()


def has_phase_shifting_loops(feeder: Feeder) -> bool:
    """Whether some loop's transformers shift the phase by other than zero in all; only then do shifts move power."""
    closed = [(ln.from_bus, ln.to_bus, 0.0) for ln in feeder.lines if ln.from_closed and ln.to_closed]
    closed += [
        (tr.hv_bus, tr.lv_bus, tr.shift_degree) for tr in feeder.transformers if tr.hv_closed and tr.lv_closed
    ]
    near: dict[int, list[tuple[int, float]]] = {}
    for one, other, shift in closed:
        near.setdefault(one, []).append((other, -shift))
        near.setdefault(other, []).append((one, shift))
    angle, stack = {feeder.source_bus: 0.0}, [feeder.source_bus]
    while stack:
        here = stack.pop()
        for there, turn in near.get(here, []):
            if there not in angle:
                angle[there] = angle[here] + turn
                stack.append(there)
    misfits = (
        abs(math.remainder(angle[one] - shift - angle[other], 360))
        for one, other, shift in closed
        if one in angle
    )
    return any(misfit > _SAME_ANGLE for misfit in misfits)


def _neighbours(feeder: Feeder) -> list[list[tuple[int, float]]]:
    """Per bus: (neighbour, ohm at the lower-voltage side); open ends don't connect."""
    near: list[list[tuple[int, float]]] = [[] for _ in feeder.buses]
    branches = [
        (ln.from_bus, ln.to_bus, math.hypot(ln.r_ohm, ln.x_ohm))
        for ln in feeder.lines
        if ln.from_closed and ln.to_closed
    ]
    branches += [
        (tr.hv_bus, tr.lv_bus, tr.vk_percent / 100 * tr.vn_lv_kv**2 / tr.sn_mva)
        for tr in feeder.transformers
        if tr.hv_closed and tr.lv_closed
    ]
    for one, other, ohm in branches:
        near[one].append((other, ohm))
        near[other].append((one, ohm))
    return near


def electrical_distances(feeder: Feeder, bus: int) -> tuple[float, ...]:
    """Impedance in ohm along the shortest path from `bus` to every bus; infinite where there is none."""
    return _shortest(_neighbours(feeder), bus)


def cable_distances(feeder: Feeder, bus: int) -> tuple[float, ...]:
    """Kilometres of line along the shortest path from `bus` to every bus; infinite where there is none."""
    near: list[list[tuple[int, float]]] = [[] for _ in feeder.buses]
    closed = [
        (ln.from_bus, ln.to_bus, ln.length_km) for ln in feeder.lines if ln.from_closed and ln.to_closed
    ]
    closed += [(tr.hv_bus, tr.lv_bus, 0.0) for tr in feeder.transformers if tr.hv_closed and tr.lv_closed]
    for one, other, km in closed:
        near[one].append((other, km))
        near[other].append((one, km))
    return _shortest(near, bus)


def _shortest(near: list[list[tuple[int, float]]], bus: int) -> tuple[float, ...]:
    """The least sum of weights from a bus to every bus (Dijkstra)."""
    best = [math.inf] * len(near)
    best[bus] = 0.0
    queue = [(0.0, bus)]
    while queue:
        so_far, here = heapq.heappop(queue)
        if so_far > best[here]:
            continue
        for there, more in near[here]:
            if so_far + more < best[there]:
                best[there] = so_far + more
                heapq.heappush(queue, (best[there], there))
    return tuple(best)


def tree_layout(feeder: Feeder) -> tuple[tuple[float, float], ...]:
    """Coordinates for a map without overlaps: depth from the source downwards, leaves side by side.

    Real coordinates of low-voltage data are often missing or on top of each other; the tree is always readable.
    """
    near, source = _neighbours(feeder), feeder.source_bus
    parent, order = {source: source}, [source]
    for here in order:
        for there in sorted({bus for bus, _ in near[here]} - parent.keys()):
            parent[there] = here
            order.append(there)
    depth = {source: 0}
    for bus in order[1:]:
        depth[bus] = depth[parent[bus]] + 1
    across = _spread(source, order, parent)
    return tuple((across[bus], float(depth[bus])) for bus in range(len(near)))


def _spread(source: int, order: list[int], parent: Mapping[int, int]) -> dict[int, float]:
    """Leaves get the next free column in depth-first order, inner buses the middle of their children."""
    children: dict[int, list[int]] = {bus: [] for bus in order}
    for bus in order[1:]:
        children[parent[bus]].append(bus)
    columns: dict[int, float] = {}
    stack, column = [source], 0
    while stack:
        bus = stack.pop()
        if not children[bus]:
            columns[bus] = float(column)
            column += 1
        stack.extend(reversed(children[bus]))
    for bus in reversed(order):
        if children[bus]:
            columns[bus] = sum(columns[child] for child in children[bus]) / len(children[bus])
    return columns


def feeder_map(feeder: Feeder) -> dict[str, Any]:
    """What a map draws, JSON-able: `nodes` (a bus each, with its connections) and `edges` (lines, transformers).

    `x`, `y` are the tree layout in grid steps; `lon`, `lat` the source's own coordinates.
    """
    at_bus: dict[int, list[int]] = {}
    for index, connection in enumerate(feeder.connections):
        at_bus.setdefault(connection.bus, []).append(index)
    nodes = [
        {"id": f"b{i}", "bus": i, "name": bus.name, "kv": bus.vn_kv, "x": x, "y": y, "lon": bus.lon, "lat": bus.lat,
         "source": i == feeder.source_bus, "connections": at_bus.get(i, [])}
        for i, (bus, (x, y)) in enumerate(zip(feeder.buses, tree_layout(feeder), strict=True))
    ]  # fmt: skip
    edges: list[dict[str, Any]] = [
        {"id": f"l{i}", "kind": "line", "index": i, "name": ln.name, "source": f"b{ln.from_bus}",
         "target": f"b{ln.to_bus}", "closed": ln.from_closed and ln.to_closed}
        for i, ln in enumerate(feeder.lines)
    ]  # fmt: skip
    edges += [
        {"id": f"t{i}", "kind": "transformer", "index": i, "name": tr.name, "source": f"b{tr.hv_bus}",
         "target": f"b{tr.lv_bus}", "closed": tr.hv_closed and tr.lv_closed}
        for i, tr in enumerate(feeder.transformers)
    ]  # fmt: skip
    homes = [
        {"index": i, "name": cn.name, "bus": f"b{cn.bus}", "pv_kw": _kw(plant for plant in cn.generators if not plant.is_wind),
         "battery_kwh": cn.battery.capacity_wh / 1000 if cn.battery else 0,
         "wind_kw": _kw(plant for plant in cn.generators if plant.is_wind),
         "ev_kw": cn.vehicle.power_w / 1000 if cn.vehicle else 0,
         "heat_pump_kw": cn.heat_pump.power_w / 1000 if cn.heat_pump else 0}
        for i, cn in enumerate(feeder.connections)
    ]  # fmt: skip
    return {
        "name": feeder.name,
        "nodes": nodes,
        "edges": edges,
        "connections": homes,
        "attribution": feeder.attribution,
    }


def _kw(plants: Iterable[Generator]) -> float:
    """Rated, together."""
    return round(sum(plant.p_mw for plant in plants) * 1e3, 3)
