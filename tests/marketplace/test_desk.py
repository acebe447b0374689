"""Finding a partner, its reputation, and where a dispute stands: in figures and in words."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
from people import Person

from channels_engine import service
from channels_engine.agreements import Agreement as Conversation
from channels_engine.agreements import AgreementPhase
from channels_engine.core import inputs, types
from channels_engine.core.state import Endpoint
from channels_engine.store import conversations
from channels_engine.store.models import LedgerEvent, TradeRecord
from marketplace.api.trading import partner
from marketplace.trading.disputes import Story, penalty_of, story_of
from marketplace.trading.finding import Wanted, listings_of, partners_of
from marketplace.trading.models import Listing, Prosumer
from marketplace.trading.reputation import Reputation, reputation_of
from tests.core.pair import START, Party, open_pair, settle_down, trade
from tests.stored_channels import store_endpoints

pytestmark = pytest.mark.django_db
MakePerson = Callable[..., Person]
SLOT = int(time.time()) // 900 * 900 + 1800
numbers = itertools.count(1)


@pytest.fixture
def homes(db: None) -> None:
    """Three who list: an agent's house with two slots, a dear one, and a person who needs."""
    rows = [
        ("oak", True, "sells", 0, 2000, 200_000),
        ("oak", True, "sells", 900, 500, 150_000),
        ("elm", True, "sells", 0, 4000, 300_000),
        ("ash", False, "buys", 900, 1000, 250_000),
    ]
    for name, agent, side, after, wh, price in rows:
        home, _ = Prosumer.objects.get_or_create(
            owner=f"o-{name}", slug=name, defaults={"display_name": name, "is_agent": agent}
        )
        Listing.objects.create(
            prosumer=home, side=side, slot_start=SLOT + after, quantity_wh=wh, price_per_kwh=price
        )
    Prosumer.objects.create(owner="o-yew", slug="yew", display_name="yew")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), [("oak", 2000), ("elm", 4000), ("ash", 1000), ("yew", 0)]),
        (Wanted(sort="cheapest"), [("oak", 500), ("ash", 1000), ("elm", 4000), ("yew", 0)]),
        (Wanted(sort="most", side="sells"), [("elm", 4000), ("oak", 2000)]),
        (Wanted(price_max=160_000), [("oak", 500)]),
        (Wanted(price_min=260_000, side="sells"), [("elm", 4000)]),
        (Wanted(quantity_min=1500), [("oak", 2000), ("elm", 4000)]),
        (Wanted(slot_from=SLOT + 900, sort="dearest"), [("ash", 1000), ("oak", 500)]),
        (Wanted(slot_to=SLOT, who="houses"), [("oak", 2000), ("elm", 4000)]),
        (Wanted(who="people"), [("ash", 1000), ("yew", 0)]),
        (Wanted(search="EL"), [("elm", 4000)]),
        (Wanted(known=True), []),
        (Wanted(near_m=100), []),
    ],
)
def test_partners_are_found_with_their_best_listing(
    make_person: MakePerson, homes: None, wanted: Wanted, found: list[tuple[str, int]]
) -> None:
    rows = partners_of(make_person(complete=False).user, wanted, now=SLOT)
    best = [(row.slug, getattr(row, "open_now")[:1]) for row in rows]  # noqa: B009  a prefetch put it there
    assert [(slug, listed[0].quantity_wh if listed else 0) for slug, listed in best] == found


def test_listings_over_the_api_take_the_same_filters(make_person: MakePerson, homes: None) -> None:
    me = make_person(complete=False)
    rows = me.client.get("/api/v1/listings/?price_max=220000&sort=cheapest").json()["results"]
    assert [row["quantity_wh"] for row in rows] == [500, 2000]
    assert me.client.get("/api/v1/listings/?sort=oldest").status_code == 400
    assert list(listings_of(me.user, Wanted(sort="nearest"), now=SLOT))


def test_a_person_lists_edits_and_takes_back(make_person: MakePerson) -> None:
    me, other = make_person(), make_person()
    listing = {"side": "sells", "slot_start": SLOT, "quantity_wh": 700, "price_per_kwh": "180000"}
    made = me.client.post("/api/v1/listings/", listing, format="json").json()
    path = f"/api/v1/listings/{made['id']}/"
    assert other.client.patch(path, {"quantity_wh": 1}, format="json").status_code == 404
    changed = me.client.patch(path, {"price_per_kwh": "190000"}, format="json").json()
    assert (changed["quantity_wh"], changed["price_per_kwh"]) == (700, "190000")
    assert me.client.patch(path, {"quantity_wh": 0}, format="json").json()["errors"] == {
        "quantity_wh": ["Between 0.001\u00a0kWh and 1,000,000.000\u00a0kWh."]
    }
    assert me.client.delete(path).status_code == 204
    over = me.client.patch(path, {"quantity_wh": 9}, format="json")
    assert (over.status_code, over.json()["code"]) == (409, "listing_over")


def _traded(seller: str, buyer: str, sold: int, delivered: int | None) -> None:
    number = next(numbers)
    TradeRecord.objects.create(
        channel="0x01", trade=f"0x{number:064x}", seller=seller, buyer=buyer, quantity_wh=sold,
        price_per_kwh=1, imbalance_per_kwh=1, slot_start=SLOT, slot_end=SLOT + 900, amount=1, version=number,
        at=1000 - number, delivered_wh=delivered, settled_version=None if delivered is None else number,
    )  # fmt: skip


def _event(scid: str, name: str, channel: str = "0x01", **arguments: object) -> None:
    number = next(numbers)
    LedgerEvent.objects.create(
        channel=channel, scid=scid, name=name, block_number=number, block_hash="0x",
        transaction_hash=f"0x{number:064x}", log_index=0, arguments=arguments,
    )  # fmt: skip


def test_a_reputation_is_counted_from_what_others_signed(make_person: MakePerson) -> None:
    me, owner = make_person(complete=False), "o-home"
    Prosumer.objects.create(owner=owner, slug="home", display_name="Home")
    terms = types.EntityContract(b"\x02" * 20, b"\x03" * 20, b"\x04" * 20, 60, 4, 0, b"\x0b" * 32)
    made = Conversation(b"\x0b" * 32, (owner, "o-else"), AgreementPhase.AGREED, terms)
    conversations.save([made], {b"\x0b" * 32: 1}, 1)
    assert made.scid
    scid = "0x" + made.scid.hex()
    for sold, delivered in ((600, 600), (400, 300), (999, None)):
        _traded(owner, "o-else", sold, delivered)
    _traded("o-else", owner, 50, 10)
    _event(scid, "ChannelDisputed", disputer="1")
    _event(scid, "DisputeResolved", stale=True)
    _event(scid, "ChannelDisputed", disputer="2")
    _event(scid, "DisputeResolved", stale=True)
    _event(scid, "ChannelDisputed", disputer="2")
    _event(scid, "DisputeFinalised")
    _event(scid, "ChannelDisputed", disputer="0", channel="0x02")
    found = reputation_of(owner)
    first = TradeRecord.objects.order_by("at").values_list("at", flat=True)[0]
    assert found == Reputation(4, first, 1000, 900, raised=1, against=2, lost=1, won=1)
    shown = me.client.get("/api/v1/prosumers/home/reputation/").json()
    assert (shown["delivered_permille"], shown["won"]) == (900, 1)
    assert reputation_of("o-nobody") == Reputation()


def test_presence_is_a_socket_and_agents_are_always_there(make_person: MakePerson, homes: None) -> None:
    me = make_person(complete=False)
    answer = {name: me.client.get(f"/api/v1/prosumers/{name}/presence/").json() for name in ("oak", "ash")}
    assert answer == {"oak": {"here": True, "by_agent": True}, "ash": {"here": False, "by_agent": False}}

    def hear(news: object) -> None:
        del news

    service.transport()._sockets["o-ash"] = {hear}
    try:
        assert me.client.get("/api/v1/prosumers/ash/presence/").json()["here"] is True
    finally:
        service.transport().forget("o-ash", hear)


def _story(party: Party, now: int = START) -> Story:
    return story_of(party.endpoint, partner="Oak", now=now)


def _say(party: Party, name: str, **arguments: object) -> None:
    _event("0x01", name, channel="0x" + party.endpoint.channel.hex(), **arguments)


def test_each_stage_of_a_dispute_has_its_words_clock_and_steps() -> None:
    a, b = open_pair()
    trade(a, b)
    quiet = _story(a)
    assert (quiet.stage, quiet.actions) == ("none", ("raise", "checkpoint", "evidence"))
    a.dispute()
    settle_down(a, b)
    asked = _story(a)
    assert (asked.stage, asked.raised_by, asked.until) == ("asked", "me", START + 30)
    assert [step.who for step in asked.steps] == ["partner", "ledger"]
    a.feed(inputs.TimerElapsed(), START + 30)
    assert _story(a).stage == "sending"
    version, deadline = a.state.version, START + 90
    for party in (a, b):
        party.feed(inputs.LedgerDisputed(version, deadline))
    _say(a, "ChannelDisputed", disputer="1")
    mine, theirs = _story(a), _story(b)
    assert (mine.stage, mine.until, mine.version) == ("running", deadline, version)
    assert (mine.raised_by, theirs.raised_by) == ("me", "partner")
    assert theirs.title == "Oak disputes this channel"
    due = _story(b, deadline)
    assert (due.stage, due.until, due.actions) == ("due", None, ("finalise",))
    for party in (a, b):
        party.feed(inputs.LedgerFinalised(version, a.state.balance_a, a.state.balance_b))
    _say(a, "DisputeFinalised", version=version)
    assert (_story(b).stage, _story(b).version) == ("paid", version)


def test_an_old_state_is_answered_and_who_showed_it_pays() -> None:
    a, b = open_pair()
    trade(a, b)
    for party in (a, b):
        party.feed(inputs.LedgerDisputed(0, START + 90))
    _say(a, "ChannelDisputed", disputer="2")
    assert (_story(a).stage, _story(a).raised_by) == ("answering", "partner")
    for party in (a, b):
        party.feed(inputs.LedgerResolved(a.state.version, 0))
    _say(a, "DisputeResolved", version=1, stale=True)
    assert _story(a).stage == "resolved"
    assert "Oak pays the penalty" in _story(a).words
    assert "you pay the penalty" in _story(b).words
    said = LedgerEvent.objects.order_by("block_number", "log_index")
    penalty = a.endpoint.terms.stale_penalty
    assert (penalty_of(a.endpoint, said), penalty_of(b.endpoint, said)) == (penalty, -penalty)


def test_an_accepted_offer_on_its_way_to_the_ledger_is_told_to_who_brings_it() -> None:
    a, b = open_pair()
    made = a.offer()
    settle_down(a, b)
    version = b.accept(made.id).version
    settle_down(a, b)
    a.feed(inputs.ActionAbortUpdate(version, "changed my mind"))
    settle_down(a, b)
    assert _story(b).stage == "none"
    b.enforce(made)
    settle_down(a, b)
    told = _story(b)
    assert (told.stage, told.raised_by, told.actions) == ("sending", "me", ())
    assert "offer of Oak that you accepted" in told.words
    assert _story(a).stage == "none"
    assert _story(b, made.valid_until + 61).stage == "none"


def _stored(me: Person, endpoint: Endpoint, peer: Endpoint) -> str:
    store_endpoints(endpoint, peer, owners=(me.user.owner, "o-oak"))
    return f"/api/v1/channels/0x{endpoint.channel.hex()}/dispute/"


def test_the_api_tells_it_and_takes_evidence_of_the_party_only(make_person: MakePerson) -> None:
    me, stranger = make_person(), make_person()
    a, b = open_pair()
    trade(a, b)
    path = _stored(me, a.endpoint, b.endpoint)
    assert me.client.get(path).json()["title"] == "No dispute"
    assert stranger.client.get(path).status_code == 404
    early = me.client.post(f"{path}finalise/")
    assert (early.status_code, early.json()["code"]) == (409, "no_dispute")
    wrong: dict[str, Any] = {"state": {"channel": "0x00"}, "signatureA": "0x", "signatureB": "0x"}
    assert me.client.post(f"{path}evidence/", wrong, format="json").status_code == 400
    assert stranger.client.post(f"{path}evidence/", wrong, format="json").status_code == 404


@pytest.mark.parametrize(("is_active", "slug"), [(True, "house-1"), (False, None)])
def test_nobody_is_led_to_a_partner_who_left(*, is_active: bool, slug: str | None) -> None:
    house = Prosumer(owner="0x01", slug="house-1", display_name="House 1", is_active=is_active)
    assert partner("0x01", {"0x01": house}) == {"owner": "0x01", "display_name": "House 1", "slug": slug}
