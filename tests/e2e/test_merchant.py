"""The merchant's whole work in a browser: queue, papers, four eyes, agreement, exposure, claim, list, appeal."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest
from merchant_books import APPLICANTS, CLERKS, DEBTOR, keep_books
from playwright.sync_api import Browser, Locator, Page, expect
from test_every_page import sign_in
from watched_browser import PATIENCE_MS, Camera, Watch, overflow, pictures_folder, visitor
from whole_site import WholeSite

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
Scheme = Literal["light", "dark"]
QUEUE, AGREEMENTS = "/admin/credit/creditapplication/", "/admin/credit/agreement/"


@pytest.fixture(scope="session")
def books(lasting_site: WholeSite) -> WholeSite:
    """The site with a merchant whose books hold a debt."""
    keep_books(lasting_site.folder, lasting_site.ledger_url)
    return lasting_site


class Desk:
    """One person's browser of a width, a language and a theme."""

    def __init__(self, browser: Browser, site: WholeSite, look: tuple[int, str, Scheme]) -> None:
        self._browser, self._site, self._look = browser, site, look
        self.camera = Camera(pictures_folder() / f"merchant-{look[0]}")
        self.faults: list[object] = []

    @contextmanager
    def of(self, email: str) -> Iterator[Page]:
        """Signed in; what the pages complain of is kept."""
        width, language, scheme = self._look
        with visitor(self._browser, self._site.url, width, language=language, scheme=scheme) as (page, watch):
            page.on("dialog", lambda question: question.accept())
            sign_in(page, email)
            yield page
            self._keep(watch)

    def look(self, page: Page, step: str) -> None:
        """Keep a picture, and note a page that is wider than its window."""
        if (by := overflow(page)) > 0:
            self.faults.append(f"{step}: {by} px too wide")
        self.camera.take(page, step)

    def _keep(self, watch: Watch) -> None:
        self.faults += [*watch.complaints, *watch.elsewhere]


@pytest.mark.parametrize(
    ("width", "language", "scheme"),
    [(1280, "en", "light"), (390, "de", "dark")],
    ids=["wide-en", "narrow-de"],
)
def test_a_merchants_work(
    books: WholeSite, browser: Browser, width: int, language: str, scheme: Scheme
) -> None:
    desk, applicant = Desk(browser, books, (width, language, scheme)), APPLICANTS[width]
    with desk.of(CLERKS[0]) as page:
        look_at_the_queue(page, desk, applicant)
        ask_for_more(page, desk)
        with desk.of(applicant) as theirs:
            hand_in_again(theirs)
        approve(page, desk, is_second=False)
        review = page.url
        with desk.of(CLERKS[1]) as second:
            second.goto(review)
            approve(second, desk, is_second=True)
        look_at_the_agreement(page, desk, review)
        claim(page, desk, is_executed=width < 600)
        listed = put_on_the_list(page, desk, width)
        with desk.of(DEBTOR) as theirs:
            appeal(theirs, desk)
        answer(page, desk, listed)
        with desk.of(DEBTOR) as theirs:
            theirs.goto("/lists/")
            expect(theirs.locator("[data-appeal=granted]").first).to_be_visible()
    assert desk.faults == []


def look_at_the_queue(page: Page, desk: Desk, applicant: str) -> None:
    page.goto("/admin/")
    expect(page.locator("[data-figure=waiting]")).to_have_text(re.compile("[1-9]"))
    desk.look(page, "overview")
    page.goto(QUEUE)
    expect(page.locator("[data-count=unassigned] strong")).to_have_text(re.compile("[1-9]"))
    desk.look(page, "queue")
    page.get_by_role("link", name=re.compile(applicant.partition("@")[0])).first.click()
    press(page, "start")
    expect(page.locator("input[value=hand_back]")).to_be_attached()
    expect(page.locator("img.wn-preview").first).to_have_js_property("complete", value=True)
    assert page.locator("img.wn-preview").first.evaluate("image => image.naturalWidth") > 100
    expect(page.locator("iframe.wn-preview")).to_be_attached()
    expect(page.locator("#history")).to_be_visible()
    desk.look(page, "review")


def press(page: Page, decision: str) -> None:
    """Send the form of a decision."""
    page.locator(f"form:has(input[name=decision][value={decision}]) button[type=submit]").click()


def ask_for_more(page: Page, desk: Desk) -> None:
    choice = page.locator("select[data-fills=id_ask-question]")
    choice.select_option(index=2)
    expect(page.locator("#id_ask-question")).not_to_have_value("")
    press(page, "ask")
    expect(page.locator("input[value=ask]")).to_have_count(0)


def hand_in_again(page: Page) -> None:
    """As the applicant's own program would, with the browser's session."""
    done = page.evaluate(
        """async () => {
          const rows = (await (await fetch("/api/v1/applications/")).json()).results;
          const token = document.cookie.match(/csrftoken=([^;]+)/)[1];
          const answer = await fetch(`/api/v1/applications/${rows[0].id}/submit/`,
            {method: "POST", headers: {"X-CSRFToken": token}});
          return [rows[0].state, answer.status];
        }"""
    )
    assert done == ["more_info", 200]


def approve(page: Page, desk: Desk, *, is_second: bool) -> None:
    page.reload()
    if is_second:
        expect(page.locator("#first-approval[data-mine=false]")).to_be_visible()
        expect(page.locator("#somebody-else")).to_be_visible()
    else:
        page.locator("[name=approve-limit]").fill("150")
        page.locator("[name=approve-collateral]").fill("20")
    press(page, "approve")
    if not is_second:
        expect(page.locator("#first-approval[data-mine=true]")).to_be_visible()
        desk.look(page, "first-approval")
        press(page, "approve")
        expect(page.locator("#first-approval[data-mine=true]")).to_be_visible()
    expect(page.locator(f"main a[href*='{AGREEMENTS}'], #content a[href*='{AGREEMENTS}']")).to_have_count(
        1 if is_second else 0
    )
    if is_second:
        desk.look(page, "approved")


def look_at_the_agreement(page: Page, desk: Desk, review: str) -> None:
    page.goto(review)
    page.locator(f"#content a[href*='{AGREEMENTS}'], main a[href*='{AGREEMENTS}']").first.click()
    desk.look(page, "agreement")
    page.goto(AGREEMENTS)
    page.get_by_role("link", name=re.compile("debtor")).first.click()
    expect(page.locator("#exposure path").last).to_be_attached()
    expect(page.locator("#notes tbody tr")).to_have_count(1)


def reload_until(page: Page, act: Locator) -> None:
    """The ledger's clock is the wall's: terms of the tests' merchant are seconds."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while act.count() == 0 and time.monotonic() < deadline:
        page.wait_for_timeout(300)
        page.reload()
    expect(act).to_be_visible()


def claim(page: Page, desk: Desk, *, is_executed: bool) -> None:
    """Start one, see its clock run, then execute it or drop it."""
    start = page.locator("#act-claim button")
    reload_until(page, start)
    start.click()
    clock = page.locator("#claim-clock")
    expect(clock).to_be_visible()
    page.goto("/admin/")
    expect(page.locator("#claims tbody tr")).to_have_count(1)
    expect(page.locator("#exposure path").last).to_be_attached()
    desk.look(page, "claims")
    page.locator("#claims tbody a").click()
    expect(clock).to_have_attribute("data-left", "0")
    act = page.locator("#act-execute button" if is_executed else "#act-cancel button")
    reload_until(page, act)
    desk.look(page, "claim")
    act.click()
    expect(clock).to_have_count(0)


def put_on_the_list(page: Page, desk: Desk, width: int) -> str:
    """Address of the entry's page."""
    wallet = page.locator("#participant").inner_text()
    page.goto("/admin/credit/listentry/add/")
    page.locator("#id_merchant").select_option(index=1)
    page.locator("#id_wallet").fill(wallet)
    page.locator("#id_shade").select_option("grey")
    page.locator("#id_reason").fill(f"Paid late {width}.")
    page.locator("button[name=_save], input[name=_save]").first.click()
    page.goto("/admin/credit/listentry/")
    desk.look(page, "lists")
    row = page.locator("#result_list tbody").filter(has_text=f"Paid late {width}.")
    row.locator("a[href*='/listentry/']").first.click()
    expect(page.locator("#appeal")).to_have_count(0)
    return page.url


def appeal(page: Page, desk: Desk) -> None:
    page.goto("/lists/")
    desk.look(page, "listed")
    page.locator("textarea[name=words]").first.fill("The bank took two days: I paid on 3 June.")
    page.locator("form:has(textarea[name=words]) button[type=submit]").first.click()
    expect(page.locator("[data-appeal=open]").first).to_be_visible()
    desk.look(page, "appealed")


def answer(page: Page, desk: Desk, listed: str) -> None:
    page.goto("/admin/")
    expect(page.locator("[data-figure=appeals]")).to_have_text(re.compile("[1-9]"))
    page.goto(listed)
    expect(page.locator("#appeal[data-state=open]")).to_be_visible()
    page.locator("select[data-fills=id_answer-answer]").select_option(index=1)
    desk.look(page, "appeal")
    page.locator("button[name=action][value=grant]").click()
    expect(page.locator("#appeal[data-state=granted]")).to_be_visible()
