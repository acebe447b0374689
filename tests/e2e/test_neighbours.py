"""Two people with a browser each: terms, a deposit and a note, a trade, its meter, and the money back in the wallets."""

import re
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from journey import DEALS_MS, METER_MS, Journey, Newcomer, Reviewer, Trader, euros
from playwright.sync_api import Browser, Route, expect
from watched_browser import Camera, pictures_folder, visitor
from whole_site import WholeSite

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
KWH, CENTS = "0.05", "20"
PRICE = Decimal("0.01")
NEXT_SLOTS = slice(3, 12)
LATE_MS = 1500


class Neighbour(Journey):
    """Somebody at the desk with another person."""

    def get_ready(self, folder: Path, reviewer: Reviewer | None) -> None:
        """A wallet with money; with a reviewer, credit too."""
        newcomer = Newcomer(self.page, Camera(folder / self.pseudonym), self.pseudonym)
        email = f"{uuid4().hex[:12]}@example.org"
        if reviewer is not None:
            newcomer.become_a_member(email, folder, reviewer)
            return
        newcomer.sign_up(email)
        newcomer.make_wallet()
        newcomer.link_wallet()
        newcomer.tell_about_myself()
        self.page.goto("/wallet/")
        self.press("Get test money")
        expect(self.page.locator("#wallet-balance")).to_contain_text("000.00")

    def move_in(self, site: WholeSite) -> None:
        """The market gives a newcomer a connection with its next slot."""
        path = f"{site.url}/api/v1/market/forecast/"
        site.wait_for("a connection", lambda: self.page.request.get(path).ok)

    def slow_line(self, address: re.Pattern[str]) -> None:
        """What is answered late must not cover what the page was told since."""

        def late(route: Route) -> None:
            self.page.wait_for_timeout(LATE_MS)
            route.fallback()

        self.page.route(address, late)

    def visit(self, neighbour: str) -> None:
        self.page.goto(f"/partners/?search={neighbour.replace(' ', '+')}")
        self.page.get_by_role("link", name=f"Negotiate with {neighbour}").click()
        expect(self.page.locator("#link-state")).to_have_text("Connected")

    def follow_notice(self, text: str, step: str) -> None:
        """The start page tells of it without a reload, and leads there."""
        notice = self.page.locator("#waiting .notice", has_text=text)
        expect(notice).to_be_visible()
        self.picture(step)
        notice.get_by_role("link").click()
        expect(self.page.locator("#link-state")).to_have_text("Connected")

    def bring(self, kind: str, amount: str) -> None:
        """Choose how the own side is funded."""
        expect(self.page.locator("#open-amount")).to_be_visible()
        choice = self.page.locator(f"input[name=funding][value={kind}]")
        if choice.count():
            choice.check(force=True)
        self.page.locator("#open-amount").fill(amount)

    def sees(self, text: str) -> None:
        expect(self.page.locator("#channel-body")).to_contain_text(text, timeout=DEALS_MS)

    def surplus_slot(self) -> str:
        """A slot soon in which the own home has plenty to sell."""
        rows = self.page.evaluate("fetch('/api/v1/market/forecast/').then((answer) => answer.json())")
        soon = [row for row in rows[NEXT_SLOTS] if row["surplus_wh"] >= 100]
        assert soon, rows[:12]
        return str(soon[0]["slot_start"])

    def offer_to_buy(self, slot: str) -> None:
        page = self.page
        page.locator("input[name=side][value=buy]").check(force=True)
        page.locator("#quantity").fill(KWH)
        page.locator("#price").fill(CENTS)
        page.locator("#slot").select_option(slot)
        page.locator("#composer-send").click()
        self.sign("offer-question")

    def accept(self) -> None:
        self.press("Accept")
        self.sign("acceptance-question")

    def money_back(self, step: str) -> Decimal:
        """Bring it back; what the button said."""
        button = self.page.locator("#money-back button")
        expect(button).to_be_visible(timeout=DEALS_MS)
        self.picture(f"{step}-to-bring-back")
        said = re.search(r"Bring (€\S+)", button.inner_text())
        assert said
        button.click()
        self.sign(f"{step}-question")
        expect(self.page.locator("#money-back")).to_be_hidden(timeout=DEALS_MS)
        return euros(said.group(1))

    def wallet(self) -> Decimal:
        self.page.goto("/wallet/")
        expect(self.page.locator("#wallet-balance")).to_contain_text("€")
        expect(self.page.locator("#money-back")).to_be_hidden()
        self.picture("wallet")
        return euros(self.page.locator("#wallet-balance").inner_text())


def test_two_people_trade_with_each_other(site: WholeSite, browser: Browser, tmp_path: Path) -> None:
    pictures = pictures_folder()
    with (
        visitor(browser, site.url, 1280) as (page, watch),
        visitor(browser, site.url, 390) as (phone, phone_watch),
    ):
        tag = uuid4().hex[:4]
        alice = Neighbour(page, Camera(pictures / "neighbours-1280"), f"Alder {tag}")
        bob = Neighbour(phone, Camera(pictures / "neighbours-390"), f"Birch {tag}")
        with visitor(browser, site.url, 1280) as (office, _):
            bob.get_ready(tmp_path, Reviewer(office, Camera(tmp_path / "office"), bob.pseudonym))
        alice.get_ready(tmp_path, None)
        before = bob.wallet()
        for person in (alice, bob):
            person.move_in(site)

        agree(alice, bob)
        trade(alice, bob)
        mine, theirs = close(alice, bob)
        assert mine + theirs == 25
        assert alice.money_back("deposit") == mine
        assert alice.wallet() == 1000 - 15 + mine
        earned = theirs - 10
        assert Decimal(0) < earned <= PRICE
        assert bob.money_back("earnings") == earned
        assert bob.wallet() == (before + earned).quantize(Decimal("0.01"), "ROUND_DOWN")
        assert [*alice.wide, *bob.wide] == []
        assert [*watch.complaints, *phone_watch.complaints] == []
        assert [*watch.elsewhere, *phone_watch.elsewhere] == []


def test_without_credit_a_deposit_opens_a_channel_with_a_household(
    site: WholeSite, browser: Browser, tmp_path: Path
) -> None:
    with visitor(browser, site.url, 390) as (page, watch):
        camera, name = Camera(pictures_folder() / "deposit-390"), "Cedar house"
        person, trader = Neighbour(page, camera, name), Trader(page, camera, name)
        person.get_ready(tmp_path, None)
        person.move_in(site)
        trader.find_partner()
        person.bring("deposit", "12.5")
        person.picture("no-channel")
        person.press("Open channel")
        for step in ("terms-question", "deposit-question", "opening-question"):
            person.sign(step)
        expect(page.locator("#composer")).to_be_visible(timeout=DEALS_MS)
        assert trader.holdings()[0] == Decimal("12.5")
        page.get_by_role("link", name="States and signatures").click()
        (mine, _), _ = trader.close()
        assert person.money_back("deposit") == mine == Decimal("12.5")
        assert person.wallet() == 1000
        assert [*person.wide, *trader.wide, *watch.complaints, *watch.elsewhere] == []


def agree(alice: Neighbour, bob: Neighbour) -> None:
    """Alice proposes and brings a deposit; Bob hears of it on his start page, and brings a note."""
    bob.page.goto("/today/")
    alice.slow_line(re.compile("/api/v1/channels/[?]"))
    alice.visit(bob.pseudonym)
    alice.picture("stranger")
    alice.press("Propose a channel")
    alice.sign("terms-question")
    alice.sees("has to accept the terms")
    alice.picture("proposed")
    bob.follow_notice(f"{alice.pseudonym} would like to open a channel", "invitation")
    bob.bring("note", "10")
    bob.picture("invited")
    bob.press("Accept terms")
    bob.sign("terms-question")
    bob.sees("has to sign the opening now")
    alice.sees("accepted your terms")
    alice.bring("deposit", "15")
    alice.picture("accepted")
    alice.press("Sign the opening")
    alice.sign("deposit-question")
    alice.sign("opening-question")
    alice.sees("has to sign it too")
    bob.sees("It opens as soon as you sign too")
    bob.picture("opening-asked")
    alice.page.wait_for_timeout(2 * LATE_MS)
    alice.sees("has to sign it too")
    bob.press("Fund and sign")
    bob.sign("note-question")
    bob.sign("opening-question")
    for person in (alice, bob):
        expect(person.page.locator("#composer")).to_be_visible(timeout=DEALS_MS)
        person.picture("channel-open")


def trade(alice: Neighbour, bob: Neighbour) -> None:
    """Alice buys of Bob, and one of the two browsers settles what the meter says."""
    alice.offer_to_buy(bob.surplus_slot())
    bob.accept()
    for person in (alice, bob):
        expect(person.page.locator("#talk")).to_contain_text("Traded and signed by both", timeout=DEALS_MS)
    bob.picture("traded")
    for person in (alice, bob):
        expect(person.page.locator("#talk")).to_contain_text("Meter readings settled", timeout=METER_MS)
    alice.picture("settled")


def close(alice: Neighbour, bob: Neighbour) -> tuple[Decimal, Decimal]:
    """Alice asks, Bob agrees; what the ledger paid to her and to him."""
    for person in (alice, bob):
        person.page.get_by_role("link", name="States and signatures").click()
    alice.press("Close")
    alice.sign("closing-question")
    expect(bob.page.locator("#channel-problem")).to_contain_text("wants to close")
    bob.picture("closing-asked")
    bob.press("Close")
    bob.sign("closing-question")
    for person in (alice, bob):
        closed = person.page.locator(".trade-line", has_text="Channel closed, paid out")
        expect(closed).to_be_visible(timeout=DEALS_MS)
    figures = alice.page.locator(".figure")
    mine, theirs = (
        euros(figures.filter(has_text=who).locator("dd").inner_text())
        for who in ("You hold", "Partner holds")
    )
    return mine, theirs
