"""Live markets that stand at a chosen quarter-hour."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from grid.models import ReplayRun
from marketplace.trading.live.view import MarketView, checkpoint_of, market_view, simulation_of
from marketplace.trading.replay.play import Checkpoint


@pytest.fixture
def market_at(db: None) -> Callable[[str, int], MarketView]:
    """Make a live run of a scenario that stands so many slots after its start."""

    def make(scenario_name: str, slots: int) -> MarketView:
        simulation = simulation_of(scenario_name)
        scenario = simulation.scenario
        run = ReplayRun.objects.create(
            scenario=scenario_name,
            fingerprint="0" * 64,
            funding="notes",
            starts_at=scenario.start,
            ends_at=scenario.end,
            live=True,
            status=ReplayRun.Status.RUNNING,
        )
        start = checkpoint_of(run, simulation)
        there = replace(start.simulation, slot_start=scenario.start + slots * 900)
        run.checkpoint = Checkpoint(there, start.beliefs).to_json()
        run.save()
        view = market_view()
        assert view is not None
        return view

    return make
