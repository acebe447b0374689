"""The JSON API: shapes, rubbish on every field, pages, queries that don't grow."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people import Person, Shop, png
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from channels_engine.core import types
from channels_engine.core.typed_data import digest
from marketplace.accounts import siwe
from marketplace.credit.issuing import domain_of, raw
from marketplace.credit.models import Agreement, CreditApplication, Ledger
from marketplace.trading.models import GateDecision, Listing, Prosumer

pytestmark = pytest.mark.django_db
Apply = Callable[[Person, Shop], CreditApplication]
Agree = Callable[[Person, Shop], Agreement]
ROOT = "/api/v1/"


def _json(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.content
    return response.json()


def test_who_i_am(person: Person, shop: Shop, agree: Agree) -> None:
    agreement = agree(person, shop)
    assert _json(person.client.get(f"{ROOT}me/")) == {
        "email": person.user.email,
        "owner": person.user.owner,
        "display_name": "Sunny Side",
        "wallet": "0x" + person.signer.address.hex(),
        "merchants": [],
        "agreement": str(agreement.pk),
    }
    assert _json(shop.client.get(f"{ROOT}me/"))["merchants"] == ["stadtwerke"]


def test_without_a_session_there_is_nothing(db: None) -> None:
    for path in ("me/", "channels/", "notes/", "listings/", "documents/"):
        problem = _json(APIClient().get(ROOT + path), 403)
        assert problem["code"] == "not_authenticated"
    assert APIClient().get(f"{ROOT}schema/").status_code == 200


def test_csrf_is_checked(person: Person) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
    problem = _json(client.patch(f"{ROOT}me/profile/", {"city": "Bonn"}), 403)
    assert "CSRF" in problem["detail"]


def test_wallet_by_signed_message(make_person: Callable[..., Person]) -> None:
    person = make_person(complete=False)
    assert _json(person.client.get(f"{ROOT}wallet/"), 404)["code"] == "not_found"
    address = "0x" + person.signer.address.hex()
    challenge = _json(person.client.post(f"{ROOT}wallet/challenge/", {"address": address}))
    assert challenge["message"].startswith("testserver wants you to sign in")
    signature = "0x" + person.signer.sign(siwe.personal_digest(challenge["message"])).hex()
    proof = {"message": challenge["message"], "signature": signature}
    wallet = _json(person.client.post(f"{ROOT}wallet/", proof), 201)
    assert (wallet["address"], wallet["balance"]) == (address, None)
    assert _json(person.client.post(f"{ROOT}wallet/", proof), 400)["code"] == "siwe_nonce"
    assert Prosumer.objects.get(owner=person.user.owner).user == person.user


def test_from_upload_to_submission(make_person: Callable[..., Person], shop: Shop) -> None:
    person = make_person()
    upload = {"kind": "income", "file": _file("pay.png", png((1, 2, 3)))}
    document = _json(person.client.post(f"{ROOT}documents/", upload, format="multipart"), 201)
    assert (document["kind"], document["filename"], document["content_type"]) == (
        "income",
        "pay.png",
        "image/png",
    )
    again = {"kind": "income", "file": _file("pay.png", png((1, 2, 3)))}
    assert (
        _json(person.client.post(f"{ROOT}documents/", again, format="multipart"), 201)["id"] == document["id"]
    )
    content = person.client.get(f"{ROOT}documents/{document['id']}/content/")
    assert content.content.startswith(b"\x89PNG")
    assert "default-src 'none'" in content["Content-Security-Policy"]
    assert "script" not in content["Content-Security-Policy"]
    assert content["X-Frame-Options"] == "SAMEORIGIN"
    wish = {
        "merchant": "stadtwerke",
        "requested_limit": "150000000",
        "monthly_income": "3000000000",
        "monthly_outgoings": "1000000000",
        "consent": False,
    }
    application = _json(person.client.post(f"{ROOT}applications/", wish), 201)
    path = f"{ROOT}applications/{application['id']}/"
    problem = _json(person.client.post(f"{path}submit/"), 409)
    assert (problem["code"], list(problem["errors"])) == ("incomplete", ["consent"])
    assert _json(person.client.patch(path, {"consent": True}))["consent"] is True
    submitted = _json(person.client.post(f"{path}submit/"))
    assert submitted["state"] == "submitted"
    assert document["id"] in submitted["documents"]
    assert _json(person.client.delete(f"{ROOT}documents/{document['id']}/"), 409)["code"] == "document_used"


def _file(name: str, content: bytes) -> Any:
    return SimpleUploadedFile(name, content)


def test_a_note_over_the_api(person: Person, shop: Shop, agree: Agree) -> None:
    agreement = agree(person, shop)
    serial, holder = b"\x05" * 32, b"\x06" * 20
    receipt = types.NoteReceipt(raw(agreement.sid), serial, holder, 7_000_000)
    signature = person.signer.sign(digest(domain_of(agreement), receipt))
    wanted = {
        "agreement": str(agreement.pk),
        "serial": "0x" + serial.hex(),
        "holder": "0x" + holder.hex(),
        "amount": "7000000",
        "receipt_signature": "0x" + signature.hex(),
    }
    note = _json(person.client.post(f"{ROOT}notes/", wanted), 201)
    assert (note["msc"], note["amount"]) == (shop.merchant.msc, "7000000")
    assert _json(person.client.post(f"{ROOT}notes/", wanted), 201) == note
    assert _json(person.client.get(f"{ROOT}notes/{note['serial']}/")) == note
    shown = _json(person.client.get(f"{ROOT}agreements/{agreement.pk}/"))
    assert (shown["outstanding"], shown["available"]) == ("7000000", "143000000")


def test_listings(person: Person, make_person: Callable[..., Person], soon: int) -> None:
    wish = {"side": "sells", "slot_start": soon, "quantity_wh": 1500, "price_per_kwh": "250000"}
    listing = _json(person.client.post(f"{ROOT}listings/", wish), 201)
    assert (listing["is_mine"], listing["slot_end"]) == (True, soon + 900)
    dearer = _json(person.client.post(f"{ROOT}listings/", wish | {"price_per_kwh": "260000"}), 201)
    assert dearer["id"] == listing["id"]
    other = make_person()
    seen = _json(other.client.get(f"{ROOT}listings/?side=sells&slot_start={soon}"))["results"]
    assert [(one["price_per_kwh"], one["is_mine"]) for one in seen] == [("260000", False)]
    assert _json(other.client.get(f"{ROOT}listings/?side=buys"))["results"] == []
    assert other.client.delete(f"{ROOT}listings/{listing['id']}/").status_code == 404
    assert person.client.delete(f"{ROOT}listings/{listing['id']}/").status_code == 204
    assert _json(other.client.get(f"{ROOT}listings/"))["count"] == 0
    Listing.objects.update(state="filled")
    assert _json(person.client.delete(f"{ROOT}listings/{listing['id']}/"), 409)["code"] == "listing_filled"
    for wrong in (
        {"slot_start": soon + 1},
        {"slot_start": 0},
        {"quantity_wh": 0},
        {"price_per_kwh": "9" * 18},
    ):
        assert set(_json(person.client.post(f"{ROOT}listings/", wish | wrong), 400)["errors"]) == set(wrong)


def test_partners_and_agents(person: Person) -> None:
    Prosumer.objects.create(
        owner="h-1", slug="home-1", display_name="Home 1", is_agent=True, bus=4, has_pv=True
    )
    Prosumer.objects.create(owner="h-2", slug="home-2", display_name="Gone", is_active=False)
    agents = _json(person.client.get(f"{ROOT}agents/"))["results"]
    assert [(agent["slug"], agent["bus"], agent["rules"]) for agent in agents] == [("home-1", 4, {})]
    assert _json(person.client.get(f"{ROOT}prosumers/?search=home&is_agent=1"))["count"] == 1
    assert _json(person.client.get(f"{ROOT}prosumers/?is_agent=0"))["count"] == 0
    assert _json(person.client.get(f"{ROOT}prosumers/home-1/"))["is_me"] is False
    assert person.client.get(f"{ROOT}prosumers/home-2/").status_code == 404


def test_the_ledgers_facts_are_public(db: None) -> None:
    assert _json(APIClient().get(f"{ROOT}ledger/"), 503)["code"] == "ledger_away"
    address = "0x" + "ab" * 20
    Ledger.objects.create(
        chain_id=31337,
        token=address,
        factory=address,
        registry=address,
        token_name="Euro",
        token_version="1",
    )
    facts = _json(APIClient().get(f"{ROOT}ledger/"))
    assert (facts["registry"], facts["slot_seconds"], facts["metering"]) == (address, 900, None)


def test_only_my_gate_decisions(person: Person) -> None:
    base = {"slot_start": 900, "quantity_wh": 5, "allowed": True, "passes_wh": 5, "decided_at": 1}
    GateDecision.objects.create(seller=person.user.owner, buyer="x", **base)
    GateDecision.objects.create(seller="y", buyer="x", **base)
    assert _json(person.client.get(f"{ROOT}gate-decisions/"))["count"] == 1


def test_erasure_needs_the_address(person: Person) -> None:
    assert (
        _json(person.client.post(f"{ROOT}me/erasure/", {"email": "x@example.org"}), 400)["code"]
        == "wrong_email"
    )
    whole = {"email": person.user.email, "password": "long enough password"}
    for wrong in ({}, {"password": "another password"}):
        answer = person.client.post(f"{ROOT}me/erasure/", {"email": person.user.email} | wrong)
        assert _json(answer, 400)["code"] == "wrong_password"
    assert person.client.get(f"{ROOT}me/erasure/").json() == []
    assert person.client.post(f"{ROOT}me/erasure/", whole).status_code == 204
    assert person.client.get(f"{ROOT}me/").status_code == 403


def test_profile_is_checked(person: Person) -> None:
    for wrong in (
        {"birth_date": "31.12.1990"},
        {"birth_date": "1990-02-30"},
        {"country": "D1"},
        {"display_name": "x"},
        {"legal_name": "x" * 121},
        {"city": "nul\x00"},
        {"city": 5},
        {"street": {"a": 1}},
    ):
        assert set(_json(person.client.patch(f"{ROOT}me/profile/", wrong), 400)["errors"]) == set(wrong)
    assert (
        _json(person.client.patch(f"{ROOT}me/profile/", {"country": "at", "city": None}))["country"] == "AT"
    )


RUBBISH: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**40,
    "",
    " ",
    "-1",
    "+1",
    "1e3",
    "0x",
    "0x" + "zz" * 20,
    "0x" + "00" * 20,
    "0x" + "ff" * 65,
    "٣",
    "NaN",
    "\ud800",
    "\x00",
    "x" * 5000,
    [],
    [1],
    {},
    {"a": []},
)
BODIES: dict[str, dict[str, Any]] = {
    "me/profile/": dict.fromkeys(
        ("display_name", "legal_name", "birth_date", "country", "meter_number"), "DE"
    ),
    "me/erasure/": {"email": "a@b.c"},
    "wallet/challenge/": {"address": "0x" + "11" * 20},
    "wallet/": {"message": "x", "signature": "0x" + "11" * 65},
    "applications/": {
        "merchant": "stadtwerke",
        "requested_limit": "5",
        "monthly_income": "5",
        "monthly_outgoings": "5",
        "consent": True,
    },
    "applications/{application}/": {
        "requested_limit": "5",
        "monthly_income": "5",
        "monthly_outgoings": "5",
        "consent": True,
    },
    "agreements/{agreement}/initialise/": {
        "signature": "0x" + "11" * 65,
        "permit_signature": "0x" + "11" * 65,
        "permit_deadline": 5,
    },
    "notes/": {
        "agreement": "{agreement}",
        "serial": "0x" + "11" * 32,
        "holder": "0x" + "11" * 20,
        "amount": "5",
        "receipt_signature": "0x" + "11" * 65,
    },
    "listings/": {"side": "sells", "slot_start": 900, "quantity_wh": 5, "price_per_kwh": "5"},
}


def _send(client: APIClient, path: str, content: Any) -> Any:
    changes = path.endswith("profile/") or (
        path.startswith(f"{ROOT}applications/") and path != f"{ROOT}applications/"
    )
    method = "PATCH" if changes else "POST"
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return client.generic(method, path, text, content_type="application/json")


@pytest.mark.parametrize("path", BODIES)
def test_rubbish_in_every_field_is_refused(path: str, person: Person, shop: Shop, agree: Agree) -> None:
    agreement = agree(person, shop)
    names = {"agreement": agreement.pk, "application": agreement.application_id}
    address = ROOT + path.format(**names)
    good = {k: v.format(**names) if isinstance(v, str) else v for k, v in BODIES[path].items()}
    for field, value in itertools.product(good, RUBBISH):
        response = _send(person.client, address, {**good, field: value})
        assert response.status_code < 500 or response.json()["code"] == "ledger_away", (
            field,
            value,
            response.content,
        )
        if response.status_code >= 400:
            assert response["Content-Type"] == "application/problem+json"
            assert response.json()["code"]
    for field in good:
        assert _send(person.client, address, {k: v for k, v in good.items() if k != field}).status_code < 500


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "raw_body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": ' + b"9" * 10_000 + b"}",
    ],
)
def test_bodies_that_are_no_object_are_refused(path: str, raw_body: bytes, person: Person) -> None:
    address = ROOT + path.format(agreement="0" * 32, application="0" * 32)
    expected = {200} if not raw_body and "profile" in path else {400, 404}
    assert _send(person.client, address, raw_body).status_code in expected


def test_bodies_too_long_are_refused(person: Person) -> None:
    assert (
        _json(_send(person.client, f"{ROOT}listings/", b" " * (1024 * 1024 + 1)), 413)["code"] == "too_large"
    )
    upload = {"kind": "identity", "file": _file("a.png", b"x" * (12 * 1024 * 1024 + 1))}
    assert (
        _json(person.client.post(f"{ROOT}documents/", upload, format="multipart"), 413)["code"] == "too_large"
    )
    large = {"kind": "identity", "file": _file("a.png", b"x" * (10 * 1024 * 1024 + 1))}
    assert (
        _json(person.client.post(f"{ROOT}documents/", large, format="multipart"), 400)["code"]
        == "file_too_large"
    )


@pytest.mark.parametrize(
    "upload",
    [
        {},
        {"kind": "identity"},
        {"kind": "nonsense", "file": b"x"},
        {"kind": "identity", "file": b""},
        {"kind": "identity", "file": b"MZ"},
        {"kind": "identity", "file": "text"},
    ],
)
def test_uploads_of_rubbish_are_refused(person: Person, upload: dict[str, Any]) -> None:
    content = {name: _file("f.png", v) if isinstance(v, bytes) else v for name, v in upload.items()}
    assert _json(person.client.post(f"{ROOT}documents/", content, format="multipart"), 400)["errors"]


def test_other_media_types_are_refused(person: Person) -> None:
    response = person.client.generic(
        "POST", f"{ROOT}listings/", b"a=1", content_type="application/x-www-form-urlencoded"
    )
    assert response.status_code == 415
    broken = person.client.generic("POST", f"{ROOT}documents/", b"x", content_type="multipart/form-data")
    assert broken.status_code == 400


LISTS = (
    "merchants/",
    "documents/",
    "applications/",
    "agreements/",
    "notes/",
    "prosumers/",
    "agents/",
    "listings/",
    "trades/",
    "gate-decisions/",
    "channels/",
)


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query",
    ["page=0", "page=-1", "page=x", "page=99999999999999999999", "page_size=x", "page_size=99999", "slot_start=x",
     "slot_start=99999999999999999999999", "side=x", "mine=x", "is_agent=x", "search=%00", "search=%ed%a0%80"],
)  # fmt: skip
def test_rubbish_in_queries(path: str, query: str, person: Person) -> None:
    response = person.client.get(f"{ROOT}{path}?{query}")
    assert response.status_code in {200, 400, 404}, response.content


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_unknown_paths_and_methods(person: Person, method: str) -> None:
    for path in (
        "nothing/",
        "",
        "notes/0x12/",
        "documents/1/",
        "listings/x/",
        "listings/9999999999999999999999/",
    ):
        assert getattr(person.client, method)(ROOT + path).status_code == 404
    for path in LISTS:
        assert getattr(person.client, method)(ROOT + path).status_code in {200, 400, 405, 415}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["side", "slot_start", "quantity_wh", "price_per_kwh", "more"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
            ),
            max_leaves=4,
        ),
    ),
)
def test_listings_survive_any_json(person: Person, content: dict[str, Any]) -> None:
    assert _send(person.client, f"{ROOT}listings/", content).status_code in {201, 400}


def test_openapi_describes_every_endpoint_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    GENERATOR_STATS.reset()
    schema = SchemaGenerator().get_schema(request=None, public=True)
    validate_schema(schema)
    assert not GENERATOR_STATS, capsys.readouterr().err
    resolver = next(p for p in get_resolver().url_patterns if str(p.pattern) == "api/v1/")
    named = {p.name for p in resolver.url_patterns} - {"nowhere", "schema"}
    assert len(schema["paths"]) >= len(named)
    for path in schema["paths"].values():
        for operation in path.values():
            assert operation["responses"]["default"]["content"]["application/problem+json"]


@pytest.mark.parametrize(
    "path", ["documents/", "applications/", "agreements/", "notes/", "listings/", "prosumers/"]
)
def test_lists_cost_the_same_number_of_queries(  # noqa: PLR0917  fixtures, given by name
    path: str,
    person: Person,
    make_shop: Callable[[str], Shop],
    agree: Agree,
    soon: int,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    counts = []
    for round_ in range(2):
        for number in range(1 + 3 * round_):
            shop = make_shop(f"shop-{round_}-{number}")
            agreement = agree(person, shop)
            receipt = types.NoteReceipt(raw(agreement.sid), bytes([round_, number]) * 16, b"\x06" * 20, 5)
            signature = person.signer.sign(digest(domain_of(agreement), receipt))
            note = {"serial": "0x" + receipt.serial.hex(), "holder": "0x" + "06" * 20, "amount": "5"}
            note |= {"agreement": str(agreement.pk), "receipt_signature": "0x" + signature.hex()}
            _json(person.client.post(f"{ROOT}notes/", note), 201)
            home = Prosumer.objects.create(
                owner=shop.merchant.slug, slug=shop.merchant.slug, display_name="H"
            )
            Listing.objects.create(
                prosumer=home, side="buys", slot_start=soon, quantity_wh=1, price_per_kwh=1
            )
        with django_assert_max_num_queries(20) as captured:
            rows = _json(person.client.get(ROOT + path))["results"]
        assert rows
        counts.append(len(captured))
    assert counts[0] == counts[1]
