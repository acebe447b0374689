"""The merchants' back office: its review page, its lists, and what it costs."""

import uuid
from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from people import Person, Shop
from pytest_django import DjangoAssertNumQueries

from channels_engine.core import types
from channels_engine.core.typed_data import digest
from marketplace.credit.decisions import reject_application
from marketplace.credit.issuing import domain_of, raw
from marketplace.credit.models import Agreement, CreditApplication, CreditNote, ListEntry
from marketplace.credit.notes import NoteRequest, issue_note

pytestmark = pytest.mark.django_db
Apply = Callable[[Person, Shop], CreditApplication]
Agree = Callable[[Person, Shop], Agreement]


def _review(application: CreditApplication) -> str:
    return reverse("admin:credit_creditapplication_change", args=[application.pk])


def _note(agreement: Agreement, person: Person, amount: int = 5_000_000) -> CreditNote:
    serial, holder = uuid.uuid4().bytes * 2, uuid.uuid4().bytes + b"abcd"
    receipt = types.NoteReceipt(raw(agreement.sid), serial, holder, amount)
    signature = person.signer.sign(digest(domain_of(agreement), receipt))
    return issue_note(agreement=agreement, request=NoteRequest(serial, holder, amount, signature))


def _decide(client: Client, application: CreditApplication, decision: str, **fields: object) -> HttpResponse:
    content = {f"{decision}-{name}": value for name, value in fields.items()}
    return client.post(_review(application), {"decision": decision, **content})


def test_the_review_page_shows_everything_on_one_screen(person: Person, shop: Shop, apply: Apply) -> None:
    page = shop.client.get(_review(apply(person, shop))).content.decode()
    for shown in (
        "Erika Musterfrau",
        "Hauptstraße 1",
        "150.00",
        "3,000.00",
        "An identity document is there",
        "id.png",
    ):
        assert shown in page
    assert 'name="decision" value="approve"' in page
    assert 'name="decision" value="reject"' in page
    assert 'name="decision" value="ask"' in page


def test_approval_signs_the_agreement_once(person: Person, shop: Shop, apply: Apply) -> None:
    application = apply(person, shop)
    assert _decide(shop.client, application, "start").status_code == 302
    assert _decide(shop.client, application, "approve", limit="150", collateral="15.5").status_code == 302
    agreement = Agreement.objects.get(application=application)
    assert (agreement.credit_limit, agreement.collateral) == (150_000_000, 15_500_000)
    again = _decide(shop.client, application, "approve", limit="150", collateral="15.5")
    other = _decide(shop.client, application, "approve", limit="151", collateral="15.5")
    assert (again.status_code, other.status_code) == (302, 400)
    assert Agreement.objects.count() == 1
    assert agreement.sid in shop.client.get(_review(application)).content.decode()


@pytest.mark.parametrize(
    "fields",
    [
        {"limit": "", "collateral": "1"},
        {"limit": "NaN", "collateral": "1"},
        {"limit": "Infinity", "collateral": "1"},
        {"limit": "-5", "collateral": "1"},
        {"limit": "1e9", "collateral": "1"},
        {"limit": "0", "collateral": "0"},
        {"limit": "10.0000001", "collateral": "1"},
        {"limit": "10", "collateral": "11"},
        {"limit": "99999999", "collateral": "1"},
        {"limit": "ten", "collateral": "\x00"},
        {},
    ],
)
def test_rubbish_terms_are_refused_on_the_page(
    person: Person,
    shop: Shop,
    apply: Apply,
    fields: dict[str, str],
) -> None:
    application = apply(person, shop)
    response = _decide(shop.client, application, "approve", **fields)
    assert response.status_code == 400
    assert not Agreement.objects.exists()
    application.refresh_from_db()
    assert application.state == "submitted"


def test_reject_and_ask_need_words(person: Person, shop: Shop, apply: Apply) -> None:
    application = apply(person, shop)
    assert _decide(shop.client, application, "reject", reason="  ").status_code == 400
    assert _decide(shop.client, application, "ask", question="").status_code == 400
    assert _decide(shop.client, application, "ask", question="Your payslip, please").status_code == 302
    application.refresh_from_db()
    assert (application.state, application.question) == ("more_info", "Your payslip, please")
    assert _decide(shop.client, application, "reject", reason="No payslip").status_code == 302
    application.refresh_from_db()
    assert (application.state, application.decision_reason) == ("rejected", "No payslip")
    assert shop.client.post(_review(application), {"decision": "nonsense"}).status_code == 200


def test_operators_keep_their_own_lists(
    person: Person, make_shop: Callable[[str], Shop], apply: Apply
) -> None:
    one, two = make_shop("one"), make_shop("two")
    add = reverse("admin:credit_listentry_add")
    wallet = "0x" + person.signer.address.hex()
    fields = {"wallet": wallet.upper().replace("0X", "0x"), "shade": "black", "reason": "Did not pay"}
    assert one.client.post(add, {**fields, "merchant": two.merchant.pk}).status_code == 200
    assert one.client.post(add, {**fields, "merchant": ""}).status_code == 200
    assert not ListEntry.objects.exists()
    assert one.client.post(add, {**fields, "merchant": one.merchant.pk}).status_code == 302
    entry = ListEntry.objects.get()
    assert entry.wallet == wallet
    application = apply(person, one)
    assert application.checks.get(code="lists").outcome == "fail"
    assert application.proposed_limit == 0
    assert apply(person, two).checks.get(code="lists").outcome == "pass"
    shared = ListEntry.objects.create(wallet=wallet, shade="grey", reason="Everywhere")
    lists, lift = reverse("admin:credit_listentry_changelist"), {"action": "lift"}
    two.client.post(lists, {**lift, "_selected_action": [entry.pk]})
    one.client.post(lists, {**lift, "_selected_action": [shared.pk]})
    assert ListEntry.objects.filter(lifted_at=None).count() == 2
    one.client.post(lists, {**lift, "_selected_action": [entry.pk]})
    assert ListEntry.objects.filter(lifted_at=None).get() == shared


def test_decisions_across_merchants_do_nothing(
    person: Person, make_shop: Callable[[str], Shop], apply: Apply
) -> None:
    one, two = make_shop("one"), make_shop("two")
    application = apply(person, one)
    for decision in ("start", "approve", "ask", "reject"):
        response = _decide(
            two.client, application, decision, limit="1", collateral="1", reason="x", question="x"
        )
        assert response.status_code in {302, 404}
        application.refresh_from_db()
        assert application.state == "submitted"
    with pytest.raises(PermissionDenied, match="own operators"):
        reject_application(application=application, operator=two.operator, reason="x")


def test_the_queue_does_not_cost_more_queries_with_more_rows(
    make_person: Callable[..., Person],
    shop: Shop,
    apply: Apply,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    address = reverse("admin:credit_creditapplication_changelist")
    apply(make_person(), shop)
    counts = []
    for _ in range(2):
        with django_assert_max_num_queries(60) as captured:
            assert shop.client.get(address).status_code == 200
        counts.append(len(captured))
        for _ in range(3):
            apply(make_person(), shop)
    assert counts[0] == counts[1]


def test_superusers_see_all_and_keys_never_show(shop: Shop, admin_client: Client) -> None:
    for name, keys in (("change", [shop.merchant.pk]), ("changelist", []), ("history", [shop.merchant.pk])):
        page = admin_client.get(reverse(f"admin:credit_merchant_{name}", args=keys)).content.decode()
        assert "ciphertext" not in page
    fields = {
        "name": "Neue Werke",
        "slug": "neue-werke",
        "role": "supplier",
        "max_limit": 10**9,
        "four_eyes_above": 10**8,
        "billing_period": 86_400,
        "payment_term": 1,
        "agreement_life": 1,
        "note_life": 1,
    }
    response = admin_client.post(reverse("admin:credit_merchant_add"), fields)
    assert response.status_code == 302
    made = shop.merchant.__class__.objects.get(slug="neue-werke")
    assert made.keystore["crypto"]["ciphertext"]
    assert made.msc == ""
