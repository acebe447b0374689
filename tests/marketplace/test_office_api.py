"""The back office over the API: the same verbs, for operators who are signed in."""

from collections.abc import Callable

import pytest
from people import Person, Shop, signed_in

from marketplace.accounts.models import User
from marketplace.credit import services
from marketplace.credit.models import Agreement, CreditApplication, ListEntry

pytestmark = pytest.mark.django_db
Apply = Callable[[Person, Shop], CreditApplication]


def test_a_review_from_queue_to_agreement(person: Person, shop: Shop, apply: Apply) -> None:
    shop.merchant.four_eyes_above = 0
    shop.merchant.save()
    second = User.objects.create_user("second@example.org", "long enough password", is_staff=True)
    shop.merchant.operators.add(second)
    application, one, other = apply(person, shop), signed_in(shop.operator), signed_in(second)
    assert one.get("/api/v1/office/").json()["queue"]["unassigned"] == 1
    (row,) = one.get("/api/v1/office/applications/?hands=nobody").json()["results"]
    assert (row["applicant"], row["has_reviewer"]) == ("Sunny Side", False)
    place = f"/api/v1/office/applications/{application.pk}/"
    shown = one.get(place).json()
    assert shown["person"]["legal_name"] == "Erika Musterfrau"
    assert len(shown["documents"]) == 2
    assert {check["code"] for check in shown["checks"]} > {"age", "affordability"}
    decide = f"{place}decision/"
    assert one.post(decide, {"decision": "take"}).json()["in_my_hands"] is True
    terms = {"decision": "approve", "limit": "150000000", "collateral": "15000000", "seen": shown["seen"]}
    first = one.post(decide, terms).json()
    assert (first["state"], first["first_approval"]["is_mine"], first["waits_for_second"]) == (
        "in_review",
        True,
        True,
    )
    (row,) = other.get("/api/v1/office/applications/?hands=second").json()["results"]
    assert row["id"] == str(application.pk)
    assert one.get("/api/v1/office/applications/?hands=second").json()["count"] == 0
    assert other.post(decide, {**terms, "seen": "2020-01-01T00:00:00+00:00"}).json()["code"] == "changed"
    signed = other.post(decide, terms).json()
    assert signed["agreement"] == str(Agreement.objects.get().pk)
    assert one.get("/api/v1/office/agreements/").json()["results"][0]["limit"] == "150000000"


def test_asking_refusing_and_a_withdrawal(person: Person, shop: Shop, apply: Apply) -> None:
    application, clerk = apply(person, shop), signed_in(shop.operator)
    decide = f"/api/v1/office/applications/{application.pk}/decision/"
    assert clerk.post(decide, {"decision": "ask"}).json()["errors"] == {"question": ["Needed."]}
    assert clerk.post(decide, {"decision": "ask", "words": "A payslip?"}).json()["state"] == "more_info"
    assert clerk.post(decide, {"decision": "approve", "limit": "1"}).json()["code"] == "wrong_state"
    services.submit_application(application=application)
    services.withdraw_application(application=application)
    gone = clerk.get(f"/api/v1/office/applications/{application.pk}/").json()
    assert (gone["person"], gone["wallet"], gone["documents"], gone["monthly_income"]) == (
        None,
        None,
        [],
        None,
    )
    assert clerk.post(decide, {"decision": "reject", "words": "No"}).json()["code"] == "wrong_state"


def test_lists_and_appeals(person: Person, shop: Shop) -> None:
    clerk, wallet = signed_in(shop.operator), person.user.wallet.address
    body = {"merchant": shop.merchant.slug, "wallet": wallet, "shade": "black", "reason": "Owes 12.00"}
    assert clerk.post("/api/v1/office/list-entries/", {**body, "merchant": "nobody"}).status_code == 404
    assert clerk.post("/api/v1/office/list-entries/", {**body, "merchant": None}).status_code == 403
    assert clerk.post("/api/v1/office/list-entries/", {**body, "wallet": "0x12"}).status_code == 400
    assert clerk.post("/api/v1/office/list-entries/", body).status_code == 201
    entry = ListEntry.objects.get()
    (mine,) = person.client.get("/api/v1/list-entries/").json()["results"]
    assert (mine["reason"], mine["appeal"]) == ("Owes 12.00", None)
    appealed = person.client.post(f"/api/v1/list-entries/{entry.pk}/appeal/", {"words": "I paid."})
    assert appealed.status_code == 201
    (waiting,) = clerk.get("/api/v1/office/appeals/").json()["results"]
    assert waiting["words"] == "I paid."
    answer = f"/api/v1/office/appeals/{waiting['id']}/answer/"
    assert clerk.post(answer, {"grant": True, "answer": ""}).status_code == 400
    assert clerk.post(answer, {"grant": True, "answer": "You did."}).json()["state"] == "granted"
    (mine,) = person.client.get("/api/v1/list-entries/").json()["results"]
    assert (mine["appeal"]["answer"], mine["lifted_at"] is None) == ("You did.", False)
    assert clerk.post(f"/api/v1/office/list-entries/{entry.pk}/lift/").status_code == 200
    assert clerk.post(f"/api/v1/office/list-entries/{entry.pk}/confirm/").json()["code"] == "not_proposed"
