"""Slot values out of valid readings: measured where two lie one slot apart, else estimated; pure and exact.

Across a gap the sum of the slots is the registers' difference, to the Wh.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from grid.assets import SLOT_SECONDS
from grid.losses import apportion
from grid.metering.readings import Device, FaultCode, Mark, Quality
from grid.metering.validation import span

Energy = tuple[int, int]
"""Import and export of a slot, Wh."""


class EstimationError(ValueError):
    """Readings that were not validated."""


@dataclass(frozen=True, slots=True)
class SlotValue:
    """A slot of one meter; `closed` is whether a later reading bounds it, so that its sum is known."""

    import_wh: int
    export_wh: int
    quality: Quality
    closed: bool

    @property
    def energy(self) -> Energy:
        """Import and export."""
        return self.import_wh, self.export_wh


def slot_values(device: Device, marks: Sequence[Mark], expected: Sequence[Energy]) -> tuple[SlotValue, ...]:
    """Every slot from the first mark on.

    Args:
        device: The meter.
        marks: Its valid readings in order; the first one says where the registers stood before the first slot.
        expected: What each slot was expected to be: how a gap's energy is shared out, and the value of slots
            after the last reading.

    Raises:
        EstimationError: The marks are not in order, or reach beyond what was expected.
    """
    values: list[SlotValue] = []
    for before, after in pairwise(marks):
        slots = (after.slot_end - before.slot_end) // SLOT_SECONDS
        share = expected[len(values) : len(values) + slots]
        if slots < 1 or len(share) < slots:
            raise EstimationError(f"reading {after.sequence}: out of order, or beyond the expected slots")
        values += _between(device, before, after, share)
    return (
        *values,
        *(SlotValue(*energy, Quality.ESTIMATED, closed=False) for energy in expected[len(values) :]),
    )


def _between(device: Device, before: Mark, after: Mark, expected: Sequence[Energy]) -> list[SlotValue]:
    counted = span(device, before, after)
    if isinstance(counted, FaultCode):
        raise EstimationError(f"reading {after.sequence}: {counted}; validate it first")
    whole = counted.import_wh, counted.export_wh
    if counted.kind is FaultCode.RESET:
        # What the old registers counted last is lost: those slots keep their estimate, the new ones count the last.
        return [SlotValue(*energy, Quality.ESTIMATED, closed=True) for energy in (*expected[:-1], whole)]
    if len(expected) == 1:
        return [SlotValue(*whole, Quality.MEASURED, closed=True)]
    imports = apportion(whole[0], [energy[0] for energy in expected])
    exports = apportion(whole[1], [energy[1] for energy in expected])
    shared = zip(imports, exports, strict=True)
    return [SlotValue(*energy, Quality.ESTIMATED, closed=True) for energy in shared]
