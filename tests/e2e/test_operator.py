"""The operator's whole work: watch the feeder, hold the market, read the gate's decisions, play and compare scenarios."""

import re
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect
from test_every_page import sign_in
from watched_browser import Camera, overflow, pictures_folder, visitor
from whole_site import WholeSite

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
OPERATOR = "operator@wattnote.example"


@pytest.mark.parametrize(
    ("width", "language", "scheme"),
    [(1280, "en", "light"), (390, "de", "dark")],
    ids=["wide-en", "narrow-de"],
)
def test_an_operators_work(
    lasting_site: WholeSite,
    browser: Browser,
    width: int,
    language: str,
    scheme: Literal["light", "dark"],
) -> None:
    camera = Camera(pictures_folder() / f"operator-{width}")
    with visitor(browser, lasting_site.url, width, language=language, scheme=scheme) as (page, watch):
        sign_in(page, OPERATOR)
        walk_the_feeder(page, camera)
        page.goto("/feeder/decisions/")
        expect(page.locator("#houses-h")).to_be_visible()
        camera.take(page, "decisions")
        first = play(page, camera, "bilateral" if width == 390 else "")
        second = play(page, camera, "retailer")
        compare(page, camera, first, second)
        assert (overflow(page), watch.complaints, watch.elsewhere) == (0, [], [])


def walk_the_feeder(page: Page, camera: Camera) -> None:
    """The chosen bus is told in words, by pointer as by arrow keys; the map can be come closer to."""
    page.goto("/feeder/")
    expect(page.locator("#feeder-map circle.bus").first).to_be_attached()
    expect(page.locator("[data-live=vmax]")).to_contain_text("pu")
    expect(page.locator("[data-live=vmax-limit]")).to_contain_text(re.compile(r"1[.,]07"))
    page.locator("#feeder-map").focus()
    page.keyboard.press("ArrowRight")
    told = page.locator("#node-detail").text_content()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#node-detail")).not_to_have_text(told or "")
    whole = page.locator("#feeder-map svg").get_attribute("viewBox")
    page.locator("[data-zoom='1.25']").click()
    expect(page.locator("#feeder-map svg")).not_to_have_attribute("viewBox", whole or "")
    page.locator("[data-fit]").click()
    expect(page.locator("#feeder-map svg")).to_have_attribute("viewBox", whole or "")
    camera.take(page, "feeder")


def play(page: Page, camera: Camera, mechanism: str) -> str:
    """Play a shipped scenario by the form, wait for its end on its page, and give the run's id."""
    page.goto("/runs/play/")
    page.locator("input[name=scenario][value=june-day]").check()
    page.locator("select[name=mechanism]").select_option(mechanism)
    camera.take(page, "form")
    page.locator("main form button[type=submit]").last.click()
    page.wait_for_url(re.compile(r"/own/studies/"))
    report = page.locator("#result-h ~ a, .card__head a[href*='/runs/']").first
    expect(report).to_be_visible(timeout=60_000)
    camera.take(page, "result")
    return page.url.rstrip("/").rpartition("/")[2]


def compare(page: Page, camera: Camera, first: str, second: str) -> None:
    """The report of one, and both side by side."""
    page.goto(f"/runs/{first}/")
    expect(page.locator(".report-frame")).to_be_attached()
    page.goto(f"/runs/compare/?a={first}&b={second}")
    expect(page.locator(".plot svg")).to_have_count(9)
    camera.take(page, "compare")


def test_an_operator_pauses_the_market_for_everybody(lasting_site: WholeSite, browser: Browser) -> None:
    site = lasting_site
    with visitor(browser, site.url, 1280) as (page, watch), visitor(browser, site.url, 390) as (other, _):
        other.goto("/feeder/")
        expect(other.locator("[data-live=status]")).to_contain_text("Live")
        assert other.locator("#operator").count() == 0
        sign_in(page, OPERATOR)
        page.goto("/feeder/")
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("button", name="Go on")).to_be_visible()
        expect(other.locator("[data-live=status]")).to_have_text("Paused")
        site.wait_for("the slot that was being played", lambda: site.live()["run"]["paused"])
        before = site.live()["slot_index"]
        page.get_by_role("button", name="Play one quarter-hour").click()
        site.wait_for("one slot more", lambda: site.live()["slot_index"] > before)
        assert site.live()["run"]["paused"]
        page.get_by_label("Speed").select_option(label="5 times")
        page.get_by_role("button", name="Go on").click()
        expect(other.locator("[data-live=status]")).to_have_text("Live, 5 times")
        page.get_by_label("Speed").select_option(label="Usual")
        expect(other.locator("[data-live=status]")).to_have_text("Live")
        assert (overflow(page), watch.complaints, watch.elsewhere) == (0, [], [])
