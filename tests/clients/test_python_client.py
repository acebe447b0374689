"""The package's own client lives the whole life of a channel with a household, over the real site."""

import json
import subprocess
import sys
from uuid import uuid4

import pytest

from channels_engine.codec import to_hex
from channels_engine.core.typed_data import struct_hash
from marketplace.client import Client, ProblemError
from marketplace.client.desk import Desk
from marketplace.client.shapes import Funding
from marketplace.client.wallet import Wallet
from tests.e2e.whole_site import WholeSite

AMOUNT, MORE = 5_000_000, 1_000_000
pytestmark = pytest.mark.timeout(240)


def begin(site: WholeSite) -> tuple[Client, Wallet]:
    client, wallet = Client(site.url), Wallet.fresh()
    client.sign_up(f"python-{uuid4().hex[:6]}@example.org", "A password of a client")
    wallet.prove(client)
    client.post("wallet/test-money/", dict)
    assert client.me().wallet == to_hex(wallet.address)
    return client, wallet


def houses(client: Client) -> list[str]:
    """Households that sell soon, those with the most first."""
    best: dict[str, int] = {}
    for row in client.listings(side="sells", page_size=200):
        if row.prosumer.is_agent:
            best[row.prosumer.slug] = max(best.get(row.prosumer.slug, 0), row.quantity_wh)
    return sorted(best, key=lambda slug: -best[slug])[:6]


def trade_with(desk: Desk, client: Client, slug: str) -> bytes | None:
    """A channel in which one trade was agreed and settled; None where the household sells nothing."""
    owner = client.get(f"prosumers/{slug}/", dict)["owner"]
    terms = desk.agree(owner)
    theirs = client.get(f"prosumers/{slug}/funding/?scid={to_hex(struct_hash(terms))}&index=0", Funding)
    channel = desk.open_by_deposit(
        terms, amount=AMOUNT, theirs=theirs, their_amount=min(theirs.amount, 3_000_000)
    )
    market = client.market()
    offer = desk.offer(
        channel,
        sells=False,
        quantity_wh=60,
        price_per_kwh=market.tariff.retail_per_kwh,
        imbalance_per_kwh=market.tariff.imbalance_per_kwh,
        slot_start=market.open[0] + 1800,
    )
    if desk.agreed(channel, offer):
        take_counter(desk, client, channel)
        return channel
    desk.finish(channel)
    return None


def take_counter(desk: Desk, client: Client, channel: bytes) -> None:
    """A stingy offer: where the household answers with one of its own, that is accepted."""
    market = client.market()
    stingy = desk.offer(
        channel,
        sells=False,
        quantity_wh=60,
        price_per_kwh=market.tariff.feed_in_per_kwh + 2000,
        imbalance_per_kwh=market.tariff.imbalance_per_kwh,
        slot_start=market.open[0] + 1800,
    )
    if desk.agreed(channel, stingy):
        return
    theirs = [
        live.offer for live in desk.endpoint(channel).offers if live.offeror is desk.endpoint(channel).peer
    ]
    for one in theirs[:1]:
        desk.accept(channel, one.id)
        assert desk.agreed(channel, one)


def test_a_channels_whole_life(site: WholeSite) -> None:
    client, wallet = begin(site)
    desk = Desk(client, wallet)
    channel = next((done for slug in houses(client) if (done := trade_with(desk, client, slug))), None)
    assert channel is not None, "no household sold anything"
    mine = [one for one in client.trades() if one.channel == to_hex(channel)]
    assert {(one.role, one.quantity_wh) for one in mine} == {("buyer", 60)}
    assert len(mine) == len(desk.endpoint(channel).open_trades)
    desk.settle(channel)
    before = desk.current(channel).balance_a
    desk.fund(channel, MORE)
    assert desk.current(channel).balance_a == before + MORE
    closed = desk.finish(channel)
    desk.close()
    [shown] = [one for one in client.channels() if one.id == to_hex(channel)]
    final = closed.current.state
    assert (shown.phase, shown.balance_mine) == ("closed", final.balance_a)
    assert final.balance_a < AMOUNT + MORE
    check_keys_and_problems(client)
    check_by_hand(site)


def check_keys_and_problems(client: Client) -> None:
    start = client.market().open[1]
    wish = {
        "side": "sells",
        "slot_start": start,
        "quantity_wh": 500,
        "price_per_kwh": 200_000,
        "key": uuid4().hex,
    }
    assert client.list_energy(**wish) == client.list_energy(**wish)
    with pytest.raises(ProblemError) as refused:
        client.list_energy(**wish | {"quantity_wh": 0, "key": ""})
    assert (refused.value.status, list(refused.value.errors)) == (400, ["quantity_wh"])


def check_by_hand(site: WholeSite) -> None:
    command = [sys.executable, "-m", "marketplace.client", "--url", site.url, "market"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(shown.stdout)["slot_seconds"] == 900
    refused = subprocess.run(
        [*command[:-1], "trades"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (refused.returncode, "not_authenticated" in refused.stderr) == (1, True)
