"""A person's agent in a real browser: rules, dry run, mandate, trades with a house by itself, pause."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from journey import DEALS_MS, DEMO_PASSWORD, Journey, Newcomer
from playwright.sync_api import Browser, Page, expect
from watched_browser import Camera, pictures_folder, visitor
from whole_site import WholeSite

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
RULES = {"sell_from": "8.50", "reserve_wh": "0", "buy_up_to": "8.40", "budget": "2", "most_wh": "0.15"}


@dataclass
class Owner(Journey):
    """Somebody with an agent of its own."""

    def get_ready(self, folder: Path, site: WholeSite) -> None:
        """A wallet with money, and a connection of the feeder."""
        newcomer = Newcomer(self.page, Camera(folder), self.pseudonym)
        self.page.goto("/accounts/login/")
        self.page.locator("input[name=login]").fill("prosumer@wattnote.example")
        self.page.locator("input[type=password]").fill(DEMO_PASSWORD)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        expect(self.page.get_by_role("heading", name="Today")).to_be_visible()
        newcomer.make_wallet()
        newcomer.link_wallet()
        self.page.goto("/wallet/")
        self.press("Get test money")
        expect(self.page.locator("#wallet-balance")).to_contain_text("000.00")
        path = f"{site.url}/api/v1/market/forecast/"
        site.wait_for("a connection", lambda: self.page.request.get(path).ok)

    def see_empty_pages(self) -> None:
        """Both pages teach what they are for."""
        self.page.goto("/today/")
        expect(self.page.locator("#today-open")).to_contain_text(
            re.compile("Find a partner|Sell to|Buy from")
        )
        expect(self.page.locator("#today-chart canvas, #today-chart svg").first).to_be_visible()
        self.picture("today")
        self.page.goto("/agent/")
        expect(self.page.get_by_role("heading", name="Not live yet")).to_be_visible()
        self.picture("agent-empty")

    def open_channel(self) -> str:
        """A deposit channel with a house that lists a need soon; its name."""
        listings = self._needs()
        page = self.page
        page.goto(f"/partners/{listings[0]['prosumer']['slug']}/")
        expect(page.locator("#link-state")).to_have_text("Connected")
        name = page.locator("h1").inner_text()
        expect(page.locator("#open-amount")).to_be_visible()
        page.locator("#open-amount").fill("10")
        self.press("Open channel")
        dialog = page.locator("dialog[open]")
        composer = page.locator("#composer")
        while not composer.is_visible():
            if dialog.count():
                dialog.first.locator("button[value=yes]").click()
            page.wait_for_timeout(100)
        return name

    def _needs(self) -> list[dict[str, Any]]:
        """Houses that will need something for long: those that list a need in most of the slots ahead."""
        found = self.page.request.get("/api/v1/listings/?side=buys&page_size=200").json()["results"]
        by_house: dict[str, list[dict[str, Any]]] = {}
        for row in found:
            if row["prosumer"]["is_agent"]:
                by_house.setdefault(row["prosumer"]["slug"], []).append(row)
        return max(by_house.values(), key=len)

    def write_rules(self) -> None:
        """Rules, first with a mistake; then their dry run."""
        page = self.page
        page.goto("/agent/")
        for name, value in RULES.items():
            page.locator(f"input[name={name}]").fill(value)
        page.locator("input[name=buy_up_to]").fill("40")
        self.press("Try on my past days")
        expect(page.locator(".field__error")).to_contain_text("buy at a higher price")
        self.picture("agent-mistake")
        page.locator("input[name=buy_up_to]").fill(RULES["buy_up_to"])
        self.press("Try on my past days")
        expect(page.locator("#agent-trial")).to_contain_text("Against doing nothing")
        expect(page.locator("#agent-trial tbody tr")).to_have_count(4)
        self.picture("agent-dry-run")

    def go_live(self) -> None:
        self.press("Go live with these rules")
        self.sign("agent-mandate-question")
        expect(self.page.locator("#agent-state h2")).to_have_text("Live")
        expect(self.page.locator("#agent-chip")).to_have_attribute("aria-label", "Agent at work")

    def see_trade(self, partner: str) -> None:
        """It sells by itself: nobody is asked, and the log names the signed state behind it."""
        log = self.page.locator("#agent-log")
        expect(log.get_by_role("link", name=re.compile("Traded, state")).first).to_be_visible(
            timeout=DEALS_MS
        )
        expect(log).to_contain_text(f"sell to {partner}")
        self.picture("agent-at-work")

    def pause(self) -> int:
        """How many steps the log has then."""
        self.press("Pause")
        expect(self.page.locator("#agent-state h2")).to_have_text("Paused")
        expect(self.page.locator("#agent-chip")).to_be_hidden()
        self.picture("agent-paused")
        return self._steps()

    def _steps(self) -> int:
        return int(self.page.request.get("/api/v1/agent/steps/").json()["count"])

    def stays_quiet(self, page: Page, before: int) -> None:
        """While it is paused it gets no plan, and nothing is added to the log."""
        assert page.request.get("/api/v1/agent/plan/").json()["action"] is None
        page.reload()
        page.wait_for_timeout(1500)
        assert self._steps() == before


def test_an_agent_from_rules_to_trades_to_pause(site: WholeSite, browser: Browser, tmp_path: Path) -> None:
    with visitor(browser, site.url, 1280) as (page, watch):
        owner = Owner(page, Camera(pictures_folder() / "agent-1280"), "Copper roof")
        owner.get_ready(tmp_path, site)
        owner.see_empty_pages()
        partner = owner.open_channel()
        owner.write_rules()
        owner.go_live()
        owner.see_trade(partner)
        rows = page.request.get("/api/v1/trades/").json()["results"]
        assert rows
        assert all(row["quantity_wh"] <= 150 and int(row["price_per_kwh"]) >= 85_000 for row in rows)
        owner.stays_quiet(page, owner.pause())
        assert watch.complaints == []
        assert watch.elsewhere == []
        assert owner.wide == []
