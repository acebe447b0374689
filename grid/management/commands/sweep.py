"""`manage.py sweep FILE`: a scenario with a grid of parameters and seeds, run on all cores or on a cluster."""

import argparse
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from grid.results.export import FORMATS
from grid.scenarios.scenario import ScenarioFaultError
from grid.sweeps.drive import Place, play_sweep
from grid.sweeps.plan import read_sweep
from grid.sweeps.results import ResultFolder, SweepError


class Command(BaseCommand):
    """Run a sweep and write its table."""

    help = "Run a scenario in memory with every combination of parameters and seeds of a sweep file."
    requires_system_checks: list[str] = []  # noqa: RUF012  Django's own declaration; a sweep needs no site

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the sweep, a TOML file (docs/sweeps.md)")
        parser.add_argument(
            "--workers", type=int, default=os.cpu_count() or 1, help="processes on this machine (all cores)"
        )
        parser.add_argument("--out", type=Path, metavar="DIR", help="results; var/sweeps/NAME if left out")
        parser.add_argument("--resume", action="store_true", help="go on with what DIR holds")
        parser.add_argument("--tables", choices=sorted(FORMATS), help="write every table of every run too")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            self._run(options)
        except (ScenarioFaultError, SweepError) as fault:
            raise CommandError("\n".join(getattr(fault, "faults", (str(fault),)))) from fault

    def _run(self, options: dict[str, Any]) -> None:
        sweep = read_sweep(options["file"])
        folder = ResultFolder(
            options["out"] or Path(settings.VAR_DIR) / "sweeps" / sweep.name, resume=options["resume"]
        )
        workers = max(1, min(options["workers"], len(sweep.runs)))
        place = Place(workers, settings.DASK_SCHEDULER, options["tables"])
        self.stderr.write(f"{len(sweep.runs)} runs, {place.words}.")
        with tqdm(total=len(sweep.runs), desc="Runs", unit="", file=self.stderr) as bar:
            play_sweep(sweep, folder, place, lambda done, _: bar.update(done - bar.n))
        rows = folder.tabulate(sweep)
        failed = [row for row in rows if row["error"]]
        self.stdout.write(f"{folder.folder / 'results.csv'}: {len(rows)} runs, {len(failed)} with faults.")
        if failed:
            raise CommandError("\n".join(f"run {row['run']}: {row['error']}" for row in failed[:10]))
