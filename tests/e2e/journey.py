"""What people do on the site, a step a method; each leaves a picture."""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from papers import identity_card, statement
from playwright.sync_api import Locator, Page, expect
from spoken import part, say
from watched_browser import PATIENCE_MS, Camera, overflow

PASSWORD = "A password of e2e, long enough"
PASSPHRASE = "correct horse battery staple e2e"
DEMO_PASSWORD = "wattnote-demo"
NAME = "Erika Musterfrau"
DEALS_MS = 45_000
METER_MS = 75_000
PDF_MS = 700
PLENTY = re.compile(r"[1-9][.,]\d{3}\s*kWh")
NEED = re.compile(r"0[.,](0[5-9]|[1-9]\d)\d\s*kWh")
KEPT = (
    "State %(version)s with both signatures, since %(when)s. With it you can claim your balance even if this site is"
    " gone."
)
SLOTS_AHEAD = 4
"""Of the first slot that is open: time to negotiate, and not long to wait for."""

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Journey:
    """Somebody with a browser of one width."""

    page: Page
    camera: Camera
    pseudonym: str
    wide: list[str] = field(default_factory=list)
    language: str = "en"

    def say(self, text: str) -> str:
        """The text in this reader's language."""
        return say(text, self.language)

    def euros(self, text: str) -> Decimal:
        """Of money as it is shown to this reader."""
        return euros(text, self.language)

    def part(self, text: str) -> str:
        """What to look for of a text with values in it."""
        return part(text, self.language)

    def picture(self, step: str) -> None:
        """Keep a picture, and note a page that is wider than its window."""
        expect(self.page.locator("#wallet-chip[data-lock=unknown]")).to_have_count(0)
        if (by := overflow(self.page)) > 0:
            self.wide.append(f"{step}: {self.page.url} is {by} px too wide")
        self.camera.take(self.page, step)

    def press(self, name: str) -> None:
        """Press the button of that (English) name."""
        self.page.get_by_role("button", name=self.say(name), exact=True).first.click()

    def sign(self, step: str) -> None:
        """Read the question of the wallet, and say yes."""
        dialog = self.page.locator("dialog[open]")
        expect(dialog).to_be_visible()
        question = dialog.locator("h2").inner_text()
        self.picture(step)
        dialog.locator("button[value=yes]").click()
        expect(dialog.filter(has_text=question)).to_have_count(0)


@dataclass
class Newcomer(Journey):
    """From a new account to credit."""

    backup: str = ""

    def sign_up(self, email: str) -> None:
        page = self.page
        page.goto("/")
        expect(page.locator("#feeder-map svg").first).to_be_visible()
        expect(page.locator("[data-live=traded]").first).to_contain_text("Wh")
        self.picture("landing")
        page.get_by_role("link", name=self.say("Join"), exact=True).first.click()
        page.locator("input[name=email]").fill(email)
        for box in page.locator("input[type=password]").all():
            box.fill(PASSWORD)
        self.picture("sign-up")
        self.press("Create account")
        expect(page.get_by_role("heading", name=self.say("Today"))).to_be_visible()
        self.picture("signed-up")

    def make_wallet(self) -> None:
        page = self.page
        page.goto("/onboarding/")
        expect(page.locator("#create-form")).to_be_visible()
        self.picture("wallet-empty")
        page.locator("#create-pass").fill(PASSPHRASE)
        page.locator("#create-again").fill(PASSPHRASE)
        self.press("Make my wallet")
        expect(page.locator("#wallet-state")).to_contain_text(self.say("Unlocked in this tab"))
        self.picture("wallet-made")
        self.save_backup()

    def save_backup(self) -> None:
        """Save the file, and show that it is there: nothing that moves money is signed before."""
        page = self.page
        page.get_by_role("button", name=self.say("Save a backup")).first.click()
        with page.expect_download() as download:
            self.press("Save the backup file")
        self.picture("wallet-backup")
        self.backup = download.value.path().read_text()
        page.locator("#backup-file").set_input_files(
            {
                "name": download.value.suggested_filename,
                "mimeType": "application/json",
                "buffer": self.backup.encode(),
            }
        )
        self.press("I have the backup")
        expect(page.locator("#wallet-saved")).to_contain_text(self.part("Backup checked %(date)s"))

    def link_wallet(self) -> str:
        """The wallet's address."""
        page = self.page
        self.press("Link to my account")
        self.sign("wallet-link-question")
        expect(page.get_by_role("heading", name=self.say("About you"))).to_be_visible()
        return str(page.locator("body").get_attribute("data-wallet"))

    def tell_about_myself(self) -> None:
        """Person, address, meter: a page each, each saved by itself."""
        page = self.page
        for step, heading, fields in (
            (
                "person",
                "Address",
                {
                    "Name shown to partners": self.pseudonym,
                    "Legal name": NAME,
                    "Date of birth": "1985-06-01",
                },
            ),
            (
                "address",
                "Meter",
                {"Street and number": "Hauptstraße 1", "Postcode": "10115", "Town": "Berlin"},
            ),
            ("meter", "Identity document", {"Meter number": "1 ESY 11 6001 2345"}),
        ):
            for label, value in fields.items():
                page.get_by_label(re.compile(f"^{re.escape(self.say(label))}")).fill(value)
            self.picture(f"profile-{step}")
            self.press("Save and go on")
            expect(page.get_by_role("heading", name=self.say(heading), level=1)).to_be_visible()

    def apply(self, folder: Path) -> None:
        page = self.page
        self._upload(identity_card(folder / "identity-card.png", NAME, "1 June 1985"))
        page.get_by_role("link", name=self.say("Go on"), exact=True).click()
        self._upload(statement(folder / "bank-statement.pdf", NAME))
        self.picture("statements")
        page.get_by_role("link", name=self.say("Go on"), exact=True).click()
        page.get_by_label(self.say("Credit limit you would like")).fill("150")
        page.get_by_label(self.say("Your monthly income")).fill("3100")
        page.get_by_label(self.say("Your regular monthly outgoings")).fill("1600")
        self.picture("wish")
        self.press("Save and go on")
        page.locator("main form input[type=checkbox]").first.check()
        self.picture("consent")
        self.press("Save and go on")
        expect(page.get_by_role("heading", name=self.say("Check and send"))).to_be_visible()
        self.picture("application")
        self.press("Send to the merchant")
        expect(page.get_by_role("heading", name=self.part("%(merchant)s is reviewing"))).to_be_visible()
        self.picture("application-sent")

    def _upload(self, path: Path) -> None:
        self.page.locator("input[type=file]").set_input_files(path)
        self.press("Upload")
        expect(self.page.locator("#documents")).to_contain_text(path.name)

    def start_agreement(self) -> None:
        page = self.page
        page.goto("/wallet/")
        self.press("Get test money")
        expect(page.locator("#wallet-balance")).to_contain_text("€")
        expect(page.locator("#wallet-balance")).not_to_contain_text(re.compile(r"^€?0[.,]00"))
        self.picture("wallet-money")
        page.goto("/onboarding/")
        expect(page.get_by_role("button", name=self.say("Sign and start"))).to_be_visible()
        self.picture("agreement-offered")
        self.press("Sign and start")
        self.sign("agreement-question")
        self.sign("permit-question")
        expect(page.get_by_role("link", name=self.say("Find a partner"))).to_be_visible()
        self.picture("agreement-active")


class Reviewer(Journey):
    """A merchant's operator in the back office."""

    def approve(self) -> None:
        page = self.page
        page.goto("/admin/")
        page.locator("input[name=username], input[name=login]").first.fill("merchant@wattnote.example")
        page.locator("input[type=password]").fill(DEMO_PASSWORD)
        self.picture("merchant-sign-in")
        page.locator("button[type=submit], input[type=submit]").first.click()
        page.goto("/admin/")
        self.picture("merchant-overview")
        page.goto("/admin/credit/creditapplication/")
        self.picture("merchant-queue")
        page.get_by_role("link", name=re.compile(self.pseudonym)).first.click()
        expect(page.get_by_text(self.say("The name stands in a document."))).to_be_visible()
        self.picture("merchant-checks")
        page.locator("iframe").scroll_into_view_if_needed()
        page.wait_for_timeout(PDF_MS)
        self.camera.take(page, "merchant-documents", whole=False)
        self.press("Take into review")
        page.locator("[name=approve-limit]").fill("150")
        page.locator("[name=approve-collateral]").fill("20")
        self.picture("merchant-decides")
        self.press("Approve and sign the agreement")
        expect(page.get_by_role("link", name=self.say("Open the agreement"))).to_be_visible()
        self.picture("merchant-approved")


@dataclass
class Trader(Journey):
    """At the desk with one household, to buy from it or to sell to it."""

    sells: bool = False

    def find_partner(self) -> str:
        """Pick a household with plenty of surplus, or with a need; its name."""
        page = self.page
        wanted, other, plenty = ("buys", "Surplus", NEED) if self.sells else ("sells", "Need", PLENTY)
        page.goto("/partners/")
        expect(page.locator("#partner-list")).to_contain_text("House")
        page.locator(f"input[name=side][value={wanted}]").check(force=True)
        expect(page.locator("#partner-list")).not_to_contain_text(self.say(other))
        fitting = page.locator("#partner-list tbody tr").filter(has_text=plenty)
        expect(fitting.first).to_be_visible()
        self.picture("partners")
        fitting.first.get_by_role("link", name=re.compile(self.say("Negotiate"))).click()
        expect(page.locator("#link-state")).to_have_text(self.say("Connected"))
        return page.locator("h1").inner_text()

    def open_channel(self) -> None:
        """Terms, note and opening are signed one after the other; the ledger opens it."""
        expect(self.page.locator("#open-amount")).to_be_visible()
        self.picture("no-channel")
        self.press("Open channel")
        for step in ("terms-question", "note-question", "opening-question"):
            self.sign(step)
        expect(self.page.locator("#composer")).to_be_visible(timeout=DEALS_MS)
        expect(self.page.locator("#talk")).to_contain_text(self.part("Opened on the ledger, %(when)s."))
        self.picture("channel-open")

    def holdings(self) -> tuple[Decimal, Decimal]:
        """What the newest signed state gives to me and to the partner, on the trading page."""
        mine, theirs = self.page.locator("#channel-body dd").all_inner_texts()[:2]
        return self.euros(mine), self.euros(theirs)

    def ask(self, *, kwh: str, cents: str, ahead: int | None = SLOTS_AHEAD) -> None:
        """Offer at a price that the household counters, so many slots after the first open one, or for the listed one."""
        page = self.page
        page.locator(f"input[name=side][value={'sell' if self.sells else 'buy'}]").check(force=True)
        page.locator("#quantity").fill(kwh)
        page.locator("#price").fill(cents)
        if ahead is not None:
            page.locator("#slot").select_option(index=ahead)
        self.picture("offer-composed")
        page.locator("#composer-send").click()
        self.sign("offer-question")
        expect(page.locator(".bid--mine").last).to_contain_text(self.say("Countered"))
        expect(self._counter()).to_be_visible()
        self.picture("countered")

    def _counter(self) -> Locator:
        return self.page.locator(".bid:not(.bid--mine)").last

    def say_yes(self) -> Decimal:
        """Take the household's price, and don't wait for what follows; the amount that it costs."""
        amount = self.euros(self._counter().locator(".bid__meta b").first.inner_text())
        self.press("Accept")
        self.sign("acceptance-question")
        return amount

    def see_trade(self) -> None:
        """Both have signed, and the page says so."""
        expect(self.page.locator("#talk")).to_contain_text(
            self.part("Traded and signed by both, state %(version)s"), timeout=DEALS_MS
        )
        expect(self.page.locator("#channel-body")).to_contain_text(
            self.say("state %(version)s, both signatures").replace("%(version)s", "1")
        )
        self.picture("traded")

    def unlock_for_the_meter(self) -> None:
        """A locked wallet asks once, when the meter's settlement waits for it."""
        page = self.page
        page.evaluate("sessionStorage.clear()")  # as ten idle minutes do
        expect(page.locator("#channel-locked")).to_contain_text(
            self.say("Your partner waits for your signature under what you agreed to."), timeout=METER_MS
        )
        self.picture("locked")
        page.locator("#channel-locked button").click()
        page.locator("#unlock-passphrase").fill(PASSPHRASE)
        self.picture("unlock-question")
        page.locator("dialog[open] button[type=submit]").click()
        expect(page.locator("#channel-locked")).to_be_empty()

    def wait_for_the_meter(self) -> None:
        """After the slot the household proposes what was metered; this browser countersigns by itself."""
        expect(self.page.locator("#talk")).to_contain_text(
            self.part("Meter readings settled, state %(version)s."), timeout=METER_MS
        )
        self.picture("settled")

    def look_at_proof(self) -> tuple[Decimal, Decimal, Decimal]:
        """On the channel's page: kWh received or delivered, and what both sides hold."""
        page = self.page
        page.get_by_role("link", name=self.say("States and signatures")).click()
        expect(page.locator("#kept")).to_contain_text(self.part(KEPT))
        self.picture("proof")
        moved = page.locator(".figure", has_text=self.say("You delivered" if self.sells else "You received"))
        return (number(moved.locator("dd").inner_text(), self.language), *self._balance())

    def _balance(self) -> tuple[Decimal, Decimal]:
        figures = self.page.locator(".figure")
        mine = figures.filter(has_text=self.say("You hold")).locator("dd").first.inner_text()
        theirs = figures.filter(has_text=self.say("Partner holds")).locator("dd").first.inner_text()
        return self.euros(mine), self.euros(theirs)

    def close(self) -> tuple[tuple[Decimal, Decimal], str]:
        """What the ledger paid out to both, and its transaction."""
        page = self.page
        self.press("Close")
        self.sign("closing-question")
        closed = page.locator(".trade-line", has_text=self.say("Channel closed, paid out"))
        expect(closed).to_be_visible(timeout=DEALS_MS)
        expect(page.locator("#balance-h + span")).to_contain_text(
            self.part("Paid out by the ledger in block %(block)s")
        )
        self.picture("closed")
        return self._balance(), str(closed.locator("button[data-copy]").get_attribute("data-copy"))

    def look_around(self, transaction: str) -> None:
        """The other pages know of it too."""
        page, did = self.page, "You sold" if self.sells else "You bought"
        for path, text, step in (
            ("/today/", did, "today"),
            ("/trades/", did, "trades"),
            ("/channels/", "Closed", "channels"),
            (f"/ledger/?search={transaction}", "Channel closed, paid out", "ledger"),
            ("/wallet/", "Debt at the end", "wallet-after"),
        ):
            page.goto(path)
            expect(page.locator("main")).to_contain_text(self.say(text))
            self.picture(step)
        page.goto("/feeder/")
        expect(page.locator("#live-trades")).to_contain_text("House")
        expect(page.locator("#feeder-map svg").first).to_be_visible()
        self.picture("feeder")


def euros(text: str, language: str = "en") -> Decimal:
    """Of money as it is shown."""
    if "€" not in text:
        raise ValueError(f"{text!r} is no money")
    return number(text, language)


def number(text: str, language: str = "en") -> Decimal:
    """Of a figure with its unit as it is shown."""
    point = "," if language == "de" else "."
    return Decimal(re.sub(rf"[^0-9{point}\u2212]", "", text).replace("\u2212", "-").replace(point, "."))
