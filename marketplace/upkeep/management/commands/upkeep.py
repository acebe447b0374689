"""`manage.py upkeep`: periodic work in a process of its own, for a grown site."""

import argparse
import signal
import threading
import time
from typing import Any

from django.core.management.base import BaseCommand

from marketplace.upkeep.services import keep_up, run_due


class Command(BaseCommand):
    """Do what is due, once or until stopped."""

    help = "Do periodic work: retention, reminders, expiries."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="do what is due now, and end")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["once"]:
            self.stdout.write("\n".join(run_due(time.time())) or "Nothing is due.")
            return
        stop = threading.Event()
        for ended in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ended, lambda *_: stop.set())
        keep_up(stop)
