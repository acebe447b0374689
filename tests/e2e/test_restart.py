"""A power cut in the middle of a negotiation: the page comes back by itself, and nothing is lost or doubled."""

from decimal import Decimal
from pathlib import Path

import pytest
from journey import Trader
from playwright.sync_api import Browser, expect
from residents import settle
from watched_browser import Camera, pictures_folder, visitor
from whole_site import WholeSite

pytestmark = [pytest.mark.browser, pytest.mark.kill, pytest.mark.timeout(240)]
LATE = 5
"""Slots ahead: the site must be back before the traded one."""
AWAY = (
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_EMPTY_RESPONSE",
    "/ws/channels/",
    "status of 404",
)
"""What a browser complains about while a site is down, or its market not open yet."""


def test_killed_while_an_acceptance_is_on_its_way(site: WholeSite, browser: Browser, tmp_path: Path) -> None:
    camera, pseudonym = Camera(pictures_folder() / "restart"), "Green house"
    person = settle(site, pseudonym)
    person.get_credit(tmp_path)
    person.wait_for_connection(site)
    with visitor(browser, site.url, 1280) as (page, watch):
        person.come_home(page)
        trader = Trader(page, camera, pseudonym)
        trader.find_partner()
        trader.open_channel()
        trader.ask(kwh="0.2", cents="8.50", ahead=LATE)
        played = site.live()["slot_index"]
        amount = trader.say_yes()
        watch.expected = AWAY
        site.kill()
        expect(page.locator("#link-state")).to_have_text("Reconnecting")
        trader.picture("away")
        site.start()
        expect(page.locator("#link-state")).to_have_text("Connected")
        trader.see_trade()
        assert trader.holdings() == (Decimal(20) - amount, Decimal(5) + amount)
        watch.expected = ()

        trader.wait_for_the_meter()
        _, mine, theirs = trader.look_at_proof()
        assert mine + theirs == Decimal(25)
        expect(page.locator(".state-line")).to_have_count(3)
        assert site.live()["slot_index"] > played
        assert site.live()["trades"]
        assert watch.complaints == []
        assert watch.elsewhere == []
