"""Bills paid on a real ledger: by the payer's signed transfer, and a debt by the merchant for who paid at the bank."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from lending import COIN, Pair, agreed, as_lender, noted
from people import Person, Shop, at_desk, signed_in
from pytest_django import Settings

from contracts.bindings import Stablecoin
from contracts.calls import Receipt
from contracts.consents import transfer_authorization
from contracts.records import AuthorizedTransfer, TokenDomain
from grid.models import ReplayRun
from marketplace.accounts.errors import AwayError
from marketplace.accounts.hexadecimal import to_hex
from marketplace.accounts.models import AuditEvent, User
from marketplace.billing import debts
from marketplace.billing.gathering import Frozen
from marketplace.billing.models import Bill, DebtPayment, Supply
from marketplace.credit import ledger
from marketplace.credit.books import fresh_statement_of
from marketplace.credit.issuing import raw
from marketplace.credit.models import Agreement, CreditApplication, Ledger
from tests.fixtures_ledger import RunningNode, devnode  # noqa: F401  pytest finds the fixture by its name

pytestmark = pytest.mark.django_db
Apply = Callable[[Person, Shop], CreditApplication]


@pytest.fixture
def deployed(devnode: RunningNode, settings: Settings) -> Ledger:  # noqa: F811  the fixture imported above
    settings.LEDGER_URL = devnode.url
    settings.TEST_MONEY = True
    return ledger.deploy_ledger(metering=b"\x44" * 20)


@pytest.fixture
def bill(person: Person, shop: Shop) -> Bill:
    run = ReplayRun.objects.create(scenario="june-day", fingerprint="b", funding="", starts_at=0, ends_at=900)
    whose = {"merchant": shop.merchant, "user": person.user}
    supply = Supply.objects.create(
        **whose,
        run=run,
        owner=person.user.owner,
        place=0,
        name="H",
        starts_at=0,
        billed_until=900,
        closed=True,
    )
    sums = {"owed": 12_345_678, "net_cents": 1037, "vat_cents": 197, "offset_cents": 0, "due_cents": 1234}
    times = {"starts_at": 0, "ends_at": 900, "issued_at": 1, "due_at": 2}
    made = Bill(**whose, supply=supply, number=1, reference="S-000001", **times, **sums)
    made.content = Frozen.of({}).text
    made.save()
    return made


def _signed(person: Person, asked: dict[str, Any], place: Ledger) -> dict[str, Any]:
    until = int(time.time()) + 600
    ends = {name: raw(asked[name]) for name in ("source", "to", "nonce")}
    wanted = AuthorizedTransfer(amount=int(asked["value"]), valid_before=until, **ends)
    domain = TokenDomain(place.token_name, place.token_version, place.chain_id, raw(place.token))
    signature = person.signer.sign(transfer_authorization(domain, wanted))
    return {"valid_before": until, "signature": "0x" + signature.hex()}


def test_a_bill_is_paid_once_by_a_transfer_that_names_it(
    person: Person, shop: Shop, bill: Bill, deployed: Ledger
) -> None:
    person.client.post("/api/v1/wallet/test-money/")
    path, token = f"/api/v1/bills/{bill.pk}/pay/", Stablecoin(raw(deployed.token))
    asked = person.client.get(path).json()
    assert asked["value"] == "12340000"
    before = ledger.read(token.balance_of, raw(asked["to"]))
    body = _signed(person, asked, deployed)
    stolen = {**body, "signature": "0x" + "11" * 64 + "1b"}
    assert person.client.post(path, stolen).status_code == 400
    paid = person.client.post(path, body)
    assert paid.status_code == 200, paid.content
    assert paid.json()["amount"] == "12340000"
    assert ledger.read(token.balance_of, shop.signer.address) == before + 12_340_000
    bill.refresh_from_db()
    assert bill.paid_at is not None
    assert person.client.post(path, body).status_code == 409
    assert ledger.read(token.balance_of, shop.signer.address) == before + 12_340_000


@pytest.fixture
def indebted(person: Person, shop: Shop, apply: Apply, deployed: Ledger) -> Agreement:
    """12 coins are owed for a note; above 4 coins two operators must see the money."""
    del deployed
    as_lender(shop)
    agreement = agreed(person, shop, apply(person, shop))
    shop.merchant.four_eyes_above = 4 * COIN
    shop.merchant.save()
    pair = Pair()
    pair.spend(noted(person, agreement, 60 * COIN, pair.a), 12 * COIN)
    return agreement


def _entered(amount: str, reference: str = "bank 7", **more: str) -> dict[str, str]:
    return {"action": "debt", "debt-amount": amount, "debt-reference": reference, "debt-seen": "on", **more}


def test_a_debt_paid_at_the_bank_is_paid_on_the_ledger_once(
    person: Person, shop: Shop, indebted: Agreement, make_shop: Callable[[str], Shop]
) -> None:
    page = reverse("admin:credit_agreement_change", args=[indebted.pk])
    free = ledger.treasury_of(shop.merchant).free
    assert 'id="act-debt"' in shop.client.get(page).content.decode()
    for wrong, said in (
        (_entered("3", seen="") | {"debt-seen": ""}, "Confirm it"),
        (_entered("12.000001"), "Between a micro-unit and what is owed, €12.00"),
        (_entered("3", " "), "This field is required"),
    ):
        refused = shop.client.post(page, wrong)
        assert (refused.status_code, said in refused.content.decode()) == (400, True), wrong
    assert make_shop("rival").client.post(page, _entered("3")).status_code in {302, 404}
    assert not DebtPayment.objects.exists()
    for _again in range(2):
        assert shop.client.post(page, _entered("3")).status_code == 302
    assert fresh_statement_of(indebted).paid == 3 * COIN
    assert ledger.treasury_of(shop.merchant).free == free + 3 * COIN
    assert shop.client.post(page, _entered("4")).status_code == 400
    split = shop.client.post(page, _entered("1.5", "bank 8"), follow=True).content.decode()
    assert "With €3.00 that you alone have paid for this participant lately it is above €4.00" in split
    assert "€3.00, by the same operator" in split
    assert fresh_statement_of(indebted).paid == 3 * COIN
    row = DebtPayment.objects.get(state="paid")
    assert (row.state, row.transaction_hash[:2]) == ("paid", "0x")
    event = AuditEvent.objects.get(action="debt.paid_for")
    assert (event.actor, event.person) == (shop.operator, person.user)
    assert event.detail == {"amount": "3000000", "transaction": row.transaction_hash}


def test_a_large_debt_takes_two_operators_and_an_answer_that_was_lost_pays_once(
    person: Person, shop: Shop, indebted: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = reverse("admin:credit_agreement_change", args=[indebted.pk])
    second = User.objects.create_user("second@example.org", "long enough password", is_staff=True)
    shop.merchant.operators.add(second)
    colleague, path = signed_in(second), f"/api/v1/office/agreements/{indebted.pk}/debt-payments/"
    for _again in range(2):
        shop.client.post(page, _entered("5"))
    shop.client.post(page, _entered("6", "mistyped"))
    claim = f"/api/v1/office/agreements/{indebted.pk}/claim/"
    wish = {"action": "limit", "limit": "110000000"}
    clerk = signed_in(shop.operator)
    assert [clerk.post(claim, wish).status_code for _again in range(2)] == [202, 202]
    assert fresh_statement_of(indebted).limit == 100 * COIN
    assert colleague.get("/api/v1/office/agreements/").json()["results"][0]["waiting_limit"] == "110000000"
    assert "I agree: raise the limit" in at_desk(second).get(page).content.decode()
    assert colleague.post(claim, wish).json()["limit"] == "110000000"
    assert colleague.post(claim, {"action": "drop_raise"}).status_code == 200
    waiting = colleague.get(path).json()["results"]
    assert [(one["reference"], one["state"], one["is_mine"]) for one in waiting] == [
        ("mistyped", "waiting", False),
        ("bank 7", "waiting", False),
    ]
    assert colleague.delete(f"{path}{waiting[0]['id']}/").status_code == 204
    assert "I have seen it too" not in shop.client.get(page).content.decode()
    assert "I have seen it too" in at_desk(second).get(page).content.decode()
    ledger.mint_test_money(address=to_hex(shop.signer.address))
    real = debts.relay
    monkeypatch.setattr(debts, "relay", lambda call: _lost(real(call)))
    body = {"amount": "5000000", "reference": "bank 7"}
    assert colleague.post(path, body).status_code == 503
    assert fresh_statement_of(indebted).paid == 5 * COIN
    monkeypatch.undo()
    assert colleague.post(path, {"amount": "3000000", "reference": "bank 8"}).status_code == 400
    for _again in range(2):
        assert colleague.post(path, body).json()["state"] == "paid"
    assert fresh_statement_of(indebted).paid == 5 * COIN
    assert colleague.delete(f"{path}{waiting[1]['id']}/").status_code == 409
    told = AuditEvent.objects.filter(action__startswith="debt.").order_by("pk")
    assert [(one.action, one.actor_id) for one in told] == [
        ("debt.entered", shop.operator.pk),
        ("debt.entered", shop.operator.pk),
        ("debt.dropped", second.pk),
        ("debt.paid_for", second.pk),
    ]


def _lost(_receipt: Receipt) -> Receipt:
    raise AwayError("ledger_away", "The line was cut.")
