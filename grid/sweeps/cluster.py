"""Runs on Dask: a cluster of this machine's processes, or any by the address of its scheduler.

Messages of Dask are pickles: who reaches a scheduler runs code on it. The local cluster talks TLS with a certificate
made for it alone; for another, docs/sweeps.md says how to set TLS up.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from dask import config
from distributed import Client, KilledWorker, LocalCluster, as_completed
from distributed.client import FutureCancelledError

from grid.sweeps.drive import MAX_LOSSES, Place, Results
from grid.sweeps.plan import Run
from grid.sweeps.results import SweepError
from grid.sweeps.work import run_one

CONNECT_S = 20
_SETTINGS = {
    "distributed.scheduler.allowed-failures": MAX_LOSSES,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}
"""A cluster of our own; its web pages would be open to everybody on this machine."""


def on_dask(runs: Sequence[Run], files: Mapping[str, bytes], place: Place) -> Results:
    """Play runs on the place's cluster; results in the order in which they come.

    Workers get the content of files, not their paths. It is the result of a task, so a worker that dies takes
    nothing with it that the scheduler can't make again.
    """
    with client_of(place) as client:
        yield from Driver(client, files, place.tables).play(runs)


@contextmanager
def client_of(place: Place) -> Iterator[Client]:
    """A client of the scheduler at the place's address, or of a cluster of this machine that ends with it."""
    with ExitStack() as stack:
        address: Any = place.scheduler
        if not address:
            address = stack.enter_context(_local_cluster(place.workers))
        try:
            client = _client(address, timeout=CONNECT_S, set_as_default=False)
        except OSError as error:
            raise SweepError(
                f"No Dask scheduler answers at {place.scheduler}: start one there (dask scheduler), or unset"
                " DASK_SCHEDULER to use this machine."
            ) from error
        yield stack.enter_context(client)


def _client(*args: Any, **options: Any) -> Any:
    return Client(*args, **options)  # type: ignore[no-untyped-call]  # Dask ships types for some of its calls only


@contextmanager
def _local_cluster(workers: int) -> Iterator[LocalCluster]:
    logging.getLogger("distributed").setLevel(logging.WARNING)  # its comings and goings are no news
    with (
        TemporaryDirectory(prefix="wattnote-dask-") as scratch,
        config.set({**_SETTINGS, "temporary-directory": scratch}),
        LocalCluster(  # type: ignore[no-untyped-call]  # as above
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            security=True,
            dashboard_address="127.0.0.1:0",
        ) as cluster,
    ):
        yield cluster


def _content(content: bytes) -> bytes:
    return content


class Driver:
    """Submits runs to a client's scheduler, and again those that a dying worker or scheduler took along."""

    def __init__(self, client: Client, files: Mapping[str, bytes], tables: str | None) -> None:
        self._client, self._tables = client, tables
        self._files = {
            name: client.submit(_content, content, key=f"wattnote-file-{name}")
            for name, content in files.items()
        }
        self._losses: dict[str, int] = {}

    def play(self, runs: Sequence[Run]) -> Results:
        """Results in the order in which they come. Raises SweepError for a run that no worker survives."""
        underway = {self._submitted(run): run for run in runs}
        waiting = as_completed(list(underway), loop=self._client.loop, raise_errors=False)  # type: ignore[no-untyped-call]  # as above
        for future in waiting:
            run = underway.pop(future)
            try:
                yield future.result()
            except (KilledWorker, FutureCancelledError) as error:
                again = self._again(run, error)
                underway[again] = run
                waiting.add(again)  # type: ignore[no-untyped-call]  # as above

    def _again(self, run: Run, error: Exception) -> Any:
        losses = self._losses[run.id] = self._losses.get(run.id, 0) + 1
        if losses >= MAX_LOSSES:
            raise SweepError(
                f"Run {run.id} ({run.parameters}) lost its worker again and again; is there enough memory?"
            ) from error
        return self._submitted(run)

    def _submitted(self, run: Run) -> Any:
        key = f"wattnote-{run.id}-{self._losses.get(run.id, 0)}"
        contents = [self._files[name] for name in run.files]
        return self._client.submit(run_one, run, *contents, tables=self._tables, key=key)
