"""Bills paid on a real ledger: by the payer's signed transfer, and a debt by the merchant for who paid at the bank."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from lending import COIN, agreed, as_lender
from people import Person, Shop
from pytest_django import Settings

from contracts.bindings import Stablecoin
from contracts.consents import transfer_authorization
from contracts.records import AuthorizedTransfer, TokenDomain
from grid.models import ReplayRun
from marketplace.accounts.errors import ConflictError
from marketplace.billing import paying
from marketplace.billing.gathering import Frozen
from marketplace.billing.models import Bill, Supply
from marketplace.credit import ledger
from marketplace.credit.books import fresh_statement_of
from marketplace.credit.issuing import raw
from marketplace.credit.models import CreditApplication, Ledger
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


def test_who_pays_a_debt_at_the_bank_has_it_paid_on_the_ledger(
    person: Person, shop: Shop, apply: Apply, deployed: Ledger
) -> None:
    merchant = as_lender(shop)
    agreement = agreed(person, shop, apply(person, shop))
    free = ledger.treasury_of(merchant).free
    paying.pay_debt_for(agreement=agreement, operator=shop.operator, amount=3 * COIN, reference="bank 7")
    assert fresh_statement_of(agreement).paid == 3 * COIN
    assert ledger.treasury_of(merchant).free == free + 3 * COIN
    with pytest.raises(ConflictError):
        paying.pay_on_ledger(
            bill=Bill(merchant=merchant, due_cents=0),
            wallet=person.user.wallet,
            valid_before=1,
            signature=b"",
        )
