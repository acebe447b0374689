"""A participant's money in a browser, by clicks: a claim and its remedy, bills, and what is listed on the market."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from django.test import Client
from lending import COIN, TERM, Pair, agreed, as_lender, noted
from people import Person, Shop
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from supplied import slot, supplied

from marketplace.billing import paying
from marketplace.billing.issuing import run_bills
from marketplace.billing.models import Bill
from marketplace.credit import claims, ledger
from marketplace.credit.books import fresh_statement_of
from marketplace.credit.models import Agreement, CreditApplication
from marketplace.trading.models import Listing
from tests.fixtures_ledger import RunningNode, devnode  # noqa: F401  pytest finds the fixture by its name
from tests.system_parts import find_chromium, require

pytestmark = pytest.mark.browser
PASSPHRASE = "correct horse battery staple"
ENOUGH_MS = 20_000


@pytest.fixture
def claimed(
    person: Person,
    shop: Shop,
    apply: Callable[[Person, Shop], CreditApplication],
    devnode: RunningNode,  # noqa: F811  the fixture imported above
    settings: Settings,
    *,
    wait_until: Callable[[float], None],
) -> Agreement:
    """An agreement under which 12 coins are claimed, with a minute to pay them."""
    settings.LEDGER_URL = devnode.url
    settings.TEST_MONEY = True
    ledger.deploy_ledger(metering=b"\x44" * 20)
    as_lender(shop)
    agreement = agreed(person, shop, apply(person, shop))
    pair = Pair()
    note = noted(person, agreement, 60 * COIN, pair.a)
    pair.spend(note, 12 * COIN)
    wait_until(note.valid_until + TERM)
    claims.start_claim(agreement=agreement, operator=shop.operator)
    return agreement


@dataclass
class Bills:
    """A bill of the person's, and one that the supplier owes; under an agreement with an open claim."""

    agreement: Agreement
    asked: Bill
    owed: Bill


@pytest.fixture
def bills(claimed: Agreement, person: Person, shop: Shop) -> Bills:
    """Of an hour each: 40 kWh drawn at 32 cents, and 40 kWh fed in at 8.2 cents."""
    assert claimed.user == person.user
    supplied(person, shop, [slot(900 * i, drawn=10_000) for i in range(4)])
    supplied(person, shop, [slot(900 * i, fed=10_000) for i in range(4)])
    run_bills()
    return Bills(claimed, Bill.objects.get(due_cents__gt=0), Bill.objects.get(due_cents__lt=0))


def say_yes(page: Page, question: str) -> None:
    dialog = page.locator("dialog[open]").filter(has_text=question)
    expect(dialog).to_be_visible(timeout=ENOUGH_MS)
    dialog.locator("button[value=yes]").click()


def save_backup(page: Page) -> None:
    """Nothing that moves money is signed before."""
    page.get_by_role("button", name="Save a backup").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the backup file").click()
    saved = download.value.path().read_bytes()
    file = {"name": download.value.suggested_filename, "mimeType": "application/json", "buffer": saved}
    page.locator("#backup-file").set_input_files(file)
    page.get_by_role("button", name="I have the backup").click()
    expect(page.locator("#wallet-saved")).to_contain_text("Backup checked")


@contextmanager
def browser_of(url: str, session: str) -> Iterator[BrowserContext]:
    """A browser in which the person is signed in."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        context = browser.new_context(base_url=url, locale="en-GB")
        context.add_cookies([{"name": "sessionid", "value": session, "url": url}])
        yield context
        browser.close()


def pay_what_is_claimed(page: Page) -> None:
    page.goto("/wallet/")
    card = page.locator("#credit")
    expect(card).to_contain_text("claims €12.00 from your collateral. Pay €12.00 by", timeout=ENOUGH_MS)
    page.get_by_text("I have a private key instead").click()
    page.locator("#restore-key").fill(f"{1:064x}")
    page.locator("#restore-pass").fill(PASSPHRASE)
    page.get_by_role("button", name="Restore").click()
    expect(page.locator("#wallet-state")).to_contain_text("Unlocked", timeout=ENOUGH_MS)
    save_backup(page)
    card.get_by_role("button", name="Pay €12.00").click()
    say_yes(page, "Pay €12.00 to Stadtwerke")
    say_yes(page, "Allow the payment")
    expect(card).to_contain_text("your collateral is safe", timeout=ENOUGH_MS)


def pay_a_bill(context: BrowserContext, page: Page, bill: Bill) -> None:
    """In one window; a second one that was opened before still offers it, and is refused."""
    place, other = f"/bills/{bill.pk}/", context.new_page()
    other.goto(place)
    page.goto(place)
    expect(page.locator("#bill")).to_contain_text("To be paid", timeout=ENOUGH_MS)
    page.get_by_role("button", name="Pay €12.80 on the ledger").click()
    question = page.locator("dialog[open]").filter(has_text=f"Pay bill {bill.reference}")
    expect(question).to_contain_text("€12.80 goes from your wallet to Stadtwerke", timeout=ENOUGH_MS)
    question.locator("button[value=no]").click()
    expect(question).to_have_count(0)
    page.get_by_role("button", name="Pay €12.80 on the ledger").click()
    say_yes(page, f"Pay bill {bill.reference}")
    expect(page.locator("#bill .chip")).to_have_text("Paid", timeout=ENOUGH_MS)
    expect(page.locator("#pay-bill")).to_have_count(0)
    payments = page.locator("section", has=page.locator("#payments"))
    expect(payments).to_contain_text("On the ledger")
    other.get_by_role("button", name="Pay €12.80 on the ledger").click()
    expect(other.locator("#toasts")).to_contain_text("Nothing was signed", timeout=ENOUGH_MS)
    other.close()


def read_what_the_supplier_owes(page: Page, bill: Bill) -> None:
    page.goto("/bills/")
    page.get_by_role("link", name=bill.reference).click()
    expect(page.locator("#bill")).to_contain_text("The supplier pays you")
    expect(page.locator("#bill")).to_contain_text("€3.28")
    expect(page.locator("#bill")).to_contain_text("it transfers this amount to you and records it here")
    expect(page.locator("#pay-bill")).to_have_count(0)


def list_and_take_back(page: Page) -> None:
    """A need is listed, changed and taken back; what is wrong is said beside the form."""
    page.goto("/partners/")
    rows, error = page.locator("#listing-rows"), page.locator("#listing-error")
    expect(rows).to_contain_text("You list nothing", timeout=ENOUGH_MS)
    page.get_by_role("group", name="I have").get_by_label("Need").check()
    page.locator("#listing-price").fill("18.5")
    for quantity, said in (
        ("much", "“much” is no number"),
        ("1.2345", "At most 3 decimals"),
        ("0", "Between 0.001 kWh and 1,000,000"),
    ):
        page.locator("#listing-quantity").fill(quantity)
        page.get_by_role("button", name="List it").click()
        expect(error).to_contain_text(said, timeout=ENOUGH_MS)
    page.locator("#listing-quantity").fill("1.25")
    page.get_by_role("button", name="List it").click()
    expect(rows).to_contain_text("Need 1.250 kWh 18.50 ct/kWh", timeout=ENOUGH_MS)
    expect(error).to_be_empty()
    rows.get_by_role("button", name="Change").click()
    page.locator("#listing-price").fill("20")
    page.get_by_role("button", name="Save").click()
    expect(rows).to_contain_text("Need 1.250 kWh 20.00 ct/kWh", timeout=ENOUGH_MS)
    rows.get_by_role("button", name="Take back").click()
    expect(rows).to_contain_text("You list nothing", timeout=ENOUGH_MS)


@pytest.mark.django_db(transaction=True)
def test_a_person_pays_and_trades_by_clicks(
    bills: Bills, person: Person, live_server: LiveServer, client: Client
) -> None:
    require("Chromium")
    client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
    before = ledger.balance_of(paying.payee_of(bills.asked))
    with browser_of(live_server.url, client.cookies["sessionid"].value) as context:
        page = context.new_page()
        pay_what_is_claimed(page)
        pay_a_bill(context, page, bills.asked)
        read_what_the_supplier_owes(page, bills.owed)
        list_and_take_back(page)
    books = fresh_statement_of(bills.agreement)
    assert books.claim is not None
    assert (books.paid, books.claim.to_pay, books.collateral) == (12 * COIN, 0, 20 * COIN)
    (payment,) = bills.asked.payments.all()
    assert (payment.amount, payment.way, paying.open_amount(bills.asked)) == (12_800_000, "ledger", 0)
    assert ledger.balance_of(paying.payee_of(bills.asked)) == before + 12_800_000
    assert (
        person.client.post(
            f"/api/v1/bills/{bills.asked.pk}/pay/", {"valid_before": 2**40, "signature": "0x" + "11" * 65}
        ).json()["code"]
        == "bill_paid"
    )
    listing = Listing.objects.get()
    assert (listing.side, listing.quantity_wh, listing.price_per_kwh) == ("buys", 1250, 200_000)
    assert listing.state == "withdrawn"
