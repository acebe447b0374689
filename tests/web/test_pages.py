"""Every page: who may see it, that it renders in every state, and that it keeps to the strict policy."""

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext

from channels_engine.core.state import Phase
from channels_engine.store.models import CoSignedState, Endpoint, LedgerEvent, TradeRecord
from marketplace.accounts.models import Document, User
from marketplace.credit.models import Agreement, CreditApplication
from marketplace.trading.models import Prosumer
from marketplace.trading.services import ensure_prosumer
from tests.core.pair import open_pair, trade
from tests.stored_channels import store_endpoints

SignIn = Callable[[User], Client]
OPEN = ["/", "/feeder/", "/ledger/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]
CLOSED = [
    "/today/",
    "/partners/",
    "/channels/",
    "/trades/",
    "/wallet/",
    "/onboarding/",
    "/privacy/",
    "/partners/home-1/",
    "/own/",
    "/agent/",
]
MANAGE = ["/accounts/email/", "/accounts/password/change/", "/accounts/2fa/", "/accounts/logout/"]
POST_ONLY = [
    "/agent/try/",
    "/own/files/",
    "/own/studies/",
]


class Markup(HTMLParser):
    """Collects what a strict policy forbids, and what a reader needs."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.hosts: list[str] = []
        self.labels: set[str] = set()
        self.fields: list[dict[str, str | None]] = []
        self.headings = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        data_block = values.get("type") == "application/json"
        if (
            tag == "style"
            or "style" in values
            or (tag == "script" and "src" not in values and not data_block)
        ):
            self.inline.append(tag)
        self.inline += [name for name in values if name.startswith("on")]
        links = (values.get(name) or "" for name in ("src", "href", "action"))
        self.hosts += [link for link in links if re.match(r"(https?:)?//", link)]
        self.labels |= {values["for"] or ""} if tag == "label" and "for" in values else set()
        self.headings += tag == "h1"
        if tag in ("input", "select", "textarea") and values.get("type") not in ("hidden", "radio", "submit"):
            self.fields.append(values)


def check_page(html: str) -> None:
    markup = Markup(html)
    assert markup.inline == []
    assert markup.hosts == []
    assert markup.headings == 1
    assert 'href="#main"' in html
    assert '<main id="main"' in html
    unnamed = [f for f in markup.fields if f.get("id") not in markup.labels and "aria-label" not in f]
    assert unnamed == []


def check_policy(response: object) -> None:
    policy = response.headers["Content-Security-Policy"]  # type: ignore[attr-defined]  # any response
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize("path", OPEN)
def test_open_pages(client: Client, db: None, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    check_page(response.content.decode())
    check_policy(response)


@pytest.mark.parametrize("path", CLOSED)
def test_closed_pages_ask_for_sign_in(client: Client, partner: Prosumer, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("path", [*CLOSED, *MANAGE, "/ledger/", "/feeder/"])
def test_pages_of_a_new_user(client_of: SignIn, user: User, partner: Prosumer, path: str) -> None:
    response = client_of(user).get(path)
    assert response.status_code == 200
    check_page(response.content.decode())
    check_policy(response)


def test_front_page_leads_members_to_their_day(client_of: SignIn, user: User) -> None:
    assert client_of(user).get("/").headers["Location"] == "/today/"


@pytest.mark.parametrize("path", POST_ONLY)
def test_forms_need_post_and_sign_in(client: Client, client_of: SignIn, user: User, path: str) -> None:
    assert client.post(path).status_code == 302
    opened = client_of(user).get(path)
    assert (opened.status_code, "Nothing was sent" in opened.content.decode()) == (405, True)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert strict.post(path).status_code == 403


@pytest.mark.parametrize("state", Agreement.State.values)
def test_agreement_in_every_state(client_of: SignIn, agreement: Agreement, state: str) -> None:
    agreement.state, agreement.failure = state, "collateral missing" if state == "failed" else ""
    agreement.save()
    html = client_of(agreement.user).get("/onboarding/").content.decode()
    check_page(html)
    assert ("Find a partner" in html) == (state == "active")
    assert ("collateral missing" in html) == (state == "failed")


def test_documents_and_applications_of_others_are_not_there(
    client_of: SignIn, application: CreditApplication
) -> None:
    stranger = User.objects.create_user(email="other@example.org", password="correct horse battery")
    document = Document.objects.create(
        user=application.user,
        kind="identity",
        filename="a.png",
        content_type="image/png",
        size_bytes=3,
        digest="0x",
    )
    client = client_of(stranger)
    assert client.post(f"/onboarding/documents/{document.pk}/delete/").status_code == 404
    assert client.post(f"/onboarding/{application.pk}/withdraw/").status_code == 404
    assert Document.objects.filter(pk=document.pk).exists()


def _hosted(user: User, peer: str, number: int = 0, phase: Phase = Phase.OPEN) -> Endpoint:
    """A channel of the user with two trades, as the engine stores it."""
    a, b = open_pair(index=number)
    trade(b, a)
    trade(a, b)
    row = store_endpoints(a.endpoint, owners=(user.owner, peer), seq=9, at=1_750_000_000)
    Endpoint.objects.filter(pk=row.pk).update(phase=phase.value)
    _history(row, user, peer)
    return row


def _history(row: Endpoint, user: User, peer: str) -> None:
    CoSignedState.objects.create(
        channel=row.channel,
        version=2,
        base=0,
        balance_a=1,
        balance_b=2,
        energy_to_a=1500,
        energy_to_b=0,
        trades_root=bytes(32),
        is_final=False,
        signature_a=bytes(65),
        signature_b=bytes(65),
        request_seq=1,
        confirm_seq=2,
        at=1_750_000_000,
    )
    TradeRecord.objects.create(
        channel=row.channel,
        trade="0x" + "01" * 32,
        seller=peer,
        buyer=user.owner,
        quantity_wh=1500,
        price_per_kwh=280_000,
        imbalance_per_kwh=350_000,
        slot_start=1_750_000_500,
        slot_end=1_750_001_400,
        amount=420_000,
        version=2,
        at=1_750_000_000,
    )
    LedgerEvent.objects.create(
        channel=row.channel,
        scid=row.scid,
        name="ChannelOpened",
        block_number=7,
        block_hash="0x" + "02" * 32,
        transaction_hash="0x" + row.channel[2:],
        log_index=0,
        at=1_750_000_000,
        arguments={
            "funding_a": "10000000",
            "funding_b": "10000000",
            "source_a": "0x" + "00" * 20,
            "source_b": "0xab",
        },
    )


def test_channel_page_shows_the_proofs(client_of: SignIn, member: User, partner: Prosumer) -> None:
    row = _hosted(member, partner.owner)
    html = client_of(member).get(f"/channels/{row.channel}/").content.decode()
    check_page(html)
    for shown in (
        "Home 1",
        "signed by both",
        "by deposit",
        "by credit note",
        "block 7",
        "0x" + "00" * 65,
        "0.42",
    ):
        assert shown in html
    stranger = User.objects.create_user(email="other@example.org", password="correct horse battery")
    assert client_of(stranger).get(f"/channels/{row.channel}/").status_code == 404
    assert client_of(member).get("/channels/0x12/").status_code == 404


def test_the_ledgers_rows_have_their_blocks_time(client: Client, member: User) -> None:
    _hosted(member, "peer")
    told = (
        '<time datetime="2025-06-15T15:06:40+00:00" data-form="datetime">15 Jun 2025, 17:06 UTC+02:00</time>'
    )
    assert told in client.get("/ledger/").content.decode()
    LedgerEvent.objects.update(at=None)
    assert "<time" not in client.get("/ledger/").content.decode().partition("<tbody>")[2]


def test_a_partner_who_left_is_no_dead_end(client_of: SignIn, member: User, partner: Prosumer) -> None:
    pages = "/channels/", f"/channels/{_hosted(member, partner.owner).channel}/"
    desk = f'href="/partners/{partner.slug}/"'
    assert all(desk in client_of(member).get(page).content.decode() for page in pages)
    Prosumer.objects.filter(pk=partner.pk).update(is_active=False)
    overview, page = (client_of(member).get(page).content.decode() for page in pages)
    assert desk not in overview + page
    assert "no longer trades here" in page


def _add_rows(member: User, numbers: range) -> None:
    for number in numbers:
        home = Prosumer.objects.create(
            owner=f"h-{number}", slug=f"home-{number}", display_name=f"Home {number}"
        )
        _hosted(member, home.owner, number)


@pytest.mark.parametrize("path", ["/today/", "/channels/", "/trades/", "/partners/", "/ledger/"])
def test_queries_do_not_grow_with_rows(client_of: SignIn, member: User, partner: Prosumer, path: str) -> None:
    client, counts = client_of(member), []
    for numbers in (range(2, 4), range(4, 8)):
        _add_rows(member, numbers)
        with CaptureQueriesContext(connection) as queries:
            check_page(client.get(path).content.decode())
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 20


def test_partners_filter(client_of: SignIn, member: User, partner: Prosumer) -> None:
    Prosumer.objects.create(owner="h-2", slug="home-2", display_name="Mill", is_agent=True)
    client = client_of(member)
    everybody = client.get("/partners/").content.decode()
    assert everybody.index("Home 1") < everybody.index("Mill")
    part = client.get("/partners/?side=sells", headers={"HX-Request": "true"}).content.decode()
    assert "Home 1" in part
    assert "Mill" not in part
    assert "<html" not in part
    assert "Nobody fits" in client.get("/partners/?search=zzz").content.decode()


def test_nobody_trades_with_oneself(client_of: SignIn, member: User) -> None:
    own = ensure_prosumer(user=member)
    assert client_of(member).get(f"/partners/{own.slug}/").status_code == 404


def test_names_are_never_markup(client_of: SignIn, member: User) -> None:
    Prosumer.objects.create(owner="h-9", slug="home-9", display_name="<script>alert(1)</script>")
    for path in ("/partners/", "/partners/home-9/"):
        html = client_of(member).get(path).content.decode()
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert" in html


def test_error_pages(client: Client, db: None) -> None:
    response = client.get("/nowhere/")
    assert response.status_code == 404
    check_page(response.content.decode())
    check_policy(response)
    for name in ("500.html", "403.html", "403_csrf.html", "400.html"):
        html = render_to_string(name, request=response.wsgi_request if name != "500.html" else None)
        assert Markup(html).inline == []
        assert "<h1>" in html


def test_design_page_is_for_builders(client_of: SignIn, client: Client, user: User) -> None:
    assert client.get("/design/").status_code == 404
    user.is_staff = True
    user.save()
    response = client_of(user).get("/design/")
    assert response.status_code == 200
    check_page(response.content.decode())
