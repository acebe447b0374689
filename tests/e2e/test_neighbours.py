"""Two people with a browser each: terms, a deposit and a note, a trade, its meter, and the money back in the wallets."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from journey import DEALS_MS, METER_MS, Trader, euros
from neighbours import KWH, LATE_MS, Neighbour, shown
from pairs import open_pair
from playwright.sync_api import Browser, expect
from residents import MICRO, Market, Resident, settle
from watched_browser import Camera, Home, Watch, pictures_folder, visitor
from whole_site import WholeSite

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
PRICE = Decimal("0.01")


@dataclass
class Couple:
    """Two neighbours: one at a desk, one with a phone whose browser can be killed."""

    alice: Neighbour
    bob: Neighbour
    residents: tuple[Resident, Resident]
    phone: Home
    market: Market
    watches: tuple[Watch, Watch]

    def new_pictures(self, name: str) -> None:
        for person, width in ((self.alice, 1280), (self.bob, 390)):
            person.camera = Camera(pictures_folder() / f"{name}-{width}")

    def must_be_content(self) -> None:
        """Nothing was too wide, complained, or went to another host."""
        assert [*self.alice.wide, *self.bob.wide] == []
        for watch in self.watches:
            assert [*watch.complaints, *watch.elsewhere] == []


@pytest.fixture(scope="module")
def couple(site: WholeSite, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Couple]:
    """Both with money in their wallets and a connection."""
    folder, tag = tmp_path_factory.mktemp("couple"), uuid4().hex[:4]
    phone = Home(browser, site.url, 390, folder / "profile")
    try:
        with visitor(browser, site.url, 1280) as (page, watch):
            residents = settle(site, f"Alder {tag}"), settle(site, f"Birch {tag}")
            alice = Neighbour(page, Camera(folder / "alice"), residents[0].name)
            bob = Neighbour(phone.open(), Camera(folder / "bob"), residents[1].name)
            for person, resident in zip((alice, bob), residents, strict=True):
                person.get_ready(resident)
                resident.wait_for_connection(site)
            market = Market(site)
            with market.resting():
                yield Couple(alice, bob, residents, phone, market, (watch, phone.watch))
    finally:
        phone.close()


def test_two_people_trade_with_each_other(couple: Couple, tmp_path: Path) -> None:
    couple.new_pictures("neighbours")
    alice, bob = couple.alice, couple.bob
    couple.residents[1].get_credit(tmp_path)
    lent, before = alice.wallet(), bob.wallet()
    agree(alice, bob)
    trade(alice, bob, couple.market)
    mine, theirs = close(alice, bob)
    assert mine + theirs == 25
    assert alice.money_back("deposit") == mine
    assert alice.wallet() == lent - 15 + mine
    earned = theirs - 10
    assert Decimal(0) < earned <= PRICE
    assert bob.money_back("earnings") == earned
    assert bob.wallet() == shown(before + earned)
    couple.must_be_content()


def test_without_credit_a_deposit_opens_a_channel_with_a_household(
    couple: Couple, site: WholeSite, browser: Browser
) -> None:
    cedar = settle(site, "Cedar house")
    with couple.market.running(), visitor(browser, site.url, 390) as (page, watch):
        camera = Camera(pictures_folder() / "deposit-390")
        person, trader = Neighbour(page, camera, cedar.name), Trader(page, camera, cedar.name)
        person.get_ready(cedar)
        cedar.wait_for_connection(site)
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


def test_one_browser_dies_comes_back_and_a_dispute_is_paid_out(couple: Couple) -> None:
    couple.new_pictures("dispute")
    alice, bob = couple.alice, couple.bob
    before = alice.wallet(), bob.wallet()
    open_pair(*couple.residents, (15 * MICRO, 10 * MICRO), [])
    alice.visit(bob.pseudonym)
    bob.visit(alice.pseudonym)
    haggle(alice, bob)
    outlive(alice, bob, couple.phone)
    dispute(alice, bob, couple.phone)
    check_payout(alice, bob, before)
    couple.must_be_content()


def haggle(alice: Neighbour, bob: Neighbour) -> None:
    """Alice offers, Bob counters by the keyboard, Alice accepts; the grid answered both before."""
    slot = bob.late_slot()
    alice.page.locator("#slot").select_option(slot)
    expect(alice.page.locator("#room")).to_have_attribute("data-fits", "true")
    expect(alice.page.locator("#presence")).to_have_text("Here now")
    alice.offer_to_buy(slot)
    expect(bob.page.locator(".bid__grid").last).to_have_attribute("data-fits", "true")
    bob.picture("offered")
    bob.counter("22")
    expect(alice.page.locator(".bid--mine").last).to_contain_text("Countered")
    alice.picture("countered")
    alice.accept()
    for person in (alice, bob):
        expect(person.page.locator("#talk")).to_contain_text("Traded and signed by both", timeout=DEALS_MS)


def outlive(alice: Neighbour, bob: Neighbour, home: Home) -> None:
    """Bob's browser is killed with an offer on its screen; opened again, it goes on with it."""
    alice.page.locator("#price").fill("19.5")
    alice.page.reload()
    expect(alice.page.locator("#price")).to_have_value("19.5")
    alice.offer_to_buy(bob.late_slot())
    expect(bob.page.locator(".bid:not(.bid--mine):not(.bid--over)")).to_have_count(1)
    home.kill()
    expect(alice.page.locator("#presence")).to_have_text("Away: offers wait")
    alice.picture("partner-away")
    bob.come_back(home.open())
    bob.visit(alice.pseudonym)
    expect(alice.page.locator("#presence")).to_have_text("Here now")
    bob.press("Accept")
    bob.unlock()
    bob.sign("acceptance-question")
    for person in (alice, bob):
        expect(person.page.locator("#channel-body")).to_contain_text("both signatures", timeout=DEALS_MS)
        expect(person.page.locator("#talk .outcome")).to_have_count(2, timeout=DEALS_MS)


def dispute(alice: Neighbour, bob: Neighbour, home: Home) -> None:
    """Bob vanishes; Alice disputes; he is back while the ledger waits, and sees what happens."""
    home.kill()
    alice.page.get_by_role("link", name="States and signatures").click()
    alice.page.locator("#dispute-channel").click()
    alice.sign("dispute-question")
    expect(alice.page.locator("#dispute-h")).to_have_text(f"{bob.pseudonym} is being asked")
    alice.picture("dispute-asked")
    bob.come_back(home.open())
    expect(alice.page.locator("#dispute-h")).to_have_text("Your dispute is on the ledger", timeout=DEALS_MS)
    alice.picture("dispute-running")
    bob.page.get_by_role("link", name="Details").first.click()
    expect(bob.page.locator("#dispute-h")).to_have_text(f"{alice.pseudonym} disputes this channel")
    expect(bob.page.locator("#dispute [role=timer]")).to_be_visible()
    bob.picture("dispute-running")
    for person in (alice, bob):
        expect(person.page.locator("#dispute-h")).to_have_text("Paid out after a dispute", timeout=DEALS_MS)
        person.picture("dispute-paid")


def check_payout(alice: Neighbour, bob: Neighbour, before: tuple[Decimal, Decimal]) -> None:
    """Both sides and the ledger say the same of money and energy, and the money comes home."""
    spent = Decimal(KWH) * (Decimal("0.22") + Decimal("0.20"))
    mine, theirs = 15 - spent, 10 + spent
    hers, his = alice.newest_channel(), bob.newest_channel()
    bought = int(2 * Decimal(KWH) * 1000)
    for row, money, energy in ((hers, (mine, theirs), (bought, 0)), (his, (theirs, mine), (0, bought))):
        assert (Decimal(row["balance_mine"]) / 10**6, Decimal(row["balance_theirs"]) / 10**6) == money
        assert (row["energy_to_me"], row["energy_to_them"]) == energy
    events = {event["kind"]: event["detail"] for event in hers["ledger_events"]}
    paid = events["DisputeFinalised"]
    assert (int(paid["balance_a"]), int(paid["balance_b"])) == (int(mine * 10**6), int(theirs * 10**6))
    assert alice.money_back("deposit") == shown(mine)
    button = bob.page.locator("#money-back button")
    expect(button).to_be_visible(timeout=DEALS_MS)
    button.click()
    bob.unlock()
    bob.sign("deposit-question")
    expect(bob.page.locator("#money-back")).to_be_hidden(timeout=DEALS_MS)
    change = alice.wallet() - before[0], bob.wallet() - before[1]
    for moved, wanted in zip(change, (-spent, spent), strict=True):
        assert abs(moved - wanted) < Decimal("0.01")  # what the pages cut off


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


def trade(alice: Neighbour, bob: Neighbour, market: Market) -> None:
    """Alice buys of Bob, and one of the two browsers settles what the meter says."""
    slot = bob.surplus_slot()
    alice.offer_to_buy(slot)
    bob.accept()
    for person in (alice, bob):
        expect(person.page.locator("#talk")).to_contain_text("Traded and signed by both", timeout=DEALS_MS)
    bob.picture("traded")
    market.play_to(int(slot))
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
