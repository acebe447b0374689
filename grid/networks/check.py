"""Is a feeder fit for a power flow? Every fault at once, with element and remedy, whatever file it came from."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

from grid.networks.feeder import (
    DEGREES_PER_HOUR,
    Feeder,
    Line,
    NetworkFaultError,
    Transformer,
    electrical_distances,
    has_phase_shifting_loops,
)

LARGEST = 1e9  # of any value in the units of `grid.networks.feeder`: beyond it is a typing error, and powers of it overflow
SMALLEST = 1e-9  # of what is divided by
SOURCE_PU = (0.5, 1.5)
SAME_LEVEL = 2.0  # rated and nominal voltages further apart than this factor are of different levels
_NUMBERS = {
    "bus": ("vn_kv",),
    "line": ("r_ohm", "x_ohm", "c_nf", "g_us", "max_i_ka"),
    "transformer": (
        "sn_mva", "vn_hv_kv", "vn_lv_kv", "vk_percent", "vkr_percent", "pfe_kw", "i0_percent", "shift_degree",
        "tap_steps", "tap_step_percent", "derating",
    ),
    "power": ("p_mw", "q_mvar"),
}  # fmt: skip


def check_feeder(feeder: Feeder, *, dead_parts: bool = False) -> None:
    """Raise every fault that would make a power flow meaningless: bad indices, impossible ratings, dead buses.

    `dead_parts` allows buses that are cut off from the source, as in an outage.
    """
    faults = tuple(_faults(feeder, dead_parts=dead_parts))
    if faults:
        raise NetworkFaultError(faults)


def _faults(feeder: Feeder, *, dead_parts: bool) -> Iterator[str]:
    missing = tuple(_missing_buses(feeder))
    broken = tuple(_broken_numbers(feeder))
    yield from (*missing, *broken, *_unfit_branches(feeder))
    rated = all(trafo.sn_mva > 0 for trafo in feeder.transformers)
    if not (missing or broken or dead_parts) and rated:
        yield from _topology_faults(feeder)


def _missing_buses(feeder: Feeder) -> Iterator[str]:
    size = len(feeder.buses)
    ends = [(ln.name, ln.from_bus, ln.to_bus) for ln in feeder.lines]
    ends += [(tr.name, tr.hv_bus, tr.lv_bus) for tr in feeder.transformers]
    ends += [(cn.name, cn.bus, cn.bus) for cn in feeder.connections]
    ends += [(shunt.name, shunt.bus, shunt.bus) for shunt in feeder.shunts]
    ends += [("source", feeder.source_bus, feeder.source_bus)]
    for name, one, other in ends:
        if not (0 <= one < size and 0 <= other < size):
            yield f"{name}: is at a bus that does not exist; give it a bus below {size}"


def _broken_numbers(feeder: Feeder) -> Iterator[str]:
    powers = [part for cn in feeder.connections for part in (cn.load, *cn.generators) if part]
    for kind, elements in (
        ("bus", feeder.buses),
        ("line", feeder.lines),
        ("transformer", feeder.transformers),
        ("power", [*powers, *feeder.shunts]),
    ):
        yield from _out_of_range(elements, _NUMBERS[kind])
    if not SOURCE_PU[0] <= feeder.source_vm_pu <= SOURCE_PU[1]:
        yield f"source: a voltage of {feeder.source_vm_pu:g} pu is none of a grid; give it per unit, about 1"
    yield from (
        f"{bus.name}: has a nominal voltage of {bus.vn_kv:g} kV; give one above zero"
        for bus in feeder.buses if bus.vn_kv < SMALLEST
    )  # fmt: skip


def _out_of_range(elements: Iterable[Any], fields: tuple[str, ...]) -> Iterator[str]:
    for element in elements:
        for field in fields:
            value = getattr(element, field)
            if not -LARGEST <= value <= LARGEST:
                yield f"{element.name}: {field} is {value:g}; give the number in that unit"


def _unfit_branches(feeder: Feeder) -> Iterator[str]:
    there = range(len(feeder.buses))
    for line in feeder.lines:
        if line.from_bus in there and line.to_bus in there:
            yield from _line_faults(feeder, line)
    for trafo in feeder.transformers:
        if trafo.hv_bus in there and trafo.lv_bus in there:
            yield from _transformer_faults(feeder, trafo)


def _line_faults(feeder: Feeder, line: Line) -> Iterator[str]:
    if not (line.max_i_ka > SMALLEST and line.r_ohm + line.x_ohm > SMALLEST):
        yield f"{line.name}: needs a rated current and an impedance above zero"
    one, other = feeder.buses[line.from_bus], feeder.buses[line.to_bus]
    if not math.isclose(one.vn_kv, other.vn_kv, rel_tol=1e-3):
        yield (
            f"{line.name}: joins {one.name} ({one.vn_kv:g} kV) and {other.name} ({other.vn_kv:g} kV); "
            "correct a bus's voltage or put a transformer there"
        )
    if line.from_bus == line.to_bus:
        yield f"{line.name}: starts and ends at {one.name}; give it another end or remove it"


def _transformer_faults(feeder: Feeder, trafo: Transformer) -> Iterator[str]:
    if not (trafo.sn_mva > SMALLEST and trafo.vk_percent > SMALLEST and trafo.derating > SMALLEST):
        yield f"{trafo.name}: needs sn_mva and vk_percent above zero"
    elif not 0 <= trafo.vkr_percent <= trafo.vk_percent or trafo.pfe_kw < 0 or trafo.i0_percent < 0:
        yield f"{trafo.name}: vkr_percent must lie within vk_percent, pfe_kw and i0_percent not below zero"
    if 1 + trafo.tap_steps * trafo.tap_step_percent / 100 < 1 / SAME_LEVEL:
        yield f"{trafo.name}: its taps take away half of the turns and more; correct tap_steps and tap_step_percent"
    sides = (("vn_hv_kv", trafo.vn_hv_kv, trafo.hv_bus), ("vn_lv_kv", trafo.vn_lv_kv, trafo.lv_bus))
    for field, rated, bus in sides:
        nominal = feeder.buses[bus]
        if not nominal.vn_kv / SAME_LEVEL <= rated <= nominal.vn_kv * SAME_LEVEL:
            yield (
                f"{trafo.name}: {field} is {rated:g} at {nominal.name} of {nominal.vn_kv:g} kV; correct one of them, "
                "or swap the sides"
            )
    if trafo.hv_bus == trafo.lv_bus:
        yield f"{trafo.name}: has both sides at {feeder.buses[trafo.hv_bus].name}; give it another bus"


def _topology_faults(feeder: Feeder) -> Iterator[str]:
    reached = electrical_distances(feeder, feeder.source_bus)
    dead = [bus.name for bus, ohm in zip(feeder.buses, reached, strict=True) if math.isinf(ohm)]
    yield from (f"{name}: is cut off from the source; close a switch or remove the bus" for name in dead)
    if has_phase_shifting_loops(feeder):
        odd = [tr.name for tr in feeder.transformers if tr.shift_degree % DEGREES_PER_HOUR]
        yield from (
            f"{name}: shifts the phase within a loop; give a shift_degree that is a multiple of 30"
            for name in odd
        )
