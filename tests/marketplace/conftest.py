"""People, merchants and their keys for the marketplace's tests."""

import itertools
import math
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests
import time_machine
from django.core.cache import cache
from django.utils import timezone
from people import Person, Shop, at_desk, png, signed_in
from pytest_django import Settings

from channels_engine.core.signing import LocalSigner
from marketplace.accounts.documents import add_document
from marketplace.accounts.hexadecimal import to_hex
from marketplace.accounts.models import User, Wallet
from marketplace.accounts.services import update_profile
from marketplace.credit import decisions, services
from marketplace.credit.keystores import new_keystore
from marketplace.credit.models import Agreement, CreditApplication, Merchant
from tests.fixtures_ledger import RunningNode

PERSON = {
    "display_name": "Sunny Side",
    "legal_name": "Erika Musterfrau",
    "birth_date": "1985-06-01",
    "street": "Hauptstraße 1",
    "postcode": "10115",
    "city": "Berlin",
    "country": "DE",
    "meter_number": "1ESY1160012345",
}


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, settings: Settings) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "private"},
        },
    }
    cache.clear()


@pytest.fixture
def make_person(db: None) -> Callable[..., Person]:
    numbers = itertools.count(1)

    def make(*, complete: bool = True) -> Person:
        number = next(numbers)
        user = User.objects.create_user(f"person{number}@example.org", "long enough password")
        signer = LocalSigner(number.to_bytes(32, "big"))
        if complete:
            update_profile(user=user, changes=PERSON)
            Wallet.objects.create(user=user, address=to_hex(signer.address), message="m", signature="0x")
            add_document(user=user, kind="identity", filename="id.png", raw=png((number, 0, 0)))
            add_document(user=user, kind="statement", filename="bank.png", raw=png((0, number, 0)))
        return Person(user, signer, signed_in(user))

    return make


@pytest.fixture
def person(make_person: Callable[..., Person]) -> Person:
    return make_person()


@pytest.fixture
def make_shop(db: None) -> Callable[[str], Shop]:
    def make(slug: str) -> Shop:
        secret = slug.encode().ljust(32, b"\x01")
        signer = LocalSigner(secret)
        merchant = Merchant.objects.create(
            slug=slug,
            name=slug.title(),
            msc=to_hex(signer.address[::-1]),
            keystore=new_keystore(secret),
        )
        operator = User.objects.create_user(f"{slug}@example.org", "long enough password", is_staff=True)
        merchant.operators.add(operator)
        return Shop(merchant, operator, at_desk(operator), signer)

    return make


@pytest.fixture
def shop(make_shop: Callable[[str], Shop]) -> Shop:
    return make_shop("stadtwerke")


@pytest.fixture
def apply(db: None) -> Callable[[Person, Shop], CreditApplication]:
    def submitted(person: Person, shop: Shop) -> CreditApplication:
        application = services.start_application(
            user=person.user,
            merchant=shop.merchant,
            requested_limit=150_000_000,
            monthly_income=3_000_000_000,
            monthly_outgoings=1_800_000_000,
            consent=True,
        )
        return services.submit_application(application=application)

    return submitted


@pytest.fixture
def agree(apply: Callable[[Person, Shop], CreditApplication]) -> Callable[[Person, Shop], Agreement]:
    """An agreement that counts as active; the tests of the ledger go the whole way."""

    def active(person: Person, shop: Shop) -> Agreement:
        agreement = decisions.approve_application(
            application=apply(person, shop),
            operator=shop.operator,
            limit=150_000_000,
            collateral=15_000_000,
        )
        Agreement.objects.filter(pk=agreement.pk).update(state=Agreement.State.ACTIVE)
        agreement.refresh_from_db()
        return agreement

    return active


@pytest.fixture
def soon() -> int:
    start = int((timezone.now() + timedelta(hours=1)).timestamp())
    return start - start % 900


@pytest.fixture(scope="module")
def wait_until(devnode: RunningNode) -> Iterator[Callable[[float], None]]:
    """Let time pass, here and for the module's ledger, until the ledger's next block is after a moment."""
    with time_machine.travel(time.time(), tick=True) as clock:

        def wait(moment: float) -> None:
            ahead = max(0, math.ceil(moment + 1 - time.time()))
            clock.shift(ahead)
            call = {"jsonrpc": "2.0", "id": 1, "method": "evm_increaseTime", "params": [ahead]}
            assert "result" in requests.post(devnode.url, json=call, timeout=10).json()

        yield wait
