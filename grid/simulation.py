"""The slot loop, pure: what is expected, what the gate allows, what was metered.

A driver does, per slot::

    plan = simulation.plan(state)          # expected positions; the same for the same state, always
    gate = simulation.gate(plan)           # ask it before a trade is signed, withdraw what was not signed
    ...trades...
    outcome = simulation.close(plan, gate.accepted)
    state = outcome.state                  # store it: it is all that a resumed replay needs

Nothing here knows channels, money or a clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from grid.assets import SLOT_SECONDS, Exchange, Home, Needs, Position, home_of, position
from grid.assets.planting import planted
from grid.events.outages import Networks, NetworkState, element_faults, without_supply
from grid.events.timeline import Timeline, idle
from grid.flow.powerflow import FloatArray, Flows, PowerFlowError
from grid.flow.unbalanced import SOLVERS, UnbalancedFlows
from grid.forecast import Forecast
from grid.gate.check import Gate
from grid.gate.closing import WHOLE, Closed, ClosingSlot
from grid.gate.limits import Breach, breaches
from grid.gate.nominations import Attempt, Nomination, SlotCase, attempts_of
from grid.gate.remedies import Remedy
from grid.metering import BalanceError, Reading, to_wh
from grid.networks.feeder import Feeder
from grid.outlook import Afterwards, Outlook, open_outlook
from grid.profiles import Options
from grid.scenarios.inputs import read_inputs
from grid.scenarios.scenario import Scenario, ScenarioFaultError
from grid.scenarios.sections import Tariff
from grid.series import scaled, series_of


class SlotWithoutSolutionError(RuntimeError):
    """A slot whose load and generation alone have no power flow, before any trade; `slot_start` says which."""

    def __init__(self, slot_start: int) -> None:
        when = datetime.fromtimestamp(slot_start, UTC).isoformat()
        super().__init__(
            f"slot {slot_start} ({when}): the feeder has no stable state with what its homes draw and feed in;"
            " lower load_scale or pv_scale, or give it a stronger network"
        )
        self.slot_start = slot_start


@dataclass(frozen=True, slots=True)
class SimulationState:
    """All that a replay carries from slot to slot: the next slot, and what is stored and needed at its start, Wh.

    `soc_wh` is the batteries' charge per connection; `ev_need_wh` what each vehicle at its charger still needs, `heat_wh`
    the heat above the lower edge of each heated house's band, both in the order of their connections.
    """

    slot_start: int
    soc_wh: tuple[int, ...]
    ev_need_wh: tuple[int, ...] = ()
    heat_wh: tuple[int, ...] = ()

    def to_json(self) -> str:
        """A checkpoint."""
        return msgspec.json.encode(self).decode()

    @staticmethod
    def from_json(text: str | bytes) -> "SimulationState":
        """Back from a checkpoint. Raises msgspec.ValidationError if it is none."""
        return msgspec.json.decode(text, type=SimulationState)


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """What everyone expects of a slot. `expected` and `positions` are per connection."""

    slot_start: int
    slot_end: int
    tariff: Tariff
    positions: tuple[Position, ...]
    expected: tuple[Needs, ...]
    state: SimulationState


@dataclass(frozen=True, slots=True)
class SlotOutcome:
    """What happened in a slot.

    Attributes:
        exchanges: per connection, Wh.
        vm_pu, line_percent, transformer_percent: per bus, line, transformer.
        losses_wh: of the feeder; feeder_import_wh and feeder_export_wh at its source.
        nominated_permille: share of the accepted nominations beyond firm limits that the operator could honour.
        surplus_permille: share of the surplus that was neither firm nor nominated and still found room.
        breaches: limits that the slot exceeded all the same (inflexible load, firm export).
        readings: the meters' view, per connection; false meters differ from `exchanges`.
        unserved_wh: load of each connection that was cut off from the source; vehicles and houses may catch up.
        dead_buses: indices of buses that were.
        events: kinds of the scenario's events in force.
        state: for the next slot.
        unmet_ev_wh: what vehicles that left at the slot's end still needed.
        unmet_heat_wh: heat that houses lacked to the lower edge of their band, Wh thermal.
        vm_high_pu, unbalance_percent: per bus, where the scenario is solved by phase; `vm_pu` is the lowest phase then.
        firm_permille: share of firm export that the limits left room for; below 1000 only with `curtail_firm`.
        attempted_permille: share of what was attempted without an accepted nomination and found room.
        remedies: what others did so that trades fit, and firm export cut back, with compensations.
    """

    slot_start: int
    slot_end: int
    exchanges: tuple[Exchange, ...]
    vm_pu: tuple[float, ...]
    line_percent: tuple[float, ...]
    transformer_percent: tuple[float, ...]
    losses_wh: int
    feeder_import_wh: int
    feeder_export_wh: int
    nominated_permille: int
    surplus_permille: int
    breaches: tuple[Breach, ...]
    readings: tuple[Reading, ...]
    unserved_wh: tuple[int, ...]
    dead_buses: tuple[int, ...]
    events: tuple[str, ...]
    state: SimulationState
    unmet_ev_wh: int = 0
    unmet_heat_wh: int = 0
    vm_high_pu: tuple[float, ...] = ()
    unbalance_percent: tuple[float, ...] = ()
    firm_permille: int = WHOLE
    attempted_permille: int = WHOLE
    remedies: tuple[Remedy, ...] = ()

    @property
    def hidden_wh(self) -> int:
        """Drawn through the source and shown by no meter, beyond losses, since meters are false; borne by the supplier."""
        return sum(ex.net_import_wh for ex in self.exchanges) - sum(
            reading.import_wh - reading.export_wh for reading in self.readings
        )

    @property
    def curtailed_wh(self) -> int:
        """PV that could have been produced."""
        return sum(ex.curtailed_wh for ex in self.exchanges)

    def total(self, field: str) -> int:
        """Sum of one field of the exchanges, Wh."""
        return sum(getattr(ex, field) for ex in self.exchanges)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able form for telemetry and reports."""
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built

    def check(self) -> None:
        """Raise unless production + import = consumption + export + losses at the feeder, to the Wh."""
        supply = self.total("pv_wh") + self.total("discharged_wh") + self.feeder_import_wh
        use = self.total("load_wh") + self.total("charged_wh") + self.feeder_export_wh + self.losses_wh
        if supply != use:
            raise BalanceError(f"slot {self.slot_start}: supply of {supply} Wh, use of {use} Wh")


class Simulation:
    """One scenario on one feeder; immutable after construction. Make it with `open_simulation`."""

    def __init__(self, scenario: Scenario, feeder: Feeder, homes: Sequence[Home], outlook: Outlook) -> None:
        """`feeder` and `homes` with the scenario's scales and assets; `outlook` on its slots."""
        self.scenario, self.feeder, self.homes = scenario, feeder, tuple(homes)
        self.timeline = Timeline(scenario.events, scenario.seed, len(self.homes))
        self._networks, self._outlook = Networks(feeder, self.homes, SOLVERS[scenario.grid.phases]), outlook
        self.power_flow = self._networks.under(()).power_flow

    @property
    def slots(self) -> range:
        """Starts of all slots of the scenario."""
        return range(self.scenario.start, self.scenario.end, SLOT_SECONDS)

    def start_state(self) -> SimulationState:
        """Before the first slot."""
        share = self.scenario.grid.battery_start_permille
        return SimulationState(
            self.scenario.start,
            tuple(home.battery_capacity_wh * share // WHOLE for home in self.homes),
            self._outlook.stays.first_wh,
            self._outlook.houses.first_wh,
        )

    def state_at(self, state: SimulationState, slot_start: int) -> SimulationState:
        """What a later slot starts with as far as can be said now: batteries and houses as they are, vehicles as they come."""
        row, at_row = self._row(state.slot_start), self._row(slot_start)
        needs = self._outlook.stays.later(row, state.ev_need_wh, at_row)
        return SimulationState(slot_start, state.soc_wh, needs, state.heat_wh)

    def finished(self, state: SimulationState) -> bool:
        """Whether the scenario's last slot lies behind."""
        return state.slot_start >= self.scenario.end

    def plan(self, state: SimulationState) -> SlotPlan:
        """Expectations for the state's slot: the truth with the scenario's seeded forecast error."""
        network = self._networks.under(self.timeline.known_network(state.slot_start))
        foreseen = self._outlook.expected(self._row(state.slot_start), state.slot_start, state)
        expected = idle(foreseen, network, ())
        return SlotPlan(
            slot_start=state.slot_start,
            slot_end=state.slot_start + SLOT_SECONDS,
            tariff=self.scenario.tariff,
            positions=tuple(position(i, home, expected[i]) for i, home in enumerate(network.homes)),
            expected=expected,
            state=state,
        )

    def gate(self, plan: SlotPlan, accepted: Iterable[Nomination] = ()) -> Gate:
        """The slot's gate; `accepted` are nominations that were already binding before a restart."""
        network = self._networks.under(self.timeline.known_network(plan.slot_start))
        case = SlotCase(plan.slot_start, network.homes, plan.expected, self.reactive_kvar(plan.slot_start))
        rules = self.scenario.gate_rules
        return Gate(network.power_flow, self.scenario.limits, case, accepted, rules=rules)

    def close(
        self,
        plan: SlotPlan,
        accepted: Sequence[Nomination],
        unaccepted: Sequence[Nomination | Attempt] = (),
        remedies: Sequence[Remedy] = (),
    ) -> SlotOutcome:
        """What really flows, with the accepted nominations and the remedies bound for them.

        `unaccepted` are trades that were made although the gate refused them, and what assets do without any trade: they
        move energy only where room is left (`grid.gate.closing`).
        """
        row = self._row(plan.slot_start)
        network = self._networks.under(self.timeline.real_network(plan.slot_start))
        actual = self._outlook.actual(row, plan.state)
        came = self.timeline.disturbed(actual, plan.slot_start)
        trades = [*accepted, *(one for one in unaccepted if isinstance(one, Nomination))]
        sellers = {nomination.seller for nomination in trades}
        stopped = self.timeline.stopped(plan.slot_start, sellers)
        needs = idle(came, network, stopped)
        homes = tuple(without_supply(h) if i in stopped else h for i, h in enumerate(network.homes))
        case = SlotCase(plan.slot_start, homes, needs, self.reactive_kvar(plan.slot_start))
        try:
            closing = ClosingSlot(
                network.power_flow, self.scenario.limits, case, accepted,
                rules=self.scenario.gate_rules, remedies=remedies, attempts=attempts_of(unaccepted),
            )  # fmt: skip
            closed = closing.close()
        except PowerFlowError as error:
            raise SlotWithoutSolutionError(plan.slot_start) from error
        exchanges = tuple(
            _with_idle_plant(*three) for three in zip(closed.exchanges, came, needs, strict=True)
        )
        unserved = tuple(w.household_wh - got.household_wh for w, got in zip(came, needs, strict=True))
        outcome = _outcome(
            self, plan, exchanges, closing.flows(exchanges), closed,
            network=network, unserved_wh=unserved, after=self._outlook.after(row, plan.state, exchanges),
        )  # fmt: skip
        outcome.check()
        return outcome

    def reactive_kvar(self, slot_start: int) -> FloatArray:
        """(connections,) reactive load of a slot."""
        row: FloatArray = self._outlook.series.q_kvar[self._row(slot_start)]
        return row

    def _row(self, slot_start: int) -> int:
        return self.slots.index(slot_start)


def _with_idle_plant(exchange: Exchange, came: Needs, needs: Needs) -> Exchange:
    """What a plant could have made that was cut off or switched off counts as curtailed."""
    idle_wh = came.pv_wh - needs.pv_wh
    return replace(exchange, curtailed_wh=exchange.curtailed_wh + idle_wh) if idle_wh else exchange


def _outcome(
    sim: Simulation,
    plan: SlotPlan,
    exchanges: tuple[Exchange, ...],
    flows: Flows,
    closed: Closed,
    *,
    network: NetworkState,
    unserved_wh: tuple[int, ...],
    after: Afterwards,
) -> SlotOutcome:
    readings = [Reading(i, plan.slot_start, ex.import_wh, ex.export_wh) for i, ex in enumerate(exchanges)]
    losses = to_wh(float(flows.losses_kw[0]))
    at_source = sum(ex.net_import_wh for ex in exchanges) + losses
    return SlotOutcome(
        slot_start=plan.slot_start,
        slot_end=plan.slot_end,
        exchanges=exchanges,
        vm_pu=tuple(flows.vm_pu[0].tolist()),
        line_percent=tuple(flows.line_percent[0].tolist()),
        transformer_percent=tuple(flows.transformer_percent[0].tolist()),
        losses_wh=losses,
        feeder_import_wh=max(0, at_source),
        feeder_export_wh=max(0, -at_source),
        breaches=_breaches(sim, network, flows),
        readings=sim.timeline.read(readings, plan.slot_start),
        unserved_wh=unserved_wh,
        dead_buses=tuple(sorted(network.dead_buses)),
        events=sim.timeline.words(plan.slot_start),
        state=SimulationState(
            plan.slot_end, tuple(ex.soc_wh for ex in exchanges), after.ev_need_wh, after.heat_wh
        ),
        unmet_ev_wh=after.unmet_ev_wh,
        unmet_heat_wh=after.unmet_heat_wh,
        remedies=closed.remedies,
        **closed.shares,
        **_by_phase(flows),
    )


def _by_phase(flows: Flows) -> dict[str, Any]:
    if not isinstance(flows, UnbalancedFlows):
        return {}
    return {
        "vm_high_pu": tuple(flows.highest_pu[0].tolist()),
        "unbalance_percent": tuple(flows.unbalance_percent[0].tolist()),
    }


def _breaches(sim: Simulation, network: NetworkState, flows: Flows) -> tuple[Breach, ...]:
    """Limits that were exceeded where there is supply: an interruption is no voltage variation."""
    dead = {sim.feeder.buses[bus].name for bus in network.dead_buses}
    found = breaches(sim.feeder, sim.scenario.limits, flows)
    return tuple(breach for breach in found if breach.kind != "voltage" or breach.place not in dead)


def open_simulation(scenario: Scenario, reading: Mapping[str, Options] | None = None) -> Simulation:
    """Read the scenario's files (`grid.scenarios.inputs.read_inputs`); about 50 ms for two weeks of a 129-bus feeder.

    Raises:
        NetworkFaultError, ProfileFaultError, ScenarioFaultError: what is wrong with a file and how to mend it.
    """
    feeder, profiles = read_inputs(scenario, reading)
    period = scenario.start, scenario.end
    feeder = planted(scaled(feeder, scenario), scenario.assets, scenario.seed, period)
    faults = element_faults(feeder, scenario.events)
    if faults:
        raise ScenarioFaultError(faults)
    homes = [home_of(connection, scenario.grid.firm_export_permille) for connection in feeder.connections]
    series = series_of(feeder, profiles, *period, seed=scenario.seed)
    more = series.wind_wh is not None or any(cn.vehicle or cn.heat_pump for cn in feeder.connections)
    forecast = Forecast(scenario.forecast, scenario.seed, len(homes), shiftable=more)
    return Simulation(scenario, feeder, homes, open_outlook(feeder, profiles, series, forecast, period))
