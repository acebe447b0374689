"""Bills by hand: `manage.py bill run`, `manage.py bill remind`, `manage.py bill open`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from marketplace.billing import rounds
from marketplace.billing.keeping import open_archived
from marketplace.billing.models import KeptBill


class Command(BaseCommand):
    """Issue what is due, remind of what is late, or open an archived bill with the archive's private key."""

    help = "Issue due bills (run), remind of unpaid ones (remind), or open a kept bill (open)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        todo = parser.add_subparsers(dest="what", required=True)
        todo.add_parser("run", help="Issue every bill whose period is over; harmless to repeat.")
        todo.add_parser("remind", help="Send the reminders that are due; each once.")
        archived = todo.add_parser("open", help="Write a kept bill's PDF, opened with the archive's key.")
        archived.add_argument("reference")
        archived.add_argument(
            "--key", type=Path, required=True, help="File with the X25519 private key, hex."
        )
        archived.add_argument("--to", type=Path, required=True)

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["what"] == "run":
            made = rounds.bill()
            self.stdout.write(f"{len(made)} bills issued." + "".join(f"\n{one.reference}" for one in made))
        elif options["what"] == "remind":
            self.stdout.write(f"{rounds.remind()} reminders sent.")
        else:
            self._open(options["reference"], options["key"], options["to"])

    def _open(self, reference: str, key: Path, to: Path) -> None:
        kept = KeptBill.objects.filter(bill__reference=reference).first()
        if kept is None:
            raise CommandError(
                f"No document of {reference} is kept: its merchant had no archive key, or its time is over."
            )
        private = bytes.fromhex(key.read_text().strip().removeprefix("0x"))
        to.write_bytes(open_archived(private, bytes(kept.sealed), reference))
        self.stdout.write(f"{to} written.")
