"""The same scenario without a market: everybody with the supplier alone, and the operator curtailing what has no room.

It is played, not derived: without trades other surplus finds no room, batteries act otherwise, and the feeder flows
differently, so that neither bills nor voltages can be had from the slots that were traded.
"""

from grid.market.auctions import Retailer
from grid.simulation import Simulation
from grid.study import Study


def without_market(simulation: Simulation) -> Study:
    """A study of the same scenario, seed and feeder in which nobody trades."""
    return Study(simulation, Retailer())
