"""Agreements on a real ledger: the participant signs, the site relays, the contract judges."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from conftest import PERSON
from django.db import connection
from django.test import Client
from django.urls import reverse
from eth_account.messages import _hash_eip191_message, encode_typed_data
from people import Person, Shop
from pytest_django import Settings
from traces import traces
from web3 import Web3

from channels_engine.core.signing import LocalSigner
from contracts.bindings import MerchantContract
from marketplace.accounts.errors import AwayError, ConflictError
from marketplace.credit import ledger
from marketplace.credit.decisions import approve_application
from marketplace.credit.issuing import raw
from marketplace.credit.models import Agreement, CreditApplication, Lease, Ledger, Merchant
from tests.fixtures_ledger import RunningNode, devnode  # noqa: F401  pytest finds the fixture by its name

pytestmark = pytest.mark.django_db
Apply = Callable[[Person, Shop], CreditApplication]


@pytest.fixture
def deployed(devnode: RunningNode, settings: Settings) -> Ledger:  # noqa: F811  the fixture imported above
    settings.LEDGER_URL = devnode.url
    settings.TEST_MONEY = True
    return ledger.deploy_ledger(metering=b"\x44" * 20)


@pytest.fixture
def agreement(person: Person, shop: Shop, apply: Apply, deployed: Ledger) -> Agreement:
    ledger.ensure_merchant_contract(merchant=shop.merchant)
    application = apply(person, shop)
    return approve_application(
        application=application, operator=shop.operator, limit=100_000_000, collateral=20_000_000
    )


def _signed(signer: LocalSigner, data: dict[str, Any]) -> str:
    signable = encode_typed_data(full_message=data)
    return "0x" + signer.sign(bytes(_hash_eip191_message(signable))).hex()


def _signatures(person: Person, agreement: Agreement) -> dict[str, Any]:
    data = person.client.get(f"/api/v1/agreements/{agreement.pk}/to-sign/").json()
    return {
        "signature": _signed(person.signer, data["agreement"]),
        "permit_signature": _signed(person.signer, data["permit"]),
        "permit_deadline": data["permit_deadline"],
    }


def _post(person: Person, agreement: Agreement, body: dict[str, Any]) -> Any:
    return person.client.post(f"/api/v1/agreements/{agreement.pk}/initialise/", body)


def _told(node: RunningNode) -> dict[str, bytes]:
    """Every block with its transactions and logs as the node gives them out, and the chain's own file."""
    web3 = Web3(Web3.HTTPProvider(node.url))
    blocks = [
        web3.eth.get_block(number, full_transactions=True) for number in range(web3.eth.block_number + 1)
    ]
    logs = web3.eth.get_logs({"fromBlock": 0, "toBlock": "latest"})
    parts = [bytes(log["data"]) + b"".join(map(bytes, log["topics"])) for log in logs]
    parts += [bytes(sent["input"]) for block in blocks for sent in block["transactions"]]  # type: ignore[index]  # whole ones were asked for
    assert len(parts) > 10
    file = node.db.read_bytes() if node.db else b""
    return {"raw": b"".join(parts), "told": repr(blocks).encode(), "file": file}


def test_deploying_again_finds_what_is_there(deployed: Ledger) -> None:
    assert ledger.deploy_ledger(metering=b"\x44" * 20) == deployed
    assert deployed.token_name
    Ledger.objects.update(registry="0x" + "99" * 20)
    assert ledger.deploy_ledger(metering=b"\x44" * 20).registry != "0x" + "99" * 20


def test_from_signature_to_collateral_on_the_ledger(
    person: Person,
    shop: Shop,
    agreement: Agreement,
    devnode: RunningNode,  # noqa: F811  the fixture imported above
) -> None:
    wallet = person.client.post("/api/v1/wallet/test-money/").json()
    assert wallet["balance"] == "1000000000"
    body = _signatures(person, agreement)
    answer = _post(person, agreement, body)
    assert answer.status_code == 200, answer.content
    shown = answer.json()
    assert (shown["state"], shown["available"]) == ("active", "100000000")
    assert shown["transaction"]
    assert shown["block"] > 0
    assert person.client.get("/api/v1/wallet/").json()["balance"] == "980000000"
    assert ledger.treasury_of(shop.merchant).collateral == 20_000_000
    assert _post(person, agreement, body).json() == shown
    assert ledger.treasury_of(shop.merchant).collateral == 20_000_000
    _names_nobody(person, agreement, _told(devnode))


def _names_nobody(person: Person, agreement: Agreement, places: dict[str, bytes]) -> None:
    """The ledger never had anything personal; that the search finds the address there shows that it works."""
    secrets = [person.user.email, person.user.owner, *(PERSON[name] for name in PERSON if name != "country")]
    assert traces(secrets, places) == []
    assert traces([agreement.participant[2:]], {"raw": places["raw"].hex().encode()}) != []


def test_without_money_it_fails_and_can_be_tried_again(person: Person, agreement: Agreement) -> None:
    refused = _post(person, agreement, _signatures(person, agreement))
    assert (refused.status_code, refused.json()["code"]) == (409, "ledger_refused")
    agreement.refresh_from_db()
    assert agreement.state == "failed"
    assert "too little stablecoin" in agreement.failure
    person.client.post("/api/v1/wallet/test-money/")
    assert _post(person, agreement, _signatures(person, agreement)).json()["state"] == "active"


def test_signatures_of_somebody_else_are_refused(person: Person, agreement: Agreement) -> None:
    person.client.post("/api/v1/wallet/test-money/")
    body = _signatures(person, agreement)
    stranger = _signatures(Person(person.user, LocalSigner(b"\x66" * 32), person.client), agreement)
    assert _post(person, agreement, body | {"signature": stranger["signature"]}).status_code == 400
    assert (
        _post(person, agreement, body | {"permit_signature": stranger["permit_signature"]}).status_code == 409
    )
    assert _post(person, agreement, body | {"permit_deadline": 1}).status_code == 409
    assert _post(person, agreement, body).json()["state"] == "active"


def test_an_answer_that_was_lost_is_found_on_the_ledger(person: Person, agreement: Agreement) -> None:
    person.client.post("/api/v1/wallet/test-money/")
    body = _signatures(person, agreement)
    assert _post(person, agreement, body).status_code == 200
    Agreement.objects.update(state="initialising", transaction_hash="", block_number=None)
    assert _post(person, agreement, body).json()["state"] == "active"


def test_a_ledger_that_is_away_changes_nothing(
    person: Person, agreement: Agreement, settings: Settings
) -> None:
    body = _signatures(person, agreement)
    settings.LEDGER_URL = "http://127.0.0.1:1"
    refused = _post(person, agreement, body)
    assert (refused.status_code, refused.json()["code"]) == (503, "ledger_away")
    assert person.client.get("/api/v1/wallet/").json()["balance"] is None
    assert person.client.get(f"/api/v1/agreements/{agreement.pk}/to-sign/").status_code == 503
    agreement.refresh_from_db()
    assert agreement.state == "signed"


def test_real_money_is_not_given_away(person: Person, deployed: Ledger, settings: Settings) -> None:
    settings.TEST_MONEY = False
    refused = person.client.post("/api/v1/wallet/test-money/")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_test_money")


def test_a_merchant_made_in_the_back_office_gets_key_and_contract(
    admin_client: Client, deployed: Ledger
) -> None:
    numbers = dict.fromkeys(
        ("max_limit", "four_eyes_above", "billing_period", "payment_term", "agreement_life", "note_life"),
        10**6,
    )
    fields = {"name": "Neue Werke", "slug": "neue-werke", "role": "supplier", "is_open": "on", **numbers}
    answer = admin_client.post(reverse("admin:credit_merchant_add"), fields)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    merchant = Merchant.objects.get(slug="neue-werke")
    assert ledger.client().code(raw(merchant.msc))
    page = admin_client.get(reverse("admin:credit_merchant_change", args=[merchant.pk])).content.decode()
    assert "free €0.00" in page


@pytest.mark.django_db(transaction=True)
def test_one_process_at_a_time_relays() -> None:
    order: list[str] = []

    def second() -> None:
        with ledger.lease("relay"):
            order.append("second")
        connection.close()

    with ledger.lease("relay"):
        other = threading.Thread(target=second)
        other.start()
        time.sleep(0.3)
        order.append("first")
    other.join()
    assert order == ["first", "second"]
    assert not Lease.objects.exists()


def test_a_lease_of_a_dead_process_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    Lease.objects.create(name="relay", holder="dead", expires_at=time.time() - 1)
    with ledger.lease("relay"):
        assert Lease.objects.get().holder != "dead"
    Lease.objects.create(name="relay", holder="alive", expires_at=time.time() + 100)
    monkeypatch.setattr(ledger, "WAIT_SECONDS", 0.1)
    with pytest.raises(AwayError, match="busy"), ledger.lease("relay"):
        pytest.fail("held by two")


def test_a_refusal_names_the_contracts_error(person: Person, agreement: Agreement) -> None:
    with pytest.raises(ConflictError, match="NotMerchant"):
        ledger.relay(MerchantContract(raw(agreement.msc)).withdraw_treasury(b"\x01" * 20, 1))


def test_another_chain_needs_a_relayer_of_its_own(settings: Settings) -> None:
    settings.LEDGER_CHAIN_ID = 100
    with pytest.raises(AwayError, match="RELAYER_KEY"):
        ledger.deploy_ledger(metering=bytes(20))
