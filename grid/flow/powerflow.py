"""Power flows in bulk, by power-grid-model (`grid.flow.unbalanced` does the same by phase).

`PowerFlow` takes arrays `(slots, connections)` and returns voltages, loadings and losses of all slots from one call
of power-grid-model's batch. Its model is that of `pandapower.runpp` with its default settings: constant-power
injections, a stiff source, lines as pi sections, transformers as T sections with taps as a changed turns ratio.
`grid.flow.pandapower_reference` computes the same by pandapower.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import power_grid_model as pgm
from power_grid_model._core.errors import PowerGridBatchError

from grid.flow.pgm_input import FREQUENCY_HZ, LOAD_IDS, Tables, balanced_input
from grid.networks.check import check_feeder
from grid.networks.feeder import Feeder

FloatArray = npt.NDArray[np.float64]

TOLERANCE_PU = 1e-9
MAX_ITERATIONS = 50
Output = dict[pgm.ComponentType, set[str] | list[str] | pgm.ComponentAttributeFilterOptions | None]
_OUTPUT: Output = {
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
        vm_pu: (slots, buses) voltage magnitude, of the lowest phase where they differ.
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

    @property
    def highest_pu(self) -> FloatArray:
        """(slots, buses) the highest phase's voltage; `vm_pu` is the lowest's. The same where phases are alike."""
        return self.vm_pu


class PowerFlow:
    """Power flows of one feeder, all phases alike; keeps the factorisation's ordering between calls."""

    _load_kind = pgm.ComponentType.sym_load
    _output: Output = _OUTPUT

    def __init__(self, feeder: Feeder, *, dead_parts: bool = False) -> None:
        """Build the model once; about 1 ms for 129 buses. Raises NetworkFaultError for an unusable feeder.

        With `dead_parts`, buses may be cut off from the source: their voltage is 0, and what is asked for there
        must be 0.
        """
        check_feeder(feeder, dead_parts=dead_parts)
        self.feeder, self.has_dead_parts = feeder, dead_parts
        tables = self._tables()
        self._model = pgm.PowerGridModel(tables, system_frequency=FREQUENCY_HZ)
        self._wanted = {kind: attributes for kind, attributes in self._output.items() if kind.value in tables}
        self._load_ids = LOAD_IDS + np.arange(len(feeder.connections), dtype=np.int32)
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
        update = pgm.initialize_array("update", self._load_kind, p_kw.shape)
        update["id"] = self._load_ids
        self._specify(update, p_kw, q_kvar)
        try:
            raw = self._solve(update, pgm.CalculationMethod.iterative_current, threading)
        except PowerGridBatchError:
            raw = self._solve_robustly(update, threading)
        return self._flows(raw, p_kw)

    def _tables(self) -> Tables:
        return balanced_input(self.feeder)

    def _specify(self, update: npt.NDArray[Any], p_kw: FloatArray, q_kvar: FloatArray) -> None:
        np.multiply(p_kw, 1e3, out=update["p_specified"])
        np.multiply(q_kvar, 1e3, out=update["q_specified"])

    def _solve(self, update: npt.NDArray[Any], method: pgm.CalculationMethod, threading: int) -> Raw:
        return self._model.calculate_power_flow(
            symmetric=self._load_kind is pgm.ComponentType.sym_load,
            update_data={self._load_kind: update},
            calculation_method=method,
            error_tolerance=TOLERANCE_PU,
            max_iterations=MAX_ITERATIONS,
            threading=threading,
            output_component_types=self._wanted,
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
            raw.get(kind, no_branches("sym_output", kind, len(p_kw)))
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


def no_branches(
    output: Literal["sym_output", "asym_output"], kind: pgm.ComponentType, slots: int
) -> npt.NDArray[Any]:
    """What stands for the results of a kind of branch that the feeder has not."""
    return pgm.initialize_array(output, kind, (slots, 0))
