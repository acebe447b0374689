"""A person's own agent on the real feeder: dry run, mandate, plan, log, pause."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from channels_engine.core.signing import LocalSigner
from channels_engine.store.models import TradeRecord
from grid.models import ReplayRun
from marketplace.accounts import export
from marketplace.accounts.models import User, Wallet
from marketplace.accounts.signals import person_erased
from marketplace.accounts.siwe import personal_digest
from marketplace.notifications.models import Notice
from marketplace.trading.live.view import MarketView
from marketplace.trading.models import AgentDecision, AgentRules, Listing, OwnAgent, Prosumer
from marketplace.trading.own_agent import services
from marketplace.trading.own_agent.holding import hold
from marketplace.trading.own_agent.past import recorded
from marketplace.trading.own_agent.rules import mandate_text, rules_from
from tests.core.pair import open_pair, trade
from tests.stored_channels import store_endpoints

pytestmark = pytest.mark.django_db
SCENARIO = "quick"
SIGNER = LocalSigner(bytes([9]) * 32)
WISH: dict[str, Any] = {
    "sells": True,
    "sell_from": "120000",
    "buys": True,
    "buy_up_to": "110000",
    "reserve_wh": 50,
    "budget": "200000",
    "most_wh": 400,
    "partners": "all",
    "from_minute": 0,
    "to_minute": 0,
    "zone": "Europe/Berlin",
}


@pytest.fixture
def market(market_at: Callable[[str, int], MarketView]) -> MarketView:
    """A live run that stands at a sunny noon."""
    return market_at(SCENARIO, 16)


@pytest.fixture
def person(market: MarketView) -> User:
    """With a wallet, at the connection with the most sun."""
    user = User.objects.create_user("sun@example.org", "long enough password")
    Wallet.objects.create(user=user, address="0x" + SIGNER.address.hex(), message="m", signature="0x")
    positions = market.plan(market.open_slots[0]).positions
    best = max(positions, key=lambda at: at.surplus_wh).connection
    name = market.simulation.feeder.connections[best].name
    Prosumer.objects.create(owner=user.owner, slug=user.owner, display_name="Sun", user=user, connection=name)
    return user


@pytest.fixture
def house(market: MarketView, person: User) -> Iterator[Prosumer]:
    """A neighbour that lists a need, with an open channel to the person."""
    name = market.simulation.feeder.connections[3].name
    home = Prosumer.objects.create(
        owner="h-4", slug="house-4", display_name="House 4", is_agent=True, connection=name
    )
    a, b = open_pair()
    trade(b, a)
    store_endpoints(a.endpoint, owners=(person.owner, home.owner), seq=3)
    Listing.objects.create(
        prosumer=home,
        side="buys",
        slot_start=market.open_slots[6],
        quantity_wh=300,
        price_per_kwh=180_000,
    )
    return home


@pytest.fixture
def client(person: User) -> APIClient:
    signed_in = APIClient()
    signed_in.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return signed_in


def _save(client: APIClient, **changes: Any) -> Any:
    return client.post("/api/v1/agent/rules/", WISH | changes, format="json")


def _sign(client: APIClient, version: int) -> dict[str, Any]:
    asked = client.get(f"/api/v1/agent/rules/{version}/mandate/").json()
    signature = SIGNER.sign(personal_digest(asked["text"]))
    return {"until": asked["until"], "signature": "0x" + signature.hex()}


def _go_live(client: APIClient, **changes: Any) -> int:
    version = int(_save(client, **changes).json()["version"])
    assert client.post(f"/api/v1/agent/rules/{version}/dry-run/").status_code == 200
    answer = client.post(f"/api/v1/agent/rules/{version}/mandate/", _sign(client, version), format="json")
    assert answer.status_code == 200, answer.json()
    return version


def test_rules_are_kept_in_versions_and_faults_are_named(client: APIClient) -> None:
    assert _save(client).json()["version"] == 1
    assert _save(client).json()["version"] == 1
    assert _save(client, most_wh=500).json()["version"] == 2
    wrong = _save(client, buy_up_to="130000", zone="Mars/Base")
    assert wrong.status_code == 400
    assert set(wrong.json()["errors"]) == {"buy_up_to", "zone"}
    assert "buy at a higher price" in wrong.json()["errors"]["buy_up_to"][0]
    assert AgentRules.objects.count() == 2


def test_the_dry_run_plays_the_days_before_on_the_own_connection(
    client: APIClient, market: MarketView, person: User
) -> None:
    version = _save(client).json()["version"]
    result = client.post(f"/api/v1/agent/rules/{version}/dry-run/").json()["dry_run"]
    known = recorded(market, since=0)
    index = market.connections()[person.owner]
    assert result["source"] == "replay"
    assert result["slots"] == len(known) == sum(day["slots"] for day in result["days"]) > 3 * 96
    assert result["surplus_wh"] == sum(one.export_wh[index] for one in known) > 0
    assert 0 < result["sold_wh"] < result["surplus_wh"]
    assert int(result["saved"]) > 0
    assert int(result["spent"]) == result["bought_wh"] == 0 or result["bought_wh"] > 0
    assert result["days"][0]["day"] == "2016-06-06"


def test_nothing_goes_live_without_its_dry_run_and_the_wallets_word(client: APIClient, person: User) -> None:
    version = _save(client).json()["version"]
    path = f"/api/v1/agent/rules/{version}/mandate/"
    assert client.post(path, _sign(client, version), format="json").json()["code"] == "no_dry_run"
    client.post(f"/api/v1/agent/rules/{version}/dry-run/")
    good = _sign(client, version)
    for wrong, code in (
        ({"until": good["until"] - 1}, "wrong_signer"),
        ({"until": good["until"] + 40 * 86_400}, "mandate_until"),
        ({"signature": "0x" + "11" * 64 + "1b"}, "signature_invalid"),
    ):
        assert client.post(path, good | wrong, format="json").json()["code"] == code
    looser = _save(client, sell_from="119999", buy_up_to="100000").json()["version"]
    client.post(f"/api/v1/agent/rules/{looser}/dry-run/")
    crossed = client.post(f"/api/v1/agent/rules/{looser}/mandate/", good, format="json")
    assert crossed.json()["code"] == "wrong_signer"
    assert client.get("/api/v1/agent/plan/").json()["reason"] == "draft"
    assert client.post(path, good, format="json").json()["state"] == "live"
    row = AgentRules.objects.get(user=person, version=version)
    assert mandate_text(rules_from(row.rules), version=1, owner=person.owner, until=good["until"])


def test_a_live_agent_gets_a_step_within_its_rules_and_a_paused_one_nothing(
    client: APIClient, market: MarketView, house: Prosumer, person: User
) -> None:
    version = _go_live(client)
    plan = client.get("/api/v1/agent/plan/").json()
    step = plan["action"]
    assert (plan["version"], plan["rules"]["sell_from"]) == (version, "120000")
    assert (step["kind"], step["sells"], step["offer"]) == ("offer", True, "")
    assert (step["quantity_wh"], step["price_per_kwh"]) == (300, "180000")
    assert step["slot_start"] == market.open_slots[6]
    assert step["partner"]["display_name"] == house.display_name
    told = {name: step[name] for name in ("channel", "sells", "slot_start", "quantity_wh", "price_per_kwh")}
    trade_id = "0x" + "ab" * 32
    told |= {
        "version": version,
        "kind": "offer",
        "reason": "offer",
        "offer": "0x" + "cd" * 32,
        "trade": trade_id,
    }
    assert client.post("/api/v1/agent/steps/", told, format="json").status_code == 201
    assert client.post("/api/v1/agent/steps/", told, format="json").status_code == 201
    assert AgentDecision.objects.count() == 1
    assert client.get("/api/v1/agent/plan/").json()["reason"] in ("tried", "nobody")
    _bind(step, trade_id, person.owner, house.owner, market.since)
    (line,) = client.get("/api/v1/agent/steps/").json()["results"]
    assert (line["trade"]["version"], line["amount"]) == (7, "54000")
    assert client.post("/api/v1/agent/pause/").json()["state"] == "paused"
    assert client.get("/api/v1/agent/plan/").json()["action"] is None
    assert client.get("/api/v1/agent/plan/").json()["reason"] == "paused"
    assert client.post("/api/v1/agent/resume/").json()["state"] == "live"


def _bind(step: dict[str, Any], trade_id: str, seller: str, buyer: str, at: int) -> None:
    TradeRecord.objects.create(
        channel=step["channel"],
        trade=trade_id,
        seller=seller,
        buyer=buyer,
        quantity_wh=step["quantity_wh"],
        price_per_kwh=int(step["price_per_kwh"]),
        imbalance_per_kwh=380_000,
        slot_start=step["slot_start"],
        slot_end=step["slot_start"] + 900,
        amount=54_000,
        version=7,
        at=at,
    )


def test_nobody_reaches_another_persons_agent(client: APIClient, house: Prosumer) -> None:
    version = _go_live(client)
    other = APIClient()
    stranger = User.objects.create_user("other@example.org", "long enough password")
    other.force_login(stranger, backend="django.contrib.auth.backends.ModelBackend")
    for path in (f"rules/{version}/", f"rules/{version}/mandate/"):
        assert other.get(f"/api/v1/agent/{path}").status_code == 404
    assert other.post(f"/api/v1/agent/rules/{version}/dry-run/").status_code == 404
    assert other.get("/api/v1/agent/").json()["live"] is None
    assert APIClient().get("/api/v1/agent/plan/").status_code in (401, 403)
    step = client.get("/api/v1/agent/plan/").json()["action"]
    _save(other)
    told = {name: step[name] for name in ("channel", "sells", "slot_start", "quantity_wh", "price_per_kwh")}
    told |= {"version": 1, "kind": "offer", "reason": "offer"}
    assert other.post("/api/v1/agent/steps/", told, format="json").json()["code"] == "no_channel"


def _present(client: APIClient, doing: str, holder: str = "", **more: Any) -> dict[str, Any]:
    said = {"doing": doing, "holder": holder, **more}
    found: dict[str, Any] = client.post("/api/v1/agent/presence/", said, format="json").json()
    return found


def test_of_a_persons_browsers_and_programs_one_acts(
    client: APIClient, house: Prosumer, person: User
) -> None:
    _go_live(client)

    def planned(holder: str) -> tuple[str, bool]:
        plan = client.get(f"/api/v1/agent/plan/?holder={holder}").json()
        return plan["reason"], plan["action"] is not None

    program = {"user": person, "holder": "night", "acts": "program"}
    assert planned("day") == planned("") == ("offer", True), "nobody has said that it acts"
    assert _present(client, "offer", "day")["acts"] == "browser"
    assert [planned(one) for one in ("day", "night", "")] == [
        ("offer", True), ("by_browser", False), ("by_browser", False),
    ]  # fmt: skip
    assert hold(**program, doing="offer").mine is False
    assert OwnAgent.objects.get().doing == "offer"
    taken = hold(**program, doing="offer", takes_over=True)
    assert (taken.mine, taken.acts) == (True, "program")
    assert planned("day") == ("by_program", False)
    assert "A program of yours does it" in client.get("/agent/state/").content.decode()
    later = _present(client, "covered", "day")
    assert (later["mine"], later["acts"]) == (False, "program")
    assert _present(client, "busy", "day", takes_over=True)["mine"] is True
    assert _present(client, "locked", "day")["acts"] == "", "who rests keeps nobody from it"
    assert hold(**program, doing="offer").mine is True
    OwnAgent.objects.update(held_until=int(time.time()))
    assert planned("day") == ("offer", True), "who falls silent is followed"
    hold(**program, doing="offer")
    hold(**program, doing="busy", leaves=True)
    assert planned("day") == ("offer", True), "and who ends"


def test_it_tells_of_a_used_up_budget_once_and_ends_with_its_mandate(client: APIClient, person: User) -> None:
    _go_live(client)
    for _again in range(2):
        assert _present(client, "budget")["mine"] is True
    assert Notice.objects.get(user=person).details == {"day": "2016-06-09"}
    assert client.get("/api/v1/agent/").json()["at_work"] is True
    assert services.end_mandates() == 0
    later = AgentRules.objects.get(user=person).mandate_until
    assert services.end_mandates(now=later) == 1
    assert services.end_mandates(now=later) == 0
    assert OwnAgent.objects.get(user=person).paused_because == "mandate"
    assert Notice.objects.filter(user=person, kind="agent_mandate").count() == 1


def test_an_erased_person_leaves_no_rules_and_an_export_has_them_all(client: APIClient, person: User) -> None:
    version = _go_live(client)
    told = export.collected(person)["agent"]
    assert isinstance(told, dict)
    assert told["rules"][0]["version"] == version
    person_erased.send(sender=User, user=person)
    assert not AgentRules.objects.exists()
    assert not OwnAgent.objects.exists()


def test_today_shows_what_is_open_and_what_is_agreed(
    client: APIClient, market: MarketView, house: Prosumer, person: User
) -> None:
    soon = market.open_slots[6]
    _bind({"channel": "0x" + "01" * 32, "quantity_wh": 120, "price_per_kwh": "180000", "slot_start": soon},
          "0x" + "02" * 32, person.owner, house.owner, market.since)  # fmt: skip
    today = client.get("/api/v1/today/").json()
    index = market.connections()[person.owner]
    assert (today["place"], today["playing"]) == ("here", market.playing)
    assert today["prices"]["bid"] == ["180000", "180000"]
    assert today["prices"]["asked"] is None
    assert [slot["slot_start"] for slot in today["slots"]] == list(market.open_slots[:48])
    slot = next(slot for slot in today["slots"] if slot["slot_start"] == soon)
    expected = market.plan(soon).positions[index]
    assert (slot["surplus_wh"], slot["sold_wh"]) == (expected.surplus_wh, 120)
    assert slot["open_surplus_wh"] == expected.surplus_wh - 120
    assert slot["best"]["partner"]["slug"] == house.slug
    (agreed,) = slot["agreed"]
    assert (agreed["sells"], agreed["version"], agreed["partner"]["owner"]) == (True, 7, house.owner)
    page = client.get("/today/").content.decode()
    assert f"/partners/{house.slug}/?slot={soon}" in page
    assert f'href="/channels/{agreed["channel"]}/"' in page


def test_today_teaches_who_has_no_connection_and_no_market(client: APIClient, person: User) -> None:
    Prosumer.objects.update(connection="")
    assert client.get("/api/v1/today/").json()["place"] == "not_connected"
    assert "Your connection comes" in client.get("/today/").content.decode()
    ReplayRun.objects.update(status=ReplayRun.Status.FINISHED)
    assert client.get("/api/v1/today/").json()["slots"] == []
    assert "The market is not running" in client.get("/today/market/").content.decode()
    assert client.get("/agent/state/").status_code == client.get("/agent/log/").status_code == 200
    assert client.get("/agent/nothing/").status_code == 404


def test_the_form_keeps_rules_and_shows_their_dry_run(client: APIClient, person: User) -> None:
    typed = {
        "sells": "on", "sell_from": "12.5", "buys": "on", "buy_up_to": "11", "reserve_wh": "0.1", "budget": "1.50",
        "most_wh": "0.4", "partners": "known", "from_time": "06:00", "to_time": "22:30", "zone": "Europe/Berlin",
    }  # fmt: skip

    def send(**changes: str) -> Any:
        headers = {"HX-Request": "true"} if "plain" not in changes else {}
        return client.post("/agent/try/", typed | changes, format="multipart", headers=headers)

    wrong = send(buy_up_to="12.6")
    assert "buy at a higher price" in wrong.content.decode()
    assert not AgentRules.objects.exists()
    page = send().content.decode()
    assert "Against doing nothing" in page
    rules = rules_from(AgentRules.objects.get(user=person).rules)
    assert (rules.sell_from, rules.reserve_wh, rules.budget, rules.most_wh) == (125_000, 100, 1_500_000, 400)
    assert (rules.from_minute, rules.to_minute, rules.partners) == (360, 1350, "known")
    assert 'value="12.50"' in client.get("/agent/").content.decode()
    plain = send(most_wh="0.5", plain="yes")
    assert (plain.status_code, plain.headers["Location"]) == (302, "/agent/")
