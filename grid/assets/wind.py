"""A synthetic wind for turbines without a profile: the weather of one place, seeded.

Wind speed is Weibull-distributed (shape 2, the Rayleigh case of IEC 61400-1, clause 6.3.1.1) about a mean of 5.5 m/s,
and follows an AR(1) process in its normal scores; the turbine's power grows with the cube of the speed from 3 m/s to
its rating at 11 m/s, and stops at 25 m/s.
"""

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from grid.assets.chance import stream

SYNTHETIC_WIND = "synthetic wind"
MEAN_M_PER_S = 5.5
SHAPE = 2.0
PERSISTENCE = 0.985  # from slot to slot: half of a deviation is left after 11 hours
CUT_IN, RATED, CUT_OUT = 3.0, 11.0, 25.0


def synthetic_wind(seed: int, slots: int) -> npt.NDArray[np.float64]:
    """(slots,) power of a turbine as a share of its rating, in [0, 1], to a millionth."""
    return np.round(power_of(_speeds(seed, slots)), 6)


def _speeds(seed: int, slots: int) -> npt.NDArray[np.float64]:
    """(slots,) m/s."""
    draws = stream(seed, SYNTHETIC_WIND).standard_normal(slots)
    fresh = math.sqrt(1 - PERSISTENCE**2)
    score, below = 0.0, np.empty(slots)
    share = NormalDist().cdf
    for i, draw in enumerate(draws.tolist()):
        score = PERSISTENCE * score + fresh * draw if i else draw
        below[i] = share(score)
    scale = MEAN_M_PER_S / math.gamma(1 + 1 / SHAPE)
    speeds: npt.NDArray[np.float64] = scale * (-np.log1p(-np.minimum(below, 1 - 1e-12))) ** (1 / SHAPE)
    return speeds


def power_of(speeds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The power curve: m/s -> share of the rating."""
    rising = (speeds**3 - CUT_IN**3) / (RATED**3 - CUT_IN**3)
    return np.where((speeds < CUT_IN) | (speeds > CUT_OUT), 0.0, np.clip(rising, 0.0, 1.0))
