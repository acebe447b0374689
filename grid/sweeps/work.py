"""What a worker does: one run, from bytes to figures. It needs neither Django nor a database nor the driver's disk."""

import functools
import io
import threading
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from grid.flow.powerflow import PowerFlowError
from grid.networks.feeder import NetworkFaultError
from grid.profiles import ProfileFaultError
from grid.results.export import Export
from grid.results.tables import TABLES, Places
from grid.scenarios.scenario import ScenarioFaultError, parse_scenario
from grid.simulation import open_simulation
from grid.study import Study
from grid.sweeps.plan import Run

FAULTS = (ScenarioFaultError, NetworkFaultError, ProfileFaultError, PowerFlowError)
"""Faults of a run, not of the sweep: the others go on."""
_LAYING_OUT = threading.Lock()
"""A Dask worker plays its runs in threads: none may make a desk beside another's, or read what is half written."""


@functools.cache
def _desk() -> TemporaryDirectory[str]:
    """Where this process keeps the files of its runs until it ends."""
    return TemporaryDirectory(prefix="wattnote-sweep-")


def run_one(run: Run, *contents: bytes, tables: str | None = None) -> dict[str, Any]:
    """Play a run in memory; the same result wherever and whenever it is played.

    Args:
        run: what to play.
        contents: of the run's files, in their order.
        tables: format ("csv", "parquet", "json") in which every table of the run is wanted too.

    Returns:
        `id`, `parameters`, and either `summary` (`Study.run`), with `tables` name -> bytes where they are wanted,
        or `error` in words.
    """
    head = {"id": run.id, "parameters": run.parameters}
    folder = _laid_out(dict(zip(run.files, contents, strict=True)))
    try:
        return head | _played(run, folder, tables)
    except FAULTS as fault:
        return head | {"error": str(fault)}


def _played(run: Run, folder: Path, tables: str | None) -> dict[str, Any]:
    study = Study(open_simulation(parse_scenario(run.scenario, folder=folder)))
    if tables is None:
        return {"summary": study.run()}
    files = {name: io.BytesIO() for name in TABLES}
    export = Export(dict(files), tables, Places.of(study.simulation.feeder, study.names))
    summary = study.run(export.add)
    export.close(summary)
    return {
        "summary": summary,
        "tables": {f"{name}.{tables}": file.getvalue() for name, file in files.items()},
    }


def _laid_out(files: Mapping[str, bytes]) -> Path:
    """A folder with these files. Names tell the content apart, so one that lies there already is the same."""
    with _LAYING_OUT:
        folder = Path(_desk().name)
        for name, content in files.items():
            if not (folder / name).exists():
                (folder / name).write_bytes(content)
    return folder
