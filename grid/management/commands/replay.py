"""`manage.py replay SCENARIO`: the households of a scenario trade its slots, headless."""

import argparse
import datetime as dt
import sys
from itertools import count
from pathlib import Path
from typing import Any, Self, get_args

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from tqdm import tqdm

from channels_engine.stopwatch import Stopwatch
from contracts.connection import LedgerError
from grid.assets import SLOT_SECONDS
from grid.comparison import with_mechanism
from grid.market.mechanisms import mechanism_named
from grid.networks.feeder import NetworkFaultError
from grid.profiles import ProfileFaultError
from grid.results.export import FORMATS
from grid.scenarios.scenario import Scenario, ScenarioFaultError
from grid.scenarios.sections import MechanismName
from marketplace.accounts.errors import AwayError
from marketplace.embedded import StartError, ledger, sole_owner
from marketplace.trading.engine import REPLAY_ACCOUNT, open_engine
from marketplace.trading.replay.books import BookReplay
from marketplace.trading.replay.files import report_data, write_json, write_report, write_tables
from marketplace.trading.replay.patience import patiently
from marketplace.trading.replay.play import ReplayError
from marketplace.trading.replay.run import Replay, open_replay, read_scenario
from marketplace.trading.runs import keep_report
from marketplace.trading.templatetags.report_format import cents, kwh, money, percent

SCENARIOS = Path("fixtures/scenarios")
FAULTS = (
    AwayError,
    ScenarioFaultError,
    NetworkFaultError,
    ProfileFaultError,
    StartError,
    LedgerError,
    ReplayError,
)


class Command(BaseCommand):
    """Replay a scenario and say what came of it."""

    help = "Replay a load scenario: real households trade real quarter-hours over channels, with a power flow behind."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("scenario", help="name in fixtures/scenarios, or path of a TOML file")
        parser.add_argument("--from", dest="start", type=moment, help="first slot, ISO 8601 with offset")
        parser.add_argument(
            "--to", dest="end", type=moment, help="end of the last slot, ISO 8601 with offset"
        )
        parser.add_argument("--funding", choices=("notes", "deposits"), help="instead of the scenario's own")
        parser.add_argument(
            "--mechanism", choices=get_args(MechanismName), help="instead of the scenario's own"
        )
        parser.add_argument("--json", type=Path, metavar="FILE", help="write summary and slots as JSON")
        parser.add_argument("--report", type=Path, metavar="FILE.html", help="write the report")
        parser.add_argument("--export", type=Path, metavar="DIR", help="write every table of the run there")
        parser.add_argument("--format", choices=tuple(FORMATS), default="csv", help="of the tables")

    def handle(self, *_args: Any, **options: Any) -> None:
        path = path_of(options["scenario"])
        try:
            scenario = read_scenario(
                path, start=options["start"], end=options["end"], funding=options["funding"]
            )
            scenario = with_mechanism(scenario, options["mechanism"] or scenario.market.mechanism)
            if not mechanism_named(scenario.market.mechanism).over_channels:
                self._in_books(scenario, options)
                return
            if MigrationExecutor(connection).migration_plan([*_leaves()]):
                raise CommandError(
                    "The database is not set up for this version: call manage.py migrate first."
                )
            with sole_owner(0, lock_name="replay", doing="replay runs"), ledger() as which:
                self.stderr.write(f"Using the {which}.")
                self._replay(scenario, path, options)
        except FAULTS as fault:
            raise CommandError(str(fault)) from fault
        except OperationalError as fault:
            raise CommandError(
                f"The database is away: {str(fault).strip()}. Nothing is lost; call the same replay again to go on."
            ) from fault

    def _in_books(self, scenario: Scenario, options: dict[str, Any]) -> None:
        self.stderr.write(
            f"Mechanism {scenario.market.mechanism} matches anybody with anybody: settled in books, not over channels."
        )
        with _Bars() as bars, Stopwatch() as watch:
            total = (scenario.end - scenario.start) // SLOT_SECONDS
            played = count(1)
            replay = BookReplay(scenario, lambda _: bars.show("Playing slots", next(played), total))
        replay.write(
            to=options["json"], report=options["report"], tables=options["export"], kind=options["format"]
        )
        self.stdout.write(_in_words(replay.summary, watch.seconds))

    def _replay(self, scenario: Scenario, path: Path, options: dict[str, Any]) -> None:
        with _Bars() as bars:
            engine = patiently(lambda: open_engine(REPLAY_ACCOUNT), bars.show)
            replay = open_replay(scenario, path, engine, bars.show)
            if replay.run.next_slot:
                self.stderr.write(f"Going on with run {replay.run.id} at slot {replay.run.next_slot}.")
            with Stopwatch() as watch:
                summary = replay.play_all()
        self._write(replay, summary, options)
        self.stdout.write(_in_words(summary, watch.seconds))
        replay.finish()
        if not summary["money"]["conserved"]:
            raise CommandError(
                "Money is not conserved; see money.mismatches and money.difference in the JSON."
            )

    def _write(self, replay: Replay, summary: dict[str, Any], options: dict[str, Any]) -> None:
        if options["json"]:
            write_json(replay, summary, options["json"])
        data = report_data(replay, summary)
        keep_report(run=replay.run, data=data)
        if options["report"]:
            write_report(data, options["report"])
        if options["export"]:
            write_tables(replay, summary, options["export"], options["format"])


def _where_time_went(seconds: dict[str, float]) -> str:
    """CPU of this call by phase: "messages" are drafts, signatures, verifications and the rules of the protocol."""
    whole = sum(seconds.values())
    phases = sorted((name for name in seconds if name), key=lambda name: -seconds[name])
    parts = [f"{name} {seconds[name]:.1f} s" for name in phases]
    rest = f"other {seconds.get('', 0.0):.1f} s"
    return f"{whole:.1f} s: {', '.join([*parts, rest])}"


def _leaves() -> list[tuple[str, str]]:
    return list(MigrationExecutor(connection).loader.graph.leaf_nodes())


def path_of(name: str) -> Path:
    """A scenario's file by its name, or as it is given."""
    given = Path(name)
    return given if given.suffix == ".toml" else Path(settings.BASE_DIR) / SCENARIOS / f"{name}.toml"


def moment(text: str) -> int:
    """Epoch seconds of an argument. Raises argparse.ArgumentTypeError for one without offset."""
    try:
        when = dt.datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no ISO 8601 time, such as 2016-06-15T00:00:00+02:00"
        ) from None
    if when.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no offset; write it like 2016-06-15T00:00:00+02:00")
    return int(when.timestamp())


class _Bars:
    """One progress bar a stage, on standard error."""

    def __init__(self) -> None:
        self._label = self._notice = ""
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, label: str, done: int, total: int) -> None:
        """Progress of a replay; without a total it is a notice, told once until the work goes on."""
        if not total:
            if label != self._notice:
                tqdm.write(label, file=sys.stderr)
            self._notice = label
            return
        if self._bar is None or label != self._label:
            self.__exit__()
            self._label, self._bar = label, tqdm(total=total, desc=label, file=sys.stderr, unit="")
        if done != self._bar.n:
            self._notice = ""
        self._bar.update(done - self._bar.n)


def _on_ledger(summary: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    held = summary["money"]
    return (
        ("Ledger", f"{summary['ledger']['transactions']} transactions"),
        ("Money put in", money(held["put_in"])),
        *((f"  {name}", money(amount)) for name, amount in held["accounts"].items()),
        (
            "Money conserved",
            "yes, to the micro-unit" if held["conserved"] else f"NO: {money(held['difference'])} missing",
        ),
    )


def _in_words(summary: dict[str, Any], seconds: dict[str, float]) -> str:
    energy, prices, figures = summary["energy"], summary["prices"], summary["kpis"]
    rows = (
        (
            "Scenario",
            f"{summary['scenario']}, {summary['slots']} slots, {summary['households']} households, {summary['funding']}",
        ),
        (
            "Traded",
            f"{kwh(energy['traded_wh'])} kWh in {summary['trades']} {'co-signed ' if 'money' in summary else ''}trades; {summary['refused']} refused by the grid",
        ),
        (
            "Delivered",
            f"{kwh(energy['delivered_wh'])} kWh; shortfall refunded with {money(summary['settlement']['refund'])}",
        ),
        (
            "Price",
            f"{cents(prices['mean'])} ct/kWh on average, {cents(prices['lowest'])} to {cents(prices['highest'])}",
        ),
        ("Self-sufficiency", percent(figures["self_sufficiency"])),
        ("Self-consumption", percent(figures["self_consumption"])),
        ("Losses, curtailed", f"{kwh(energy['losses_wh'])} kWh, {kwh(energy['curtailed_wh'])} kWh"),
        *(_on_ledger(summary) if "money" in summary else ()),
        ("CPU time", _where_time_went(seconds)),
    )
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(f"{name:<{width}}{text}" for name, text in rows)
