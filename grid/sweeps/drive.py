"""Where runs are played: here one by one, in a pool of processes, or on Dask (`grid.sweeps.cluster`)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing import get_context
from typing import Any

from grid.sweeps.plan import Run, Sweep
from grid.sweeps.results import ResultFolder, SweepError
from grid.sweeps.work import run_one

MAX_LOSSES = 5
"""So often a run may take its worker with it; then it is the run's fault."""

Results = Iterator[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where to play.

    Attributes:
        workers: processes on this machine; 1 plays in this process.
        scheduler: address of a Dask scheduler instead, empty for none.
        tables: format in which every table of every run is wanted too, or None.
    """

    workers: int = 1
    scheduler: str = ""
    tables: str | None = None

    @property
    def words(self) -> str:
        """For whoever waits."""
        if self.scheduler:
            open_line = (
                "" if self.scheduler.startswith("tls://") else ", not encrypted: trusted networks only"
            )
            return f"on the Dask cluster at {self.scheduler}{open_line}"
        if self.workers == 1:
            return "one after the other in this process"
        if has_dask():
            return f"on {self.workers} Dask workers of this machine"
        return f"in {self.workers} processes (Dask is not installed; the extra 'cluster' brings it)"


def has_dask() -> bool:
    """Whether the extra `cluster` is installed."""
    return find_spec("distributed") is not None


def play_sweep(
    sweep: Sweep, folder: ResultFolder, place: Place, progress: Callable[[int, int], None]
) -> None:
    """Play what is missing and keep each result as it comes. Called again after any end, it goes on.

    Raises:
        SweepError: no scheduler answers, or a run killed its workers again and again.
    """
    missing = [run for run in sweep.runs if not folder.has(run)]
    done = len(sweep.runs) - len(missing)
    progress(done, len(sweep.runs))
    if not missing:
        return
    for result in _player(place)(missing, sweep.files, place):
        folder.keep(result)
        done += 1
        progress(done, len(sweep.runs))


def _player(place: Place) -> Callable[[Sequence[Run], Mapping[str, bytes], Place], Results]:
    if place.scheduler or (place.workers > 1 and has_dask()):
        from grid.sweeps.cluster import on_dask  # noqa: PLC0415  Dask takes a second to import, and is an extra

        return on_dask
    return in_turn if place.workers == 1 else in_processes


def in_turn(runs: Sequence[Run], files: Mapping[str, bytes], place: Place) -> Results:
    """One after the other, in this process."""
    for run in runs:
        yield run_one(run, *(files[name] for name in run.files), tables=place.tables)


def in_processes(runs: Sequence[Run], files: Mapping[str, bytes], place: Place) -> Results:
    """In a pool that is made anew when one of its processes dies; what it had not finished is played again."""
    left = {run.id: run for run in runs}
    for _ in range(MAX_LOSSES):
        try:
            for result in _in_one_pool(list(left.values()), files, place):
                del left[result["id"]]
                yield result
        except BrokenProcessPool:
            continue
        return
    raise SweepError(f"Processes died {MAX_LOSSES} times with {len(left)} runs left; is there enough memory?")


def _in_one_pool(runs: Sequence[Run], files: Mapping[str, bytes], place: Place) -> Results:
    with ProcessPoolExecutor(place.workers, mp_context=get_context("spawn")) as pool:
        futures = [
            pool.submit(run_one, run, *(files[name] for name in run.files), tables=place.tables)
            for run in runs
        ]
        for future in as_completed(futures):
            yield future.result()
