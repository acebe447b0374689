"""What the operator of a scenario may do when the grid is full, and what that costs (`[gate]`, docs/scenarios.md)."""

from dataclasses import dataclass
from typing import Literal

Rationing = Literal["first-come", "pro-rata", "price"]


@dataclass(frozen=True, slots=True)
class GateRules:
    """Prices in micro-units per kWh.

    Attributes:
        rationing: who gets the room that several nominations want.
        remedies: whether others may be paid to curtail or to use their battery, so that a trade fits.
        curtail_firm: whether firm export is cut back where limits would not hold otherwise.
        curtailment_per_kwh, battery_per_kwh: paid to who curtails firm export, or charges or discharges on demand.
        remedy_limit_per_kwh: dearest remedy per kWh traded; what costs more is refused.
    """

    rationing: Rationing = "first-come"
    remedies: bool = False
    curtail_firm: bool = False
    curtailment_per_kwh: int = 0
    battery_per_kwh: int = 0
    remedy_limit_per_kwh: int = 0
