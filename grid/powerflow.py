"""Power flows in bulk, by power-grid-model (`grid.unbalanced` does the same by phase).

`PowerFlow` takes arrays `(slots, connections)` and returns voltages, loadings and losses of all slots from one call
of power-grid-model's batch. Its model is that of `pandapower.runpp` with its default settings: constant-power
injections, a stiff source, lines as pi sections, transformers as T sections with taps as a changed turns ratio.
`grid.pandapower_reference` computes the same by pandapower.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import power_grid_model as pgm
from power_grid_model._core.errors import PowerGridBatchError

from grid.network import DEGREES_PER_HOUR, Feeder, Line, Transformer, check_feeder, has_phase_shifting_loops

FloatArray = npt.NDArray[np.float64]

FREQUENCY_HZ = 50.0
SOURCE_SK_VA = 1e20  # pandapower's ext_grid is ideal; sk 1e10 already moves voltages by 8e-6 pu
TOLERANCE_PU = 1e-9
MAX_ITERATIONS = 50
_LINE, _TRAFO, _SOURCE, _LOAD, _SHUNT = range(
    1_000_000, 6_000_000, 1_000_000
)  # id ranges; ids are global in PGM
_WYE_N, _DELTA = pgm.WindingType.wye_n, pgm.WindingType.delta
_OUTPUT: dict[pgm.ComponentType, set[str] | list[str] | pgm.ComponentAttributeFilterOptions | None] = {
    pgm.ComponentType.node: ["u_pu"],
    pgm.ComponentType.line: ["i_from", "i_to"],
    pgm.ComponentType.transformer: ["i_from", "i_to", "p_from"],
    pgm.ComponentType.source: ["p"],
}
Raw = Mapping[pgm.ComponentType, Any]


class PowerFlowError(RuntimeError):
    """Slots that have no solution; `slots` are their positions in the batch."""

    def __init__(self, slots: tuple[int, ...], why: str) -> None:
        """Name the slots: a batch must never lose some of them silently."""
        shown = ", ".join(map(str, slots[:10])) + (" ..." if len(slots) > 10 else "")  # noqa: PLR2004  a line's worth
        super().__init__(
            f"power flow has no solution in slot(s) {shown} of the batch ({why}); lower the injections there"
        )
        self.slots = slots


@dataclass(frozen=True, slots=True)
class Flows:
    """Results of a batch; first axis slots.

    Attributes:
        vm_pu: (slots, buses) voltage magnitude.
        line_percent: (slots, lines) the higher end's current over the rating, as pandapower's `loading_percent`.
        transformer_percent: (slots, transformers) the higher side's current over the rated one.
        transformer_kw: (slots, transformers) active power into the high-voltage side; negative feeds upwards.
        losses_kw: (slots,) of lines, transformers and shunts together.
        source_kw: (slots,) drawn from the source; negative is fed to it.
    """

    vm_pu: FloatArray
    line_percent: FloatArray
    transformer_percent: FloatArray
    transformer_kw: FloatArray
    losses_kw: FloatArray
    source_kw: FloatArray


class PowerFlow:
    """Power flows of one feeder; keeps the factorisation's ordering between calls."""

    def __init__(self, feeder: Feeder, *, dead_parts: bool = False) -> None:
        """Build the model once; about 1 ms for 129 buses. Raises NetworkFaultError for an unusable feeder.

        With `dead_parts`, buses may be cut off from the source: their voltage is 0, and what is asked for there
        must be 0.
        """
        check_feeder(feeder, dead_parts=dead_parts)
        self.feeder, self.has_dead_parts = feeder, dead_parts
        self._model = pgm.PowerGridModel(
            {kind: table for kind, table in _pgm_input(feeder).items() if len(table)},
            system_frequency=FREQUENCY_HZ,
        )
        present = {
            "node",
            "source",
            *(["line"] if feeder.lines else []),
            *(["transformer"] if feeder.transformers else []),
        }
        self._output = {kind: attributes for kind, attributes in _OUTPUT.items() if kind in present}
        self._load_ids = _LOAD + np.arange(len(feeder.connections), dtype=np.int32)
        self._line_scale = np.array([100 / (ln.max_i_ka * 1e3) for ln in feeder.lines])
        self._trafo_scale = np.array(
            [[100 * 3**0.5 * kv * 1e3 / (tr.sn_mva * tr.derating * 1e6) for kv in (tr.vn_hv_kv, tr.vn_lv_kv)]
             for tr in feeder.transformers]
        ).reshape(-1, 2)  # fmt: skip

    def run(self, p_kw: FloatArray, q_kvar: FloatArray, *, threading: int = -1) -> Flows:
        """Solve all slots.

        Args:
            p_kw: (slots, connections) net active power, positive = consumption.
            q_kvar: the same for reactive power.
            threading: -1 sequential, 0 all cores, n threads.

        Raises:
            PowerFlowError: names the slots that diverge.
        """
        update = pgm.initialize_array("update", "sym_load", p_kw.shape)
        update["id"] = self._load_ids
        np.multiply(p_kw, 1e3, out=update["p_specified"])
        np.multiply(q_kvar, 1e3, out=update["q_specified"])
        try:
            raw = self._solve(update, pgm.CalculationMethod.iterative_current, threading)
        except PowerGridBatchError:
            raw = self._solve_robustly(update, threading)
        return self._flows(raw, p_kw)

    def _solve(self, update: npt.NDArray[Any], method: pgm.CalculationMethod, threading: int) -> Raw:
        return self._model.calculate_power_flow(
            update_data={"sym_load": update},
            calculation_method=method,
            error_tolerance=TOLERANCE_PU,
            max_iterations=MAX_ITERATIONS,
            threading=threading,
            output_component_types=self._output,
        )

    def _solve_robustly(self, update: npt.NDArray[Any], threading: int) -> Raw:
        """Newton's method solves states near collapse, where iterating on the current does not."""
        try:
            return self._solve(update, pgm.CalculationMethod.newton_raphson, threading)
        except PowerGridBatchError as error:
            slots = tuple(int(i) for i in error.failed_scenarios)
            raise PowerFlowError(slots, error.error_messages[0].splitlines()[0]) from error

    def _flows(self, raw: Raw, p_kw: FloatArray) -> Flows:
        line, trafo = (
            raw.get(kind, _no_branches(kind, len(p_kw)))
            for kind in (pgm.ComponentType.line, pgm.ComponentType.transformer)
        )
        source_kw = raw[pgm.ComponentType.source]["p"][:, 0] / 1e3
        sides = self._trafo_scale
        return Flows(
            vm_pu=np.ascontiguousarray(raw[pgm.ComponentType.node]["u_pu"]),
            line_percent=np.maximum(line["i_from"], line["i_to"]) * self._line_scale,
            transformer_percent=np.maximum(trafo["i_from"] * sides[:, 0], trafo["i_to"] * sides[:, 1]),
            transformer_kw=trafo["p_from"] / 1e3,
            losses_kw=source_kw - p_kw.sum(axis=1),
            source_kw=source_kw,
        )


def _no_branches(kind: pgm.ComponentType, slots: int) -> npt.NDArray[Any]:
    return pgm.initialize_array("sym_output", kind, (slots, 0))


def _pgm_input(feeder: Feeder) -> dict[str, npt.NDArray[Any]]:
    turned = has_phase_shifting_loops(feeder)
    source = {"node": feeder.source_bus, "status": 1, "u_ref": feeder.source_vm_pu, "sk": SOURCE_SK_VA}
    return {
        "node": _table("node", 0, [{"u_rated": bus.vn_kv * 1e3} for bus in feeder.buses]),
        "line": _table("line", _LINE, [_pgm_line(line) for line in feeder.lines]),
        "transformer": _table(
            "transformer", _TRAFO, [_pgm_transformer(trafo, turned=turned) for trafo in feeder.transformers]
        ),
        "source": _table("source", _SOURCE, [source]),
        "shunt": _table("shunt", _SHUNT, _pgm_shunts(feeder)),
        "sym_load": _table(
            "sym_load",
            _LOAD,
            [
                {"node": cn.bus, "status": 1, "type": 0, "p_specified": 0.0, "q_specified": 0.0}
                for cn in feeder.connections
            ],
        ),
    }


def _table(component: str, first_id: int, rows: list[dict[str, float]]) -> npt.NDArray[Any]:
    table = pgm.initialize_array("input", component, len(rows))
    table["id"] = first_id + np.arange(len(rows))
    for key in rows[0] if rows else ():
        table[key] = [row[key] for row in rows]
    return table


def _pgm_line(line: Line) -> dict[str, float]:
    omega_c = 2 * np.pi * FREQUENCY_HZ * line.c_nf * 1e-9
    return {
        "from_node": line.from_bus, "to_node": line.to_bus,
        "from_status": line.from_closed, "to_status": line.to_closed,
        "r1": line.r_ohm, "x1": line.x_ohm, "c1": line.c_nf * 1e-9,
        "tan1": line.g_us * 1e-6 / omega_c if omega_c else 0.0, "i_n": line.max_i_ka * 1e3,
    }  # fmt: skip


def _pgm_transformer(trafo: Transformer, *, turned: bool) -> dict[str, float]:
    """Taps go into the rated voltage of their side: pandapower scales the turns ratio and nothing else."""
    ratio = 1 + trafo.tap_steps * trafo.tap_step_percent / 100
    hv_kv, lv_kv = trafo.vn_hv_kv, trafo.vn_lv_kv
    if trafo.tap_side == "hv":
        hv_kv *= ratio
    else:
        lv_kv *= ratio
    sn_va = trafo.sn_mva * 1e6
    series, shunt = transformer_pi(trafo)
    clock = round(trafo.shift_degree / DEGREES_PER_HOUR) % 12 if turned else 0
    return {
        "from_node": trafo.hv_bus, "to_node": trafo.lv_bus,
        "from_status": trafo.hv_closed, "to_status": trafo.lv_closed,
        "u1": hv_kv * 1e3, "u2": lv_kv * 1e3, "sn": sn_va, "uk": abs(series), "pk": series.real * sn_va,
        "i0": abs(shunt), "p0": shunt.real * sn_va,
        "winding_from": _DELTA if clock % 2 else _WYE_N, "winding_to": _WYE_N, "clock": clock,
        "tap_side": 0, "tap_pos": 0, "tap_min": 0, "tap_max": 0, "tap_nom": 0, "tap_size": 0.0,
    }  # fmt: skip


def transformer_pi(trafo: Transformer) -> tuple[complex, complex]:
    """Series impedance and whole shunt admittance of the pi section, per unit of the rating.

    The data are those of a T section with the magnetising branch in its middle. The pi section that behaves the same
    at its ends has z (1 + zy/4) and y / (1 + zy/4), exactly (star-delta transformation).
    """
    series = complex(trafo.vkr_percent, math.sqrt(max(0.0, trafo.vk_percent**2 - trafo.vkr_percent**2))) / 100
    iron = trafo.pfe_kw / (trafo.sn_mva * 1e3)
    shunt = complex(iron, -math.sqrt(max(0.0, (trafo.i0_percent / 100) ** 2 - iron**2)))
    middle = 1 + series * shunt / 4
    return series * middle, shunt / middle


def _pgm_shunts(feeder: Feeder) -> list[dict[str, float]]:
    """Admittance from the power at nominal voltage: y = (p - jq) / u^2."""
    squared = {sh.bus: (feeder.buses[sh.bus].vn_kv * 1e3) ** 2 for sh in feeder.shunts}
    return [
        {
            "node": sh.bus,
            "status": 1,
            "g1": sh.p_mw * 1e6 / squared[sh.bus],
            "b1": -sh.q_mvar * 1e6 / squared[sh.bus],
        }
        for sh in feeder.shunts
    ]
