"""The slot loop, pure: what is expected, what the gate allows, what was metered.

A driver does, per slot::

    plan = simulation.plan(state)          # expected positions; the same for the same state, always
    gate = simulation.gate(plan)           # ask it before a trade is signed, withdraw what was not signed
    ...trades...
    outcome = simulation.close(plan, gate.accepted)
    state = outcome.state                  # store it: it is all that a resumed replay needs

Nothing here knows channels, money or a clock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from grid.assets import SLOT_SECONDS, Exchange, Home, Needs, Position, exchange, home_of, position
from grid.limits import (
    Breach,
    Envelope,
    Gate,
    Nomination,
    SlotCase,
    breaches,
    fitting,
    largest_passing,
    solve_net,
)
from grid.metering import Reading, register_wh, to_wh
from grid.network import Connection, Feeder
from grid.network_files import load_feeder
from grid.powerflow import FloatArray, Flows, PowerFlow
from grid.profiles import Profiles, read_profiles
from grid.scenario import Scenario, Tariff

IntArray = npt.NDArray[np.int64]
WHOLE = 1000


class BalanceError(RuntimeError):
    """The energy of a slot does not balance at the feeder; an error of ours."""


@dataclass(frozen=True, slots=True)
class SimulationState:
    """All that a replay carries from slot to slot: the next slot and the batteries' charge, Wh per connection."""

    slot_start: int
    soc_wh: tuple[int, ...]

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
        state: for the next slot.
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
    state: SimulationState

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The meters' view, per connection."""
        return tuple(
            Reading(i, self.slot_start, ex.import_wh, ex.export_wh) for i, ex in enumerate(self.exchanges)
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
        return asdict(self)

    def check(self) -> None:
        """Raise unless production + import = consumption + export + losses at the feeder, to the Wh."""
        supply = self.total("pv_wh") + self.total("discharged_wh") + self.feeder_import_wh
        use = self.total("load_wh") + self.total("charged_wh") + self.feeder_export_wh + self.losses_wh
        if supply != use:
            raise BalanceError(f"slot {self.slot_start}: supply of {supply} Wh, use of {use} Wh")


@dataclass(frozen=True, slots=True)
class Series:
    """The truth, on the scenario's slots: (slots, connections) load and PV in Wh, reactive load in kvar."""

    load_wh: npt.NDArray[np.int64]
    pv_wh: npt.NDArray[np.int64]
    q_kvar: FloatArray


class Simulation:
    """One scenario on one feeder; immutable after construction. Make it with `open_simulation`."""

    def __init__(self, scenario: Scenario, feeder: Feeder, homes: Sequence[Home], series: Series) -> None:
        """`feeder` and `homes` with the scenario's scales; `series` on its slots."""
        self.scenario, self.feeder, self.homes = scenario, feeder, tuple(homes)
        self.power_flow = PowerFlow(feeder)
        self._series = series

    @property
    def slots(self) -> range:
        """Starts of all slots of the scenario."""
        return range(self.scenario.start, self.scenario.end, SLOT_SECONDS)

    def start_state(self) -> SimulationState:
        """Before the first slot."""
        share = self.scenario.grid.battery_start_permille
        return SimulationState(
            self.scenario.start, tuple(h.battery_capacity_wh * share // WHOLE for h in self.homes)
        )

    def finished(self, state: SimulationState) -> bool:
        """Whether the scenario's last slot lies behind."""
        return state.slot_start >= self.scenario.end

    def plan(self, state: SimulationState) -> SlotPlan:
        """Expectations for the state's slot: the truth with the scenario's seeded forecast error."""
        expected = self._expected(state)
        return SlotPlan(
            slot_start=state.slot_start,
            slot_end=state.slot_start + SLOT_SECONDS,
            tariff=self.scenario.tariff,
            positions=tuple(position(i, home, expected[i]) for i, home in enumerate(self.homes)),
            expected=expected,
            state=state,
        )

    def gate(self, plan: SlotPlan, accepted: Iterable[Nomination] = ()) -> Gate:
        """The slot's gate; `accepted` are nominations that were already binding before a restart."""
        case = SlotCase(plan.slot_start, self.homes, plan.expected, self.reactive_kvar(plan.slot_start))
        return Gate(self.power_flow, self.scenario.limits, case, accepted)

    def close(self, plan: SlotPlan, accepted: Sequence[Nomination]) -> SlotOutcome:
        """What really flows, with the accepted nominations; the operator curtails what does not fit."""
        exchanges, *room = _ClosingSlot(self, self._actual(plan.state), plan.slot_start, accepted).close()
        flows = solve_net(
            self.power_flow, np.atleast_2d(_net(exchanges)), self.reactive_kvar(plan.slot_start)
        )
        outcome = _outcome(self, plan, exchanges, flows, room)
        outcome.check()
        return outcome

    def reactive_kvar(self, slot_start: int) -> FloatArray:
        """(connections,) reactive load of a slot."""
        row: FloatArray = self._series.q_kvar[self._row(slot_start)]
        return row

    def _row(self, slot_start: int) -> int:
        return self.slots.index(slot_start)

    def _actual(self, state: SimulationState) -> tuple[Needs, ...]:
        row = self._row(state.slot_start)
        truth = zip(
            self._series.load_wh[row].tolist(), self._series.pv_wh[row].tolist(), state.soc_wh, strict=True
        )
        return tuple(Needs(load, pv, soc) for load, pv, soc in truth)

    def _expected(self, state: SimulationState) -> tuple[Needs, ...]:
        """PV errors share half of their variance: the weather is wrong for all at once."""
        size, forecast = len(self.homes), self.scenario.forecast
        draw = np.random.default_rng([self.scenario.seed, state.slot_start]).standard_normal(2 * size + 1)
        load_factor = 1 + forecast.load_error * draw[:size]
        pv_factor = 1 + forecast.pv_error * (draw[size : 2 * size] + draw[-1]) / 2**0.5
        row = self._row(state.slot_start)
        load = np.maximum(0, np.rint(self._series.load_wh[row] * load_factor)).astype(np.int64).tolist()
        pv = np.maximum(0, np.rint(self._series.pv_wh[row] * pv_factor)).astype(np.int64).tolist()
        return tuple(Needs(*three) for three in zip(load, pv, state.soc_wh, strict=True))


class _ClosingSlot:
    """The operator at work in one slot: as much of nominations and surplus as the limits allow.

    Surplus that is neither firm nor nominated gives way first, pro rata: one share for the whole feeder.
    """

    def __init__(
        self, sim: Simulation, needs: Sequence[Needs], slot_start: int, accepted: Sequence[Nomination]
    ) -> None:
        self._sim, self._needs = sim, needs
        self._q_kvar = sim.reactive_kvar(slot_start)
        self._sold, self._bought = [0] * len(needs), [0] * len(needs)
        for nomination in accepted:
            self._sold[nomination.seller] += nomination.quantity_wh
            self._bought[nomination.buyer] += nomination.quantity_wh
        # Who trades nothing does the same whatever share of the nominations passes.
        self._idle = [
            None if sold or bought else self._exchange(i, 0, sim.homes[i].firm_export_wh)
            for i, (sold, bought) in enumerate(zip(self._sold, self._bought, strict=True))
        ]
        base = solve_net(sim.power_flow, np.atleast_2d(_net(self._exchanges(0))), self._q_kvar)
        self._envelope = Envelope(sim.feeder, sim.scenario.limits, base)

    def close(self) -> tuple[tuple[Exchange, ...], int, int]:
        """(exchanges, nominated per mille, surplus per mille)."""
        nominated, certain = self._certain()
        if nominated < WHOLE:
            return certain, nominated, 0
        spare = np.array([ex.curtailed_wh for ex in certain], dtype=np.int64)
        granted = self._granted(_net(certain), spare)
        final = tuple(
            self._exchange(i, WHOLE, ex.export_wh + more) if more else ex
            for i, (ex, more) in enumerate(zip(certain, granted.tolist(), strict=True))
        )
        return final, WHOLE, int(granted.sum() * WHOLE // spare.sum()) if spare.any() else WHOLE

    def _certain(self) -> tuple[int, tuple[Exchange, ...]]:
        """All of the nominations, or the largest share that fits (what was expected is not what came); per mille."""
        everything = self._exchanges(WHOLE)
        if self._fits(_net(everything))[0]:
            return WHOLE, everything
        share = largest_passing(
            lambda shares: self._fits(np.vstack([_net(self._exchanges(s)) for s in shares])), WHOLE
        )
        return share, self._exchanges(share)

    def _granted(self, net: IntArray, spare: IntArray) -> IntArray:
        """Wh of each home's spare energy that still find room; (connections,)."""
        if self._fits(net - spare)[0]:
            return spare
        share = largest_passing(
            lambda shares: self._fits(net - spare * np.array(shares)[:, None] // WHOLE), WHOLE
        )
        granted: IntArray = spare * share // WHOLE
        return granted

    def _fits(self, net: IntArray) -> npt.NDArray[np.bool_]:
        return fitting(self._envelope, self._sim.power_flow, np.atleast_2d(net), self._q_kvar)

    def _exchanges(self, nominated: int) -> tuple[Exchange, ...]:
        return tuple(
            self._trading(i, nominated) if idle is None else idle for i, idle in enumerate(self._idle)
        )

    def _trading(self, i: int, nominated: int) -> Exchange:
        firm = self._sim.homes[i].firm_export_wh
        return self._exchange(i, nominated, firm + max(0, self._sold[i] - firm) * nominated // WHOLE)

    def _exchange(self, i: int, nominated: int, cap: int) -> Exchange:
        buys = self._bought[i] * nominated // WHOLE
        return exchange(self._sim.homes[i], self._needs[i], sold_wh=self._sold[i], bought_wh=buys, cap_wh=cap)


def _net(exchanges: Sequence[Exchange]) -> IntArray:
    return np.array([ex.net_import_wh for ex in exchanges], dtype=np.int64)


def _outcome(
    sim: Simulation, plan: SlotPlan, exchanges: tuple[Exchange, ...], flows: Flows, room: Sequence[int]
) -> SlotOutcome:
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
        nominated_permille=room[0],
        surplus_permille=room[1],
        breaches=breaches(sim.feeder, sim.scenario.limits, flows),
        state=SimulationState(plan.slot_end, tuple(ex.soc_wh for ex in exchanges)),
    )


def open_simulation(scenario: Scenario) -> Simulation:
    """Read the scenario's files; about 50 ms for two weeks of a 129-bus feeder.

    Raises:
        NetworkFaultError, ProfileFaultError: what is wrong with a file and how to mend it.
    """
    feeder = scaled(load_feeder(scenario.folder / scenario.grid.network), scenario)
    profiles = _covering(scenario, [read_profiles(scenario.folder / name) for name in scenario.grid.profiles])
    homes = [home_of(connection, scenario.grid.firm_export_permille) for connection in feeder.connections]
    return Simulation(scenario, feeder, homes, series_of(feeder, profiles, scenario.start, scenario.end))


def _covering(scenario: Scenario, files: Sequence[Profiles]) -> Profiles:
    """The file that holds the period; where none does, the first one says what is wrong."""
    return next((p for p in files if p.slot_start[0] <= scenario.start < p.slot_start[-1]), files[0])


def scaled(feeder: Feeder, scenario: Scenario) -> Feeder:
    """The feeder with the scenario's load and PV scales in the ratings."""

    def scale(cn: Connection) -> Connection:
        load, pv, grid = cn.load, cn.generator, scenario.grid
        return replace(
            cn,
            load=load
            and replace(load, p_mw=load.p_mw * grid.load_scale, q_mvar=load.q_mvar * grid.load_scale),
            generator=pv and replace(pv, p_mw=pv.p_mw * grid.pv_scale, q_mvar=pv.q_mvar * grid.pv_scale),
        )

    return replace(feeder, connections=tuple(scale(cn) for cn in feeder.connections))


def series_of(feeder: Feeder, profiles: Profiles, start: int, end: int) -> Series:
    """The truth of [start, end): ratings times profiles, an element without a profile at its rating.

    Meters are read from the file's first slot on, so that a slot's Wh don't depend on where a replay starts.
    """
    window = profiles.window(start, end)
    ones = np.ones(len(profiles.slot_start))

    def power(rated_mw: float, name: str | None) -> FloatArray:
        return rated_mw * 1e3 * (profiles.column(name) if name else ones)

    def load(cn: Connection, kind: str) -> FloatArray:
        if cn.load is None:
            return 0 * ones
        name = cn.load.profile and f"{cn.load.profile}_{kind}load"
        return power(cn.load.p_mw if kind == "p" else cn.load.q_mvar, name)

    def generation(cn: Connection, *, reactive: bool) -> FloatArray:
        if cn.generator is None:
            return 0 * ones
        return power(cn.generator.q_mvar if reactive else cn.generator.p_mw, cn.generator.profile)

    everyone = feeder.connections
    return Series(
        load_wh=register_wh(np.column_stack([load(cn, "p") for cn in everyone]))[window],
        pv_wh=register_wh(np.column_stack([generation(cn, reactive=False) for cn in everyone]))[window],
        q_kvar=np.column_stack([load(cn, "q") - generation(cn, reactive=True) for cn in everyone])[window],
    )
