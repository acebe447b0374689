"""A scenario in memory: the same slots again for the same seed, and sums that hold."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec

from grid.scenarios.scenario import load_scenario
from grid.simulation import open_simulation
from grid.study import Study


def test_a_study_is_the_same_again_and_trades(fixtures_folder: Path) -> None:
    whole = load_scenario(fixtures_folder / "scenarios" / "quick.toml")
    period = msgspec.structs.replace(whole.period, end=whole.period.start + timedelta(hours=4))
    scenario = replace(whole, period=period)
    one, other = (Study(open_simulation(scenario)) for _ in range(2))
    slots = list(one.slots())
    assert slots == list(other.slots())
    summary = one.run()
    assert summary["slots"] == len(slots) == len(one.simulation.slots)
    assert summary["trades"] > 0
    assert summary["energy"]["traded_wh"] == sum(
        trade["quantity_wh"] for slot in slots for trade in slot["trades"]
    )
