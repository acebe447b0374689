"""Schemathesis holds the API against its own description: as each role, on a seeded site, with sound and unsound input.

No 500, no answer that the description does not know, and no refusal that changes anything. What is accepted is undone.
SCHEMATHESIS_EXAMPLES=200 looks for longer; the seed is fixed.
"""

import contextlib
import itertools
import json
import os
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connection, transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from people import Person, Shop, at_desk
from pytest_django import Settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from test_openapi import DESCRIPTION

from channels_engine.core import types
from channels_engine.core.typed_data import digest
from marketplace.accounts import keyring
from marketplace.credit.issuing import domain_of, raw
from marketplace.credit.models import Agreement
from marketplace.credit.notes import NoteRequest, issue_note
from marketplace.programs.scopes import every
from marketplace.programs.tokens import make_token
from marketplace.studies.services import add_file
from marketplace.trading.models import Listing, Prosumer

APPS = {"accounts", "billing", "credit", "studies", "trading", "notifications", "grid", "engine", "store"}
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "2"))
CSRF = "c" * 32
STRANGE = ("x", "0", "9" * 30, "\x00", "ﷺ" * 99, "0x" + "G" * 64, "0x" + "ab" * 32, str(uuid.UUID(int=7)))
NASTY: tuple[Any, ...] = (None, "\x00", "\ud800", "9" * 400, -1, 2**64, float("nan"), [[{}]], "ﷺ" * 5000)
load_all_checks()
CHECKED = CHECKS.get_by_names(
    [
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
SCHEMA.app = get_wsgi_application()
OPERATIONS = {one.ok().label: one.ok() for one in SCHEMA.get_all_operations()}


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


class Site:
    """The API with people's things in it, and somebody of each role."""

    def __init__(self, clients: dict[str, Client], token: str, ids: dict[str, list[str]]) -> None:
        self.ids, self.person = ids, clients["person"]
        self.person.raise_request_exception = False
        self.roles: dict[str, dict[str, Any]] = {"stranger": {}, "program": _bearer(token)}
        self.roles |= {name: _session(client) for name, client in clients.items()}

    def places(self, path: str) -> list[str]:
        """What may stand in a path: ids of what is there, and rubbish."""
        kind = path.split("{", maxsplit=1)[0].rstrip("/").rsplit("/", 1)[-1]
        return [*self.ids.get(kind, []) * 4, *STRANGE]

    def send(self, case: schemathesis.Case, role: str) -> int:
        """The answer's status, checked. What an accepted request did is undone, what a refused one did stays to be found."""
        before = transaction.savepoint()
        answer = case.call(**self.roles[role])
        if answer.status_code < 400:
            transaction.savepoint_rollback(before)
        else:
            transaction.savepoint_commit(before)
            assert answer.status_code < 500 or answer.status_code == 503, (role, case.as_curl_command())
        case.validate_response(answer, checks=CHECKED)
        return int(answer.status_code)


def _bearer(token: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {token}"}}


def _session(client: Client) -> dict[str, Any]:
    cookies = {"sessionid": client.cookies["sessionid"].value, "csrftoken": CSRF}
    return {"cookies": cookies, "headers": {"X-CSRFToken": CSRF}}


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """As Django's own client has it: the site works in the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def site(
    make_person: Callable[..., Person],
    shop: Shop,
    agree: Callable[[Person, Shop], Agreement],
    settings: Settings,
    soon: int,
) -> Site:
    settings.LEDGER_URL = "http://127.0.0.1:9"  # nobody listens there: what needs the ledger is 503
    person, other = make_person(), make_person()
    root = get_user_model().objects.create_superuser("root@example.org", "long enough password")
    agreements = [agree(one, shop) for one in (person, other)]
    note = _note(person, agreements[0])
    for one in (person, other):
        home = Prosumer.objects.create(
            owner=one.user.owner,
            slug=f"home-{one.user.pk}",
            display_name="x",
            user=one.user,
            is_agent=one is other,
        )
        Listing.objects.create(prosumer=home, side="buys", slot_start=soon, quantity_wh=1, price_per_kwh=1)
    file = add_file(user=person.user, filename="meter.csv", raw=b"time,house_kW\n", reading={})
    clients = {"person": person.client, "other": other.client, "merchant": shop.client, "root": at_desk(root)}
    for user in get_user_model().objects.all():
        keyring.obtain(user.pk)  # a kept answer would make it
    token, secret = make_token(user=person.user, label="x", scopes=every(), days=1)
    ids = {
        "agreements": [str(agreements[0].pk)],
        "applications": [str(agreements[0].application_id)],
        "documents": [str(person.user.documents.all()[0].pk)],
        "inputs": [str(file.pk)],
        "listings": [str(Listing.objects.all()[0].pk)],
        "notes": [note],
        "prosumers": ["home-1", *Prosumer.objects.values_list("slug", flat=True)],
        "tokens": [str(token.pk)],
    }
    return Site(clients, secret, ids)


def _note(person: Person, agreement: Agreement) -> str:
    serial, holder = b"\x0a" * 32, b"\x0b" * 20
    receipt = types.NoteReceipt(raw(agreement.sid), serial, holder, 5)
    signature = person.signer.sign(digest(domain_of(agreement), receipt))
    return issue_note(agreement=agreement, request=NoteRequest(serial, holder, 5, signature)).serial


def look(site: Site, label: str, mode: GenerationMode) -> None:
    """Some examples of an operation, each as every role."""
    operation = OPERATIONS[label]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(
        case=operation.as_strategy(generation_mode=mode), place=st.sampled_from(site.places(operation.path))
    )
    def ask(case: schemathesis.Case, place: str) -> None:
        for name in case.path_parameters or {}:
            case.path_parameters[name] = place
        for role in site.roles:
            site.send(case, role)

    ask()


def by_area() -> dict[str, list[str]]:
    """Labels by the first word of their path: a site is made for each area, not for each operation."""
    found: dict[str, list[str]] = defaultdict(list)
    for label in OPERATIONS:
        found[label.split("/")[3]].append(label)
    return found


AREAS = by_area()


@pytest.mark.parametrize("area", AREAS)
def test_each_operation_keeps_to_its_description(site: Site, area: str) -> None:
    before = everything()
    for label in AREAS[area]:
        look(site, label, GenerationMode.POSITIVE)
        with contextlib.suppress(Unsatisfiable):  # nothing about it could be unsound
            look(site, label, GenerationMode.NEGATIVE)
        assert everything() == before, label


def bodies(label: str) -> Iterator[dict[str, Any]]:
    """The operation's example with each field spoiled."""
    content = OPERATIONS[label].definition.raw.get("requestBody", {}).get("content", {})
    kind = content.get("application/json", {})
    shown = [one["value"] for one in kind.get("examples", {}).values()]
    body = shown[0] if shown else kind.get("example") or {}
    for field, value in itertools.product(body, NASTY):
        yield {**body, field: value}


@pytest.mark.parametrize("area", AREAS)
def test_rubbish_in_each_field_is_refused_and_changes_nothing(site: Site, area: str) -> None:
    """What Schemathesis does not make: surrogates, NaN, numbers beyond all bounds, very long words."""
    before = everything()
    for label in AREAS[area]:
        method, path = label.split()
        place = path.format_map(defaultdict(lambda path=path: site.places(path)[0]))
        for body in bodies(label):
            spoil(site, method, place, json.dumps(body))
        assert everything() == before, label


def spoil(site: Site, method: str, place: str, text: str) -> None:
    point = transaction.savepoint()
    answer = site.person.generic(method, place, text, content_type="application/json")
    if answer.status_code < 400:
        transaction.savepoint_rollback(point)
        return
    transaction.savepoint_commit(point)
    assert answer.status_code < 500 or answer.status_code == 503, (method, place, text[:500], answer.content)
    assert answer["Content-Type"] == "application/problem+json"
