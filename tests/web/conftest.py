"""Users in every stage, for the pages."""

import secrets
import time
from collections.abc import Callable

import pytest
from django.test import Client

from marketplace.accounts.models import User, Wallet
from marketplace.accounts.services import update_profile
from marketplace.credit.models import DAY, Agreement, CreditApplication, Merchant
from marketplace.trading.models import Listing, Prosumer
from marketplace.trading.services import ensure_prosumer

PERSON = {
    "display_name": "Blue house",
    "legal_name": "Erika Musterfrau",
    "birth_date": "1985-06-01",
    "street": "Hauptstraße 1",
    "postcode": "10115",
    "city": "Berlin",
    "country": "DE",
    "meter_number": "1ESY1160012345",
}


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user(email="erika@example.org", password="correct horse battery")


@pytest.fixture
def client_of() -> Callable[[User], Client]:
    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return signed_in


@pytest.fixture
def member(user: User) -> User:
    """With a profile and a wallet."""
    update_profile(user=user, changes=PERSON)
    ensure_prosumer(user=user)
    Wallet.objects.create(user=user, address="0x" + "11" * 20, message="", signature="0x")
    return user


@pytest.fixture
def merchant(db: None) -> Merchant:
    return Merchant.objects.create(slug="nord", name="Nord Energie", msc="0x" + "ab" * 20)


@pytest.fixture
def application(member: User, merchant: Merchant) -> CreditApplication:
    return CreditApplication.objects.create(
        user=member,
        merchant=merchant,
        requested_limit=150_000_000,
        monthly_income="2600000000",
        monthly_outgoings="1400000000",
    )


@pytest.fixture
def agreement(application: CreditApplication) -> Agreement:
    application.state = CreditApplication.State.APPROVED
    application.save()
    return Agreement.objects.create(
        application=application,
        merchant=application.merchant,
        user=application.user,
        msc=application.merchant.msc,
        participant="0x" + "11" * 20,
        credit_limit=150_000_000,
        collateral=30_000_000,
        billing_period=30 * DAY,
        payment_term=14 * DAY,
        valid_until=int(time.time()) + 300 * DAY,
        documents_hash="0x" + "00" * 32,
        documents_salt="salt",
        nonce="0x" + "01" * 32,
        sid="0x" + secrets.token_hex(32),
        merchant_signature="0x",
    )


@pytest.fixture
def partner(db: None) -> Prosumer:
    """A home with a surplus."""
    home = Prosumer.objects.create(
        owner="h-1", slug="home-1", display_name="Home 1", is_agent=True, has_pv=True
    )
    slot = int(time.time()) // 900 * 900 + 900
    Listing.objects.create(
        prosumer=home, side="sells", slot_start=slot, quantity_wh=1500, price_per_kwh=214_500
    )
    return home
