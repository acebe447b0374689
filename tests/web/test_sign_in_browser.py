"""E-mail confirmation, codes and passkeys in a real Chromium, under the policy that the site really sends."""

import base64
import hmac
import re
import struct
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.core import mail
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.e2e.watched_browser import Watch, chromium
from tests.system_parts import require

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
EMAIL, PASSWORD = "erika@example.org", "A password of a browser, long"


def _code(secret: str, now: float) -> str:
    """RFC 6238 with its usual choices: SHA-1, 30 seconds, six digits."""
    key = base64.b32decode(secret)
    digest = hmac.digest(key, struct.pack("!Q", int(now) // 30), "sha1")
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF) % 10**6:06}"


@pytest.fixture
def page(live_server: LiveServer, settings: Settings) -> Iterator[tuple[Page, Watch, str]]:
    """A browser with a built-in authenticator, on a host that a passkey can belong to."""
    require("Chromium")
    settings.MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    site = live_server.url.replace("127.0.0.1", "localhost")
    with chromium() as browser:
        context = browser.new_context(base_url=site, viewport={"width": 390, "height": 844})
        watch = Watch(urlsplit(site).netloc)
        watch.expected = ("/ws/", "/api/v1/feeder/", "/api/v1/market/")  # no websockets and no market here
        watch.over(context)
        opened = context.new_page()
        tools = context.new_cdp_session(opened)
        tools.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
        options |= {"hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
        tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        yield opened, watch, site
        context.close()


def _sign_in(page: Page) -> None:
    page.goto("/accounts/login/")
    page.locator("input[name=login]").fill(EMAIL)
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def _sign_out(page: Page) -> None:
    page.goto("/accounts/logout/")
    page.locator("main").get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/")


def _confirm_address(page: Page, site: str) -> None:
    page.goto("/accounts/signup/")
    page.get_by_label("E-mail address").fill(EMAIL)
    for box in page.locator("input[type=password]").all():
        box.fill(PASSWORD)
    page.get_by_role("button", name="Create account").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your mail")
    [letter] = mail.outbox  # one: the second press of a form sends nothing
    assert letter.to == [EMAIL]
    link = re.search(r"http://\S+/accounts/confirm-email/\S+", letter.body)
    assert link
    page.goto(site + urlsplit(link[0]).path)
    page.get_by_role("button", name="Confirm").click()


def test_mail_codes_and_passkeys_let_people_in(page: tuple[Page, Watch, str]) -> None:
    tab, watch, site = page
    _confirm_address(tab, site)
    _sign_in(tab)
    expect(tab.get_by_role("heading", name="Today")).to_be_visible()

    tab.goto("/accounts/2fa/totp/activate/")
    tab.locator("input[name=password]").fill(PASSWORD)
    tab.get_by_role("button", name="Confirm").click()
    expect(tab.locator("img[src^='data:image/svg']")).to_be_visible()
    secret = tab.locator("#authenticator_secret").input_value()
    tab.get_by_label("Six digits").fill(_code(secret, time.time()))
    tab.get_by_role("button", name="Switch on").click()
    expect(tab.locator("#recovery_codes")).to_be_visible()
    spare = tab.locator("#recovery_codes").input_value().split()[0]

    tab.goto("/accounts/2fa/webauthn/add/")
    tab.get_by_label("Name").fill("My laptop")
    tab.get_by_label("without the password").check()
    tab.locator("#mfa_webauthn_add").click()
    tab.wait_for_url(lambda url: "/webauthn/add/" not in url)
    tab.goto("/accounts/2fa/webauthn/")
    expect(tab.locator("main")).to_contain_text("My laptop")

    _sign_out(tab)
    tab.goto("/accounts/login/")
    tab.get_by_role("button", name="Sign in with a passkey").click()
    expect(tab.get_by_role("heading", name="Today")).to_be_visible()

    _sign_out(tab)
    _sign_in(tab)
    expect(tab.locator("input[name=code]")).to_be_visible()
    tab.locator("input[name=code]").fill(spare)
    tab.locator("form").filter(has=tab.locator("input[name=code]")).locator(
        "button[type=submit]"
    ).first.click()
    expect(tab.get_by_role("heading", name="Today")).to_be_visible()

    _sign_out(tab)
    _sign_in(tab)
    tab.locator("#mfa_webauthn_authenticate").click()
    expect(tab.get_by_role("heading", name="Today")).to_be_visible()
    assert (watch.complaints, watch.elsewhere) == ([], [])
