"""`manage.py serve`: the whole marketplace on one machine, with a seeded feeder that trades live."""

import argparse
import logging
import threading
from pathlib import Path
from typing import Any

from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from twisted.internet import reactor

from channels_engine import service
from contracts.connection import LedgerError
from grid.scenarios.scenario import ScenarioFaultError, load_scenario
from marketplace.accounts.errors import AwayError
from marketplace.embedded import StartError, ledger, require_free_port, sole_owner
from marketplace.studies.worker import working
from marketplace.trading.demo import ACCOUNTS, PASSWORD, seed_demo
from marketplace.trading.engine import open_engine, prepare_merchant
from marketplace.trading.live.market import LiveMarket
from marketplace.upkeep.services import upkeeping

logger = logging.getLogger(__name__)
STOP_PATIENCE_S = 15


class Command(BaseCommand):
    """Set up, serve, and stop all of it on Ctrl-C."""

    help = "Serve the marketplace with its embedded ledger and the live replay of a scenario."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--scenario", default="default", help="name in fixtures/scenarios")

    def handle(self, *_args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        try:
            _check_scenario(options["scenario"])
            require_free_port(host, port, "the site")
            call_command("migrate", verbosity=0)
            call_command("collectstatic", verbosity=0, interactive=False)
            with sole_owner(), ledger() as which:
                engine = open_engine()
                supplier = seed_demo() if settings.DEBUG else None
                if supplier is not None:
                    prepare_merchant(engine, supplier)
                market = LiveMarket(options["scenario"], engine, service.runtime())
                self._welcome(host, port, which)
                with working(), upkeeping():
                    _serve(host, port, market)
        except (StartError, LedgerError, AwayError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write("Stopped; everything is stored.")

    def _welcome(self, host: str, port: int, which: str) -> None:
        lines = [
            "",
            f"Wattnote is at http://{host}:{port}/  ({which})",
            "The map of the live feeder is on the first page; Ctrl-C stops everything.",
        ]
        if settings.DEBUG:
            lines += ["", f"Demo accounts, all with the password {PASSWORD}:"]
            lines += [f"  {account.email:<28}{account.role} ({account.where})" for account in ACCOUNTS]
        self.stdout.write("\n".join([*lines, ""]))
        self.stdout.flush()


def _check_scenario(name: str) -> None:
    """Find faults before anything starts.

    Raises:
        StartError: There is no scenario of that name, or it has faults.
    """
    folder = Path(settings.BASE_DIR) / "fixtures" / "scenarios"
    known = sorted(path.stem for path in folder.glob("*.toml"))
    if name not in known:
        raise StartError(
            f"There is no scenario {name!r} in fixtures/scenarios; there are {', '.join(known)}."
        )
    try:
        load_scenario(folder / f"{name}.toml")
    except ScenarioFaultError as error:
        raise StartError(str(error)) from error


def _serve(host: str, port: int, market: LiveMarket) -> None:
    """Serve until Ctrl-C or SIGTERM, with the market in a thread beside."""
    from marketplace.asgi import application  # noqa: PLC0415  after the database is set up

    thread = threading.Thread(target=market.run, name="live-market", daemon=True)
    # `run` blocks; the thread starts with the reactor, so that a port that is taken ends the program at once.
    reactor.callWhenRunning(thread.start)
    server = Server(
        application,
        endpoints=build_endpoint_description_strings(host=host, port=port),
        action_logger=None,
        verbosity=0,
        server_name="wattnote",
    )
    try:
        server.run()
    finally:
        market.stop()
        if thread.is_alive():
            thread.join(STOP_PATIENCE_S)
        service.reset()
