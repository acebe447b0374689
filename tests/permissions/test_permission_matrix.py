"""Role x object x action: every path, method and action of the back office tried, against the table in matrix.txt."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.cache import cache
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import reverse

from tests.permissions.routes import ACTIONS, METHODS, Route, Row, routes, rows
from tests.permissions.world import READERS, ROLES, World, build

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(120)]
REFUSED = {401, 403, 404, 405}
BOOKKEEPING = ("django_session", "axes_", "channels_")


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[World]:
    """Made once: every attempt is undone."""
    disk = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": tmp_path_factory.mktemp("private")},
    }
    own = {"STORAGES": {**settings.STORAGES, "default": disk}, "LEDGER_URL": "http://127.0.0.1:1"}
    with django_db_blocker.unblock(), override_settings(**own), transaction.atomic():
        cache.clear()
        yield build()
        transaction.set_rollback(True)


class Attempt:
    """One request, undone afterwards: what came back, and whether it wrote anything."""

    def __init__(self, client: Client, method: str, address: str, body: dict[str, Any] | None = None) -> None:
        cookies, kept = client.cookies.copy(), connection.force_debug_cursor
        connection.force_debug_cursor = True
        connection.queries_log.clear()
        with transaction.atomic():
            self.response: HttpResponse = getattr(client, method)(address, body or {})
            text = self.response.streaming_content if self.response.streaming else [self.response.content]
            self.text = b"".join(text).decode(errors="replace")
            self.writes = [text for text in map(_table_of, connection.queries_log) if text]
            transaction.set_rollback(True)
        connection.force_debug_cursor = kept
        client.cookies = cookies

    @property
    def reached(self) -> bool:
        """Whether the role came to the object, whatever it then was told."""
        where = self.response.headers.get("Location", "")
        away = (reverse("account_login"), reverse("admin:login"), reverse("account_reauthenticate"))
        if self.response.status_code in REFUSED:
            return False
        return not where.startswith(away) and where != reverse("admin:index")


def _table_of(query: dict[str, str]) -> str:
    words = query["sql"].split()
    if words[:1] not in (["INSERT"], ["UPDATE"], ["DELETE"]):
        return ""
    table = words[1 if words[0] == "UPDATE" else 2].strip('"')
    return "" if table.startswith(BOOKKEEPING) else table


def _columns(row: Row) -> dict[str, str]:
    return dict(zip(ROLES, row.cells, strict=True))


def _given(world: World, role: str, address: str, text: str) -> list[str]:
    """What the role may not read and reads all the same."""
    may = READERS.get(role, set())
    hidden = [word for kind, words in world.words.items() if kind not in may for word in words]
    return [word for word in hidden if word in text and word not in address]


def _policy_faults(response: HttpResponse, address: str) -> list[str]:
    """Every page forbids foreign code; unsafe words stand in the back office's policy alone, where nobody signs."""
    if not response.headers.get("Content-Type", "").startswith("text/html"):
        return []
    policy = response.headers.get("Content-Security-Policy", "")
    strict = "script-src 'self';" in policy + ";" and "unsafe" not in policy and "object-src 'none'" in policy
    office = (
        address.startswith("/admin/") and "frame-ancestors 'none'" in policy and "script-src 'self'" in policy
    )
    return [] if strict or office else [f"{address}: policy {policy!r}"]


def _tried(world: World, role: str, row: Row, route: Route) -> Iterator[str]:
    """What is wrong with a row for a role; nothing where the site does what the table says."""
    address, seen = route.address(world.objects.get(row.thing)), ""
    is_api = address.startswith("/api/")
    for letter, method in METHODS.items():
        is_usual = is_api or letter in "GP"
        is_foreign = not is_usual or not route.knows(method)
        if is_foreign and role != ("operator" if address.startswith("/admin/") else "owner"):
            continue  # what a page or a view has no answer for is tried by who could do harm there
        attempt = Attempt(world.clients[role], method, address)
        seen += letter if is_usual and attempt.reached else ""
        yield from _faults(world, role, method, address, attempt, may_write=is_usual and attempt.reached)
    declared = _columns(row)[role]
    if (seen or ".") != declared:
        yield f"{role} on {row.name} ({row.thing}): {seen or '.'} instead of {declared}"


def _faults(
    world: World, role: str, method: str, address: str, attempt: Attempt, *, may_write: bool
) -> Iterator[str]:
    status, words = attempt.response.status_code, _given(world, role, address, attempt.text)
    if status >= 500 and status != 503:
        yield f"{role} {method} {address}: {status}"
    if attempt.writes and not may_write:
        yield f"{role} {method} {address}: may not, and wrote to {set(attempt.writes)}"
    if words:
        yield f"{role} {method} {address}: gives away {words}"
    yield from _policy_faults(attempt.response, address)


@pytest.mark.parametrize("role", ROLES)
def test_every_path_does_what_the_matrix_says(world: World, role: str) -> None:
    known = routes()
    tried = [(row, route) for row in rows() for route in known.get(row.name, ())]
    wrong = [fault for row, route in tried for fault in _tried(world, role, row, route)]
    assert wrong == [], "\n".join(wrong)


def test_every_path_is_declared(world: World) -> None:
    known, declared = routes(), {row.name for row in rows()}
    missing = [_line(world, name, found[0]) for name, found in known.items() if name not in declared]
    assert missing == [], (
        "New paths: judge these lines, put what is right into tests/permissions/matrix.txt "
        "(and the second column's object into tests/permissions/world.py):\n" + "\n".join(missing)
    )
    assert declared - set(known) == set(), "tests/permissions/matrix.txt declares paths that are gone"


def _line(world: World, name: str, route: Route) -> str:
    """How a path behaves with an object that is nobody's: the beginning of a row."""
    address = route.address(None)
    letters = METHODS if address.startswith("/api/") else "GP"
    cells = []
    for role in ROLES:
        tried = ((letter, Attempt(world.clients[role], METHODS[letter], address)) for letter in letters)
        cells.append("".join(letter for letter, attempt in tried if attempt.reached) or ".")
    return f"{name}  {'?' if route.arguments else '-'}  {' '.join(cells)}"


def test_each_role_is_offered_the_declared_actions_alone(world: World) -> None:
    declared = {row.name: row for row in rows(ACTIONS)}
    offered: dict[str, set[str]] = {}
    for role, user in world.users.items():
        request = RequestFactory().get("/admin/")
        request.user = user
        for model, desk in admin.site._registry.items():
            if user.is_staff and desk.has_module_permission(request):
                for action in desk.get_actions(request):
                    offered.setdefault(f"{model._meta.label_lower}.{action}", set()).add(role)
    expected = {
        name: {role for role, cell in _columns(row).items() if cell != "."} for name, row in declared.items()
    }
    assert offered == expected, "declare each action in tests/permissions/actions.txt"


@pytest.mark.parametrize("row", rows(ACTIONS), ids=lambda row: f"{row.name}-{row.thing}")
def test_an_action_touches_what_the_matrix_says(world: World, row: Row) -> None:
    model, _dot, action = row.name.rpartition(".")
    address = reverse(f"admin:{model.replace('.', '_')}_changelist")
    for role, cell in _columns(row).items():
        body = {"action": action, "_selected_action": [world.objects[row.thing]], "post": "yes"}
        attempt = Attempt(world.clients[role], "post", address, body)
        assert bool(attempt.writes) == (cell == "W"), (role, cell, attempt.writes)
        assert _given(world, role, address, attempt.text) == []
