"""Reading the meters of a simulated slot: what a study and a replay over channels settle on."""

from collections.abc import Sequence

from grid.metering import TradeTerms
from grid.metering.operator import MeteringOperator, SlotFacts
from grid.simulation import Simulation, SlotOutcome, SlotPlan


def metering_of(simulation: Simulation) -> MeteringOperator:
    """The metering operator of a scenario, with its meters."""
    scenario = simulation.scenario
    names = tuple(connection.name for connection in simulation.feeder.connections)
    return MeteringOperator(scenario.metering, scenario.seed, scenario.start, scenario.end, names)


def facts_of(plan: SlotPlan, outcome: SlotOutcome, trades: Sequence[TradeTerms]) -> SlotFacts:
    """What metering is told of a slot: the truth, to be misreported, and what was expected, to estimate by.

    A false meter is the truth to metering: what it hides is not in its balance (`SlotOutcome.hidden_wh` tells it).
    """
    at_source = outcome.feeder_import_wh - outcome.feeder_export_wh - outcome.losses_wh
    return SlotFacts(
        slot_start=plan.slot_start,
        truth=outcome.readings,
        source_wh=at_source - outcome.hidden_wh,
        trades=trades,
        expected=[(position.deficit_wh, position.surplus_wh) for position in plan.positions],
        tariff=plan.tariff,
    )
