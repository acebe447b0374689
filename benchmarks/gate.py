"""The gate's checks per second: by estimate with a proved margin, against a power flow for each check, in one run.

    python benchmarks/gate.py [--checks 600]

Random sales between the 153 connections of the 129-bus feeder, in slots of the `default` scenario with every export
nominated. No limit is reached there: a refusal costs power flows on either side. Both ask the same in the same order, and
their verdicts must be equal, or there is no row. Processor time, best of three; checks that change no flow are left out.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import results  # noqa: E402  found through the line above

from grid.assets import home_of  # noqa: E402  as above
from grid.gate.check import Gate  # noqa: E402  as above
from grid.gate.nominations import Nomination, SlotCase  # noqa: E402  as above
from grid.gate.room import linear_of  # noqa: E402  as above
from grid.gate.verdicts import Verdict  # noqa: E402  as above
from grid.scenarios.scenario import load_scenario  # noqa: E402  as above
from grid.simulation import Simulation, SimulationState, open_simulation  # noqa: E402  as above

COMMAND = "python benchmarks/gate.py"
SLOTS = (0, 8, 14, 20, 110)
REPEATS = 3
GOAL = 5.0
Asked = tuple[SlotCase, list[Nomination]]


def questions(sim: Simulation, checks: int) -> list[Asked]:
    """Per slot its case with nothing firm, and sales of what sellers expect to have."""
    chance = np.random.default_rng(5)
    homes = [home_of(connection, 0) for connection in sim.feeder.connections]
    asked: list[Asked] = []
    for number in SLOTS:
        plan = sim.plan(SimulationState(sim.slots[number], sim.start_state().soc_wh))
        sellers = [p.connection for p in plan.positions if p.surplus_wh + p.flexible_export_wh > 100]  # noqa: PLR2004  Wh
        case = SlotCase(plan.slot_start, homes, plan.expected, sim.reactive_kvar(plan.slot_start))
        asked.append(
            (case, [_sale(chance, sellers, plan.slot_start, i) for i in range(checks // len(SLOTS))])
        )
    return asked


def _sale(chance: np.random.Generator, sellers: list[int], slot: int, number: int) -> Nomination:
    seller = int(chance.choice(sellers))
    buyer = int((seller + 1 + chance.integers(0, 152)) % 153)
    return Nomination(f"{slot}-{number}", seller, buyer, slot, int(chance.integers(50, 800)))


def ask(sim: Simulation, asked: list[Asked], *, estimating: bool) -> tuple[float, list[Gate], list[Verdict]]:
    """Seconds of processor time for all questions, the gates and their verdicts."""
    limits, seconds = sim.scenario.limits, 0.0
    gates, verdicts = [], []
    for case, nominations in asked:
        gate = Gate(sim.power_flow, limits, case, estimating=estimating)
        began = time.process_time()
        verdicts += [gate.accept(nomination) for nomination in nominations]
        seconds += time.process_time() - began
        gates.append(gate)
    return seconds, gates, verdicts


def main() -> None:
    """Measure, compare the verdicts, record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checks", type=int, default=600)
    options = parser.parse_args()
    scenario = load_scenario(HERE.parent / "fixtures" / "scenarios" / "default.toml")
    sim = open_simulation(scenario)
    asked = questions(sim, options.checks)
    linear_of(sim.power_flow)  # made once a feeder, not once a slot
    pairs = [[ask(sim, asked, estimating=fast) for fast in (True, False)] for _ in range(REPEATS)]
    (fast, gates, mine), (slow, _, theirs) = (
        min(side, key=lambda run: run[0]) for side in zip(*pairs, strict=True)
    )
    if mine != theirs:
        raise SystemExit("the estimate and the power flow come to different verdicts; no figure")
    tallies = [gate.tally for gate in gates]
    total = sum(t.estimated + t.renewed + t.solved for t in tallies)
    print(
        f"{total} checks that change the flow, {sum(not v.accepted for v in mine)} refused;"
        f" {sum(t.estimated for t in tallies)} decided by the estimate, {sum(t.renewed for t in tallies)} by a renewed one,"
        f" {sum(t.solved for t in tallies)} by a power flow"
    )
    results.record(
        "gate_checks", ours=total / fast, reference=total / slow, ratio=slow / fast, goal=GOAL, unit="checks/s",
        better="higher", command=COMMAND,
    )  # fmt: skip


if __name__ == "__main__":
    main()
