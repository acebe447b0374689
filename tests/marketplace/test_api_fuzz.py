"""Every operation of the API's own description with rubbish in path, query and body: no 500, and nothing changes."""

import json
import string
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people import Person, Shop
from pytest_django import Settings

from marketplace.credit.models import Agreement
from marketplace.studies.services import add_file
from marketplace.trading.models import Listing

APPS = ("accounts", "credit", "studies", "trading", "grid", "engine", "store")
METHODS = ("get", "post", "put", "patch", "delete")
HASH = "0x" + "ab" * 32
NASTY: tuple[Any, ...] = (
    None,
    True,
    "",
    " ",
    "x",
    "\x00",
    "\ud800",
    "ﷺ" * 5000,
    "-1",
    "0x",
    "0x" + "g" * 64,
    "NaN",
    "1e309",
    "9" * 400,
    0,
    -1,
    1.5,
    2**53,
    2**64,
    -(2**63) - 1,
    10**400,
    float("nan"),
    float("inf"),
    [],
    {},
    [[[[[[]]]]]],
    {"$ne": 1},
    ["a"] * 1000,
)
NASTY_IN_PATHS = (
    "x",
    "-1",
    "0",
    "9" * 30,
    "NaN",
    "..",
    "\x00",
    "ﷺ" * 200,
    "0x" + "G" * 64,
    HASH,
    str(uuid.UUID(int=7)),
)


def _description() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


def _operations() -> list[tuple[str, str]]:
    return [
        (path, method)
        for path, item in sorted(_description()["paths"].items())
        for method in METHODS
        if method in item
    ]


OPERATIONS = _operations()


def _resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    for key in ("allOf", "oneOf", "anyOf"):
        if key in schema:
            return _resolved(schema[key][0], whole)
    if "$ref" in schema:
        return _resolved(whole["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], whole)
    return schema


def _plausible(schema: dict[str, Any], whole: dict[str, Any]) -> Any:
    """A value that passes the field's own checks, more often than not, so that what lies behind them is reached."""
    schema = _resolved(schema, whole)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if kind == "object":
        return {name: _plausible(inner, whole) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [_plausible(schema.get("items", {}), whole)]
    if kind in ("integer", "number"):
        return max(schema.get("minimum", 1), 1)
    return True if kind == "boolean" else _plausible_text(schema)


def _plausible_text(schema: dict[str, Any]) -> str:
    formats = {
        "date": "1990-01-01",
        "uuid": str(uuid.UUID(int=7)),
        "email": "a@b.example",
        "date-time": "2026-01-01T00:00:00Z",
    }
    if schema.get("format") in formats:
        return formats[schema["format"]]
    pattern = schema.get("pattern", "")
    for length in (40, 64, 130):
        if f"{{{length}}}" in pattern:
            return "0x" + "ab" * (length // 2)
    return "1000000" if "[0-9]" in pattern or "\\d" in pattern else "DE"


def _bodies(operation: dict[str, Any], whole: dict[str, Any]) -> Iterator[Any]:
    """A plausible body, and that with each field spoiled, left out or joined by an unknown one; and no object at all."""
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        yield {}
        return
    body = _plausible(next(iter(content.values()))["schema"], whole)
    yield body
    yield from NASTY
    if isinstance(body, dict):
        yield {**body, "unknown": 1}
        for name in body:
            yield {key: value for key, value in body.items() if key != name}
            yield from ({**body, name: value} for value in NASTY)


class Site:
    """The API with two people's things in it."""

    def __init__(
        self, whole: dict[str, Any], people: tuple[Person, Person], ids: dict[str, list[str]]
    ) -> None:
        self.whole, self.ids = whole, ids
        self.clients = (*(person.client for person in people), Client())
        for client in self.clients:
            client.raise_request_exception = False

    def paths(self, path: str, method: str) -> Iterator[str]:
        """The operation's path with my ids, another's, unknown ones and rubbish."""
        names = [piece[1] for piece in string.Formatter().parse(path) if piece[1]]
        if not names:
            yield path
            return
        for value in [
            *(found for name in names for found in self.ids.get(self._kind(path), [])),
            *NASTY_IN_PATHS,
        ]:
            yield path.format(**dict.fromkeys(names, quote(value, safe="")))

    @staticmethod
    def _kind(path: str) -> str:
        return path.split("{", maxsplit=1)[0].rstrip("/").rsplit("/", 1)[-1]

    def send(self, client: Client, method: str, path: str, body: Any, query: str = "") -> int:
        """The answer's status; what an accepted request did is undone, what a refused one did stays to be found."""
        text = json.dumps(body)  # NaN and Infinity as JavaScript writes them, lone surrogates escaped
        before = transaction.savepoint()
        answer = client.generic(method.upper(), path + query, text, content_type="application/json")
        if answer.status_code < 400:
            transaction.savepoint_rollback(before)
        else:
            transaction.savepoint_commit(before)
            assert answer.status_code != 500, (method, path, query, text[:300], answer.content[:300])
            assert answer.status_code < 500 or answer.status_code == 503
            assert answer["Content-Type"].startswith("application/problem+json"), (
                method,
                path,
                answer.content[:200],
            )
            assert answer.json()["detail"]
        return int(answer.status_code)


def everything() -> dict[str, list[Any]]:
    """Every row of the site's own tables, as it lies in the database."""
    models = [model for model in apps.get_models() if model._meta.app_label in APPS]
    with connection.cursor() as cursor:
        return {model._meta.label: _rows(cursor, model._meta.db_table) for model in models}


def _rows(cursor: Any, table: str) -> list[Any]:
    cursor.execute(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608  a model's own table
    return [
        tuple(bytes(cell) if isinstance(cell, memoryview) else cell for cell in row)
        for row in cursor.fetchall()
    ]


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    return _description()


@pytest.fixture
def site(
    description: dict[str, Any],
    make_person: Callable[..., Person],
    shop: Shop,
    agree: Callable[[Person, Shop], Agreement],
    settings: Settings,
) -> Site:
    settings.LEDGER_URL = "http://127.0.0.1:9"  # nobody listens there: what needs the ledger is 503
    people = make_person(), make_person()
    agreements = [agree(person, shop) for person in people]
    ids = {
        "agreements": [str(one.pk) for one in agreements],
        "applications": [str(one.application_id) for one in agreements],
        "documents": [str(person.user.documents.all()[0].pk) for person in people],
        "inputs": [str(_own_file(person)) for person in people],
        "listings": [str(one.pk) for one in Listing.objects.all()],
    }
    return Site(description, people, ids)


def _own_file(person: Person) -> uuid.UUID:
    return add_file(user=person.user, filename="meter.csv", raw=b"time,house_kW\n", reading={}).pk


@pytest.mark.parametrize(
    ("path", "method"), OPERATIONS, ids=[f"{method} {path}" for path, method in OPERATIONS]
)
def test_rubbish_is_refused_and_changes_nothing(site: Site, path: str, method: str) -> None:
    operation = site.whole["paths"][path][method]
    before, mine, places = everything(), site.clients[0], list(site.paths(path, method))
    bodies = list(_bodies(operation, site.whole))
    asked = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
    queries = [f"?{name}={quote(value)}" for name in [*asked, "page", "unknown"] for value in NASTY_IN_PATHS]
    found = [site.send(client, method, place, bodies[0]) for place in places for client in site.clients]
    found += [site.send(mine, method, places[0], body) for body in bodies]
    found += [site.send(mine, method, places[0], {}, query) for query in queries]
    assert everything() == before
    assert method == "get" or any(status >= 400 for status in found)


def _plausible_body(operation: dict[str, Any], whole: dict[str, Any]) -> Any:
    return next(_bodies(operation, whole))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
WRITING = [(path, method) for path, method in OPERATIONS if method not in ("get", "delete")]


@pytest.mark.parametrize(("path", "method"), WRITING, ids=[f"{method} {path}" for path, method in WRITING])
def test_any_json_in_any_field_is_answered_in_order(site: Site, path: str, method: str) -> None:
    operation = site.whole["paths"][path][method]
    sound, body = next(iter(site.paths(path, method))), _plausible_body(operation, site.whole)
    names = sorted(body) if isinstance(body, dict) else []
    before = everything()

    @settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.fixed_dictionaries({}, optional=dict.fromkeys([*names, "other"], JSON)))
    def spoil(changes: dict[str, Any]) -> None:
        site.send(site.clients[0], method, sound, {**body, **changes} if isinstance(body, dict) else changes)

    spoil()
    assert everything() == before
