"""Outdoor temperature, and what it means for a house and its heat pump; floats become integers here, once.

The house is a single zone with one resistance and one capacity (the simplest of the lumped models, 1R1C, as in ISO
13790, annex C, with its network reduced to one node). The coefficient of performance of an air-source heat pump is the
regression of Staffell et al., "A review of domestic heat pumps", Energy & Environmental Science 5 (2012) 9291-9306,
6.81 - 0.121 dT + 0.000630 dT^2 for 15 K <= dT <= 60 K, over the flow temperatures of Ruhnau, Hirth and Praktiknjo,
Scientific Data 6 (2019) 189: 30 degC - 0.5 T for floor heating, 40 degC - 1.0 T for radiators.
"""

import numpy as np
import numpy.typing as npt

from grid.assets.home import PERMILLE, SLOTS_PER_HOUR
from grid.equipment import HeatPump, Sink

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
DAY_SECONDS = 86_400
YEAR_SECONDS = 365.2425 * DAY_SECONDS
COLDEST_DAY = 19 * DAY_SECONDS  # 20 January
COLDEST_HOUR = 3 * 3600  # UTC
LEAST_LIFT, GREATEST_LIFT = 15.0, 60.0  # kelvin, where the regression holds
FLOW = {"floor": (30.0, 0.5), "radiator": (40.0, 1.0)}


def outdoor_celsius(slot_start: IntArray, climate: tuple[float, float, float]) -> FloatArray:
    """(slots,) synthetic temperature: a sinusoid of the year, coldest on 20 January, and one of the day, at 3:00 UTC.

    Rounded to a hundredth, so that the last bits of a machine's cosine do not count.
    """
    mean, season, day = climate
    yearly = np.cos(2 * np.pi * ((slot_start - COLDEST_DAY) / YEAR_SECONDS))
    daily = np.cos(2 * np.pi * ((slot_start - COLDEST_HOUR) / DAY_SECONDS))
    celsius: FloatArray = np.round(mean - season * yearly - day * daily, 2)
    return celsius


def cop_permille(celsius: FloatArray, sink: Sink) -> IntArray:
    """(slots,) heat per electricity in per mille, rounded."""
    base, slope = FLOW[sink]
    lift = np.clip(base - slope * celsius - celsius, LEAST_LIFT, GREATEST_LIFT)
    return np.rint((6.81 - 0.121 * lift + 0.000630 * lift**2) * PERMILLE).astype(np.int64)


def demand_wh(celsius: FloatArray, pump: HeatPump) -> IntArray:
    """(slots,) heat that keeps the house at the lower edge of its band, Wh thermal, rounded up."""
    watts = np.maximum(0.0, pump.loss_w_per_k * (pump.min_celsius - celsius) - pump.gains_w)
    return np.ceil(watts / SLOTS_PER_HOUR).astype(np.int64)
