"""How far a home's surplus may miss its forecast; agents that doubt it offer less."""

from math import isqrt

from grid.scenarios.sections import ForecastSection
from grid.simulation import SlotPlan

PERMILLE = 1000


def deviations_wh(plan: SlotPlan, forecast: ForecastSection) -> tuple[int, ...]:
    """Per connection the standard deviation of its surplus, Wh, rounded down.

    Load and PV err independently by the scenario's relative errors. What the own battery can make up is no risk.
    """
    of_load, of_pv = (round(share * PERMILLE) for share in (forecast.load_error, forecast.pv_error))
    return tuple(
        max(0, isqrt((need.load_wh * of_load) ** 2 + (need.pv_wh * of_pv) ** 2) // PERMILLE - backed)
        for need, backed in zip(
            plan.expected, (position.flexible_export_wh for position in plan.positions), strict=True
        )
    )
