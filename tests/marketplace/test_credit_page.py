"""The participant's credit account in a browser: the claim, its remedy, and paying by the wallet's signatures."""

from collections.abc import Callable

import pytest
from django.test import Client
from lending import COIN, TERM, Pair, agreed, as_lender, noted, wait_until
from people import Person, Shop
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from marketplace.credit import claims, ledger
from marketplace.credit.books import fresh_statement_of
from marketplace.credit.models import Agreement, CreditApplication
from tests.fixtures_ledger import RunningNode, devnode  # noqa: F401  pytest finds the fixture by its name
from tests.system_parts import find_chromium, require

PASSPHRASE = "correct horse battery staple"
ENOUGH_MS = 20_000


@pytest.fixture
def claimed(
    person: Person,
    shop: Shop,
    apply: Callable[[Person, Shop], CreditApplication],
    devnode: RunningNode,  # noqa: F811  the fixture imported above
    settings: Settings,
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


def pay_in_the_browser(url: str, session: str, secret: str) -> None:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        context = browser.new_context()
        context.add_cookies([{"name": "sessionid", "value": session, "url": url}])
        page = context.new_page()
        page.goto(url + "/wallet/")
        card = page.locator("#credit")
        expect(card).to_contain_text("claims €12.00 from your collateral. Pay €12.00 by", timeout=ENOUGH_MS)
        page.get_by_text("I have a private key instead").click()
        page.locator("#restore-key").fill(secret)
        page.locator("#restore-pass").fill(PASSPHRASE)
        page.get_by_role("button", name="Restore").click()
        expect(page.locator("#wallet-state")).to_contain_text("Unlocked", timeout=ENOUGH_MS)
        save_backup(page)
        card.get_by_role("button", name="Pay €12.00").click()
        say_yes(page, "Pay €12.00 to Stadtwerke")
        say_yes(page, "Allow the payment")
        expect(card).to_contain_text("your collateral is safe", timeout=ENOUGH_MS)
        browser.close()


@pytest.mark.django_db(transaction=True)
def test_a_claim_is_shown_with_its_remedy_and_paid(
    claimed: Agreement, person: Person, live_server: LiveServer, client: Client
) -> None:
    require("Chromium")
    client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.cookies["sessionid"].value
    pay_in_the_browser(live_server.url, session, f"{1:064x}")
    books = fresh_statement_of(claimed)
    assert books.claim is not None
    assert (books.paid, books.claim.to_pay, books.collateral) == (12 * COIN, 0, 20 * COIN)
