"""Lean SQL for the hot path: whole batches in a statement or two, on SQLite and PostgreSQL.

Table and column names come from this package only, never from a message.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from django.db import connection

FEW = 8
"""Up to so many rows, plain INSERTs cost less than setting up a COPY."""


class Table(NamedTuple):
    """A table and how PostgreSQL types its columns.

    Attributes:
        columns: Column name to PostgreSQL type.
        conflict: Columns of the unique constraint that a repeated row meets, or empty.
        update: Columns that a repeated row replaces; none means that the first row stays.
    """

    name: str
    columns: dict[str, str]
    conflict: tuple[str, ...] = ()
    update: tuple[str, ...] = ()


def is_postgres() -> bool:
    """Whether the default database is PostgreSQL."""
    return connection.vendor == "postgresql"


def json_text(values: Sequence[Any]) -> str:
    """A list as SQLite's `json_each` takes it: one parameter, however long it is."""
    return msgspec.json.encode(values).decode()


def write(table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows, or replace what they meet (see `Table`)."""
    if not rows:
        return
    with connection.cursor() as cursor:
        if is_postgres() and len(rows) > FEW:
            _copy(cursor, table, rows)
        else:
            cursor.executemany(_insert_values(table), rows)


def _copy(cursor: Any, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """By binary COPY, which neither quotes nor parses; through a temporary table where rows may meet others."""
    target = table.name
    if table.conflict:
        target = f"stage_{table.name}"
        columns = ", ".join(f"{name} {kind}" for name, kind in table.columns.items())
        cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {target} ({columns})")
    with cursor.copy(f"COPY {target} ({', '.join(table.columns)}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(list(table.columns.values()))
        for row in rows:
            copy.write_row(row)
    if table.conflict:
        columns = ", ".join(table.columns)
        cursor.execute(f"{_insert_into(table)} SELECT {columns} FROM {target}{_on_conflict(table)}")  # noqa: S608  own names only
        cursor.execute(f"TRUNCATE {target}")  # a DELETE would leave dead rows that nobody vacuums


def _insert_values(table: Table) -> str:
    marks = ", ".join("%s" for _ in table.columns)
    return f"{_insert_into(table)} VALUES ({marks}){_on_conflict(table)}"


def _insert_into(table: Table) -> str:
    return f"INSERT INTO {table.name} ({', '.join(table.columns)})"


def _on_conflict(table: Table) -> str:
    if not table.conflict:
        return ""
    target = f" ON CONFLICT ({', '.join(table.conflict)}) DO "
    if not table.update:
        return target + "NOTHING"
    return target + "UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in table.update)


def select_in(
    columns: str, table: str, key: str, values: Iterable[str], *, lock: bool
) -> list[tuple[Any, ...]]:
    """Rows whose `key` is among `values`; with `lock`, nobody else changes them before our commit.

    SQLite needs no row lock: its transaction began as a writer (BEGIN IMMEDIATE).
    """
    with connection.cursor() as cursor:
        if is_postgres():
            tail = f" ORDER BY {key} FOR UPDATE" if lock else ""  # one order for all: no deadlock
            cursor.execute(f"SELECT {columns} FROM {table} WHERE {key} = ANY(%s){tail}", [list(values)])  # noqa: S608  own names only
        else:
            cursor.execute(
                f"SELECT {columns} FROM {table} WHERE {key} IN (SELECT value FROM json_each(%s))",  # noqa: S608  own names only
                [json_text(list(values))],
            )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def lock_names(names: Iterable[str]) -> None:
    """Until our commit, let no other process create the rows with these names (PostgreSQL; see `select_in`)."""
    ordered = sorted(set(names))
    if not ordered or not is_postgres():
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(%s::text[]) WITH ORDINALITY "
            "AS t(name, position) ORDER BY position",
            [ordered],
        )
