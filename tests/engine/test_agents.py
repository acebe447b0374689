"""Agents beside the runtime, timers, and the outbox's listeners."""

from collections.abc import Sequence

import msgspec
import pytest
from engine_parties import DOMAIN, Pair, SettableClock, World

from channels_engine.agent import Accept, Agent, Answer, CounterWith, Decline
from channels_engine.agents import Agents
from channels_engine.core import messages as m
from channels_engine.core.effects import NotifyTraded
from channels_engine.core.inputs import LedgerOpened
from channels_engine.core.negotiation import next_state_for_offer
from channels_engine.core.signing import LocalSigner
from channels_engine.core.state import Endpoint, Phase
from channels_engine.core.typed_data import digest, struct_hash
from channels_engine.core.types import ChannelOpen, EntityContract, Offer, Side
from channels_engine.outbox import Outbox
from channels_engine.ports import Notice
from channels_engine.runtime import Runtime
from channels_engine.store.models import LogEntry, OutboxItem, TradeRecord
from channels_engine.submissions import Accepted, Fact

PRICE = 200_000


class Patient:
    """Joins everybody, deposits, takes what is cheap enough, else offers its own price."""

    def __init__(self, session: LocalSigner) -> None:
        self.session = session

    def join(self, terms: EntityContract, peer: str) -> bytes | None:
        return None if peer == "nobody" else self.session.address

    def fund(self, opening: ChannelOpen, side: Side, peer: str) -> m.Funding | None:
        return m.DepositFunding(opening.open_by, bytes(64) + b"\x1b") if opening.funding_b else None

    def answer(self, offer: Offer, endpoint: Endpoint, peer: str) -> Answer:
        if offer.price_per_kwh <= PRICE:
            return Accept()
        if offer.price_per_kwh > 2 * PRICE:
            return Decline("too dear")
        mine = msgspec.structs.replace(offer, id=struct_hash(offer), offeror_sells=False, price_per_kwh=PRICE)
        return CounterWith(mine)


@pytest.fixture
def agents(world: World) -> Agents:
    return Agents(world.runtime, {})


def run(agents: Agents) -> None:
    for _ in range(10):
        if not agents.tick():
            return
    raise AssertionError("the agents never come to rest")


def opened(world: World, agents: Agents) -> Pair:
    """Alice, a person, opens a channel with Bob, an agent."""
    pair = world.pair()
    agents.add(
        Agent(
            pair.owner_b, DOMAIN, Patient(pair.signer_b), {pair.signer_b.address: pair.signer_b}.__getitem__
        )
    )
    nonce, proposed = pair.terms.nonce, msgspec.structs.replace(pair.terms, party_b=bytes(20))
    assert isinstance(world.say(pair.owner_a, "1", nonce, m.EscPropose(pair.owner_b, proposed)), Accepted)
    run(agents)
    signature = pair.signer_a.sign(digest(DOMAIN, pair.terms))
    assert isinstance(world.say(pair.owner_a, "2", nonce, m.EscConfirm(signature)), Accepted)
    request = m.OpenRequest(
        pair.opening,
        pair.signer_a.sign(digest(DOMAIN, pair.opening)),
        m.DepositFunding(pair.opening.open_by, bytes(64) + b"\x1b"),
    )
    assert isinstance(world.say(pair.owner_a, "1", pair.channel, request), Accepted)
    run(agents)
    world.runtime.process([Fact(pair.channel, LedgerOpened(), "tx:0")])
    assert endpoint(world, pair).phase is Phase.OPEN
    return pair


def endpoint(world: World, pair: Pair, side: Side = Side.A) -> Endpoint:
    hosting = world.runtime.hosting(pair.channel)
    assert hosting is not None
    return hosting.endpoint(side)


def offer(world: World, pair: Pair, price: int) -> Offer:
    (made,) = [world.deal(pair, f"{price}")]
    value = Offer(
        pair.channel, 0, struct_hash(pair.terms)[:31] + bytes([price % 251]), made.offeror_sells, 1000, price,
        300_000, made.slot_start, made.slot_end, made.valid_until,
    )  # fmt: skip
    said = m.OfferMade(value, pair.signer_a.sign(digest(DOMAIN, value)))
    assert isinstance(world.say(pair.owner_a, f"offer-{price}", pair.channel, said), Accepted)
    return value


def test_an_agent_opens_accepts_and_confirms(world: World, agents: Agents) -> None:
    pair = opened(world, agents)
    offer(world, pair, PRICE)
    run(agents)
    staged = endpoint(world, pair).staged
    assert staged is not None
    confirm = m.UpdateConfirm(staged.state.version, pair.signer_a.sign(digest(DOMAIN, staged.state)))
    assert isinstance(world.say(pair.owner_a, "confirm", pair.channel, confirm), Accepted)
    assert TradeRecord.objects.get().amount == 200_000


def test_an_agent_counters_and_confirms_the_acceptance(world: World, agents: Agents) -> None:
    pair = opened(world, agents)
    offer(world, pair, PRICE + 50_000)
    run(agents)
    (counter,) = endpoint(world, pair).offers
    assert (counter.offeror, counter.offer.price_per_kwh) == (Side.B, PRICE)
    state = next_state_for_offer(endpoint(world, pair), counter.offer.id)
    accept = m.UpdateRequest(counter.offer.id, state, pair.signer_a.sign(digest(DOMAIN, state)))
    assert isinstance(world.say(pair.owner_a, "accept", pair.channel, accept), Accepted)
    run(agents)
    current = endpoint(world, pair).current
    assert current is not None
    assert current.state == state


def test_an_agent_declines(world: World, agents: Agents) -> None:
    pair = opened(world, agents)
    offer(world, pair, 3 * PRICE)
    run(agents)
    assert endpoint(world, pair).offers == ()
    assert LogEntry.objects.get(type="reject").body.endswith('"reason":"too dear"}')


def test_an_agent_that_looks_twice_acts_once(world: World, agents: Agents) -> None:
    pair = opened(world, agents)
    offer(world, pair, PRICE)
    twin = Agents(world.runtime, dict(agents._agents))
    run(agents)
    entries = LogEntry.objects.count()
    run(twin)
    assert LogEntry.objects.count() == entries


def test_a_staged_state_falls_back_when_its_time_is_over(db: None) -> None:
    clock = SettableClock(1_900_000_000)
    world = World(Runtime(domain=DOMAIN, clock=clock))
    pair = world.pair()
    world.open(pair)
    world.floor._run([world.deal(pair, "left")], (world.floor._offer, world.floor._accept))
    assert endpoint(world, pair).phase is Phase.STAGED
    clock.set(1_900_000_000 + 20)
    world.runtime.tick()
    assert endpoint(world, pair).phase is Phase.STAGED
    clock.set(1_900_000_000 + 31)
    world.runtime.tick()
    clock.set(1_900_000_000 + 45)
    world.runtime.tick()
    assert {endpoint(world, pair, side).phase for side in Side} == {Phase.OPEN}
    assert {endpoint(world, pair, side).staged for side in Side} == {None}
    assert LogEntry.objects.filter(type="timer.elapsed").exists()
    (traded,) = world.floor.trade_many([world.deal(pair, "again")])
    assert isinstance(traded, Accepted), traded


def test_early_looks_at_a_timer_leave_no_trace(db: None) -> None:
    clock = SettableClock(1_900_000_000)
    world = World(Runtime(domain=DOMAIN, clock=clock))
    pair = world.pair()
    world.open(pair)
    world.floor.trade_many([world.deal(pair, "one")])
    entries = LogEntry.objects.count()
    clock.set(1_900_000_000 + 60)
    assert world.runtime.tick() > 0
    assert LogEntry.objects.count() == entries
    assert world.runtime.tick() == 0, "the next look is at the true time"


def test_listeners_hear_of_trades_at_least_once(world: World) -> None:
    heard: list[Notice] = []
    failures = [RuntimeError("not now")]

    def listener(notices: Sequence[Notice]) -> None:
        if failures:
            raise failures.pop()
        heard.extend(notices)

    pair = world.pair()
    world.open(pair)
    world.floor.trade_many([world.deal(pair, "one")])
    outbox = Outbox(world.runtime.clock, None, [listener])
    outbox.tell_listeners()
    assert heard == []
    OutboxItem.objects.update(next_at=0)
    outbox.tell_listeners()
    trades = [notice for notice in heard if isinstance(notice.effect, NotifyTraded)]
    assert [(notice.channel, notice.owners) for notice in trades] == [
        (pair.channel, (pair.owner_a, pair.owner_b))
    ]
    assert not OutboxItem.objects.filter(lane=OutboxItem.Lane.NOTICE).exists()
