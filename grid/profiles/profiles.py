"""Profiles as the simulation reads them: values on UTC slots of 900 s."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from grid.assets import SLOT_SECONDS
from grid.profiles.faults import refuse
from grid.words import Moment, Words

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Profiles:
    """Time series of one file.

    Attributes:
        slot_start: (slots,) epoch seconds, contiguous.
        columns: name -> (slots,) power relative to the rating (1 = rated power).
        absolute: name -> (slots,) measured power in kW, the mean of each slot; its energy is that of the file.
        file: where it comes from, for faults.
        resolution_s: interval of the file before it was brought to slots.
        units: name -> unit as the file had it.
    """

    slot_start: IntArray
    columns: Mapping[str, FloatArray]
    absolute: Mapping[str, FloatArray] = field(default_factory=dict)
    file: str = ""
    resolution_s: int = SLOT_SECONDS
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def start(self) -> int:
        """Start of the first slot, epoch seconds."""
        return int(self.slot_start[0])

    @property
    def end(self) -> int:
        """End of the last slot, epoch seconds."""
        return int(self.slot_start[-1]) + SLOT_SECONDS

    def column(self, name: str) -> FloatArray:
        """One relative profile. Raises ProfileFaultError naming a missing one."""
        if name not in self.columns:
            refuse(
                self.file,
                Words("profile %(name)s is missing; add its column to the profile file", name=repr(name)),
            )
        return self.columns[name]

    def window(self, start: int, end: int) -> slice:
        """Positions of the slots in [start, end). Raises ProfileFaultError where the file does not cover them."""
        if start % SLOT_SECONDS or end % SLOT_SECONDS or not self.start <= start < end <= self.end:
            refuse(
                self.file,
                Words(
                    "period %(start)s to %(end)s must lie on quarter-hours within %(first)s to %(last)s, which the profile file covers; change the period or extract another file",
                    start=Moment(start),
                    end=Moment(end),
                    first=Moment(self.start),
                    last=Moment(self.end),
                ),
            )
        return slice((start - self.start) // SLOT_SECONDS, (end - self.start) // SLOT_SECONDS)

    def energy_kwh(self, name: str) -> float:
        """Energy of an absolute column over the whole file."""
        return float(self.absolute[name].sum()) * SLOT_SECONDS / 3600
