"""How many SQL queries each page and each list costs, pinned in counts.txt, and the same however many rows there are.

UPDATE_QUERIES=1 writes the table anew: look at the difference before you keep it.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from tests.permissions.routes import Route, routes, rows
from tests.permissions.world import World, build
from tests.queries.growth import grow

TABLE = Path(__file__).with_name("counts.txt")
FEW, MANY = 3, 9
HEAD = """# SQL queries of each GET, as the owner of things or the first who gets an answer; a dash: nobody does.
# Written by UPDATE_QUERIES=1 pytest tests/queries; read tests/queries/test_query_counts.py.
"""
pytestmark = [pytest.mark.django_db, pytest.mark.timeout(200)]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[World]:
    """Made once; all is undone at the end."""
    disk = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": tmp_path_factory.mktemp("private")},
    }
    own = {"STORAGES": {**settings.STORAGES, "default": disk}, "LEDGER_URL": "http://127.0.0.1:1"}
    with django_db_blocker.unblock(), override_settings(**own), transaction.atomic():
        cache.clear()
        yield build()
        transaction.set_rollback(True)


def places(world: World) -> Iterator[tuple[str, str]]:
    """Name and address of everything that can be got; one address for each name."""
    things: dict[str, str] = {}
    for row in rows():
        if row.thing != "?":
            things.setdefault(row.name, row.thing)
    for name, found in sorted(routes().items()):
        route: Route = found[0]
        yield name, route.address(world.objects.get(things.get(name, "")))


def cost(world: World, role: str, address: str) -> str:
    """How many queries; a dash where there is nothing to be got."""
    client = world.clients[role]
    client.raise_request_exception = False
    connection.queries_log.clear()
    with CaptureQueriesContext(connection) as asked, transaction.atomic():
        answer = client.get(address)
        text = b"".join(answer.streaming_content) if answer.streaming else answer.content
        transaction.set_rollback(True)
    own = [one for one in asked if "SAVEPOINT" not in one["sql"]]
    return str(len(own)) if answer.status_code == 200 and text is not None else "-"


def measured(world: World, known: dict[str, str]) -> dict[str, str]:
    """The cost of each, as the first role that gets it; `known` keeps which one that was."""
    found = {}
    for name, address in places(world):
        usual = ("super", "operator") if name.startswith("admin:") else ("owner", "operator")
        for role in (known[name],) if name in known else usual:
            found[name] = "-" if not role else cost(world, role, address)
            if found[name] != "-":
                known[name] = role
                break
    return found


def pinned() -> dict[str, str]:
    lines = [line.split() for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    return {line[0]: line[1] for line in lines}


def test_each_page_costs_what_the_table_says_however_many_rows(world: World) -> None:
    owner = world.users["owner"].owner
    grow(owner, FEW - 1)
    known: dict[str, str] = {}
    nothing = {
        name: "-" for name, count in measured(world, known).items() if count == "-"
    }  # fills caches, too
    known |= dict.fromkeys(nothing, "")
    few = measured(world, known)
    grow(owner, MANY // FEW - 1)
    many = measured(world, known)
    if os.environ.get("UPDATE_QUERIES"):
        TABLE.write_text(HEAD + "".join(f"{name:<60} {count}\n" for name, count in few.items()))
    growing = [
        f"{name}: {few[name]} queries, {many[name]} with three times the rows"
        for name in few
        if few[name] != many[name]
    ]
    assert growing == [], (
        "A query for each row; use select_related, prefetch_related, or one query for all:\n"
        + "\n".join(growing)
    )
    table = pinned()
    missing = [f"{name:<60} {count}" for name, count in few.items() if name not in table]
    assert missing == [], (
        "New pages: judge these lines and put them into tests/queries/counts.txt:\n" + "\n".join(missing)
    )
    changed = [
        f"{name}: {table[name]} are pinned, {count} were asked"
        for name, count in few.items()
        if table[name] != count
    ]
    assert changed == [], "If that is right, UPDATE_QUERIES=1 writes the table anew:\n" + "\n".join(changed)
    assert set(table) == set(few), f"no more there, take them out: {sorted(set(table) - set(few))}"
