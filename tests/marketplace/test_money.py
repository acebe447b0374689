"""Money to session keys and back: the owner signs, the site relays, and can't divert it."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from people import Person, Shop
from pytest_django import Settings

from channels_engine.agreements import Agreement as Conversation
from channels_engine.agreements import AgreementPhase
from channels_engine.core import types
from channels_engine.core.signing import LocalSigner
from channels_engine.core.typed_data import digest
from channels_engine.store import conversations
from contracts.bindings import MerchantFactory
from contracts.consents import transfer_authorization
from contracts.records import AuthorizedTransfer, TokenDomain
from marketplace.accounts.hexadecimal import to_hex
from marketplace.credit import ledger
from marketplace.credit.issuing import domain_of, raw
from marketplace.credit.models import Agreement, Ledger, RelayedTransfer
from marketplace.credit.notes import NoteRequest, issue_note
from tests.fixtures_ledger import RunningNode, devnode  # noqa: F401  pytest finds the fixture by its name

pytestmark = pytest.mark.django_db
PATH = "/api/v1/wallet/transfer/"
SESSION = LocalSigner(b"\x51" * 32)
NONCE = b"\x0c" * 32
MILLION = 1_000_000


@pytest.fixture
def deployed(devnode: RunningNode, settings: Settings) -> Ledger:  # noqa: F811  the fixture imported above
    settings.LEDGER_URL = devnode.url
    settings.TEST_MONEY = True
    return ledger.deploy_ledger(metering=b"\x44" * 20)


@pytest.fixture
def rich(person: Person, deployed: Ledger) -> Person:
    """With test money; the ledger is the session's, so that earlier tests may have left some."""
    person.client.post("/api/v1/wallet/test-money/")
    return person


@pytest.fixture
def wanted(person: Person) -> AuthorizedTransfer:
    nonce = time.time_ns().to_bytes(32, "big")
    return AuthorizedTransfer(
        person.signer.address, SESSION.address, 5 * MILLION, int(time.time()) + 600, nonce
    )


def _body(wanted: AuthorizedTransfer, signer: LocalSigner) -> dict[str, Any]:
    place = Ledger.objects.get()
    domain = TokenDomain(place.token_name, place.token_version, place.chain_id, raw(place.token))
    return {
        "source": to_hex(wanted.source),
        "to": to_hex(wanted.to),
        "value": str(wanted.amount),
        "valid_before": wanted.valid_before,
        "nonce": to_hex(wanted.nonce),
        "signature": to_hex(signer.sign(transfer_authorization(domain, wanted))),
    }


def test_to_a_session_key_and_back(rich: Person, wanted: AuthorizedTransfer) -> None:
    before = int(rich.client.get("/api/v1/wallet/").json()["balance"])
    there = ledger.balance_of(to_hex(SESSION.address))
    answer = rich.client.post(PATH, _body(wanted, rich.signer))
    assert answer.status_code == 200, answer.content
    assert answer.json()["block"] > 0
    assert ledger.balance_of(to_hex(SESSION.address)) == there + 5 * MILLION
    back = replace(wanted, source=wanted.to, to=wanted.source)
    assert rich.client.post(PATH, _body(back, SESSION)).status_code == 200
    assert int(rich.client.get("/api/v1/wallet/").json()["balance"]) == before


def test_repeating_shows_what_the_first_one_did(rich: Person, wanted: AuthorizedTransfer) -> None:
    body = _body(wanted, rich.signer)
    first = rich.client.post(PATH, body).json()
    balance = ledger.balance_of(body["to"])
    assert rich.client.post(PATH, body).json() == first
    RelayedTransfer.objects.update(transaction_hash="", block_number=None)  # its answer was lost
    assert rich.client.post(PATH, body).json() == {"transaction": None, "block": None}
    assert ledger.balance_of(body["to"]) == balance
    other = _body(replace(wanted, amount=1), rich.signer)
    assert rich.client.post(PATH, other).json()["code"] == "nonce_used"
    RelayedTransfer.objects.all().delete()  # somebody else brought it
    assert rich.client.post(PATH, body).json()["code"] == "nonce_used"


def test_what_was_not_signed_is_refused(rich: Person, wanted: AuthorizedTransfer) -> None:
    good = _body(wanted, rich.signer)
    for change in ({"value": "5000001"}, {"nonce": "0x" + "01" * 32}, {"valid_before": 2**33}):
        refused = rich.client.post(PATH, good | change)
        assert (refused.status_code, refused.json()["code"]) == (400, "wrong_signer"), change
    assert rich.client.post(PATH, _body(wanted, SESSION)).json()["code"] == "wrong_signer"
    assert not RelayedTransfer.objects.exists()


def test_only_my_wallets_transfers_are_relayed(
    rich: Person, wanted: AuthorizedTransfer, make_person: Callable[..., Person]
) -> None:
    stranger = make_person()
    refused = stranger.client.post(PATH, _body(wanted, rich.signer))
    assert (refused.status_code, refused.json()["code"]) == (400, "not_yours")
    assert make_person(complete=False).client.post(PATH, _body(wanted, rich.signer)).status_code == 404
    to_itself = replace(wanted, to=wanted.source)
    assert rich.client.post(PATH, _body(to_itself, rich.signer)).json()["code"] == "not_yours"


def test_limits_of_a_transfer(rich: Person, wanted: AuthorizedTransfer) -> None:
    for change, code in (({"amount": 0}, "nothing"), ({"valid_before": 5}, "too_late")):
        refused = rich.client.post(PATH, _body(replace(wanted, **change), rich.signer))
        assert (refused.status_code, refused.json()["code"]) == (400, code)
    too_much = _body(replace(wanted, amount=2**62), rich.signer)
    refused = rich.client.post(PATH, too_much)
    assert (refused.status_code, refused.json()["code"]) == (409, "ledger_refused")
    assert "too little stablecoin" in refused.json()["detail"]
    assert not RelayedTransfer.objects.exists()


RUBBISH = (
    None,
    "",
    "0x",
    5,
    -1,
    1.5,
    True,
    [],
    {},
    "NaN",
    "0x" + "zz" * 32,
    "9" * 40,
    "0X" + "00" * 20,
)


@pytest.mark.parametrize("name", ["source", "to", "value", "valid_before", "nonce", "signature"])
def test_rubbish_in_every_field(rich: Person, wanted: AuthorizedTransfer, name: str) -> None:
    good = _body(wanted, rich.signer)
    for value in RUBBISH:
        if name == "valid_before" and value == 5:
            continue
        refused = rich.client.post(PATH, good | {name: value}, format="json")
        assert refused.status_code == 400, (name, value, refused.content)
    del good[name]
    assert rich.client.post(PATH, good).status_code == 400


def test_a_token_without_authorizations_says_so(rich: Person, wanted: AuthorizedTransfer) -> None:
    assert rich.client.get("/api/v1/ledger/").json()["token"]["takes_authorizations"] is True
    Ledger.objects.update(token=Ledger.objects.get().factory)
    assert rich.client.get("/api/v1/ledger/").json()["token"]["takes_authorizations"] is False
    refused = rich.client.post(PATH, _body(wanted, rich.signer))
    assert (refused.status_code, refused.json()["code"]) == (409, "no_authorizations")


def test_a_ledger_that_is_away(rich: Person, wanted: AuthorizedTransfer, settings: Settings) -> None:
    settings.LEDGER_URL = "http://127.0.0.1:1"
    assert rich.client.get("/api/v1/ledger/").json()["token"]["takes_authorizations"] is None
    refused = rich.client.post(PATH, _body(wanted, rich.signer))
    assert (refused.status_code, refused.json()["code"]) == (503, "ledger_away")
    _contract(rich)
    assert rich.client.get("/api/v1/wallet/session-keys/").status_code == 503


def _contract(person: Person) -> str:
    terms = types.EntityContract(b"\x02" * 20, SESSION.address, b"\x04" * 20, 60, 5, 0, NONCE)
    owners = ("h-1", person.user.owner)
    conversations.save([Conversation(NONCE, owners, AgreementPhase.AGREED, terms)], {NONCE: 1}, 1)
    return to_hex(NONCE)


def test_my_session_keys_and_what_lies_with_them(
    rich: Person, wanted: AuthorizedTransfer, make_person: Callable[..., Person]
) -> None:
    nonce = _contract(rich)
    assert rich.client.post(PATH, _body(wanted, rich.signer)).status_code == 200
    (key,) = rich.client.get("/api/v1/wallet/session-keys/").json()
    assert key == rich.client.get(f"/api/v1/wallet/session-keys/{nonce}/").json()
    assert (key["nonce"], key["address"]) == (nonce, to_hex(SESSION.address))
    assert int(key["balance"]) == ledger.balance_of(key["address"]) > 0
    assert (key["permit_nonce"], key["in_use"], key["earnings"]) == ("0", False, [])
    assert key["partner"]["owner"] == "h-1"
    stranger = make_person()
    assert stranger.client.get("/api/v1/wallet/session-keys/").json() == []
    assert stranger.client.get(f"/api/v1/wallet/session-keys/{nonce}/").status_code == 404


def test_a_note_without_earnings_gives_nothing(
    rich: Person, shop: Shop, agree: Callable[[Person, Shop], Agreement], make_person: Callable[..., Person]
) -> None:
    ledger.ensure_merchant_contract(merchant=shop.merchant)
    assert ledger.read(MerchantFactory(raw(Ledger.objects.get().factory)).contract_of, shop.signer.address)
    agreement = agree(rich, shop)
    receipt = types.NoteReceipt(raw(agreement.sid), b"\x0a" * 32, SESSION.address, 5)
    signature = rich.signer.sign(digest(domain_of(agreement), receipt))
    note = issue_note(agreement=agreement, request=NoteRequest(b"\x0a" * 32, SESSION.address, 5, signature))
    path, body = f"/api/v1/notes/{note.serial}/withdraw/", {"signature": "0x" + "01" * 65}
    refused = rich.client.post(path, body)
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_withdraw")
    assert rich.client.post(path, {"signature": 5}, format="json").status_code == 400
    assert make_person().client.post(path, body).status_code == 404
