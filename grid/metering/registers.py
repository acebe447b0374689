"""Power becomes whole watt-hours: the only place where floats of the grid turn into integers."""

import numpy as np
import numpy.typing as npt

from grid.assets import SLOTS_PER_HOUR


def register_wh(p_kw: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Power (slots, columns) in kW -> Wh per slot, as a meter with a whole-Wh register shows them.

    The register is the rounded (half to even) running sum, a slot the difference of two readings: a slot is off by
    less than 1 Wh, a period by less than 1 Wh altogether.
    """
    register = np.rint(np.cumsum(p_kw, axis=0) * (1000 / SLOTS_PER_HOUR)).astype(np.int64)
    return np.diff(register, axis=0, prepend=0)


def to_wh(p_kw: float) -> int:
    """A constant power over one slot in Wh, rounded half to even."""
    return round(p_kw * 1000 / SLOTS_PER_HOUR)
