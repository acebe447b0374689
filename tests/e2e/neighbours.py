"""Somebody at the desk with another person, a step a method."""

import re
from decimal import Decimal
from typing import Any

from journey import DEALS_MS, PASSPHRASE, PASSWORD, Journey, euros
from playwright.sync_api import Page, Route, expect
from residents import Resident

KWH, CENTS = "0.05", "20"
NEXT_SLOTS = slice(1, 12)
LATE_MS = 1500
LATE_SLOTS = 24


class Neighbour(Journey):
    """Somebody at the desk with another person."""

    email = ""

    def get_ready(self, resident: Resident) -> None:
        """At home in this browser, with the wallet that a resident made elsewhere."""
        self.email = resident.email
        resident.come_home(self.page, self.language)

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
            choice.dispatch_event("click")  # a click would wait for whatever else the page is about to do
            expect(choice).to_be_checked()
        self.page.locator("#open-amount").fill(amount)

    def sees(self, text: str) -> None:
        expect(self.page.locator("#channel-body")).to_contain_text(text, timeout=DEALS_MS)

    def surplus_slot(self) -> str:
        """The first slot to come in which the own home has plenty to sell."""
        rows = self.page.evaluate("fetch('/api/v1/market/forecast/').then((answer) => answer.json())")
        soon = [row for row in rows[NEXT_SLOTS] if row["surplus_wh"] >= 100]
        assert soon, rows[:12]
        return str(soon[0]["slot_start"])

    def late_slot(self) -> str:
        """The last slot that can be traded: it comes long after the dispute, and nothing is metered before."""
        rows = self.page.evaluate("fetch('/api/v1/market/forecast/').then((answer) => answer.json())")
        assert len(rows) >= LATE_SLOTS
        return str(rows[-1]["slot_start"])

    def counter(self, cents: str) -> None:
        """By the keyboard alone: from the offer to its price, and send."""
        page = self.page
        page.locator(".bid:not(.bid--mine):not(.bid--over)").last.focus()
        page.keyboard.press("c")
        expect(page.locator("#price")).to_be_focused()
        page.keyboard.type(cents)
        self.picture("counter-composed")
        page.keyboard.press("Enter")
        self.sign("counter-question")

    def unlock(self) -> None:
        """The wallet of a browser that was opened anew."""
        self.page.locator("#unlock-passphrase").fill(PASSPHRASE)
        self.page.locator("dialog[open] button[type=submit]").click()
        expect(self.page.locator("#unlock-passphrase")).to_have_count(0)

    def come_back(self, page: Page) -> None:
        """In a browser that was killed: what it kept is there, and it may have to sign in again."""
        self.page = page
        page.goto("/channels/")
        if "login" in page.url:
            page.locator("input[name=login]").fill(self.email)
            page.locator("input[type=password]").fill(PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_url(lambda url: "login" not in url)

    def newest_channel(self) -> dict[str, Any]:
        """As the API tells this side."""
        newest = "fetch('/api/v1/channels/').then((answer) => answer.json())"
        channel = self.page.evaluate(newest)["results"][0]["id"]
        script = f"fetch('/api/v1/channels/{channel}/').then((answer) => answer.json())"
        return dict(self.page.evaluate(script))

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
        said = self.euros(button.inner_text())
        button.click()
        self.sign(f"{step}-question")
        expect(self.page.locator("#money-back")).to_be_hidden(timeout=DEALS_MS)
        return said

    def wallet(self) -> Decimal:
        self.page.goto("/wallet/")
        expect(self.page.locator("#wallet-balance")).to_contain_text("€")
        expect(self.page.locator("#money-back")).to_be_hidden()
        self.picture("wallet")
        return euros(self.page.locator("#wallet-balance").inner_text())


def shown(money: Decimal) -> Decimal:
    """As a page shows it: cut to cents."""
    return money.quantize(Decimal("0.01"), "ROUND_DOWN")
