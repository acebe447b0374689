"""The demonstration's accounts: one for each kind of user, on a machine of one's own only."""

from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.db import transaction

from marketplace.accounts.models import User
from marketplace.credit.keystores import new_keystore
from marketplace.credit.models import Merchant
from marketplace.trading.services import ensure_prosumer

PASSWORD = "wattnote-demo"  # noqa: S105  printed at every start, and made with DEBUG only
SUPPLIER = "feeder-supplier"


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """Who may sign in, and what for."""

    email: str
    role: str
    where: str


ACCOUNTS = (
    DemoAccount("prosumer@wattnote.example", "prosumer: make a wallet, apply for credit, trade", "/"),
    DemoAccount("merchant@wattnote.example", "merchant: review applications, sign agreements", "/admin/"),
    DemoAccount("operator@wattnote.example", "operator: everything in the back office", "/admin/"),
)


@transaction.atomic
def seed_demo() -> Merchant:
    """Make what is missing of the demonstration; harmless to repeat."""
    prosumer, merchant, operator = (_account(account.email) for account in ACCOUNTS)
    ensure_prosumer(user=prosumer)
    User.objects.filter(pk__in=(merchant.pk, operator.pk)).update(is_staff=True)
    User.objects.filter(pk=operator.pk).update(is_superuser=True)
    supplier = _supplier()
    supplier.operators.add(merchant)
    return supplier


def _account(email: str) -> User:
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email=email, password=PASSWORD)
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def _supplier() -> Merchant:
    found = Merchant.objects.filter(slug=SUPPLIER).first()
    return found or Merchant.objects.create(
        slug=SUPPLIER,
        name="Feeder Supplier",
        description="The supplier of the demonstration feeder.",
        keystore=new_keystore(),
    )
