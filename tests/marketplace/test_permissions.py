"""Whose things are whose: what owners and their merchant see, and what nobody else changes (see tests/permissions)."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from people import Person, Shop, at_desk
from pytest_django import DjangoAssertNumQueries

from channels_engine.core import types
from channels_engine.core.messages import DepositFunding
from channels_engine.core.state import CoSigned, Endpoint, Phase
from channels_engine.core.typed_data import digest, struct_hash
from channels_engine.store import models as engine
from grid.models import ReplayRun
from marketplace.accounts.models import Document
from marketplace.credit.issuing import domain_of, raw
from marketplace.credit.models import Agreement
from marketplace.credit.notes import NoteRequest, issue_note
from marketplace.studies.services import add_file
from marketplace.trading.models import GateDecision, Listing, Prosumer
from tests.stored_channels import store_endpoints

pytestmark = pytest.mark.django_db
Agree = Callable[[Person, Shop], Agreement]


@dataclass
class Belongings:
    """Ids of everything that the victim owns, and words that nobody else may read."""

    ids: dict[str, list[Any]]
    secrets: tuple[str, ...]


def _channel(owner: str, peer: str, index: int = 0) -> str:
    domain = types.Domain(31337, b"\x01" * 20)
    terms = types.EntityContract(b"\x02" * 20, b"\x03" * 20, b"\x04" * 20, 60, 5, 0, b"\x05" * 32)
    opening = types.ChannelOpen(
        struct_hash(terms), index, 10, 20, bytes(20), bytes(32), bytes(20), bytes(32), 1, 2
    )
    channel = struct_hash(opening)
    state = types.ChannelState(channel, 3, 2, 11, 19, 500, 0, bytes(32), is_final=False)
    funding = DepositFunding(5, b"\x06" * 65)
    endpoint = Endpoint(
        domain=domain,
        channel=channel,
        me=types.Side.A,
        terms=terms,
        opening=opening,
        phase=Phase.OPEN,
        fundings=(funding, funding),
        current=CoSigned(state, b"\x07" * 65, b"\x08" * 65),
    )
    name = "0x" + channel.hex()
    store_endpoints(endpoint, owners=(owner, peer))
    engine.TradeRecord.objects.create(
        channel=name,
        trade="0x" + "ee" * 32,
        seller=owner,
        buyer=peer,
        quantity_wh=500,
        price_per_kwh=2000,
        imbalance_per_kwh=3000,
        slot_start=900,
        slot_end=1800,
        amount=1,
        version=3,
        at=5,
    )
    engine.LedgerEvent.objects.create(
        channel=name,
        scid="0x" + opening.scid.hex(),
        name="ChannelOpened",
        block_number=4,
        block_hash="0x",
        transaction_hash="0x" + "dd" * 32,
        log_index=index,
        arguments={"funding_a": 10},
        at=1_750_000_000,
    )
    return name


@pytest.fixture
def victim(make_person: Callable[..., Person]) -> Person:
    return make_person()


@pytest.fixture
def belongings(victim: Person, make_shop: Callable[[str], Shop], agree: Agree) -> Belongings:
    agreement = agree(victim, make_shop("reviewer"))
    serial, holder = b"\x0a" * 32, b"\x0b" * 20
    receipt = types.NoteReceipt(raw(agreement.sid), serial, holder, 5)
    signature = victim.signer.sign(digest(domain_of(agreement), receipt))
    note = issue_note(agreement=agreement, request=NoteRequest(serial, holder, 5, signature))
    home = Prosumer.objects.create(
        owner=victim.user.owner, slug="victim", display_name="Victim", user=victim.user
    )
    listing = Listing.objects.create(
        prosumer=home, side="buys", slot_start=9 * 10**9, quantity_wh=1, price_per_kwh=1
    )
    channel = _channel(victim.user.owner, "h-1")
    GateDecision.objects.create(
        slot_start=900,
        seller=victim.user.owner,
        buyer="h-1",
        quantity_wh=77_777_777,
        allowed=True,
        passes_wh=5,
        decided_at=1,
    )
    documents = list(Document.objects.filter(user=victim.user).values_list("pk", flat=True))
    file = add_file(user=victim.user, filename="my-meter.csv", raw=b"time,Erika_kW\n", reading={})
    run = ReplayRun.objects.create(
        scenario="Erika",
        owner=victim.user,
        kind="study",
        status="finished",
        starts_at=0,
        ends_at=900,
        summary={"energy": {}},
    )
    keys = [agreement.pk, agreement.application_id, *documents, file.pk, run.pk]
    ids = {
        "uuid": keys,
        "hash": [note.serial, channel],
        "row": [listing.pk],
        "slug": ["victim", "reviewer"],
        "other": [agreement.pk, agreement.application_id, note.serial, victim.user.pk],
    }
    secrets = (victim.user.email, "Erika", agreement.sid, note.serial, "77777777", *map(str, keys))
    return Belongings(ids, secrets)


def _patterns(patterns: list[Any], prefix: str = "/") -> Iterator[tuple[str, dict[str, Any]]]:
    for pattern in patterns:
        route = prefix + getattr(pattern.pattern, "_route", "")
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and hasattr(pattern.pattern, "_route"):
            yield route, pattern.pattern.converters


def _addresses(belongings: Belongings) -> Iterator[str]:
    """Every path of the URLconf, with the victim's ids in every place that takes one."""
    kinds = {"UUIDConverter": "uuid", "HashConverter": "hash", "RowConverter": "row", "SlugConverter": "slug"}
    for route, converters in _patterns(get_resolver().url_patterns):
        if not converters:
            yield route
            continue
        for kind in {kinds.get(type(converter).__name__, "other") for converter in converters.values()}:
            for key in belongings.ids[kind]:
                yield _filled(route, str(key))


def _filled(route: str, key: str) -> str:
    parts = route.split("<")
    return parts[0] + "".join(key + part.partition(">")[2] for part in parts[1:])


def test_nothing_of_the_victims_changed_by_that(
    victim: Person,
    belongings: Belongings,
    make_person: Callable[..., Person],
) -> None:
    other = make_person()
    before = {
        path: victim.client.get(f"/api/v1/{path}").json()
        for path in ("agreements/", "notes/", "applications/")
    }
    for address in _addresses(belongings):
        if address.startswith("/api/v1/") and "<" not in address:
            for method in ("post", "patch", "delete"):
                getattr(other.client, method)(address, {"consent": False, "email": "x"}, format="json")
    assert {path: victim.client.get(f"/api/v1/{path}").json() for path in before} == before
    assert victim.client.get("/api/v1/listings/?mine=1").json()["results"][0]["state"] == "open"


def test_owners_and_their_merchant_reach_them(victim: Person, belongings: Belongings) -> None:
    channel = belongings.ids["hash"][1]
    for path in (
        "agreements/",
        "notes/",
        "applications/",
        "channels/",
        "trades/",
        "gate-decisions/",
        "documents/",
        "inputs/",
        "studies/",
    ):
        assert victim.client.get(f"/api/v1/{path}").json()["count"] > 0, path
    shown = victim.client.get(f"/api/v1/channels/{channel}/").json()
    assert (shown["balance_mine"], shown["balance_theirs"], shown["version"]) == ("11", "19", 3)
    assert (shown["energy_to_me"], shown["energy_to_them"], shown["funding"]) == (500, 0, "deposit")
    assert shown["provenance"]["balance"]["source"] == "signature"
    assert shown["provenance"]["balance"]["signature_a"] == "0x" + "07" * 65
    assert shown["trades"][0]["role"] == "seller"
    assert [(one["block"], one["at"]) for one in shown["ledger_events"]] == [(4, 1_750_000_000)]
    operator = at_desk(Agreement.objects.get().merchant.operators.get())
    for document in Document.objects.values_list("pk", flat=True):
        assert operator.get(f"/api/v1/documents/{document}/content/").status_code == 200


def test_the_ledgers_word_counts_once_it_has_closed_a_channel(victim: Person, belongings: Belongings) -> None:
    channel = belongings.ids["hash"][1]
    engine.LedgerEvent.objects.create(
        channel=channel,
        scid="0x",
        name="ChannelFinalised",
        block_number=9,
        block_hash="0x",
        transaction_hash="0x" + "cc" * 32,
        log_index=0,
        arguments={
            "version": "4",
            "balance_a": "12",
            "balance_b": "18",
            "energy_to_a": "501",
            "energy_to_b": "0",
        },
    )
    shown = victim.client.get(f"/api/v1/channels/{channel}/").json()
    balance = shown["provenance"]["balance"]
    assert (shown["balance_mine"], balance["source"], balance["block"]) == ("12", "ledger", 9)
    assert (balance["transaction"], shown["energy_to_me"]) == ("0x" + "cc" * 32, 501)


@pytest.mark.parametrize("path", ["channels/", "trades/"])
def test_channels_and_trades_cost_the_same_number_of_queries(
    path: str,
    person: Person,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    counts = []
    for number in range(1, 9):
        _channel(person.user.owner, f"h-{number}", number)
        with django_assert_max_num_queries(20) as captured:
            assert person.client.get(f"/api/v1/{path}").json()["count"] == number
        counts.append(len(captured))
    assert len(set(counts)) == 1


def test_a_reviewer_loses_sight_with_the_role(victim: Person, belongings: Belongings) -> None:
    document = belongings.ids["uuid"][2]
    operator = Agreement.objects.get().merchant.operators.get()
    operator.merchants.clear()
    assert at_desk(operator).get(f"/api/v1/documents/{document}/content/").status_code == 404
    assert at_desk(operator).get(f"/api/v1/documents/{uuid.uuid4()}/content/").status_code == 404
