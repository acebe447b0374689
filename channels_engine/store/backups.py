"""All that is stored of the channels, as one value; and back into an empty database.

Tables are copied as they are, so that nothing which the engine keeps is left behind: newest states and older
ones with both signatures, terms, openings, logs, trades, what waits for the ledger, and how far it was read.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.db.migrations.recorder import MigrationRecorder

from channels_engine.codec import parse_hex
from channels_engine.core import restoring
from channels_engine.core.state import Endpoint
from channels_engine.core.types import Domain
from channels_engine.frames import Entry
from channels_engine.relay import CLOCK, Change, Hosting
from channels_engine.store import repository
from channels_engine.store.models import Endpoint as EndpointRow

LABEL = "engine"
ROWS_AT_ONCE = 500
LOOK_AGAIN = '{"side":"a"}'


class BackupError(Exception):
    """The backup can't be made or restored; the message says why and what to do."""


class TableCopy(msgspec.Struct, frozen=True):
    """One table: its columns, and its rows as values in their order."""

    name: str
    columns: list[str]
    rows: list[list[Any]]


class Backup(msgspec.Struct, frozen=True):
    """What `pack` makes. `migration` names the tables' form, `keystores` are encrypted by their own passphrase."""

    made_at: int
    domain: Domain
    migration: str
    tables: list[TableCopy]
    keystores: dict[str, str]


def collect(now: int, keystores: Mapping[str, str]) -> Backup:
    """Copy all tables at one moment.

    Raises:
        BackupError: There is no channel to back up.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:  # one snapshot for all tables
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        place_of = domain()
        tables = [_copy(model) for model in apps.get_app_config(LABEL).get_models()]
        return Backup(now, place_of, _migration(), tables, dict(keystores))


def domain() -> Domain:
    """Chain and contract of the channels.

    Raises:
        BackupError: There is no channel.
    """
    for hosting in _hostings():
        for endpoint in hosting.endpoints:
            if endpoint is not None:
                return endpoint.domain
    raise BackupError("There is no channel in this database.")


def count() -> int:
    """How many channels there are."""
    return EndpointRow.objects.values("channel").distinct().count()


def pack(backup: Backup) -> bytes:
    """Binary form, compressed."""
    return zlib.compress(msgspec.msgpack.encode(backup))


def unpack(content: bytes) -> Backup:
    """A backup out of its binary form.

    Raises:
        BackupError: It has another form.
    """
    try:
        return msgspec.msgpack.decode(zlib.decompress(content), type=Backup)
    except (zlib.error, msgspec.DecodeError) as error:
        raise BackupError(
            f"The backup was made by another version ({error}); restore it with that."
        ) from error


def is_empty() -> bool:
    """Whether the database knows of no channel."""
    return not EndpointRow.objects.exists()


def place(backup: Backup) -> int:
    """Fill an empty database; every channel is in doubt after it. Gives how many channels there are.

    Raises:
        BackupError: The database holds channels, or its tables have another form.
    """
    if backup.migration != _migration():
        raise BackupError(
            f"The backup's tables are those of {backup.migration}, these are of {_migration()}; "
            "restore with the version that made it, then migrate."
        )
    with transaction.atomic():
        if not is_empty():
            raise BackupError("This database holds channels; restore into an empty one.")
        known = {model._meta.db_table: model for model in apps.get_app_config(LABEL).get_models()}  # noqa: SLF001  Django's public name
        for table in backup.tables:
            _fill(known[table.name], table)
        return _doubt(backup.made_at)


def trust(names: list[str], now: int) -> int:
    """End the doubt about these channels, or about all where none is named; gives how many had it."""
    wanted = [parse_hex(name, 32) for name in names]
    return _rewrite(
        (one for one in _hostings() if not wanted or one.channel in wanted), restoring.trusted, now
    )


def _doubt(now: int) -> int:
    return _rewrite(_hostings(), restoring.restored, now)


def _rewrite(hostings: Iterable[Hosting], make: Callable[[Endpoint], Endpoint], now: int) -> int:
    rewritten = 0
    for hosting in list(hostings):
        first, second = (None if one is None else make(one) for one in hosting.endpoints)
        if (first, second) != hosting.endpoints:
            # An entry of the log, so that a server that runs does not go on with what it remembers.
            seq = hosting.seq + 1
            entry = Entry(hosting.channel, seq, CLOCK, f"clock/{seq}", "timer.elapsed", LOOK_AGAIN, now)
            after = msgspec.structs.replace(hosting, endpoints=(first, second), wakes=(now, now), seq=seq)
            change = Change(hosting, after, (entry,), (), None)
            numbers = {hosting.channel: hosting.number}
            repository.save([change], [entry], {hosting.channel: after}, numbers, now, notices=False)
            rewritten += 1
    return rewritten


def _hostings() -> Iterator[Hosting]:
    names = list(EndpointRow.objects.values_list("channel", flat=True).distinct().order_by("channel"))
    for start in range(0, len(names), ROWS_AT_ONCE):
        part = [parse_hex(name, 32) for name in names[start : start + ROWS_AT_ONCE]]
        yield from repository.load_hostings(part, repository.Cache(), lock=False).values()


def _migration() -> str:
    applied = [name for app, name in MigrationRecorder(connection).applied_migrations() if app == LABEL]
    return max(applied, default="")


def _copy(model: type[models.Model]) -> TableCopy:
    columns = [field.attname for field in model._meta.concrete_fields]  # noqa: SLF001  Django's public name
    rows = model._default_manager.order_by("pk").values_list(*columns)  # noqa: SLF001  Django's public name
    return TableCopy(
        model._meta.db_table,  # noqa: SLF001  Django's public name
        columns,
        [[bytes(value) if isinstance(value, memoryview) else value for value in row] for row in rows],
    )


def _fill(model: type[models.Model], table: TableCopy) -> None:
    manager = model._default_manager  # noqa: SLF001  Django's public name
    rows = (model(**dict(zip(table.columns, row, strict=True))) for row in table.rows)
    manager.bulk_create(rows, batch_size=ROWS_AT_ONCE)
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [model]):
            cursor.execute(statement)
