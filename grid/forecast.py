"""What agents expect against what comes: seeded errors per kind of equipment, which may last from slot to slot.

An error is a moving average of the draws of this slot and of those before it, weighted as in an AR(1) process: with
`persistence` p the draw of k slots ago counts p^k, down to one per cent, and the sum is scaled to variance one. So a slot's errors
depend on the seed and its start alone, and a resumed replay sees the same ones.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grid.assets import SLOT_SECONDS
from grid.scenarios.sections import ForecastSection

FloatArray = npt.NDArray[np.float64]
FORGOTTEN = 0.01


@dataclass(frozen=True, slots=True)
class Factors:
    """Expected / actual, (connections,) each."""

    load: FloatArray
    pv: FloatArray
    wind: FloatArray
    vehicle: FloatArray
    heat: FloatArray


class Forecast:
    """The errors of one scenario on `size` connections."""

    def __init__(self, section: ForecastSection, seed: int, size: int, *, shiftable: bool) -> None:
        """`shiftable`: wind, vehicles or heat pumps are there, and their errors are wanted."""
        self._section, self._seed, self._size = section, seed, size
        self._count = 5 * size + 3 if shiftable else 2 * size + 1
        self._weights = _weights(section.persistence)
        self._drawn: dict[int, FloatArray] = {}

    def factors(self, slot_start: int) -> Factors:
        """Of one slot. Weather errors share half of their variance: it is wrong for all at once."""
        given, size, draw = self._section, self._size, self._errors(slot_start)
        more = draw if len(draw) > 2 * size + 1 else np.zeros(5 * size + 3)
        at = 2 * size + 1
        wind, wind_common = more[at : at + size], more[at + size]
        vehicle, heat = more[at + size + 1 : at + 2 * size + 1], more[at + 2 * size + 1 : at + 3 * size + 1]
        return Factors(
            load=1 + given.load_error * draw[:size],
            pv=1 + given.pv_error * (draw[size : 2 * size] + draw[2 * size]) / 2**0.5,
            wind=1 + given.wind_error * (wind + wind_common) / 2**0.5,
            vehicle=1 + given.ev_error * vehicle,
            heat=1 + given.heat_pump_error * (heat + more[-1]) / 2**0.5,
        )

    def _errors(self, slot_start: int) -> FloatArray:
        """(count,) standard normal."""
        if len(self._weights) == 1:
            return self._draw(slot_start)
        starts = [slot_start - lag * SLOT_SECONDS for lag in range(len(self._weights))]
        known = self._drawn
        drawn = {at: known[at] if at in known else self._draw(at) for at in starts}
        self._drawn = drawn  # whole, and never changed: other threads may be reading the one before
        errors: FloatArray = self._weights @ np.stack(list(drawn.values()))
        return errors

    def _draw(self, slot_start: int) -> FloatArray:
        return np.random.default_rng([self._seed, slot_start]).standard_normal(self._count)


def _weights(persistence: float) -> FloatArray:
    """Of this slot's draw and of those before it; their squares sum to one."""
    if not persistence:
        return np.ones(1)
    lags = math.ceil(math.log(FORGOTTEN) / math.log(persistence))
    weights = persistence ** np.arange(lags, dtype=np.float64)
    scaled: FloatArray = weights / math.sqrt(float(np.sum(weights**2)))
    return scaled
