"""Every page as its readers have it: both languages, both widths, both themes; for eyes, hands and slow lines."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from access import RULES, WCAG, Scripts, axe_faults
from journey import DEMO_PASSWORD
from playwright.sync_api import Browser, Page
from watched_browser import HEIGHTS, Watch, overflow, visitor
from whole_site import WholeSite

from tests.system_parts import require

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

EXPECTED = (
    "action has been blocked. ()",
    "404 (Not Found) ({site}/api/v1/market/forecast/",
    "404 (Not Found) ({site}/api/v1/market/room/",
)
"""axe tries styles on elements, which the policy stops (what comes from a page names its place); and who has no
connection on the feeder has no forecast and no room there, which the API tells by a 404 and Chromium by an error."""
MOST_SCRIPT = 200 * 1000
DESKS = (
    "credit/creditapplication", "credit/agreement", "credit/creditnote", "credit/listentry", "credit/merchant", "billing/bill",
    "accounts/auditevent",
)  # fmt: skip
PAGES = {
    "": ("/", "/feeder/", "/ledger/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"),
    "prosumer@wattnote.example": (
        "/today/", "/partners/", "/partners/{house}/", "/channels/", "/trades/", "/feeder/decisions/", "/runs/", "/runs/play/",
        "/own/", "/wallet/", "/onboarding/", "/bills/", "/agent/", "/notices/", "/notices/settings/", "/privacy/", "/lists/",
        "/tokens/", "/webhooks/", "/accounts/email/", "/accounts/password/change/", "/accounts/2fa/",
    ),
    "operator@wattnote.example": ("/feeder/", "/feeder/decisions/", "/design/"),
    "merchant@wattnote.example": ("/admin/", *(f"/admin/{name}/" for name in DESKS)),
}  # fmt: skip
LOOKS = {"en": ((1280, "light"), (390, "dark")), "de": ((390, "light"), (1280, "dark"))}


ENGLISH = re.compile(
    r"\b(the|and|of|with|your|you|is|are|not|this|that|from|what|who|has|have|when|here|yet)\b", re.IGNORECASE
)
"""Frequent words that no German text has."""


def english_left(page: Page) -> list[str]:
    """Lines of a German page that were forgotten in English; file contents and code are nobody's words."""
    text = str(page.evaluate("document.body.innerText"))
    return sorted({line.strip() for line in text.splitlines() if ENGLISH.search(line)})


def sign_in(page: Page, email: str) -> None:
    """As a demonstration account."""
    page.goto("/accounts/login/")
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(DEMO_PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "login" not in url)


def a_house(page: Page) -> str:
    """Slug of a household that trades by an agent."""
    page.goto("/partners/?search=House")
    address = page.locator("a[href*='/partners/house-']").first.get_attribute("href") or ""
    return address.strip("/").rpartition("/")[2]


@contextmanager
def reader(browser: Browser, site: WholeSite, language: str, email: str) -> Iterator[tuple[Page, Watch]]:
    """Somebody who reads in a language, signed in or not."""
    with visitor(browser, site.url, 1280, language=language) as (page, watch):
        watch.expected = tuple(text.format(site=site.url) for text in EXPECTED)
        page.context.add_cookies([{"name": "django_language", "value": language, "url": site.url}])
        if email:
            sign_in(page, email)
        yield page, watch


def faults_of(page: Page, language: str) -> list[str]:
    """What is wrong with a page in each of its looks."""
    found = []
    for width, scheme in LOOKS[language]:
        page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        look = f"{page.url} {language} {width} {scheme}"
        # The admin's frame is its library's, which names no main landmark: nothing that WCAG asks for.
        rules = WCAG if "/admin/" in page.url else RULES
        found += [f"{look}: {fault}" for fault in axe_faults(page, rules)]
        if (wide := overflow(page)) > 0:
            found.append(f"{look}: {wide} pixels too wide")
    return found


@pytest.mark.parametrize("language", LOOKS)
def test_every_page_is_for_everybody(lasting_site: WholeSite, browser: Browser, language: str) -> None:
    require("axe-core")
    found: list[str] = []
    for email, paths in PAGES.items():
        with reader(browser, lasting_site, language, email) as (page, watch):
            for path in paths:
                page.goto(path.format(house=a_house(page)) if "{house}" in path else path)
                found += faults_of(page, language)
                if language == "de":
                    found += [f"{page.url} says in English: {line}" for line in english_left(page)]
                assert page.locator("html").get_attribute("lang") == language
            found += [*watch.complaints, *watch.elsewhere]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "email"),
    [
        *(
            (path, "prosumer@wattnote.example")
            for path in ("/feeder/", "/partners/{house}/", "/wallet/", "/today/")
        ),
        ("/admin/credit/merchant/", "merchant@wattnote.example"),
    ],
)
def test_scripts_are_light(lasting_site: WholeSite, browser: Browser, path: str, email: str) -> None:
    with reader(browser, lasting_site, "en", email) as (page, _):
        address = path.format(house=a_house(page)) if "{house}" in path else path
        fresh = page.context.new_page()
        scripts = Scripts(fresh)
        fresh.goto(address, wait_until="load")
        fresh.wait_for_timeout(500)
        assert 0 < scripts.weigh() < MOST_SCRIPT
