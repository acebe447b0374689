"""Profiles: time series from people's files, brought to UTC slots of 900 s (docs/inputs.md).

Relative columns (1 = rated power) are `X_pload` and `X_qload` for loads and `PVn` for plants, as SimBench has them;
absolute columns are somebody's own measured kW or kWh.
"""

from grid.profiles.compact import write_profiles
from grid.profiles.faults import Fault, ProfileFaultError
from grid.profiles.options import Bounds, Options
from grid.profiles.profiles import FloatArray, Profiles
from grid.profiles.reading import read_profiles
from grid.profiles.recording import merged
from grid.profiles.stamps import SIMBENCH_FORMAT, SIMBENCH_ZONE, local_to_slots

__all__ = [
    "SIMBENCH_FORMAT",
    "SIMBENCH_ZONE",
    "Bounds",
    "Fault",
    "FloatArray",
    "Options",
    "ProfileFaultError",
    "Profiles",
    "local_to_slots",
    "merged",
    "read_profiles",
    "write_profiles",
]
