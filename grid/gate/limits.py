"""Operating limits of the feeder, and which of them a solved slot exceeds.

EN 50160 (2010), 4.2.2.2: 10-minute means within +/-10 % of the nominal voltage; lines and transformers by their rated
currents.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from grid.flow.powerflow import FloatArray, Flows
from grid.networks.feeder import Feeder

Kind = Literal["voltage", "line", "transformer"]
VOLTAGE_SLACK_PU = 1e-8
LOADING_SLACK_PERCENT = 1e-5
_KINDS: tuple[Kind, ...] = ("voltage", "voltage", "line", "transformer")


@dataclass(frozen=True, slots=True)
class Limits:
    """Voltage band in pu of each bus's nominal voltage, loadings in percent of the rating."""

    vm_min_pu: float = 0.9
    vm_max_pu: float = 1.1
    line_percent: float = 100.0
    transformer_percent: float = 100.0


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that is or would be exceeded: pu for voltages, percent for loadings."""

    kind: Kind
    place: str
    value: float
    limit: float

    @property
    def words(self) -> str:
        """The breach as a sentence's middle."""
        if self.kind == "voltage":
            return f"the voltage at {self.place} would be {self.value:.5f} pu, and {self.limit:.3f} pu is the limit"
        return f"{self.kind} {self.place} would carry {self.value:.1f} % of its rating, and {self.limit:.0f} % is the limit"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Limits widened to what the slot shows anyway, so that nothing may get worse: arrays per bus, line, trafo."""

    feeder: Feeder
    limits: Limits
    before: Flows

    def _excesses(self, flows: Flows) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        lim, was = self.limits, self.before
        return (
            flows.highest_pu - np.maximum(lim.vm_max_pu, was.highest_pu) - VOLTAGE_SLACK_PU,
            np.minimum(lim.vm_min_pu, was.vm_pu) - flows.vm_pu - VOLTAGE_SLACK_PU,
            flows.line_percent - np.maximum(lim.line_percent, was.line_percent) - LOADING_SLACK_PERCENT,
            flows.transformer_percent
            - np.maximum(lim.transformer_percent, was.transformer_percent)
            - LOADING_SLACK_PERCENT,
        )

    def passes(self, flows: Flows) -> npt.NDArray[np.bool_]:
        """(slots,) whether each row of the batch lies inside."""
        inside = [(excess <= 0).all(axis=1) for excess in self._excesses(flows)]
        every: npt.NDArray[np.bool_] = np.logical_and.reduce(inside)
        return every

    def worst(self, flows: Flows, row: int = 0) -> Breach | None:
        """The breach furthest outside in a row of the batch: 1 % of voltage weighs as 10 % of loading."""
        place = self.worst_place(flows, row)
        if place is None:
            return None
        kind, at = place
        return _breach(self.feeder, self.limits, kind, at, _values(flows, row)[kind])

    def worst_place(self, flows: Flows, row: int = 0) -> tuple[int, int] | None:
        """The same as (kind, position), for `excess`."""
        excesses = [excess[row] for excess in self._excesses(flows)]
        over = [
            excess.max(initial=-1) * weight
            for excess, weight in zip(excesses, (1000, 1000, 1, 1), strict=True)
        ]
        if max(over) <= 0:
            return None
        kind = int(np.argmax(over))
        return kind, int(np.argmax(excesses[kind]))

    def full_places(self, flows: Flows, row: int = 0) -> list[tuple[int, int]]:
        """Every place outside in a row of the batch, as (kind, position)."""
        return [
            (kind, int(at))
            for kind, excess in enumerate(self._excesses(flows))
            for at in np.flatnonzero(excess[row] > 0)
        ]

    def excess(self, flows: Flows, place: tuple[int, int]) -> FloatArray:
        """(slots,) how far outside a place lies, pu or percent; negative is inside."""
        kind, at = place
        outside: FloatArray = self._excesses(flows)[kind][:, at]
        return outside


def _breach(feeder: Feeder, limits: Limits, kind: int, at: int, values: FloatArray) -> Breach:
    """`kind` counts overvoltage, undervoltage, line, transformer; `values` are those of all places of that kind."""
    names = (feeder.buses, feeder.buses, feeder.lines, feeder.transformers)[kind]
    limit = (limits.vm_max_pu, limits.vm_min_pu, limits.line_percent, limits.transformer_percent)[kind]
    return Breach(_KINDS[kind], names[at].name, float(values[at]), limit)


def _values(flows: Flows, row: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    return flows.highest_pu[row], flows.vm_pu[row], flows.line_percent[row], flows.transformer_percent[row]


def breaches(feeder: Feeder, limits: Limits, flows: Flows, row: int = 0) -> tuple[Breach, ...]:
    """Every limit that a solved slot exceeds, as it is."""
    high, low, line, trafo = _values(flows, row)
    found = (
        high > limits.vm_max_pu + VOLTAGE_SLACK_PU,
        low < limits.vm_min_pu - VOLTAGE_SLACK_PU,
        line > limits.line_percent + LOADING_SLACK_PERCENT,
        trafo > limits.transformer_percent + LOADING_SLACK_PERCENT,
    )
    values = (high, low, line, trafo)
    return tuple(
        _breach(feeder, limits, kind, int(at), values[kind])
        for kind, outside in enumerate(found)
        for at in np.flatnonzero(outside)
    )
