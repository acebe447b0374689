"""The live market's gate, forecast and telemetry on the real feeder."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from channels_engine.core.errors import RemoteProtocolError
from channels_engine.core.types import Offer
from channels_engine.ports import TradeDraft
from channels_engine.store.models import TradeRecord
from grid.models import ReplayRun, SlotResult
from marketplace.accounts.models import User, Wallet
from marketplace.trading.live.gate import MarketGate
from marketplace.trading.live.view import MarketView, simulation_of
from marketplace.trading.models import GateDecision, Prosumer
from marketplace.trading.services import connect_people

pytestmark = pytest.mark.django_db
SCENARIO = "default"
NOON_SLOTS = 6 * 4


@pytest.fixture
def market(market_at: Callable[[str, int], MarketView]) -> MarketView:
    """A live run that stands shortly before a sunny noon, with a seller and a buyer on the feeder."""
    view = market_at(SCENARIO, NOON_SLOTS - 8)
    for owner, connection in _somebody(simulation_of(SCENARIO)).items():
        Prosumer.objects.create(owner=owner, slug=owner, display_name=owner, connection=connection)
    return view


def _somebody(simulation: Any) -> dict[str, str]:
    """A seller with PV and a battery owner who can take more than it needs."""
    homes = simulation.feeder.connections
    with_pv = [home for home in homes if home.generator is not None]
    with_battery = [home for home in homes if home.battery is not None]
    return {"seller": with_pv[-1].name, "buyer": with_battery[0].name}


def _draft(slot_start: int, quantity_wh: int, **changes: Any) -> TradeDraft:
    offer = Offer(
        channel=bytes(32),
        base_version=0,
        id=quantity_wh.to_bytes(32, "big"),
        offeror_sells=True,
        quantity_wh=quantity_wh,
        price_per_kwh=200_000,
        imbalance_per_kwh=380_000,
        slot_start=slot_start,
        slot_end=slot_start + 900,
        valid_until=2**40,
    )
    people = {"seller": "seller", "buyer": "buyer"} | changes
    return TradeDraft(bytes(32), offer, people["seller"], people["buyer"])


def _refusal(draft: TradeDraft) -> RemoteProtocolError:
    with pytest.raises(RemoteProtocolError) as caught:
        MarketGate().check(draft)
    return caught.value


def test_the_gate_lets_pass_what_the_feeder_carries_and_keeps_its_answer(market: MarketView) -> None:
    MarketGate().check(_draft(market.open_slots[0], 50))
    decision = GateDecision.objects.get()
    assert (decision.allowed, decision.passes_wh, decision.limit) == (True, 50, "")


def test_the_gate_refuses_in_words_what_would_break_a_limit(market: MarketView) -> None:
    slot_start = market.open_slots[8]
    _everybody_sells(market, slot_start)
    refused = _refusal(_draft(slot_start, 400_000))
    assert refused.code == "grid_limit"
    decision = GateDecision.objects.get()
    assert not decision.allowed
    assert 0 <= decision.passes_wh < 400_000
    assert decision.limit in ("voltage", "line", "transformer")
    assert decision.element in refused.message
    assert "Refused by the grid" in refused.message


def _everybody_sells(market: MarketView, slot_start: int) -> None:
    """All PV of the feeder is sold in this slot already, but the seller's."""
    homes = market.simulation.feeder.connections
    sellers = [
        home.name for home in homes if home.generator and home.name != _somebody(market.simulation)["seller"]
    ]
    for number, name in enumerate(sellers):
        owner = f"home-{number}"
        Prosumer.objects.create(owner=owner, slug=owner, display_name=owner, connection=name)
        TradeRecord.objects.create(
            channel=f"0x{number:064x}",
            trade=f"0x{number:064x}",
            seller=owner,
            buyer="buyer",
            quantity_wh=100_000,
            price_per_kwh=200_000,
            imbalance_per_kwh=380_000,
            slot_start=slot_start,
            slot_end=slot_start + 900,
            amount=20_000_000,
            version=1,
            at=market.since,
        )


@pytest.mark.parametrize(
    ("offset_s", "changes", "code"),
    [
        (0, {}, "slot_closed"),
        (-900, {}, "slot_closed"),
        (97 * 900, {}, "slot_closed"),
        (900 + 1, {}, "slot_closed"),
        (900, {"seller": "stranger"}, "not_connected"),
        (900, {"buyer": "stranger"}, "not_connected"),
    ],
)
def test_the_gate_refuses_what_is_no_trade_of_this_market(
    market: MarketView, offset_s: int, changes: dict[str, str], code: str
) -> None:
    assert _refusal(_draft(market.playing + offset_s, 50, **changes)).code == code
    assert not GateDecision.objects.exists()


def test_without_a_market_nothing_passes() -> None:
    assert _refusal(_draft(900, 50)).code == "market_closed"


def test_a_trade_covers_one_slot(market: MarketView) -> None:
    draft = _draft(market.open_slots[0], 50)
    longer = TradeDraft(draft.channel, _longer(draft.offer), draft.seller, draft.buyer)
    assert _refusal(longer).code == "slot_length"


def _longer(offer: Offer) -> Offer:
    return Offer(
        *(getattr(offer, f) for f in offer.__struct_fields__[:8]), offer.slot_end + 900, offer.valid_until
    )


def test_people_with_a_wallet_get_a_connection_once(market: MarketView) -> None:
    people = [User.objects.create_user(email=f"p{i}@example.org", password="x") for i in range(3)]
    for person in people[:2]:
        Wallet.objects.create(user=person, address="0x" + f"{person.pk:040x}")
    names = {home.name: home.bus for home in market.simulation.feeder.connections}
    with_pv = {home.name for home in market.simulation.feeder.connections if home.generator}
    connected = connect_people(connections=names, preferred=with_pv)
    assert [prosumer.user for prosumer in connected] == people[:2]
    assert {prosumer.connection for prosumer in connected} <= with_pv
    assert len({prosumer.connection for prosumer in connected}) == 2
    assert connect_people(connections=names, preferred=with_pv) == []


def test_everybody_sees_feeder_and_newest_slot(client: Client, market: MarketView) -> None:
    feeder = client.get("/api/v1/feeder/").json()["feeder"]
    assert len(feeder["nodes"]) == 129
    live = client.get("/api/v1/feeder/live/").json()
    about = {"id": str(market.run.id), "scenario": SCENARIO, "status": "running"}
    assert live == {"run": about | {"paused": False, "speed": 1.0}}
    SlotResult.objects.create(
        run=market.run, index=0, slot_start=market.run.starts_at, data=_slot(market.run.starts_at)
    )
    ReplayRun.objects.filter(pk=market.run.pk).update(next_slot=1)
    live = client.get("/api/v1/feeder/live/").json()
    assert live["slot_index"] == 0
    assert live["price_mean"] == "200000"
    assert live["series"]["traded_wh"] == [40]
    assert live["trades"][0]["amount"] == "8000"


def _slot(slot_start: int) -> dict[str, Any]:
    trade = {"id": "0x1", "seller": "House 1", "buyer": "House 2", "quantity_wh": 40, "channel": "0x2"}
    return {
        "slot_start": slot_start,
        "vm_pu": [1.0] * 129,
        "line_loading_percent": [1.0],
        "trafo_loading_percent": [1.0],
        "traded_wh": 40,
        "import_wh": 10,
        "export_wh": 0,
        "price_mean": 200_000,
        "refused": [],
        "trades": [trade | {"price_per_kwh": 200_000, "amount": 8_000}],
    }


def test_open_slots_tariff_and_the_own_forecast(client: Client, market: MarketView) -> None:
    content = client.get("/api/v1/market/").json()
    assert content["open"] == [market.open_slots[0], market.open_slots[-1]]
    assert content["tariff"]["retail_per_kwh"] == str(market.simulation.scenario.tariff.retail_per_kwh)
    user = User.objects.create_user(email="me@example.org", password="x")
    client.force_login(user)
    assert client.get("/api/v1/market/forecast/").json()["code"] == "not_connected"
    with_pv = next(home.name for home in market.simulation.feeder.connections if home.generator)
    Prosumer.objects.create(
        owner=user.owner, slug=user.owner, display_name="Me", user=user, connection=with_pv
    )
    rows = client.get("/api/v1/market/forecast/").json()
    assert [row["slot_start"] for row in rows] == list(market.open_slots)
    assert max(row["surplus_wh"] for row in rows) > 0
    assert max(row["deficit_wh"] for row in rows) > 0


def test_before_the_first_run_the_routes_say_so(client: Client) -> None:
    assert client.get("/api/v1/feeder/live/").json() == {"run": None}
    for route in ("feeder/", "market/"):
        answer = client.get(f"/api/v1/{route}")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_replay")


def test_the_grid_answers_before_anything_is_signed(client: Client, market: MarketView) -> None:
    somebody = User.objects.create_user(email="s@example.org", password="x")
    Prosumer.objects.filter(owner="seller").update(owner=somebody.owner)
    Prosumer.objects.filter(owner="buyer").update(is_agent=True)
    client.force_login(somebody, backend="django.contrib.auth.backends.ModelBackend")
    slot_start = market.open_slots[8]
    wanted = {"partner": "buyer", "side": "sells", "slot_start": slot_start, "quantity_wh": 50}
    free = client.get("/api/v1/market/room/", wanted).json()
    assert (free["fits"], free["passes_wh"]) == (True, 50)
    _everybody_sells(market, slot_start)
    full = client.get("/api/v1/market/room/", wanted | {"quantity_wh": 90_000}).json()
    assert not full["fits"]
    assert full["kind"] in ("voltage", "line", "transformer")
    assert full["place"]
    assert 0 <= full["passes_wh"] <= full["room_wh"] < 90_000
    assert not GateDecision.objects.exists()
    late = client.get("/api/v1/market/room/", wanted | {"slot_start": market.playing})
    assert (late.status_code, late.json()["code"]) == (409, "slot_closed")
