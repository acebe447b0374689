"""`manage.py watchtower`: defends channels from a backup, on a machine that has nothing else."""

import argparse
import signal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from channels_engine import service
from channels_engine.ledger import RegistryLedger
from channels_engine.outbox import Outbox
from channels_engine.runtime import Runtime
from channels_engine.sealing import SealError
from channels_engine.store import backups
from channels_engine.store.backups import BackupError
from channels_engine.store.management.commands.backup import restore_file
from channels_engine.watchtower import Watchtower
from channels_engine.worker import Worker
from contracts.bindings import EntityContracts
from contracts.connection import LedgerClient, LedgerError
from contracts.gateway import Sender
from contracts.indexer import RpcBlockSource


class Command(BaseCommand):
    """Answers stale disputes and claims what is due, until it is stopped. See docs/recovery.md."""

    help = "Defend all channels of a backup: answer stale disputes, claim payouts; signs nothing."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--backup", type=Path, required=True, help="file of `backup export`")
        parser.add_argument("--confirmations", type=int, default=settings.LEDGER_CONFIRMATIONS)

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            call_command("migrate", backups.LABEL, verbosity=0)
            if backups.is_empty():
                restore_file(options["backup"])
            worker = _worker(options["confirmations"])
        except (BackupError, SealError, OSError, LedgerError) as error:
            raise CommandError(str(error)) from error
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        self.stdout.write(f"Watching {backups.count()} channels over {settings.LEDGER_URL}.")
        self.stdout.flush()
        worker.run()


def _worker(confirmations: int) -> Worker:
    domain = backups.domain()
    client = LedgerClient(settings.LEDGER_URL)
    if client.chain_id() != domain.chain_id:
        raise BackupError(
            f"The backup is of chain {domain.chain_id}, {settings.LEDGER_URL} is chain {client.chain_id()}."
        )
    runtime = Runtime(domain=domain, clock=service.WallClock(), notices=False)
    ledger = RegistryLedger(runtime, EntityContracts(domain.verifying_contract), Sender(client, _key()))
    outbox = Outbox(runtime.clock, ledger)
    source = RpcBlockSource(client, [domain.verifying_contract])
    tower = Watchtower(runtime, source, confirmations=confirmations)
    outbox.reclaim()
    return Worker([tower.tick, runtime.tick, outbox.tick])


def _key() -> bytes:
    """The account that pays the gas; its own, since two senders of one key take each other's nonces."""
    if not settings.ENGINE_KEY:
        raise BackupError("Set ENGINE_KEY: an account of the tower's own that can pay for gas.")
    return bytes.fromhex(settings.ENGINE_KEY.removeprefix("0x"))
