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
from grid.words import Words

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


def _faults(feeder: Feeder, *, dead_parts: bool) -> Iterator[Words]:
    missing = tuple(_missing_buses(feeder))
    broken = tuple(_broken_numbers(feeder))
    yield from (*missing, *broken, *_unfit_branches(feeder))
    rated = all(trafo.sn_mva > 0 for trafo in feeder.transformers)
    if not (missing or broken or dead_parts) and rated:
        yield from _topology_faults(feeder)


def _missing_buses(feeder: Feeder) -> Iterator[Words]:
    size = len(feeder.buses)
    ends = [(ln.name, ln.from_bus, ln.to_bus) for ln in feeder.lines]
    ends += [(tr.name, tr.hv_bus, tr.lv_bus) for tr in feeder.transformers]
    ends += [(cn.name, cn.bus, cn.bus) for cn in feeder.connections]
    ends += [(shunt.name, shunt.bus, shunt.bus) for shunt in feeder.shunts]
    ends += [("source", feeder.source_bus, feeder.source_bus)]
    for name, one, other in ends:
        if not (0 <= one < size and 0 <= other < size):
            yield Words(
                "%(name)s: is at a bus that does not exist; give it a bus below %(size)s",
                name=name,
                size=size,
            )


def _broken_numbers(feeder: Feeder) -> Iterator[Words]:
    powers = [part for cn in feeder.connections for part in (cn.load, *cn.generators) if part]
    for kind, elements in (
        ("bus", feeder.buses),
        ("line", feeder.lines),
        ("transformer", feeder.transformers),
        ("power", [*powers, *feeder.shunts]),
    ):
        yield from _out_of_range(elements, _NUMBERS[kind])
    if not SOURCE_PU[0] <= feeder.source_vm_pu <= SOURCE_PU[1]:
        yield Words(
            "source: a voltage of %(source_vm_pu)s pu is none of a grid; give it per unit, about 1",
            source_vm_pu=f"{feeder.source_vm_pu:g}",
        )
    yield from (
        Words("%(name)s: has a nominal voltage of %(vn_kv)s kV; give one above zero", name=bus.name, vn_kv=f"{bus.vn_kv:g}")
        for bus in feeder.buses if bus.vn_kv < SMALLEST
    )  # fmt: skip


def _out_of_range(elements: Iterable[Any], fields: tuple[str, ...]) -> Iterator[Words]:
    for element in elements:
        for field in fields:
            value = getattr(element, field)
            if not -LARGEST <= value <= LARGEST:
                yield Words(
                    "%(name)s: %(field)s is %(value)s; give the number in that unit",
                    name=element.name,
                    field=field,
                    value=f"{value:g}",
                )


def _unfit_branches(feeder: Feeder) -> Iterator[Words]:
    there = range(len(feeder.buses))
    for line in feeder.lines:
        if line.from_bus in there and line.to_bus in there:
            yield from _line_faults(feeder, line)
    for trafo in feeder.transformers:
        if trafo.hv_bus in there and trafo.lv_bus in there:
            yield from _transformer_faults(feeder, trafo)


def _line_faults(feeder: Feeder, line: Line) -> Iterator[Words]:
    if not (line.max_i_ka > SMALLEST and line.r_ohm + line.x_ohm > SMALLEST):
        yield Words("%(name)s: needs a rated current and an impedance above zero", name=line.name)
    one, other = feeder.buses[line.from_bus], feeder.buses[line.to_bus]
    if not math.isclose(one.vn_kv, other.vn_kv, rel_tol=1e-3):
        yield (
            Words(
                "%(name)s: joins %(one)s (%(one_kv)s kV) and %(other)s (%(other_kv)s kV); correct a bus's voltage or put a transformer there",
                name=line.name,
                one=one.name,
                one_kv=f"{one.vn_kv:g}",
                other=other.name,
                other_kv=f"{other.vn_kv:g}",
            )
        )
    if line.from_bus == line.to_bus:
        yield Words(
            "%(name)s: starts and ends at %(bus)s; give it another end or remove it",
            name=line.name,
            bus=one.name,
        )


def _transformer_faults(feeder: Feeder, trafo: Transformer) -> Iterator[Words]:
    if not (trafo.sn_mva > SMALLEST and trafo.vk_percent > SMALLEST and trafo.derating > SMALLEST):
        yield Words("%(name)s: needs sn_mva and vk_percent above zero", name=trafo.name)
    elif not 0 <= trafo.vkr_percent <= trafo.vk_percent or trafo.pfe_kw < 0 or trafo.i0_percent < 0:
        yield Words(
            "%(name)s: vkr_percent must lie within vk_percent, pfe_kw and i0_percent not below zero",
            name=trafo.name,
        )
    if 1 + trafo.tap_steps * trafo.tap_step_percent / 100 < 1 / SAME_LEVEL:
        yield Words(
            "%(name)s: its taps take away half of the turns and more; correct tap_steps and tap_step_percent",
            name=trafo.name,
        )
    sides = (("vn_hv_kv", trafo.vn_hv_kv, trafo.hv_bus), ("vn_lv_kv", trafo.vn_lv_kv, trafo.lv_bus))
    for field, rated, bus in sides:
        nominal = feeder.buses[bus]
        if not nominal.vn_kv / SAME_LEVEL <= rated <= nominal.vn_kv * SAME_LEVEL:
            yield (
                Words(
                    "%(name)s: %(field)s is %(rated)s at %(bus)s of %(vn_kv)s kV; correct one of them, or swap the sides",
                    name=trafo.name,
                    field=field,
                    rated=f"{rated:g}",
                    bus=nominal.name,
                    vn_kv=f"{nominal.vn_kv:g}",
                )
            )
    if trafo.hv_bus == trafo.lv_bus:
        yield Words(
            "%(name)s: has both sides at %(bus)s; give it another bus",
            name=trafo.name,
            bus=feeder.buses[trafo.hv_bus].name,
        )


def _topology_faults(feeder: Feeder) -> Iterator[Words]:
    reached = electrical_distances(feeder, feeder.source_bus)
    dead = [bus.name for bus, ohm in zip(feeder.buses, reached, strict=True) if math.isinf(ohm)]
    yield from (
        Words("%(name)s: is cut off from the source; close a switch or remove the bus", name=name)
        for name in dead
    )
    if has_phase_shifting_loops(feeder):
        odd = [tr.name for tr in feeder.transformers if tr.shift_degree % DEGREES_PER_HOUR]
        yield from (
            Words(
                "%(name)s: shifts the phase within a loop; give a shift_degree that is a multiple of 30",
                name=name,
            )
            for name in odd
        )
