"""`manage.py check_inputs`: every fault of one's own network and profile files, or what was understood."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from grid.checking import Report, check_network, check_profiles, check_together
from grid.networks.feeder import Feeder
from grid.networks.files import is_file_reference
from grid.profiles import Options, Profiles
from grid.profiles.units import UNITS


class Command(BaseCommand):
    """Read the files, say what was found; exit code 1 if there is a fault."""

    help = (
        "Check one's own network and profile files: every fault with line and remedy, or what was understood."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--network", help="pandapower JSON, MATPOWER .m, our JSON, simbench:CODE or pandapower:NAME"
        )
        parser.add_argument("--profiles", nargs="+", type=Path, default=[], metavar="FILE")
        parser.add_argument("--zone", help="of naive times, such as Europe/Berlin")
        parser.add_argument("--unit", choices=tuple(UNITS), help="of columns that name none")
        parser.add_argument(
            "--stamps", choices=("start", "end"), default="start", help="which end of its interval a time is"
        )
        parser.add_argument("--decimal", choices=(".", ","), help="decimal separator")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not options["network"] and not options["profiles"]:
            raise CommandError("There is nothing to check; name a file with --network or --profiles.")
        asked = Options(**{key: options[key] for key in ("zone", "unit", "stamps", "decimal")})
        reports = list(_reports(options["network"], options["profiles"], asked))
        for report in reports:
            self.stdout.write("\n".join(_in_words(report)))
        faults = sum(len(report.faults) for report in reports)
        if faults:
            raise CommandError(f"{faults} fault{'s' if faults > 1 else ''}.")


def _reports(network: str | None, paths: list[Path], options: Options) -> Iterator[Report]:
    feeder: Feeder | None = None
    if network:
        path = Path(network)
        file = is_file_reference(network)
        report, feeder = check_network(path.name if file else network, path.parent)
        yield report
    read: list[Profiles] = []
    for path in paths:
        report, profiles = check_profiles(path, options)
        read += [profiles] if profiles else []
        yield report
    if feeder is not None and read and len(read) == len(paths):
        yield check_together(feeder, read)


def _in_words(report: Report) -> Iterator[str]:
    if report.faults:
        yield from (str(fault) for fault in report.faults)
        return
    understood = dict(report.understood)
    if report.file:
        yield f"{report.file}: fine"
    if "buses" in understood:
        yield (
            f"  {understood['buses']} buses, {understood['lines']} lines, {understood['transformers']} transformers,"
            f" {understood['connections']} connections ({understood['plants']} with a plant,"
            f" {understood['batteries']} with a battery)"
        )
        yield f"  profiles asked for: {', '.join(understood['profiles']) or 'none'}"
    elif "period" in understood:
        yield f"  {understood['period']}, a value every {understood['resolution_s'] // 60} min"
        for column in understood["columns"]:
            amount = f"{column['energy_kwh']:g} kWh" if "energy_kwh" in column else f"mean {column['mean']:g}"
            yield f"  {column['name']} ({column['unit']}): {amount}"
    else:
        yield f"Together: fine; {understood['measured']} measured series bound to connections"
        if understood["at_rating_count"]:
            names = ", ".join(understood["at_rating"])
            yield f"  without a series, at its rating all the time: {understood['at_rating_count']} ({names})"
