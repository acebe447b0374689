"""The guided application: each step saves itself, may be left, resumed and changed, and says what is wrong."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from test_pages import check_page, check_policy

from marketplace.accounts.models import AuditEvent, Document, User, Wallet
from marketplace.credit.models import Agreement, CreditApplication, Merchant
from marketplace.trading.models import Prosumer
from tests.marketplace.people import png

PASSWORD = "correct horse battery"
SignIn = Callable[[User], Client]
FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "documents"
STEPS = ("wallet", "person", "address", "meter", "identity", "statements", "credit", "consent", "review")
PERSON = {"display_name": "Blue house", "legal_name": "Erika Musterfrau", "birth_date": "1985-06-01"}
ADDRESS = {"street": "Hauptstraße 1", "postcode": "10115", "city": "Berlin", "country": "DE"}
WISH = {
    "merchant": "nord",
    "requested_limit": "150,50",
    "monthly_income": "2 600",
    "monthly_outgoings": "1400",
}


def _at(client: Client) -> str:
    """The step that the person is led to, after a look at the page."""
    response = client.get("/onboarding/")
    check_page(response.content.decode())
    check_policy(response)
    found = re.search(r"Step (\d+) of 11", response.content.decode())
    assert found
    return (*STEPS, "decision", "agreement")[int(found[1]) - 1]


def _card(name: str = "card.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, png(), content_type="image/png")


def test_the_whole_way_on_changing_devices(client_of: SignIn, user: User, merchant: Merchant) -> None:
    assert _at(client_of(user)) == "wallet"
    Wallet.objects.create(user=user, address="0x" + "11" * 20, message="", signature="0x")
    for step, fields, lands in (
        ("person", PERSON, "address"),
        ("address", ADDRESS, "meter"),
        ("meter", {"meter_number": "4137 3559 241"}, "identity"),
        ("identity", {"file": [_card("a.png")]}, "statements"),
        (
            "statements",
            {"kind": "statement", "file": [SimpleUploadedFile("m.sta", (FOLDER / "mt940.sta").read_bytes())]},
            "credit",
        ),
        ("credit", WISH, "consent"),
        ("consent", {"consent": "on"}, "review"),
        ("review", {}, "decision"),
    ):
        client = client_of(user)  # another device each time
        assert _at(client) == step
        assert client.post(f"/onboarding/{step}/", fields).status_code == 302
        assert _at(client) == lands
    sent = CreditApplication.objects.get(user=user)
    assert (sent.state, sent.requested_limit, sent.monthly_income) == ("submitted", 150_500_000, "2600000000")
    assert Prosumer.objects.get(user=user).display_name == "Blue house"
    page = client_of(user).get("/onboarding/").content.decode()
    assert "Nord Energie is reviewing" in page
    assert "How the scorecard sees it" in page
    for step in STEPS:
        assert client_of(user).get(f"/onboarding/{step}/").status_code == 302


def test_steps_can_not_be_skipped_but_for_the_statements(
    client_of: SignIn, member: User, merchant: Merchant
) -> None:
    client = client_of(member)
    assert _at(client) == "identity"
    assert client.get("/onboarding/credit/").status_code == 302
    assert client.post("/onboarding/review/").headers["Location"] == "/onboarding/"
    client.post("/onboarding/identity/", {"file": _card()})
    page = client.get("/onboarding/credit/")
    assert page.status_code == 200
    assert "Go on without" in client.get("/onboarding/statements/").content.decode()
    assert client.get("/onboarding/nowhere/").status_code == 404
    assert client.get("/onboarding/person/").status_code == 200
    assert "Erika Musterfrau" in client.get("/onboarding/person/").content.decode()


@pytest.mark.parametrize(
    ("step", "fields", "words"),
    [
        ("person", {**PERSON, "birth_date": "2020-01-01"}, "18 years and more"),
        ("person", {**PERSON, "birth_date": "1885-01-01"}, "Look at the year"),
        ("address", {**ADDRESS, "street": "Hauptstraße"}, "house number is missing"),
        ("address", {**ADDRESS, "postcode": "1011"}, "five digits"),
        ("meter", {"meter_number": "41373559242"}, "A digit of this market location is wrong"),
        ("meter", {"meter_number": "12"}, "4 to 20 characters"),
        ("identity", {"file": SimpleUploadedFile("card.png", b"no picture")}, "Only PDF, JPEG and PNG"),
        ("identity", {}, "Choose a file of up to 10 MB"),
        (
            "identity",
            {"file": SimpleUploadedFile("card.png", bytes(13 * 2**20))},
            "Choose a file of up to 10 MB",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    client_of: SignIn, member: User, step: str, fields: dict[str, object], words: str
) -> None:
    response = client_of(member).post(f"/onboarding/{step}/", fields)
    assert response.status_code == 422
    html = response.content.decode()
    check_page(html)
    assert words in html
    assert "field--error" in html


def test_faults_of_a_statement_are_told_by_line(client_of: SignIn, application: CreditApplication) -> None:
    client = client_of(application.user)
    client.post("/onboarding/identity/", {"file": _card()})
    raw = (FOLDER / "csv-dkb.csv").read_bytes().replace(b"-412,55", b"minus 412")
    wrong = {"kind": "statement", "file": SimpleUploadedFile("june.csv", raw)}
    response = client.post("/onboarding/statements/", wrong)
    assert response.status_code == 422
    assert "Line 9: “minus 412” is no amount" in response.content.decode()
    good = SimpleUploadedFile("june.csv", (FOLDER / "csv-dkb.csv").read_bytes())
    client.post("/onboarding/statements/", {"kind": "statement", "file": good})
    html = client.get("/onboarding/statements/").content.decode()
    assert "What the statements show" in html
    assert "DE02120300000000202051" in html


def test_statements_fill_in_the_wish(client_of: SignIn, member: User, merchant: Merchant) -> None:
    client = client_of(member)
    client.post("/onboarding/identity/", {"file": _card()})
    sheet = SimpleUploadedFile("june.xml", (FOLDER / "camt053-v8.xml").read_bytes())
    client.post("/onboarding/statements/", {"kind": "statement", "file": sheet})
    assert 'value="3100' in client.get("/onboarding/credit/").content.decode()


@pytest.mark.parametrize("state", CreditApplication.State.values)
def test_every_state_says_what_is_next(client_of: SignIn, application: CreditApplication, state: str) -> None:
    application.state, application.decision_reason, application.question = (
        state,
        "too little income",
        "a payslip",
    )
    application.save()
    html = client_of(application.user).get("/onboarding/").content.decode()
    check_page(html)
    words = {
        "submitted": "is reviewing",
        "in_review": "is reviewing",
        "approved": "is reviewing",
        "rejected": "too little income",
        "more_info": "a payslip",
    }
    assert words.get(state, "Identity document") in html


def test_shut_documents_are_shown_as_what_they_are(client_of: SignIn, application: CreditApplication) -> None:
    client = client_of(application.user)
    client.post("/onboarding/identity/", {"file": _card()})
    for state, words in (("failed", "tried again by itself"), ("infected", "Malware was found")):
        Document.objects.update(scan=state)
        html = client.get("/onboarding/identity/").content.decode()
        assert words in html
        assert "/content/" not in html
    assert _at(client) == "identity"


def test_who_looked_is_shown_to_the_person(
    client_of: SignIn, application: CreditApplication, merchant: Merchant
) -> None:
    user = application.user
    staff = User.objects.create_user("reviewer@nord.example", "correct horse battery", is_staff=True)
    merchant.operators.add(staff)
    for actor in (user, staff, None):
        AuditEvent.objects.create(
            actor=actor,
            person=user,
            action="document.viewed",
            subject="document 1",
            detail={"kind": "identity"},
        )
    html = client_of(user).get("/privacy/").content.decode()
    check_page(html)
    assert all(words in html for words in ("You</td>", "Nord Energie</td>", "Staff</td>"))
    assert "reviewer@nord.example" not in html


def _confirmed(client: Client, path: str, password: str = PASSWORD) -> object:
    """Ask for a page that needs the password again, and give it."""
    asked = client.get(path)
    assert asked.status_code == 302
    assert asked.headers["Location"].startswith("/accounts/reauthenticate/")
    check_page(client.get(asked.headers["Location"]).content.decode())
    client.post(asked.headers["Location"], {"password": password})
    return client.get(path)


def test_the_export_asks_for_the_password(client_of: SignIn, member: User) -> None:
    client = client_of(member)
    assert _confirmed(client, "/privacy/export/", "wrong password").status_code == 302  # type: ignore[attr-defined]  # a response
    answer = _confirmed(client, "/privacy/export/")
    assert answer.headers["Content-Type"] == "application/zip"  # type: ignore[attr-defined]  # a response
    assert answer.content.startswith(b"PK")  # type: ignore[attr-defined]  # a response
    assert AuditEvent.objects.filter(action="data.exported", person=member).count() == 1


def test_erasure_explains_what_stands_in_its_way_and_asks_twice(
    client_of: SignIn, agreement: Agreement
) -> None:
    user, client = agreement.user, client_of(agreement.user)
    html = client.get("/privacy/erase/").content.decode()
    check_page(html)
    assert "A credit agreement still runs" in html
    Agreement.objects.update(valid_until=1)
    check_page(client.get("/privacy/erase/").content.decode())
    assert (
        client.post("/privacy/erase/", {"email": user.email})
        .headers["Location"]
        .startswith("/accounts/reauthenticate/")
    )
    client.post("/accounts/reauthenticate/", {"password": "correct horse battery"})
    assert client.post("/privacy/erase/", {"email": "x@example.org"}).status_code == 422
    assert client.post("/privacy/erase/", {"email": user.email}).headers["Location"] == "/"
    user.refresh_from_db()
    assert user.erased_at is not None
    assert client.get("/today/").status_code == 302
