"""`manage.py backup`: export what claims the money, restore it, and end the doubt after that."""

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from channels_engine import service
from channels_engine.codec import ShapeError, json_form, parse_hex
from channels_engine.core.messages import DisputeAnswer
from channels_engine.runtime import Runtime
from channels_engine.sealing import SealError, seal, unseal, write_whole
from channels_engine.store import backups
from channels_engine.store.backups import BackupError
from channels_engine.submissions import Accepted, Refused, Shown

PASSPHRASE = "BACKUP_PASSPHRASE"  # noqa: S105  the name of a variable


class Command(BaseCommand):
    """See docs/recovery.md."""

    help = "Export all channels into one encrypted file, or restore them (docs/recovery.md)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        export = actions.add_parser(
            "export", help="write the backup; an older file is replaced when it is whole"
        )
        restore = actions.add_parser("restore", help="fill an empty database; all channels are in doubt then")
        show = actions.add_parser("show", help="show newer states, which end the doubt about their channels")
        trust = actions.add_parser("trust", help="declare that nothing newer was signed")
        for action in (export, restore, show):
            action.add_argument("file", type=Path)
        trust.add_argument("channels", nargs="*", help="ids, 0x...; none for all")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            self.stdout.write(_ACTIONS[options["action"]](options))
        except (BackupError, SealError, OSError) as error:
            raise CommandError(str(error)) from error


def passphrase() -> str:
    """The passphrase of backups.

    Raises:
        BackupError: The environment has none.
    """
    found = os.environ.get(PASSPHRASE, "")
    if not found:
        raise BackupError(f"Set {PASSPHRASE} in the environment: it encrypts the backup, and opens it again.")
    return found


def restore_file(path: Path) -> int:
    """Fill the empty, migrated database from a backup; gives the number of channels.

    Raises:
        BackupError: The database is not empty, or the backup of another version.
        SealError: The file can't be opened.
    """
    backup = backups.unpack(unseal(path.read_bytes(), passphrase()))
    count = backups.place(backup)
    _keep_keystores(backup.keystores)
    return count


def _export(options: Mapping[str, Any]) -> str:
    path: Path = options["file"]
    keystores = import_string(settings.CHANNELS_ENGINE_KEYSTORES)()
    backup = backups.collect(int(time.time()), keystores)
    sealed = seal(backups.pack(backup), passphrase())
    write_whole(path, sealed)
    rows = sum(len(table.rows) for table in backup.tables)
    return f"{path}: {rows} rows and {len(keystores)} keystores in {len(sealed)} bytes."


def _restore(options: Mapping[str, Any]) -> str:
    call_command("migrate", verbosity=0)
    count = restore_file(options["file"])
    return f"{count} channels are restored and in doubt: show newer states, or trust this one (docs/recovery.md)."


def _keep_keystores(keystores: Mapping[str, str]) -> None:
    folder = Path(settings.VAR_DIR) / "restored-keystores"
    for name, text in keystores.items():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(folder / f"{Path(name).name}.json", text.encode())


def _show(options: Mapping[str, Any]) -> str:
    shown = [_evidence(item) for item in _list_in(options["file"])]
    runtime = Runtime(domain=backups.domain(), clock=service.WallClock())
    outcomes = runtime.process(shown)
    refused = [
        f"0x{one.channel.hex()}: {outcome.message}"
        for one, outcome in zip(shown, outcomes, strict=True)
        if isinstance(outcome, Refused)
    ]
    if refused:
        raise BackupError("\n".join(["These states were not taken:", *refused]))
    return f"{sum(isinstance(outcome, Accepted) for outcome in outcomes)} states are taken."


def _list_in(path: Path) -> list[Any]:
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise BackupError(
            f"{path} is no JSON; write newer states as docs/recovery.md says: {error}"
        ) from error
    if not isinstance(found, list):
        raise BackupError(f"{path} holds no list of states; write them as docs/recovery.md says.")
    return found


def _evidence(item: Mapping[str, Any]) -> Shown:
    try:
        body = json_form(DisputeAnswer).decode(json.dumps(item))
        return Shown(parse_hex(item["state"]["channel"], 32), body)
    except (KeyError, TypeError, ShapeError, msgspec.DecodeError) as error:
        raise BackupError(
            f"The file holds no list of co-signed states {{state, signatureA, signatureB}}: {error}"
        ) from error


def _trust(options: Mapping[str, Any]) -> str:
    return f"{backups.trust(options['channels'], int(time.time()))} channels are trusted."


_ACTIONS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "export": _export,
    "restore": _restore,
    "show": _show,
    "trust": _trust,
}
