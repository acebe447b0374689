"""pandapower's tables -> `Feeder`: switches, scaling and parallel units worked in, unsupported parts named.

Loaded by `grid.powerflow` only, which stays the one door to pandapower for the rest of the project.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from grid.network import (
    Battery,
    Bus,
    Connection,
    Feeder,
    Generator,
    Line,
    Load,
    NetworkFaultError,
    Transformer,
    check_feeder,
)

UNSUPPORTED = (
    "gen", "trafo3w", "impedance", "ward", "xward", "dcline", "shunt", "motor", "svc", "ssc", "tcsc", "vsc", "line_dc",
    "asymmetric_load", "asymmetric_sgen",
)  # fmt: skip
DEFAULT_ROUND_TRIP = 0.95


def feeder_from_pandapower_json(path: Path) -> Feeder:
    """Read a file of `pandapower.to_json`. Raises NetworkFaultError naming what can't be used."""
    import pandapower  # noqa: PLC0415  takes 2 s to import and most runs read our own format

    return feeder_from_pandapower(pandapower.from_json(str(path)), name=path.stem)


def feeder_from_pandapower(net: Any, *, name: str, attribution: str = "") -> Feeder:
    """Convert a pandapower net; every load becomes a connection, PV and storage join the load at their bus.

    Trap: SimBench leaves `tap_changer_type` empty and pandapower 3 then ignores `tap_pos` without a word. An empty
    type is read as "Ratio" here, as the data mean it.

    Raises:
        NetworkFaultError: every element that the power flow does not model, with a remedy.
    """
    faults = tuple(_faults(net))
    if faults:
        raise NetworkFaultError(faults)
    number = _bus_numbers(net)
    source = net.ext_grid[net.ext_grid.in_service].iloc[0]
    feeder = Feeder(
        name=name,
        source_bus=number[source.bus],
        source_vm_pu=float(source.vm_pu),
        buses=_buses(net, number),
        lines=tuple(_lines(net, number)),
        transformers=tuple(_transformers(net, number)),
        connections=_connections(net, number),
        attribution=attribution,
    )
    check_feeder(feeder)
    return feeder


def _faults(net: Any) -> Iterator[str]:
    present = [
        table for table in UNSUPPORTED if table in net and len(net[table]) and net[table].in_service.any()
    ]
    yield from (
        f"{table}: elements of this kind are not modelled; remove or replace them" for table in present
    )
    if int(net.ext_grid.in_service.sum()) != 1:
        yield f"ext_grid: {int(net.ext_grid.in_service.sum())} in service; keep exactly one"
    shares = [c for c in net.load.columns if c.startswith("const_")]
    for index, row in net.load[shares].fillna(0).iterrows():
        if row.any():
            yield f"load {index}: depends on voltage ({', '.join(shares)}); set these to 0, loads are constant power"
    for index, switch in net.switch.iterrows():
        if switch.et == "b" and switch.closed and switch.get("z_ohm", 0) > 0:
            yield f"switch {index}: has an impedance; set z_ohm to 0 or model it as a line"
    for _, trafo in net.trafo[net.trafo.in_service].iterrows():
        yield from _tap_faults(trafo)


def _tap_faults(trafo: Any) -> Iterator[str]:
    if _text(trafo.get("tap_changer_type")) not in {"", "Ratio"} or trafo.get("tap_dependency_table") is True:
        yield f"transformer {trafo['name']}: only ratio taps are modelled; set tap_changer_type to 'Ratio'"
    if _number(trafo.get("tap_step_degree")) and _number(trafo.get("tap_pos")) != _number(
        trafo.get("tap_neutral")
    ):
        yield f"transformer {trafo['name']}: taps shift the phase; set tap_step_degree to 0"


def _text(value: Any) -> str:
    """Pandas holds a missing string as None, NaN or ""."""
    return value if isinstance(value, str) else ""


def _number(value: Any, missing: float = 0.0) -> float:
    return missing if value is None or value != value else float(value)  # noqa: PLR0124  NaN is what differs from itself


def _bus_numbers(net: Any) -> dict[int, int]:
    """Pandapower bus index -> position; buses joined by a closed bus-bus switch share one."""
    root = {index: index for index in net.bus.index[net.bus.in_service]}

    def find(bus: int) -> int:
        while root[bus] != bus:
            bus = root[bus]
        return bus

    for _, switch in net.switch[(net.switch.et == "b") & net.switch.closed].iterrows():
        if switch.bus in root and switch.element in root:
            one, other = sorted((find(switch.bus), find(switch.element)))
            root[other] = one
    position = {bus: i for i, bus in enumerate(sorted({find(bus) for bus in root}))}
    return {bus: position[find(bus)] for bus in root}


def _buses(net: Any, number: dict[int, int]) -> tuple[Bus, ...]:
    buses: dict[int, Bus] = {}
    for index, row in net.bus.iterrows():
        if index in number and number[index] not in buses:
            point = json.loads(_text(row.get("geo")) or "{}").get("coordinates", (None, None))
            buses[number[index]] = Bus(
                _text(row["name"]) or f"Bus {index}", float(row.vn_kv), point[0], point[1]
            )
    return tuple(buses[i] for i in range(len(buses)))


def _open_ends(net: Any, kind: str) -> set[tuple[int, int]]:
    """(element, bus) of open switches at lines ("l") or transformers ("t")."""
    opened = net.switch[(net.switch.et == kind) & ~net.switch.closed.astype(bool)]
    return set(zip(opened.element, opened.bus, strict=True))


def _lines(net: Any, number: dict[int, int]) -> Iterator[Line]:
    opened = _open_ends(net, "l")
    for index, row in net.line[net.line.in_service].iterrows():
        if row.from_bus not in number or row.to_bus not in number:
            continue
        length, parallel = float(row.length_km), int(_number(row.get("parallel"), 1))
        yield Line(
            name=_text(row["name"]) or f"Line {index}",
            from_bus=number[row.from_bus],
            to_bus=number[row.to_bus],
            length_km=length,
            r_ohm=float(row.r_ohm_per_km) * length / parallel,
            x_ohm=float(row.x_ohm_per_km) * length / parallel,
            c_nf=float(row.c_nf_per_km) * length * parallel,
            g_us=_number(row.get("g_us_per_km")) * length * parallel,
            max_i_ka=float(row.max_i_ka) * _number(row.get("df"), 1) * parallel,
            from_closed=(index, row.from_bus) not in opened,
            to_closed=(index, row.to_bus) not in opened,
        )


def _transformers(net: Any, number: dict[int, int]) -> Iterator[Transformer]:
    opened = {element for element, _ in _open_ends(net, "t")}
    for index, row in net.trafo[net.trafo.in_service].iterrows():
        if index in opened:
            continue
        parallel = int(_number(row.get("parallel"), 1))
        yield Transformer(
            name=_text(row["name"]) or f"Transformer {index}",
            hv_bus=number[row.hv_bus],
            lv_bus=number[row.lv_bus],
            sn_mva=float(row.sn_mva) * parallel,
            vn_hv_kv=float(row.vn_hv_kv),
            vn_lv_kv=float(row.vn_lv_kv),
            vk_percent=float(row.vk_percent),
            vkr_percent=float(row.vkr_percent),
            pfe_kw=float(row.pfe_kw) * parallel,
            i0_percent=float(row.i0_percent),
            shift_degree=_number(row.get("shift_degree")),
            tap_side="lv" if _text(row.get("tap_side")) == "lv" else "hv",
            tap_steps=_number(row.get("tap_pos")) - _number(row.get("tap_neutral")),
            tap_step_percent=_number(row.get("tap_step_percent")),
            derating=_number(row.get("df"), 1),
        )


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
    found = _Connections()
    for index, row in net.load[net.load.in_service].iterrows():
        name = _text(row["name"]) or f"Load {index}"
        load = Load(
            name,
            float(row.p_mw) * row.scaling,
            float(row.q_mvar) * row.scaling,
            _text(row.get("profile")) or None,
        )
        found.made.append(Connection(name, number[row.bus], load))
    for index, row in net.sgen[net.sgen.in_service].iterrows():
        name, profile = _text(row["name"]) or f"Generator {index}", _text(row.get("profile")) or None
        plant = Generator(name, float(row.p_mw) * row.scaling, float(row.q_mvar) * row.scaling, profile)
        found.add(number[row.bus], name=name, generator=plant, battery=None)
    for index, row in net.storage[net.storage.in_service].iterrows():
        name = _text(row["name"]) or f"Storage {index}"
        found.add(number[row.bus], name=name, generator=_hidden_pv(row, name), battery=_battery(row, name))
    return tuple(found.made)


def _hidden_pv(row: Any, name: str) -> Generator | None:
    """SimBench's storage rows are PV and battery in one; `Storage_PV3_H0-G` names the PV profile in it.

    The PV's size is not given; it is taken as the inverter's rating.
    """
    parts = _text(row.get("profile")).split("_")
    if parts[0] != "Storage" or len(parts) != 3:  # noqa: PLR2004  "Storage", PV profile, load profile
        return None
    return Generator(f"{name} PV", _rating_mw(row), 0.0, parts[1])


def _battery(row: Any, name: str) -> Battery:
    """Trap: SimBench's `efficiency_percent` holds 0.95 for 95 %; the round trip is split evenly over both ways."""
    given = _number(row.get("efficiency_percent"), DEFAULT_ROUND_TRIP)
    round_trip = given / 100 if given > 1 else given
    return Battery(
        name=name,
        power_w=round(_rating_mw(row) * 1e6),
        capacity_wh=round(_number(row.get("max_e_mwh")) * 1e6),
        efficiency_permille=round(math.sqrt(round_trip) * 1000),
    )


def _rating_mw(row: Any) -> float:
    return _number(row.get("sn_mva")) or abs(float(row.p_mw)) * float(row.scaling)
