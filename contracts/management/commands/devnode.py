"""`manage.py devnode`: the embedded EVM node."""

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand

from contracts.devnode import runner


class Command(BaseCommand):
    """Run the embedded EVM node until Ctrl-C."""

    help = "Run the embedded EVM node: JSON-RPC over HTTP, its chain in one SQLite file."
    requires_system_checks: list[str] = []  # noqa: RUF012  Django's own way to say none

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        runner.add_arguments(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        def say(text: str) -> None:
            self.stdout.write(text)
            self.stdout.flush()

        sys.exit(runner.run(options["host"], options["port"], options["db"], say))
