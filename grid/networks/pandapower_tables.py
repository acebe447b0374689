"""pandapower's tables -> `Feeder`: switches, scaling and parallel units worked in, unsupported parts named.

Every load becomes a connection; what makes a net unusable is in `grid.networks.pandapower_faults`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from grid.networks.check import check_feeder
from grid.networks.feeder import (
    Battery,
    Bus,
    Connection,
    Feeder,
    Generator,
    Line,
    Load,
    NetworkFaultError,
    Phases,
    Shunt,
    Transformer,
)
from grid.networks.pandapower_faults import in_service, net_faults, number_or, text

PHASES: tuple[Phases, ...] = ("a", "b", "c")
DEFAULT_ROUND_TRIP = 0.95
FREQUENCY_HZ = 50.0


def feeder_from_pandapower(net: Any, *, name: str, attribution: str = "") -> Feeder:
    """Convert a pandapower net; every load becomes a connection, PV and storage join the load at their bus.

    Trap: SimBench leaves `tap_changer_type` empty and pandapower 3 then ignores `tap_pos` without a word. An empty
    type is read as "Ratio" here, as the data mean it.

    Raises:
        NetworkFaultError: every element that the power flow does not model, with a remedy.
    """
    faults = tuple(net_faults(net))
    if faults:
        raise NetworkFaultError(faults)
    number = bus_numbers(net)
    source = net.ext_grid[net.ext_grid.in_service.astype(bool)].iloc[0]
    feeder = Feeder(
        name=name,
        source_bus=number[source.bus],
        source_vm_pu=float(source.vm_pu),
        buses=_buses(net, number),
        lines=tuple(_lines(net, number)),
        transformers=tuple(_transformers(net, number)),
        connections=_connections(net, number),
        attribution=attribution,
        shunts=tuple(_shunts(net, number)),
    )
    check_feeder(feeder)
    return feeder


def bus_numbers(net: Any) -> dict[int, int]:
    """Pandapower bus index -> position; buses joined by a closed bus-bus switch, and those of all sources, share one."""
    root = {index: index for index in net.bus.index[net.bus.in_service.astype(bool)]}

    def find(bus: int) -> int:
        while root[bus] != bus:
            bus = root[bus]
        return bus

    for one, other in _joined(net):
        if one in root and other in root:
            first, second = sorted((find(one), find(other)))
            root[second] = first
    position = {bus: i for i, bus in enumerate(sorted({find(bus) for bus in root}))}
    return {bus: position[find(bus)] for bus in root}


def _joined(net: Any) -> Iterator[tuple[int, int]]:
    """Pairs of buses without an impedance between them; ideal sources of one voltage are one node."""
    switches = net.switch[(net.switch.et == "b") & net.switch.closed.astype(bool)]
    yield from zip(switches.bus, switches.element, strict=True)
    sources = in_service(net, "ext_grid").bus.tolist()
    yield from ((sources[0], other) for other in sources[1:])


def _buses(net: Any, number: dict[int, int]) -> tuple[Bus, ...]:
    buses: dict[int, Bus] = {}
    for index, row in net.bus.iterrows():
        if index in number and number[index] not in buses:
            name = text(row.get("name")) or f"Bus {index}"
            buses[number[index]] = Bus(name, float(row.vn_kv), *_point(text(row.get("geo"))))
    return tuple(buses[i] for i in range(len(buses)))


class _Point(msgspec.Struct):
    coordinates: tuple[float, float]


def _point(geo: str) -> tuple[float | None, float | None]:
    """Longitude and latitude of a GeoJSON point; without one the map lays the network out itself."""
    try:
        return msgspec.json.decode(geo or "{}", type=_Point).coordinates
    except msgspec.DecodeError:
        return None, None


def _open_ends(net: Any, kind: str) -> set[tuple[int, int]]:
    """(element, bus) of open switches at lines ("l") or transformers ("t")."""
    opened = net.switch[(net.switch.et == kind) & ~net.switch.closed.astype(bool)]
    return set(zip(opened.element, opened.bus, strict=True))


def _lines(net: Any, number: dict[int, int]) -> Iterator[Line]:
    opened, at_50_hz = _open_ends(net, "l"), float(net.f_hz) / FREQUENCY_HZ  # a feeder keeps susceptances
    for index, row in in_service(net, "line").iterrows():
        if row.from_bus not in number or row.to_bus not in number:
            continue
        length, parallel = float(row.length_km), int(number_or(row.get("parallel"), 1))
        yield Line(
            name=text(row.get("name")) or f"Line {index}",
            from_bus=number[row.from_bus],
            to_bus=number[row.to_bus],
            length_km=length,
            r_ohm=float(row.r_ohm_per_km) * length / parallel,
            x_ohm=float(row.x_ohm_per_km) * length / parallel,
            c_nf=float(row.c_nf_per_km) * length * parallel * at_50_hz,
            g_us=number_or(row.get("g_us_per_km")) * length * parallel,
            max_i_ka=float(row.max_i_ka) * number_or(row.get("df"), 1) * parallel,
            from_closed=(index, row.from_bus) not in opened,
            to_closed=(index, row.to_bus) not in opened,
            r0_ohm=_times(row.get("r0_ohm_per_km"), length / parallel),
            x0_ohm=_times(row.get("x0_ohm_per_km"), length / parallel),
            c0_nf=_times(row.get("c0_nf_per_km"), length * parallel * at_50_hz),
        )
    for index, row in in_service(net, "impedance").iterrows():
        if row.from_bus in number and row.to_bus in number:
            yield _impedance(index, row, number, float(net.bus.vn_kv.loc[row.from_bus]))


def _times(value: Any, factor: float) -> float | None:
    found = number_or(value, math.nan)
    return None if math.isnan(found) else found * factor


def _impedance(index: Any, row: Any, number: dict[int, int], kv: float) -> Line:
    """Rated by its own reference power, since it has no rated current."""
    ohm = kv**2 / float(row.sn_mva)
    return Line(
        name=text(row.get("name")) or f"Impedance {index}",
        from_bus=number[row.from_bus],
        to_bus=number[row.to_bus],
        length_km=0.0,
        r_ohm=float(row.rft_pu) * ohm,
        x_ohm=float(row.xft_pu) * ohm,
        c_nf=0.0,
        g_us=0.0,
        max_i_ka=float(row.sn_mva) / (3**0.5 * kv),
    )


def _transformers(net: Any, number: dict[int, int]) -> Iterator[Transformer]:
    opened = _open_ends(net, "t")
    for index, row in in_service(net, "trafo").iterrows():
        if row.hv_bus not in number or row.lv_bus not in number:
            continue
        parallel = int(number_or(row.get("parallel"), 1))
        yield Transformer(
            name=text(row.get("name")) or f"Transformer {index}",
            hv_bus=number[row.hv_bus],
            lv_bus=number[row.lv_bus],
            sn_mva=float(row.sn_mva) * parallel,
            vn_hv_kv=float(row.vn_hv_kv),
            vn_lv_kv=float(row.vn_lv_kv),
            vk_percent=float(row.vk_percent),
            vkr_percent=float(row.vkr_percent),
            pfe_kw=float(row.pfe_kw) * parallel,
            i0_percent=float(row.i0_percent),
            shift_degree=number_or(row.get("shift_degree")),
            tap_side="lv" if text(row.get("tap_side")) == "lv" else "hv",
            tap_steps=number_or(row.get("tap_pos")) - number_or(row.get("tap_neutral")),
            tap_step_percent=number_or(row.get("tap_step_percent")),
            derating=number_or(row.get("df"), 1),
            hv_closed=(index, row.hv_bus) not in opened,
            lv_closed=(index, row.lv_bus) not in opened,
            vector_group=text(row.get("vector_group")),
            vk0_percent=_times(row.get("vk0_percent"), 1),
            vkr0_percent=_times(row.get("vkr0_percent"), 1),
        )


def _shunts(net: Any, number: dict[int, int]) -> Iterator[Shunt]:
    """Shunts and the impedance part of wards, at the bus's nominal voltage."""
    for index, row in in_service(net, "shunt").iterrows():
        if row.bus in number:
            kv = float(net.bus.vn_kv.loc[row.bus])
            scale = number_or(row.get("step"), 1) * (kv / number_or(row.get("vn_kv"), kv)) ** 2
            name = text(row.get("name")) or f"Shunt {index}"
            yield Shunt(name, number[row.bus], float(row.p_mw) * scale, float(row.q_mvar) * scale)
    for index, row in in_service(net, "ward").iterrows():
        if row.bus in number:
            name = text(row.get("name")) or f"Ward {index}"
            yield Shunt(name, number[row.bus], float(row.pz_mw), float(row.qz_mvar))
    yield from _stubs(net, number)


def _stubs(net: Any, number: dict[int, int]) -> Iterator[Shunt]:
    """Lines to a bus that is out of service stay energised from the other end, as in pandapower."""
    opened, omega = _open_ends(net, "l"), 2 * math.pi * float(net.f_hz)
    for index, row in in_service(net, "line").iterrows():
        live = [bus for bus in (row.from_bus, row.to_bus) if bus in number and (index, bus) not in opened]
        if len(live) != 1 or (row.from_bus in number and row.to_bus in number):
            continue
        length, parallel = float(row.length_km), int(number_or(row.get("parallel"), 1))
        series = complex(float(row.r_ohm_per_km), float(row.x_ohm_per_km)) * length / parallel
        half = complex(number_or(row.get("g_us_per_km")) * 1e-6, omega * float(row.c_nf_per_km) * 1e-9)
        half *= length * parallel / 2
        taken = (half + half / (1 + series * half)) * float(net.bus.vn_kv.loc[live[0]]) ** 2
        name = text(row.get("name")) or f"Line {index}"
        yield Shunt(f"{name} (open)", number[live[0]], taken.real, -taken.imag)


@dataclass
class _Connections:
    """Connections while the tables are read; PV and storage join the biggest load at their bus that has none yet."""

    made: list[Connection] = field(default_factory=list)

    def add(self, bus: int, *, name: str, generator: Generator | None, battery: Battery | None) -> None:
        free = [
            i
            for i, cn in enumerate(self.made)
            if cn.bus == bus and cn.load and not cn.generator and not cn.battery
        ]
        if not free:
            self.made.append(Connection(name, bus, None, generator, battery))
            return
        home = max(free, key=lambda i: (self.made[i].load or Load("", 0, 0, None)).p_mw)
        self.made[home] = replace(self.made[home], generator=generator, battery=battery)


def _connections(net: Any, number: dict[int, int]) -> tuple[Connection, ...]:
    found = _Connections([*_loads(net, number), *_phase_connections(net, number)])
    for index, row in _connected(net, "sgen", number):
        name, scaling = text(row.get("name")) or f"Generator {index}", number_or(row.get("scaling"), 1)
        profile = text(row.get("profile")) or None
        power = float(row.p_mw) * scaling, float(row.q_mvar) * scaling
        plant = Generator(name, *power, profile, is_wind=_is_wind(row))
        found.add(number[row.bus], name=name, generator=plant, battery=None)
    for index, row in _connected(net, "storage", number):
        name = text(row.get("name")) or f"Storage {index}"
        found.add(number[row.bus], name=name, generator=_hidden_pv(row, name), battery=_battery(row, name))
    return tuple(found.made)


def _is_wind(row: Any) -> bool:
    """SimBench names wind profiles `WP4`, and types `Wind_MV`; pandapower's CIGRE network has the type `WP`."""
    kind = text(row.get("type"))
    return text(row.get("profile")).startswith("WP") or kind == "WP" or "wind" in kind.lower()


def _connected(net: Any, table: str, number: dict[int, int]) -> Iterator[tuple[Any, Any]]:
    """Elements in service at buses in service; pandapower leaves out the others as well."""
    return ((index, row) for index, row in in_service(net, table).iterrows() if row.bus in number)


def _loads(net: Any, number: dict[int, int]) -> Iterator[Connection]:
    for index, row in _connected(net, "load", number):
        name, scaling = text(row.get("name")) or f"Load {index}", number_or(row.get("scaling"), 1)
        profile = text(row.get("profile")) or None
        load = Load(name, float(row.p_mw) * scaling, float(row.q_mvar) * scaling, profile)
        yield Connection(name, number[row.bus], load)
    for index, row in _connected(net, "ward", number):
        name = text(row.get("name")) or f"Ward {index}"
        yield Connection(name, number[row.bus], Load(name, float(row.ps_mw), float(row.qs_mvar), None))


def _phase_connections(net: Any, number: dict[int, int]) -> Iterator[Connection]:
    """Loads and plants by phase: a connection per phase that carries power, one for all three where they are equal."""
    for table in ("asymmetric_load", "asymmetric_sgen"):
        for index, row in _connected(net, table, number):
            scaling = number_or(row.get("scaling"), 1)
            powers = {
                p: (float(row[f"p_{p}_mw"]) * scaling, float(row[f"q_{p}_mvar"]) * scaling) for p in PHASES
            }
            whole = (3 * powers["a"][0], 3 * powers["a"][1])
            parts: dict[Phases, tuple[float, float]] = (
                {"abc": whole}
                if len(set(powers.values())) == 1
                else {p: pq for p, pq in powers.items() if any(pq)}
            )
            name = text(row.get("name")) or f"{table} {index}"
            for phases, power in parts.items():
                part = _Part(name if len(parts) == 1 else f"{name} phase {phases}", number[row.bus], phases)
                yield part.load(*power) if table == "asymmetric_load" else part.plant(*power)


@dataclass(frozen=True)
class _Part:
    """What is connected to one or to all phases."""

    name: str
    bus: int
    phases: Phases

    def load(self, p_mw: float, q_mvar: float) -> Connection:
        return Connection(self.name, self.bus, Load(self.name, p_mw, q_mvar, None), phases=self.phases)

    def plant(self, p_mw: float, q_mvar: float) -> Connection:
        plant = Generator(self.name, p_mw, q_mvar, None)
        return Connection(self.name, self.bus, None, plant, phases=self.phases)


def _hidden_pv(row: Any, name: str) -> Generator | None:
    """SimBench's storage rows are PV and battery in one; `Storage_PV3_H0-G` names the PV profile in it.

    The PV's size is not given; it is taken as the inverter's rating.
    """
    parts = text(row.get("profile")).split("_")
    if parts[0] != "Storage" or len(parts) != 3:  # noqa: PLR2004  "Storage", PV profile, load profile
        return None
    return Generator(f"{name} PV", _rating_mw(row), 0.0, parts[1])


def _battery(row: Any, name: str) -> Battery:
    """Trap: SimBench's `efficiency_percent` holds 0.95 for 95 %; the round trip is split evenly over both ways."""
    given = number_or(row.get("efficiency_percent"), DEFAULT_ROUND_TRIP)
    round_trip = given / 100 if given > 1 else given
    return Battery(
        name=name,
        power_w=round(_rating_mw(row) * 1e6),
        capacity_wh=round(number_or(row.get("max_e_mwh")) * 1e6),
        efficiency_permille=round(math.sqrt(round_trip) * 1000),
    )


def _rating_mw(row: Any) -> float:
    return number_or(row.get("sn_mva")) or abs(float(row.p_mw)) * float(row.scaling)
