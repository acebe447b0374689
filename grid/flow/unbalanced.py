"""Power flows by phase: what single-phase homes and plants do to a low-voltage feeder.

The same arrays in and, as `UnbalancedFlows`, the same out as `grid.flow.powerflow`, with the worst phase where one number
is wanted; so that gate and operator hold the limits per phase. Symmetrical components throughout: a line's zero
sequence is its return through neutral and earth, a transformer's star point an impedance to earth.

Assumed where the network doesn't say:
- lines: R0 = 4 R1 and X0 = 4 X1, the return through a neutral of the phases' own cross-section (R0 = R1 + 3 Rn), and
  C0 = C1;
- transformers to low voltage: Dyn with the positive-sequence impedance also in the zero sequence; others: no star point.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import power_grid_model as pgm

from grid.flow.pgm_input import (
    LINE_IDS,
    LOAD_IDS,
    SHUNT_IDS,
    TRAFO_IDS,
    Tables,
    common_tables,
    hours,
    line_row,
    shunt_rows,
    tables_of,
    tapped_kv,
    transformer_row,
)
from grid.flow.phases import LOW_VOLTAGE_KV, allotted, shares_of
from grid.flow.powerflow import FloatArray, Flows, Output, PowerFlow, Raw, no_branches
from grid.networks.feeder import Feeder, Line, NetworkFaultError, Transformer
from grid.words import Words

NEUTRAL_RETURN = 4.0  # Z0 / Z1 of a line whose neutral has the phases' cross-section
EN_50160_UNBALANCE_PERCENT = 2.0  # EN 50160 (2010), 4.2.10: 95 % of the 10-minute means of a week
STRAY_S = 1e-6  # ties a network without any star point to earth, or its zero sequence has no solution
_GROUP = re.compile(r"(YN|Y|D|ZN|Z)(yn|y|d|zn|z)(\d*)")
_TURN = np.exp(2j * np.pi / 3)
_OUTPUT: Output = {
    pgm.ComponentType.node: ["u_pu", "u", "u_angle"],
    pgm.ComponentType.line: ["i_from", "i_to", "p_from", "q_from"],
    pgm.ComponentType.transformer: ["p_from", "q_from", "p_to", "q_to"],
    pgm.ComponentType.shunt: ["p", "q"],
    pgm.ComponentType.source: ["p"],
}


@dataclass(frozen=True, slots=True)
class UnbalancedFlows(Flows):
    """Results by phase; loadings are those of the worst phase, losses and powers those of all three.

    Attributes:
        phases_pu: (slots, buses, 3) voltages to earth of a, b and c.
        unbalance_percent: (slots, buses) negative over positive sequence (IEC 61000-4-30, 5.7.1); EN 50160: 2 %.
        neutral_a: (slots, lines) current that returns through neutral and earth, at the from end.
    """

    phases_pu: FloatArray
    unbalance_percent: FloatArray
    neutral_a: FloatArray

    @property
    def highest_pu(self) -> FloatArray:
        """(slots, buses) the highest phase's voltage."""
        highest: FloatArray = self.phases_pu.max(axis=2)
        return highest


class UnbalancedPowerFlow(PowerFlow):
    """Power flows of one feeder by phase; `phases` tells which of them each connection hangs on."""

    _load_kind = pgm.ComponentType.asym_load
    _output = _OUTPUT

    def __init__(self, feeder: Feeder, *, dead_parts: bool = False) -> None:
        """Raises NetworkFaultError for an unusable feeder, or one whose zero sequence is not modelled."""
        faults = tuple(fault for trafo in feeder.transformers for fault in _faults(feeder, trafo))
        if faults:
            raise NetworkFaultError(faults)
        self.phases = allotted(feeder)
        self._shares = shares_of(self.phases)
        self._from_bus = np.array([line.from_bus for line in feeder.lines], dtype=np.int64)
        self._trafo_ends = np.array(
            [(tr.hv_bus, tr.lv_bus) for tr in feeder.transformers], dtype=np.int64
        ).reshape(-1, 2)
        self._with_stars = [i for i, tr in enumerate(feeder.transformers) if not _passes_zero(feeder, tr)]
        super().__init__(feeder, dead_parts=dead_parts)

    def _tables(self) -> Tables:
        feeder = self.feeder
        turned = [_transformer_row(feeder, trafo) for trafo in feeder.transformers]
        earthed = [row for trafo in feeder.transformers for row in _star_points(feeder, trafo)]
        return common_tables(feeder) | tables_of(
            ("line", LINE_IDS, [{**line_row(line), **_zero_sequence(line)} for line in feeder.lines]),
            ("transformer", TRAFO_IDS, turned),
            ("shunt", SHUNT_IDS, [*shunt_rows(feeder), *earthed]),
            ("asym_load", LOAD_IDS, [{"node": cn.bus, "status": 1, "type": 0} for cn in feeder.connections]),
        )

    def _specify(self, update: npt.NDArray[Any], p_kw: FloatArray, q_kvar: FloatArray) -> None:
        np.multiply(p_kw[:, :, None] * 1e3, self._shares, out=update["p_specified"])
        np.multiply(q_kvar[:, :, None] * 1e3, self._shares, out=update["q_specified"])

    def _flows(self, raw: Raw, p_kw: FloatArray) -> UnbalancedFlows:
        node = raw[pgm.ComponentType.node]
        line, trafo = (
            raw.get(kind, no_branches("asym_output", kind, len(p_kw)))
            for kind in (pgm.ComponentType.line, pgm.ComponentType.transformer)
        )
        volts = node["u"] * np.exp(1j * node["u_angle"])
        source_kw = raw[pgm.ComponentType.source]["p"][:, 0].sum(axis=1) / 1e3
        amperes = np.abs(self._trafo_amperes(raw, trafo, volts)).max(axis=3, initial=0)
        return UnbalancedFlows(
            vm_pu=node["u_pu"].min(axis=2),
            line_percent=np.maximum(line["i_from"], line["i_to"]).max(axis=2, initial=0) * self._line_scale,
            transformer_percent=(amperes * self._trafo_scale).max(axis=2),
            transformer_kw=trafo["p_from"].sum(axis=2) / 1e3,
            losses_kw=source_kw - p_kw.sum(axis=1),
            source_kw=source_kw,
            phases_pu=np.ascontiguousarray(node["u_pu"]),
            unbalance_percent=unbalance(volts),
            neutral_a=np.abs(_amperes(line["p_from"], line["q_from"], volts[:, self._from_bus]).sum(axis=2)),
        )

    def _trafo_amperes(
        self, raw: Raw, trafo: npt.NDArray[Any], volts: npt.NDArray[np.complex128]
    ) -> npt.NDArray[np.complex128]:
        """(slots, transformers, 2, 3) into both sides, with what returns through their star points."""
        ends = self._trafo_ends
        high = _amperes(trafo["p_from"], trafo["q_from"], volts[:, ends[:, 0]])
        low = _amperes(trafo["p_to"], trafo["q_to"], volts[:, ends[:, 1]])
        both = np.stack((high, low), axis=2)
        if self._with_stars:
            p, q = (raw[pgm.ComponentType.shunt][kind][:, len(self.feeder.shunts) :] for kind in ("p", "q"))
            through = _amperes(p, q, volts[:, ends[self._with_stars].ravel()])
            both[:, self._with_stars] += through.reshape(len(volts), -1, 2, 3)
        return both


def unbalance(volts: npt.NDArray[np.complex128]) -> FloatArray:
    """Percent of negative over positive sequence (Fortescue 1918) of (..., 3) phase voltages; 0 where there are none."""
    a, b, c = (volts[..., phase] for phase in range(3))
    positive, negative = a + _TURN * b + _TURN**2 * c, a + _TURN**2 * b + _TURN * c
    share: FloatArray = 100 * np.divide(
        np.abs(negative), np.abs(positive), out=np.zeros(positive.shape), where=positive != 0
    )
    return share


def _amperes(p: FloatArray, q: FloatArray, volts: npt.NDArray[np.complex128]) -> npt.NDArray[np.complex128]:
    """Currents of powers; none where there is no voltage."""
    power = p + 1j * q
    return np.conj(np.divide(power, volts, out=np.zeros_like(power), where=volts != 0))


def _zero_sequence(line: Line) -> dict[str, float]:
    return {
        "r0": NEUTRAL_RETURN * line.r_ohm if line.r0_ohm is None else line.r0_ohm,
        "x0": NEUTRAL_RETURN * line.x_ohm if line.x0_ohm is None else line.x0_ohm,
        "c0": (line.c_nf if line.c0_nf is None else line.c0_nf) * 1e-9,
        "tan0": 0.0,
    }


def _group(feeder: Feeder, trafo: Transformer) -> tuple[str, str, str]:
    """Vector group in its parts: high side, low side, clock ("" if not given)."""
    if found := _GROUP.fullmatch(trafo.vector_group):
        return found[1], found[2], found[3]
    low_voltage = feeder.buses[trafo.lv_bus].vn_kv < LOW_VOLTAGE_KV
    return ("D", "yn", "") if low_voltage else ("Y", "d", "")


def _passes_zero(feeder: Feeder, trafo: Transformer) -> bool:
    high, low, _ = _group(feeder, trafo)
    return (high, low) == ("YN", "yn")


def _clock(feeder: Feeder, trafo: Transformer) -> int:
    number = _group(feeder, trafo)[2]
    return int(number) % 12 if number else hours(trafo.shift_degree)


def _faults(feeder: Feeder, trafo: Transformer) -> tuple[Words, ...]:
    """What the zero sequence needs beyond a balanced flow."""
    high, low, _ = _group(feeder, trafo)
    if trafo.vector_group and not _GROUP.fullmatch(trafo.vector_group):
        return (
            Words(
                "%(name)s: vector_group %(vector_group)s is unknown; write it like Dyn5",
                name=trafo.name,
                vector_group=repr(trafo.vector_group),
            ),
        )
    if (high, low) == ("Y", "yn"):
        return (
            Words(
                "%(name)s: Yyn carries a neutral current only through its iron; give Dyn, Yzn or YNyn",
                name=trafo.name,
            ),
        )
    if low not in {"yn", "zn"} and feeder.buses[trafo.lv_bus].vn_kv < LOW_VOLTAGE_KV:
        return (
            Words(
                "%(name)s: has no star point at low voltage (%(vector_group)s); give Dyn, Yzn or YNyn",
                name=trafo.name,
                vector_group=trafo.vector_group,
            ),
        )
    if _passes_zero(feeder, trafo) and (_clock(feeder, trafo) % 2 or _own_zero(trafo)):
        return (
            Words(
                "%(name)s: YNyn needs an even clock and vk0_percent equal to vk_percent; leave vk0_percent out",
                name=trafo.name,
            ),
        )
    return ()


def _own_zero(trafo: Transformer) -> bool:
    return (trafo.vk0_percent, trafo.vkr0_percent) not in {
        (None, None),
        (trafo.vk_percent, trafo.vkr_percent),
    }


def _transformer_row(feeder: Feeder, trafo: Transformer) -> dict[str, float]:
    """Without a path for the zero sequence, except YNyn; star points are shunts beside it, so that they may have vk0."""
    kind, clock = pgm.WindingType, _clock(feeder, trafo)
    through = (kind.wye_n, kind.wye_n)
    windings = through if _passes_zero(feeder, trafo) else (kind.delta if clock % 2 else kind.wye, kind.wye)
    return {
        **transformer_row(trafo, windings=windings, clock=clock),
        "i0_zero_sequence": 0.0,
        "p0_zero_sequence": 0.0,
    }


def _star_points(feeder: Feeder, trafo: Transformer) -> list[dict[str, float]]:
    """Shunts that only the zero sequence sees: 1 / Z0 where a star point is earthed, next to nothing where none is."""
    high, low, _ = _group(feeder, trafo)
    if _passes_zero(feeder, trafo):
        return []
    hv_kv, lv_kv = tapped_kv(trafo)
    ends = (
        (trafo.hv_bus, hv_kv, high == "YN" and low == "d", trafo.hv_closed),
        (trafo.lv_bus, lv_kv, low in {"yn", "zn"}, trafo.lv_closed),
    )
    return [
        {"node": bus, "status": closed, "g1": 0.0, "b1": 0.0, **_admittance(trafo, kv, earthed=earthed)}
        for bus, kv, earthed, closed in ends
    ]


def _admittance(trafo: Transformer, kv: float, *, earthed: bool) -> dict[str, float]:
    if not earthed:
        return {"g0": STRAY_S, "b0": 0.0}
    percent = trafo.vk_percent if trafo.vk0_percent is None else trafo.vk0_percent
    real = trafo.vkr_percent if trafo.vkr0_percent is None else trafo.vkr0_percent
    impedance = complex(real, max(0.0, percent**2 - real**2) ** 0.5) / 100 * kv**2 / trafo.sn_mva
    return {"g0": (1 / impedance).real, "b0": (1 / impedance).imag}


SOLVERS: dict[str, type[PowerFlow]] = {"balanced": PowerFlow, "unbalanced": UnbalancedPowerFlow}
