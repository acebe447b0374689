"""Everything on a channel's page by a click, held against both sides and the ledger: funding, records, disputes, offers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from access import axe_faults
from journey import DEALS_MS
from neighbours import Neighbour, shown
from pairs import Chain, Opened, offer_and_hang_up, open_pair
from playwright.sync_api import Browser, expect
from residents import MICRO, SLOT_S, Market, Resident, settle
from watched_browser import Camera, Watch, pictures_folder, visitor
from whole_site import WholeSite

from channels_engine.core.types import Side
from marketplace.client.shapes import Channel

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
DEPOSITS = 15 * MICRO, 10 * MICRO
PRICE, IMBALANCE = 200_000, 380_000
PENALTY = 1 * MICRO
SHORT_WH = 2500
"""What nobody can deliver of a trade."""
PROMISED_WH, PATIENT_S = 200, 600


@dataclass
class Party(Neighbour):
    """Somebody on a channel's page."""

    def look_at(self, pair: Opened) -> None:
        self.page.goto(f"/channels/{pair.name}/")
        expect(self.page.locator("#put-in")).to_be_enabled()

    def reads(self, text: str) -> None:
        """The dispute's card says it, in this reader's language."""
        expect(self.page.locator("#dispute")).to_contain_text(self.part(text), timeout=DEALS_MS)

    def sees_event(self, title: str) -> None:
        """The ledger's card tells of it, without a reload by hand."""
        line = self.page.locator(".trade-line", has_text=self.say(title))
        expect(line.first).to_be_visible(timeout=DEALS_MS)

    def told(self, text: str) -> None:
        expect(self.page.locator(".toast", has_text=self.part(text)).first).to_be_visible(timeout=DEALS_MS)

    def holds(self, mine: int, theirs: int) -> None:
        """The page's figures, micro-units."""
        for who, amount in (("You hold", mine), ("Partner holds", theirs)):
            named = self.page.locator("dt").get_by_text(self.say(who), exact=True)
            figure = self.page.locator(".figure").filter(has=named).locator("dd")
            assert self.euros(figure.inner_text()) * MICRO == amount


@dataclass
class Scene:
    """Three people: Alice and Bob with a browser each, Carol with a program that hangs up."""

    alice: Party
    bob: Party
    people: tuple[Resident, Resident, Resident]
    chain: Chain
    market: Market
    wait: Callable[[Callable[[], Any]], Any]
    watches: tuple[Watch, Watch]

    def figures(self, pair: Opened) -> tuple[tuple[int, int], tuple[int, int]]:
        """What the API gives each side: own, partner's."""
        rows = [next(_own(one, pair)) for one in (pair.a, pair.b)]
        return (rows[0].balance_mine, rows[0].balance_theirs), (rows[1].balance_mine, rows[1].balance_theirs)

    def must_hold(self, pair: Opened, mine: int, theirs: int) -> None:
        """By the API, on both sides."""
        assert self.figures(pair) == ((mine, theirs), (theirs, mine))


def _own(who: Resident, pair: Opened) -> Iterator[Channel]:
    return (one for one in who.client.channels() if one.id == pair.name)


@pytest.fixture
def scene(lasting_site: WholeSite, browser: Browser) -> Iterator[Scene]:
    site, tag = lasting_site, uuid4().hex[:4]
    people = settle(site, f"Alder {tag}"), settle(site, f"Birch {tag}", "de"), settle(site, f"Cress {tag}")
    for one in people:
        one.wait_for_connection(site)
    market, wait = Market(site), partial(site.wait_for, "the meter")
    chain = Chain(site, people[0].client.ledger().registry)
    with (
        market.resting(),
        visitor(browser, site.url, 1280) as (wide, hers),
        visitor(browser, site.url, 390, language="de") as (narrow, his),
    ):
        alice = Party(wide, Camera(pictures_folder() / "channel-1280"), people[0].name)
        bob = Party(narrow, Camera(pictures_folder() / "channel-390"), people[1].name, language="de")
        yield Scene(alice, bob, people, chain, market, wait, (hers, his))


def test_everything_on_a_channels_page_by_a_click(scene: Scene) -> None:
    alice, bob, carol = scene.people
    market = alice.client.market()
    trade = {"sells": False, "price_per_kwh": PRICE, "imbalance_per_kwh": IMBALANCE}
    soon, later = market.open[0], market.open[0] + 2 * SLOT_S
    pair = open_pair(
        alice, bob, DEPOSITS, [{**trade, "quantity_wh": wh, "slot_start": soon} for wh in (50, 100, 150)]
    )
    vain = open_pair(
        alice, carol, DEPOSITS, [{**trade, "quantity_wh": too_much(alice, carol, later), "slot_start": later}]
    )
    scene.alice.get_ready(alice)
    accept_of_somebody_who_vanishes(scene, vain)
    record(scene, vain)
    scene.bob.get_ready(bob)
    for person in (scene.alice, scene.bob):
        person.look_at(pair)
    answer_an_old_state(scene, pair)
    change_the_funding(scene, pair)
    close(scene, pair)
    enforce(scene, vain)
    claim(scene, vain)
    have_it_paid_out(scene, vain)
    assert [*scene.alice.wide, *scene.bob.wide] == []
    for watch in scene.watches:
        assert [*watch.complaints, *watch.elsewhere] == []


def too_much(buyer: Resident, seller: Resident, slot: int) -> int:
    """More than this home will have for somebody else, and no more than the grid lets pass."""
    rows = seller.client.get("market/forecast/", list[dict[str, Any]])
    wish = SHORT_WH + max(0, next(row["surplus_wh"] for row in rows if row["slot_start"] == slot))
    asked = f"partner={seller.client.me().owner}&side=buys&slot_start={slot}&quantity_wh={wish}"
    return int(buyer.client.get(f"market/room/?{asked}", dict)["passes_wh"])


def spent(wh: int) -> int:
    return wh * PRICE // 1000


def accept_of_somebody_who_vanishes(scene: Scene, vain: Opened) -> None:
    """Carol's program offers and hangs up; Alice accepts by a click, and nobody signs."""
    alice, carol = scene.alice, vain.b
    slot = carol.client.market().open[-1]
    wish = {"sells": True, "price_per_kwh": PRICE, "imbalance_per_kwh": IMBALANCE, "slot_start": slot}
    offer_and_hang_up(carol, vain, {**wish, "quantity_wh": PROMISED_WH, "valid_s": PATIENT_S})
    alice.visit(carol.name)
    alice.press("Accept")
    alice.sign("acceptance-question")
    expect(alice.page.locator("#talk .bid").last).to_contain_text("You accepted")


def record(scene: Scene, vain: Opened) -> None:
    """The newest state goes on the ledger without a dispute; then there is nothing left to record."""
    page, newest = scene.alice.page, vain.signed[-1].state
    scene.alice.look_at(vain)
    page.locator("#checkpoint").click()
    scene.alice.told("The ledger records it. Nothing older can be shown from then on.")
    scene.alice.sees_event("State recorded")
    expect(page.locator("#checkpoint")).to_have_count(0)
    scene.alice.picture("recorded")
    known = scene.chain.record(vain)
    assert (known.version, known.balance_a) == (newest.version, newest.balance_a)


def answer_an_old_state(scene: Scene, pair: Opened) -> None:
    """Bob's key shows the ledger the first of three states: the site answers by itself, and both read who pays."""
    cost = spent(300)
    scene.must_hold(pair, DEPOSITS[0] - cost, DEPOSITS[1] + cost)
    scene.chain.dispute(pair, pair.signed[0], Side.B)
    scene.alice.reads(
        "%(partner)s showed an old state. A newer one was shown in time, and %(partner)s pays the penalty when the channel ends."
    )
    scene.bob.reads(
        "You disputed with an old state. A newer one was shown in time, and you pay the penalty when the channel ends."
    )
    for person in (scene.alice, scene.bob):
        person.sees_event("Dispute answered with a newer state")
        person.picture("answered")
        assert axe_faults(person.page) == []
    known = scene.chain.record(pair)
    assert (known.version, known.stale_a, known.stale_b) == (pair.signed[-1].state.version, 0, 1)
    kinds = {"channel_disputed", "dispute_answered"}
    for one in (pair.a, pair.b):
        scene.wait(lambda who=one: kinds <= {row["kind"] for row in who.client.listed("notices/", dict)})


def change_the_funding(scene: Scene, pair: Opened) -> None:
    """Alice puts 5 in, Bob takes 2.50 out; each asks the other by a click."""
    alice, bob = scene.alice, scene.bob
    mine, theirs = DEPOSITS[0] - spent(300), DEPOSITS[1] + spent(300)
    alice.page.locator("#put-in").click()
    alice.sign("put-in-deposit-question")
    alice.sign("put-in-question")
    bob.page.locator("#agree-funding").click()
    bob.sign("agree-question")
    for person in (alice, bob):
        person.sees_event("Funded anew while open")
    scene.must_hold(pair, mine + 5 * MICRO, theirs)
    alice.holds(mine + 5 * MICRO, theirs)
    bob.holds(theirs, mine + 5 * MICRO)
    expect(bob.page.locator("#take-out")).to_be_enabled()
    bob.page.locator("#funding-amount").fill("2,5")
    bob.page.locator("#take-out").click()
    bob.sign("take-out-question")
    alice.page.locator("#agree-funding").click()
    alice.sign("agree-question")
    for person in (alice, bob):
        expect(
            person.page.locator(".trade-line", has_text=person.say("Funded anew while open"))
        ).to_have_count(2)
        person.picture("funded")
    scene.must_hold(pair, mine + 5 * MICRO, theirs - 5 * MICRO // 2)
    assert bob.money_back("taken-out") == Decimal("2.5")


def close(scene: Scene, pair: Opened) -> None:
    """The meter speaks, both browsers settle by it; both press, and the penalty of the old state is in the payout."""
    alice, bob = scene.alice, scene.bob
    scene.market.play(2)
    for person in (alice, bob):
        expect(person.page.locator(".state-line")).to_have_count(7, timeout=DEALS_MS)
        expect(person.page.locator("#close-channel")).to_be_enabled()
    (mine, theirs), _ = scene.figures(pair)
    alice.press("Close")
    question = alice.page.locator("dialog[open]")
    expect(question).to_contain_text(f"The ledger pays out {in_euros(mine + PENALTY)} to you")
    expect(question).to_contain_text("Of that, penalty for an old state€1.00")
    alice.sign("closing-question")
    expect(bob.page.locator("#channel-problem")).to_contain_text("Schließen")
    bob.press("Close")
    bob.sign("closing-question")
    for person in (alice, bob):
        person.sees_event("Channel closed, paid out")
        person.picture("closed")
    alice.holds(mine + PENALTY, theirs - PENALTY)
    bob.holds(theirs - PENALTY, mine + PENALTY)
    scene.must_hold(pair, mine + PENALTY, theirs - PENALTY)
    assert alice.money_back("closed") == shown(Decimal(mine + PENALTY) / MICRO)


def in_euros(amount: int) -> str:
    """As the English page shows it."""
    return f"€{Decimal(amount) / MICRO:.2f}"


def enforce(scene: Scene, vain: Opened) -> None:
    """Nobody signed in time: the ledger applies the offer that was accepted."""
    alice, page = scene.alice, scene.alice.page
    alice.look_at(vain)
    page.locator("#enforce-offer").click(timeout=DEALS_MS)
    alice.told("The ledger applies the offer, and pays out by it unless your partner shows something newer.")
    expect(page.locator("#dispute-h")).to_have_text("Your dispute is on the ledger", timeout=DEALS_MS)
    alice.reads("The ledger applied the offer of %(partner)s that you accepted.")
    alice.picture("offer-enforced")
    cost = spent(PROMISED_WH)
    known, newest = scene.chain.record(vain), vain.signed[-1].state
    assert (known.version, known.enforced) == (newest.version + 1, True)
    assert known.balance_a == newest.balance_a - cost
    page.locator("#show-state").click()
    alice.told("State %(version)s was shown. The newest one counts.")


def claim(scene: Scene, vain: Opened) -> None:
    """The meter's word comes while the dispute runs: what was paid for and not delivered comes back."""
    alice, before = scene.alice, scene.chain.record(vain).balance_a
    scene.market.play(2)
    path = f"channels/{vain.name}/deliveries/"
    metered = scene.wait(lambda: vain.a.client.get(path, list[dict[str, Any]]))
    alice.page.locator("#claim-deliveries").click()
    alice.told("The ledger is shown what the meter signed. What you paid for and did not get comes back.")
    alice.sees_event("Short delivery refunded")
    alice.picture("refunded")
    missing = vain.signed[-1].state.energy_to_a - int(metered[0]["delivery"]["deliveredWh"])
    refund = -(-missing * IMBALANCE // 1000)
    assert missing > 0
    assert scene.chain.record(vain).balance_a == before + refund


def have_it_paid_out(scene: Scene, vain: Opened) -> None:
    """On a ledger that is slow, the button asks for the payout too."""
    alice, page = scene.alice, scene.alice.page
    known = scene.chain.record(vain)
    with scene.chain.holding_blocks():
        button = page.locator("#finalise-dispute")
        expect(button).to_be_visible(timeout=DEALS_MS)
        alice.picture("time-over")
        button.click()
        page.wait_for_timeout(300)
    expect(page.locator("#dispute-h")).to_have_text("Paid out after a dispute", timeout=DEALS_MS)
    mine, theirs = known.balance_a, sum(DEPOSITS) - known.balance_a
    alice.picture("paid-out")
    alice.holds(mine, theirs)
    scene.must_hold(vain, mine, theirs)
    assert alice.money_back("paid-out") == shown(Decimal(mine) / MICRO)
