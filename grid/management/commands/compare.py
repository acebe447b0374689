"""`manage.py compare SCENARIO`: the same scenario under each market mechanism, in memory, without a ledger."""

import argparse
import json
from pathlib import Path
from typing import Any, get_args

from django.core.management.base import BaseCommand, CommandError

from grid.comparison import compared, row_of
from grid.management.commands.replay import moment, path_of
from grid.networks.feeder import NetworkFaultError
from grid.profiles import ProfileFaultError
from grid.scenarios.scenario import ScenarioFaultError
from grid.scenarios.sections import MechanismName
from marketplace.trading.replay.run import read_scenario
from marketplace.trading.templatetags.report_format import cents, kwh, money, percent

NAMES: tuple[MechanismName, ...] = get_args(MechanismName)
_COLUMNS = (
    ("mechanism", "mechanism", str),
    ("trades", "trades", str),
    ("refused", "refused", str),
    ("kWh", "traded_wh", kwh),
    ("ct/kWh", "price_mean", cents),
    ("self-suff.", "self_sufficiency", percent),
    ("self-cons.", "self_consumption", percent),
    ("efficiency", "efficiency", percent),
    ("welfare", "welfare", money),
    ("bills", "bills", money),
    ("saved", "saved", money),
    ("worst off", "worst_off", money),
    ("fees", "fees", money),
    ("losses kWh", "losses_wh", kwh),
    ("curtailed kWh", "curtailed_wh", kwh),
)


class Command(BaseCommand):
    """Compare market mechanisms."""

    help = "Play a scenario under each market mechanism in memory, and print what came of it side by side."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("scenario", help="name in fixtures/scenarios, or path of a TOML file")
        parser.add_argument(
            "--mechanisms", type=_names, default=NAMES, help=f"of {', '.join(NAMES)}; all if left out"
        )
        parser.add_argument("--from", dest="start", type=moment, help="first slot, ISO 8601 with offset")
        parser.add_argument(
            "--to", dest="end", type=moment, help="end of the last slot, ISO 8601 with offset"
        )
        parser.add_argument("--json", type=Path, metavar="FILE", help="write all summaries as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            scenario = read_scenario(
                path_of(options["scenario"]), start=options["start"], end=options["end"], funding=None
            )
        except (ScenarioFaultError, NetworkFaultError, ProfileFaultError) as fault:
            raise CommandError(str(fault)) from fault
        summaries = list(compared(scenario, options["mechanisms"]))
        self.stdout.write(_table([row_of(summary) for summary in summaries]))
        if options["json"]:
            content = {"scenario": scenario.name, "mechanisms": summaries}
            options["json"].write_text(json.dumps(content, indent=1), encoding="utf-8")


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: unknown; choose of {', '.join(NAMES)}")
    return names


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [[title for title, _, _ in _COLUMNS]]
    lines += [[show(row[key]) for _, key, show in _COLUMNS] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
