"""The gate's decisions: everybody's for the market's operators, one's own for others."""

import pytest
from django.test import Client
from django.utils import translation
from rest_framework.test import APIClient

from grid.models import ReplayRun, SlotResult
from marketplace.accounts.models import User
from marketplace.trading.models import GateDecision

pytestmark = pytest.mark.django_db
ALLOWED = {"nomination": {"quantity_wh": 5}, "accepted": True, "remedies": []}
REFUSED = {
    "nomination": {"quantity_wh": 5},
    "accepted": False,
    "max_passing_wh": 2,
    "breach": {"kind": "line", "place": "L7", "value": 103.42, "limit": 100.0},
    "granted_wh": 0,
    "remedies": [],
    "cost": 0,
}


def _signed_in(email: str, **rights: bool) -> tuple[User, Client]:
    user, client = User.objects.create_user(email, **rights), Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return user, client


@pytest.fixture
def decisions() -> User:
    seller = User.objects.create_user("seller@example.org")
    base = {"slot_start": 900, "quantity_wh": 5, "passes_wh": 2, "decided_at": 1, "buyer": "b"}
    GateDecision.objects.create(seller=seller.owner, allowed=False, answer=REFUSED, **base)
    GateDecision.objects.create(seller="somebody", allowed=True, answer=ALLOWED, **base)
    return seller


def test_an_operator_sees_all_and_filters(decisions: User) -> None:
    _, client = _signed_in("operator@example.org", is_staff=True, is_superuser=True)
    page = client.get("/feeder/decisions/").content.decode()
    assert "line L7 would carry 103.4 %" in page
    assert "The grid has room" in page
    refused = client.get("/feeder/decisions/?answer=refused").content.decode()
    assert "The grid has room" not in refused


def test_others_see_their_own(decisions: User) -> None:
    client = Client()
    client.force_login(decisions, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get("/feeder/decisions/").content.decode()
    assert "line L7 would carry 103.4 %" in page
    assert "The grid has room" not in page


def test_households_refusals_are_the_operators_alone() -> None:
    verdict = {
        "nomination": {"seller": 3, "buyer": 8, "quantity_wh": 900},
        "accepted": False,
        "max_passing_wh": 100,
        "breach": None,
        "granted_wh": 0,
        "remedies": [],
        "cost": 0,
    }
    run = ReplayRun.objects.create(
        scenario="quick", fingerprint="f", funding="note", starts_at=0, ends_at=900, live=True, next_slot=1
    )
    SlotResult.objects.create(run=run, index=0, slot_start=0, data={"slot_start": 0, "refused": [verdict]})
    _, operator = _signed_in("operator@example.org", is_staff=True, is_superuser=True)
    _, person = _signed_in("person@example.org")
    assert "House 4" in operator.get("/feeder/decisions/").content.decode()
    assert "House 4" not in person.get("/feeder/decisions/").content.decode()


def test_each_side_reads_in_its_own_language_what_was_said_to_an_offer(decisions: User) -> None:
    offer = "0x" + "07" * 32
    GateDecision.objects.filter(seller=decisions.owner).update(trade=offer)
    client = APIClient()
    client.force_login(decisions, backend="django.contrib.auth.backends.ModelBackend")
    with translation.override(None):  # puts back what the requests leave behind
        path = f"/api/v1/gate-decisions/?trade={offer}"
        said = {
            language: client.get(path, headers={"accept-language": language}).json()
            for language in ("en", "de")
        }
    assert said["en"]["count"] == 1
    assert "line L7 would carry 103.4 % of its rating" in said["en"]["results"][0]["words"]
    assert "trüge die Leitung L7 103,4 % ihrer Nennbelastung" in said["de"]["results"][0]["words"]
    assert client.get("/api/v1/gate-decisions/?trade=0x08").status_code == 400
