"""The feeder as linear equations: bus voltages and branch currents as functions of the currents that homes draw.

Per unit on each bus's nominal voltage and 1 kVA. The model is that of `grid.flow.powerflow` (lines and transformers as pi
sections, taps in the turns ratio, shunts as impedances); `agrees` holds the two together.
"""

import math
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from grid.flow.pgm_input import FREQUENCY_HZ, transformer_pi
from grid.flow.powerflow import FloatArray, Flows, PowerFlow, PowerFlowError
from grid.networks.feeder import Feeder, Line, Transformer

ComplexArray = npt.NDArray[np.complex128]
KVA_PER_MVA = 1000.0
MOST_ENTRIES = 1_500_000
SOLVED_PU = 1e-11
MOST_ROUNDS = 60
LEAST_PU = 0.1  # below it a bus counts as without supply
AGREED_PU, AGREED_PERCENT = 1e-7, 1e-4
_TRIED_KW = (0.0, 0.7, -0.4)


@dataclass(frozen=True, slots=True)
class Branch:
    """Two ends, the admittances between them, and percent of the rating per per-unit current at each end."""

    ends: tuple[int, int]
    own: tuple[complex, complex]
    mutual: tuple[complex, complex]
    percent: tuple[float, float]


@dataclass(frozen=True, slots=True)
class LinearFeeder:
    """v = idle - impedance @ conj(s / v at the homes); a branch end's current in percent of its rating = branches @ v.

    A *place* is a bus or the end of a branch: all buses, then the from-ends and the to-ends of lines and transformers.

    Attributes:
        at: (connections,) bus of each connection.
        idle: (buses,) voltages without any load.
        impedance: (buses, connections).
        branches: (ends, buses).
        effect: (connections, places) of one unit of current drawn there on voltages and on ends' currents.
        reach: its magnitudes.
        lines: number of lines.
    """

    at: npt.NDArray[np.intp]
    idle: ComplexArray
    impedance: ComplexArray
    branches: ComplexArray
    effect: ComplexArray
    reach: FloatArray
    lines: int

    def solve(self, s_kva: ComplexArray) -> ComplexArray | None:
        """(buses,) voltages for (connections,) loads, to 1e-11 pu by fixed-point iteration; None if it does not settle."""
        v = self.idle
        with np.errstate(all="ignore"):  # what runs away is found by not settling
            for _ in range(MOST_ROUNDS):
                after: ComplexArray = self.idle - times(self.impedance, np.conj(s_kva / v[self.at]))
                if np.abs(after - v).max() < SOLVED_PU:
                    return after
                v = after
        return None

    def loadings(self, v: ComplexArray) -> tuple[FloatArray, FloatArray]:
        """Lines' and transformers' loadings in percent, the higher end's."""
        higher = np.abs(times(self.branches, v)).reshape(2, -1).max(axis=0)
        return higher[: self.lines], higher[self.lines :]


def times(matrix: npt.NDArray[Any], vector: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Matrix times vector without BLAS, which spreads a product this small over all cores and takes far longer."""
    product: npt.NDArray[Any] = np.einsum("ij,j->i", matrix, vector)
    return product


def linear_feeder(power_flow: PowerFlow) -> LinearFeeder | None:
    """The feeder's equations; None where they do not fit into memory or do not give what the power flow gives.

    A feeder with dead parts has none: nothing fixes the voltage there.
    """
    feeder = power_flow.feeder
    if not feeder.connections or len(feeder.buses) * len(feeder.connections) > MOST_ENTRIES:
        return None
    if power_flow.has_dead_parts:
        return None
    try:
        linear = equations(feeder)
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return None
    supplied = bool(np.abs(linear.idle).min() > LEAST_PU)
    return linear if supplied and agrees(linear, power_flow) else None


def agrees(linear: LinearFeeder, power_flow: PowerFlow) -> bool:
    """Whether both give the same voltages and loadings, idle, loaded and feeding in."""
    size = len(linear.at)
    shape = 1 + np.arange(size) % 3
    p_kw = np.outer(_TRIED_KW, shape)
    try:
        flows = power_flow.run(p_kw, p_kw * 0.3)
    except PowerFlowError:
        return False
    return all(_same(linear, p_kw[i] * (1 + 0.3j), flows, i) for i in range(len(p_kw)))


def _same(linear: LinearFeeder, s_kva: ComplexArray, flows: Flows, row: int) -> bool:
    v = linear.solve(s_kva)
    if v is None or not np.allclose(np.abs(v), flows.vm_pu[row], rtol=0, atol=AGREED_PU):
        return False
    pairs = zip(linear.loadings(v), (flows.line_percent[row], flows.transformer_percent[row]), strict=True)
    return all(np.allclose(mine, theirs, rtol=1e-6, atol=AGREED_PERCENT) for mine, theirs in pairs)


def equations(feeder: Feeder) -> LinearFeeder:
    """Build and invert the admittance matrix: 3 ms for 129 buses."""
    size, source = len(feeder.buses), feeder.source_bus
    lines = [_line(line, feeder.buses[line.from_bus].vn_kv) for line in feeder.lines]
    trafos = [
        _transformer(tr, feeder.buses[tr.hv_bus].vn_kv, feeder.buses[tr.lv_bus].vn_kv)
        for tr in feeder.transformers
    ]
    admittance = np.zeros((size, size), dtype=np.complex128)
    for branch in chain(lines, trafos):
        here, there = branch.ends
        admittance[here, here] += branch.own[0]
        admittance[there, there] += branch.own[1]
        admittance[here, there] += branch.mutual[0]
        admittance[there, here] += branch.mutual[1]
    for shunt in feeder.shunts:
        admittance[shunt.bus, shunt.bus] += complex(shunt.p_mw, -shunt.q_mvar) * KVA_PER_MVA
    others = np.array([i for i in range(size) if i != source])
    inverse = np.zeros_like(admittance)
    inverse[np.ix_(others, others)] = np.linalg.inv(admittance[np.ix_(others, others)])
    idle = -inverse @ admittance[:, source] * feeder.source_vm_pu
    idle[source] = feeder.source_vm_pu
    at = np.array([connection.bus for connection in feeder.connections], dtype=np.intp)
    impedance = np.ascontiguousarray(inverse[:, at])
    branches = _branch_rows([*lines, *trafos], size)
    effect = np.ascontiguousarray(-np.vstack((impedance, branches @ impedance)).T)
    return LinearFeeder(at, idle, impedance, branches, effect, np.abs(effect), len(lines))


def _branch_rows(branches: list[Branch], size: int) -> ComplexArray:
    rows = np.zeros((2, len(branches), size), dtype=np.complex128)
    for i, branch in enumerate(branches):
        here, there = branch.ends
        rows[0, i, [here, there]] = branch.percent[0] * np.array([branch.own[0], branch.mutual[0]])
        rows[1, i, [there, here]] = branch.percent[1] * np.array([branch.own[1], branch.mutual[1]])
    return rows.reshape(-1, size)


def _line(line: Line, vn_kv: float) -> Branch:
    base = vn_kv**2 * KVA_PER_MVA
    series = base / complex(line.r_ohm, line.x_ohm)
    half = base * complex(line.g_us * 1e-6, 2 * math.pi * FREQUENCY_HZ * line.c_nf * 1e-9) / 2
    percent = 100 / (3**0.5 * vn_kv * line.max_i_ka * 1e3)
    own, mutual = _pi(series, half, (line.from_closed, line.to_closed))
    return Branch((line.from_bus, line.to_bus), own, mutual, (percent, percent))


def _transformer(trafo: Transformer, hv_kv: float, lv_kv: float) -> Branch:
    """Admittances stand at the low-voltage side; a tap changes the ratio."""
    tap = 1 + trafo.tap_steps * trafo.tap_step_percent / 100
    rated_hv = trafo.vn_hv_kv * (tap if trafo.tap_side == "hv" else 1)
    rated_lv = trafo.vn_lv_kv * (tap if trafo.tap_side != "hv" else 1)
    ratio = (rated_hv / rated_lv) / (hv_kv / lv_kv)
    sn_kva = trafo.sn_mva * KVA_PER_MVA
    base = sn_kva * (lv_kv / rated_lv) ** 2
    impedance, admittance = transformer_pi(trafo)
    own, mutual = _pi(base / impedance, base * admittance / 2, (trafo.hv_closed, trafo.lv_closed))
    per_side = [
        rated / nominal * 100 / (sn_kva * trafo.derating)
        for rated, nominal in ((trafo.vn_hv_kv, hv_kv), (trafo.vn_lv_kv, lv_kv))
    ]
    return Branch(
        (trafo.hv_bus, trafo.lv_bus),
        (own[0] / ratio**2, own[1]),
        (mutual[0] / ratio, mutual[1] / ratio),
        (per_side[0], per_side[1]),
    )


def _pi(
    series: complex, half: complex, closed: tuple[bool, bool]
) -> tuple[tuple[complex, complex], tuple[complex, complex]]:
    """Own and mutual admittances. An end that is open carries nothing; seen from the other the branch is a stub."""
    if all(closed):
        return (series + half, series + half), (-series, -series)
    stub = half + (1 / (1 / series + 1 / half) if half else 0)
    return (stub if closed[0] else 0j, stub if closed[1] else 0j), (0j, 0j)
