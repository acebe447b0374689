"""A scenario played in memory: the same agents, gate, power flow and settlement as a replay, without channels.

For comparing mechanisms, for sweeps, and for whoever wants the physics without a ledger.
"""

from collections.abc import Callable, Iterator
from typing import Any

from grid.charges import GridOperator
from grid.market.bilateral import first_beliefs
from grid.market.matching import match_partners
from grid.market.mechanism import Mechanism, trading_slot
from grid.market.mechanisms import mechanism_named
from grid.market.misconduct import play
from grid.market.welfare import slot_welfare
from grid.readout import facts_of, metering_of
from grid.results.groups import Groups
from grid.results.record import PlayedSlot, slot_data
from grid.results.summary import summarise
from grid.simulation import Simulation, SimulationState


class Study:
    """One scenario with one mechanism; slots come one by one, so that a year needs no more memory than a slot."""

    def __init__(self, simulation: Simulation, mechanism: Mechanism | None = None) -> None:
        """`mechanism` instead of the scenario's own."""
        scenario = simulation.scenario
        self.simulation = simulation
        self._mechanism = mechanism or mechanism_named(scenario.market.mechanism)
        self._metering = metering_of(simulation)
        self._operator = GridOperator(simulation)
        self._pairs = (
            match_partners(simulation.feeder, scenario.market.partners)
            if self._mechanism.over_channels
            else ()
        )
        self.names = [connection.name for connection in simulation.feeder.connections]

    def slots(self) -> Iterator[dict[str, Any]]:
        """Every slot of the scenario as `grid.results.record.slot_data` gives it."""
        state: SimulationState = self.simulation.start_state()
        beliefs = first_beliefs(self.simulation.scenario.tariff, len(self.names))
        meters = self._metering.start_state()
        while not self.simulation.finished(state):
            plan = self.simulation.plan(state)
            gate, fees = self.simulation.gate(plan), self._operator.fees(plan)
            slot = trading_slot(self.simulation, plan, gate, self._pairs, beliefs, fees=fees)
            traded, defied = play(self._mechanism, slot, self.simulation.timeline)
            outcome = self.simulation.close(plan, gate.accepted, defied, gate.remedies)
            metered = self._metering.close(meters, facts_of(plan, outcome, traded.trades))
            settlement, charges = self._operator.charge(outcome, metered.settlement, fees)
            yield slot_data(
                PlayedSlot(
                    outcome,
                    settlement,
                    traded.refusals,
                    self.names,
                    {},
                    notes=metered.notes,
                    charges=charges,
                    welfare=slot_welfare(plan, traded.trades, slot.market.min_trade_wh),
                )
            )
            state, beliefs, meters = outcome.state, traded.beliefs, metered.state

    def run(self, watch: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
        """The scenario's summary (`grid.results.summary.summarise`); `watch` is shown every slot on its way."""
        groups = Groups(self.names, self.simulation.timeline.malicious)
        slots = groups.counting(_shown(self.slots(), watch))
        summary = summarise(self.names, self.simulation.scenario.tariff, slots)
        return summary | {"groups": groups.with_bills(summary["bills"])}


def _shown(
    slots: Iterator[dict[str, Any]], watch: Callable[[dict[str, Any]], None] | None
) -> Iterator[dict[str, Any]]:
    for slot in slots:
        if watch is not None:
            watch(slot)
        yield slot
