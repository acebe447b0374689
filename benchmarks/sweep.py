"""A sweep of 16 June days: two Dask workers against one process, same results. Starting the cluster counts."""

import argparse
import time

from benchmarks.results import ROOT, record
from grid.sweeps.cluster import on_dask
from grid.sweeps.drive import Place, in_turn
from grid.sweeps.plan import Sweep, SweepSection, expand, read_toml
from grid.sweeps.results import canonical

WORKERS, GOAL = 2, 1.5
COMMAND = "python -m benchmarks sweep"


def sixteen_days() -> Sweep:
    """The June day with two scales of PV, two numbers of partners, four seeds."""
    base = ROOT / "fixtures" / "scenarios" / "june-day.toml"
    section = SweepSection(
        name="benchmark",
        base=base.name,
        seeds=(1, 2, 3, 4),
        grid_of={"grid.pv_scale": [1.0, 2.0], "market.partners": [2, 4]},
    )
    return expand(section, read_toml(base), base.parent)


def main() -> None:
    """Measure, compare the results, record the row."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    sweep = sixteen_days()
    began = time.perf_counter()
    alone = {result["id"]: canonical(result) for result in in_turn(sweep.runs, sweep.files, Place())}
    middle = time.perf_counter()
    together = {
        result["id"]: canonical(result) for result in on_dask(sweep.runs, sweep.files, Place(workers=WORKERS))
    }
    ended = time.perf_counter()
    if alone != together:
        raise SystemExit("the workers' results differ from those of one process")
    ours, reference = (len(sweep.runs) / seconds for seconds in (ended - middle, middle - began))
    record(
        "sweep/two-workers",
        ours=ours,
        reference=reference,
        ratio=ours / reference,
        goal=GOAL,
        unit="runs/s",
        better="higher",
        command=COMMAND,
    )


if __name__ == "__main__":
    main()
