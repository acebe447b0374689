"""What any process knows of the live market: the run, its feeder, and the slots that are open for trade."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from channels_engine.store.models import TradeRecord
from grid.assets import SLOT_SECONDS
from grid.gate.check import Gate
from grid.gate.nominations import Nomination
from grid.market.bilateral import first_beliefs
from grid.models import ReplayRun
from grid.scenarios.scenario import load_scenario
from grid.simulation import Simulation, SlotPlan, open_simulation
from marketplace.trading.models import Prosumer
from marketplace.trading.replay.play import Checkpoint

OPEN_SLOTS = 96
"""How far ahead people may trade: a day."""


@lru_cache(maxsize=4)
def simulation_of(scenario: str) -> Simulation:
    """The simulation of a scenario in fixtures/scenarios."""
    path = Path(settings.BASE_DIR) / "fixtures" / "scenarios" / f"{scenario}.toml"
    return open_simulation(load_scenario(path))


def live_run() -> ReplayRun | None:
    """The live run of this site, if one has begun."""
    return ReplayRun.objects.filter(live=True).order_by("-created_at").first()


@dataclass(frozen=True, slots=True)
class MarketView:
    """The live market at one moment."""

    run: ReplayRun
    simulation: Simulation
    checkpoint: Checkpoint

    @property
    def playing(self) -> int:
        """Start of the slot that is being delivered: closed for trade."""
        return self.checkpoint.simulation.slot_start

    @property
    def open_slots(self) -> range:
        """Starts of the slots that people may trade now, market time."""
        first = self.playing + SLOT_SECONDS
        return range(
            first, min(first + OPEN_SLOTS * SLOT_SECONDS, self.simulation.scenario.end), SLOT_SECONDS
        )

    @property
    def since(self) -> int:
        """When the run began, epoch seconds: what was agreed before belongs to an earlier one."""
        return int(self.run.created_at.timestamp())

    def plan(self, slot_start: int) -> SlotPlan:
        """Expectations for a slot; batteries and houses as they are now, vehicles as they come."""
        return self.simulation.plan(self.simulation.state_at(self.checkpoint.simulation, slot_start))

    def gate(self, slot_start: int) -> Gate:
        """The slot's gate with every trade that is binding already."""
        return self.simulation.gate(self.plan(slot_start), self.nominations(slot_start))

    def trades(self, slot_start: int) -> list[TradeRecord]:
        """Co-signed trades of this run in a slot, in a fixed order."""
        return trades_between(slot_start, self.connections(), self.since)

    def nominations(self, slot_start: int) -> tuple[Nomination, ...]:
        """Binding trades of a slot as the operator sees them."""
        at = self.connections()
        return tuple(
            Nomination(trade.trade, at[trade.seller], at[trade.buyer], slot_start, trade.quantity_wh)
            for trade in trades_between(slot_start, at, self.since)
        )

    def connections(self) -> dict[str, int]:
        """Connection of every owner on this feeder: households and people alike."""
        names = {connection.name: i for i, connection in enumerate(self.simulation.feeder.connections)}
        rows = Prosumer.objects.filter(connection__in=names).values_list("owner", "connection")
        return {owner: names[connection] for owner, connection in rows}


def lives_somebody(connection: str) -> bool:
    """Whether a person trades for a connection: its household's agent rests then."""
    return Prosumer.objects.filter(connection=connection, user__isnull=False).exists()


def market_view() -> MarketView | None:
    """The live market now; None where none runs."""
    run = live_run()
    if run is None or run.status != ReplayRun.Status.RUNNING:
        return None
    simulation = simulation_of(run.scenario)
    return MarketView(run, simulation, checkpoint_of(run, simulation))


def market_now() -> int:
    """Where the market stands: the slot that it plays, epoch seconds of its own time; the clock's where none runs."""
    market = market_view()
    return int(time.time()) if market is None else market.playing


def checkpoint_of(run: ReplayRun, simulation: Simulation) -> Checkpoint:
    """Where a run stands."""
    if run.checkpoint is not None:
        return Checkpoint.from_json(run.checkpoint)
    beliefs = first_beliefs(simulation.scenario.tariff, len(simulation.homes))
    return Checkpoint(simulation.start_state(), beliefs)


def trades_between(slot_start: int, owners: Iterable[str], since: int) -> list[TradeRecord]:
    """Co-signed trades of a slot among these owners, agreed since then, in a fixed order."""
    known = set(owners)
    rows = TradeRecord.objects.filter(slot_start=slot_start, at__gte=since).order_by("trade")
    return [trade for trade in rows if trade.seller in known and trade.buyer in known]
