"""A scenario in memory: the same slots again for the same seed, and sums that hold."""

from pathlib import Path

from grid.scenarios.scenario import load_scenario
from grid.simulation import open_simulation
from grid.study import Study


def test_a_study_is_the_same_again_and_trades(fixtures_folder: Path) -> None:
    scenario = load_scenario(fixtures_folder / "scenarios" / "quick.toml")
    one, other = (Study(open_simulation(scenario)) for _ in range(2))
    slots = list(one.slots())
    assert slots == list(other.slots())
    summary = one.run()
    assert summary["slots"] == len(slots) == len(one.simulation.slots)
    assert summary["trades"] > 0
    assert summary["energy"]["traded_wh"] == sum(
        trade["quantity_wh"] for slot in slots for trade in slot["trades"]
    )
