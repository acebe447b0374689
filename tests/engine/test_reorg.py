"""Reorganisations of several blocks under open channels, on a real node: the engine ends with the ledger's truth."""

from collections.abc import Iterator
from random import Random

import pytest
from engine_parties import METER, Pair
from test_ledger import FUNDING, Chain, Operations

from channels_engine.codec import to_hex
from channels_engine.core import messages as m
from channels_engine.core.signing import canonical
from channels_engine.core.state import CoSigned, Phase
from channels_engine.core.typed_data import digest
from channels_engine.core.types import Delivery, Side
from channels_engine.drivers import Closing, Settling
from channels_engine.outbox import UNSEEN_SECONDS
from channels_engine.store import block_times
from channels_engine.store.models import LedgerBlock, LedgerEvent, LogEntry, OutboxItem
from channels_engine.submissions import Accepted
from contracts.bindings import SignedState
from contracts.calls import Call
from contracts.consents import dispute_request
from contracts.indexer import RpcBlockSource
from contracts.records import ChannelStatus
from tests.fixtures_ledger import running, start_anvil

ENOUGH_ROUNDS = 12


@pytest.fixture
def chain() -> Iterator[Chain]:
    with running(start_anvil()) as node:
        yield Chain(node.url, resend_after=0.2)


class Reorganised(Operations):
    """The engine on a chain whose newest blocks the test can take back."""

    def height(self) -> int:
        return self.chain.client.block_number()

    def mine(self, blocks: int) -> None:
        self.chain.client.request("anvil_mine", hex(blocks))

    def reorganise_from(self, height: int) -> None:
        """Replace all blocks above `height` by one more than there were, without their transactions."""
        depth = self.height() - height
        self.chain.client.request("anvil_reorg", depth, [])
        self.mine(1)

    def until_idle(self) -> None:
        for _ in range(ENOUGH_ROUNDS):
            done = self.outbox.tick() + self.runtime.tick()
            if not done and self.tower.tick().idle:
                return
        raise AssertionError("the engine never comes to rest")

    def advance(self, seconds: int) -> None:
        clock = self.runtime.clock
        self.chain.client.request("evm_increaseTime", seconds)
        self.mine(1)
        clock.set(clock.now() + seconds)  # type: ignore[attr-defined]  # the tests' clock

    def names(self, pair: Pair) -> list[str]:
        rows = LedgerEvent.objects.filter(channel=to_hex(pair.channel)).order_by("block_number", "log_index")
        return list(rows.values_list("name", flat=True))

    def check_times(self) -> None:
        """Each event has the time of the block that holds it now."""
        kept = dict(LedgerEvent.objects.values_list("block_number", "at"))
        headers = RpcBlockSource(self.chain.client, []).headers(list(kept))
        assert kept
        assert list(kept.values()) == [header and header.timestamp for header in headers]

    def phases(self, pair: Pair) -> set[Phase]:
        return {self.endpoint(pair, side).phase for side in Side}

    def settle_and_close(self, pair: Pair) -> None:
        signed = tuple(
            m.SignedDelivery(value, METER.sign(digest(self.chain.domain, value)))
            for value in (
                Delivery(pair.channel, t.id, t.quantity_wh) for t in self.endpoint(pair).open_trades
            )
        )
        if signed:
            (settled,) = self.world.floor.settle_many([Settling("s", pair.channel, pair.owner_b, signed)])
            assert isinstance(settled, Accepted), settled
        (closed,) = self.world.floor.close_many([Closing(pair.channel, pair.owner_a)])
        assert isinstance(closed, Accepted), closed

    def stale_dispute(self, pair: Pair, old: CoSigned) -> Call:
        message = digest(self.chain.domain, old.state)
        by_a = canonical(message, old.signature_a, pair.signer_a.address)
        by_b = canonical(message, old.signature_b, pair.signer_b.address)
        shown = SignedState(pair.terms, pair.opening, old.state, by_a, by_b)
        wanted = dispute_request(self.chain.domain, channel=pair.channel, version=old.state.version)
        return self.chain.registry.dispute(shown, pair.signer_b.sign(wanted))

    def tokens(self, pair: Pair) -> tuple[int, int]:
        a, b = (self.chain.balance(signer.address) for signer in (pair.signer_a, pair.signer_b))
        return a, b

    def check_truth(self, pair: Pair) -> None:
        """What the engine shows is what the ledger holds."""
        call, registry = self.chain.client.call, self.chain.registry
        shown = registry.channel_of(call, pair.channel)
        phases = self.phases(pair)
        assert len(phases) == 1, "both sides see the same"
        (phase,) = phases
        if phase in (Phase.OPEN, Phase.DISPUTED, Phase.CLOSING):
            assert shown.status is ChannelStatus.OPEN
            assert (phase is Phase.DISPUTED) == (
                shown.recorded and registry.record_of(call, pair.channel).deadline != 0
            )
        else:
            assert shown.status is not ChannelStatus.OPEN
        if phase is Phase.CLOSED:
            current = self.endpoint(pair).current
            assert current is not None
            paid = self.endpoint(pair).payout
            assert paid is not None
            penalties = paid[0] - current.state.balance_a  # B cheats, and pays A for it
            assert penalties >= 0
            assert penalties % pair.terms.stale_penalty == 0
            assert self.tokens(pair) == self.endpoint(pair).payout, "paid once"


@pytest.fixture
def engine(db: None, chain: Chain) -> Reorganised:
    return Reorganised(chain)


@pytest.mark.parametrize("depth", [1, 5])
def test_reorg_of_an_opening_that_comes_again(engine: Reorganised, depth: int) -> None:
    pair = engine.world.pair(funding=FUNDING)
    before = engine.height() + 2  # the two deposits of `open` stay
    engine.open(pair)
    newest = engine.trade(pair, "one")
    engine.mine(depth)
    engine.reorganise_from(before)
    engine.tower.tick()
    assert engine.phases(pair) == {Phase.FUNDING}, "not shown as open while it is not"
    assert engine.names(pair) == []
    (refused,) = engine.world.floor.trade_many([engine.world.deal(pair, "two")])
    assert not isinstance(refused, Accepted), "nothing is traded on what the ledger took back"

    engine.until_idle()
    assert engine.phases(pair) == {Phase.OPEN}
    assert engine.endpoint(pair).current == newest, "what both signed holds again"
    engine.trade(pair, "two")
    engine.settle_and_close(pair)
    engine.until_idle()
    assert engine.phases(pair) == {Phase.CLOSED}
    assert engine.names(pair) == ["ChannelOpened", "ChannelFinalised"]
    engine.check_times()


def test_events_of_an_earlier_version_get_their_times(engine: Reorganised) -> None:
    pair = engine.world.pair(funding=FUNDING)
    engine.open(pair)
    LedgerEvent.objects.update(at=None)
    source = RpcBlockSource(engine.chain.client, [])
    assert (block_times.fill(source), block_times.fill(source)) == (1, 0)
    engine.check_times()
    LedgerEvent.objects.update(at=None, block_hash="0x" + "00" * 32)
    block_times.fill(source)
    assert not LedgerEvent.objects.exclude(at=None).exists(), "of a block that the chain has left"


def test_reorg_of_an_opening_that_never_comes_again(engine: Reorganised) -> None:
    pair = engine.world.pair(funding=FUNDING)
    before = engine.height() + 2
    engine.open(pair)
    engine.trade(pair, "one")
    engine.reorganise_from(before)
    engine.advance(3600)  # openBy is past: the ledger will not take it any more
    engine.until_idle()
    assert engine.phases(pair) == {Phase.ABORTED}
    assert engine.names(pair) == []
    engine.check_truth(pair)
    assert engine.tokens(pair) == (FUNDING, FUNDING), "nothing is locked"
    assert not OutboxItem.objects.filter(lane=OutboxItem.Lane.LEDGER, done_at__isnull=True).exists()


def test_reorg_of_a_dispute(engine: Reorganised) -> None:
    pair = engine.world.pair(funding=FUNDING)
    engine.open(pair)
    old = engine.trade(pair, "one")
    newest = engine.trade(pair, "two")
    before = engine.height()
    engine.chain.execute(engine.stale_dispute(pair, old))
    engine.mine(3)
    engine.tower.tick()
    assert engine.phases(pair) == {Phase.DISPUTED}
    engine.reorganise_from(before)
    engine.until_idle()
    assert engine.phases(pair) == {Phase.OPEN}
    assert engine.names(pair) == ["ChannelOpened"]
    engine.check_truth(pair)

    engine.chain.execute(engine.stale_dispute(pair, old))
    engine.until_idle()
    assert engine.names(pair) == ["ChannelOpened", "ChannelDisputed", "DisputeResolved"]
    engine.check_truth(pair)
    record = engine.chain.registry.record_of(engine.chain.client.call, pair.channel)
    assert record.version == newest.state.version


def test_reorg_of_the_answer_to_a_stale_dispute(engine: Reorganised) -> None:
    """The dispute stays, our answer is taken back: it is given again, or the cheater would be paid."""
    pair = engine.world.pair(funding=FUNDING)
    engine.open(pair)
    old = engine.trade(pair, "one")
    newest = engine.trade(pair, "two")
    engine.chain.execute(engine.stale_dispute(pair, old))
    disputed = engine.height()
    engine.until_idle()
    assert engine.phases(pair) == {Phase.OPEN}
    engine.reorganise_from(disputed)
    engine.tower.tick()
    assert engine.phases(pair) == {Phase.DISPUTED}
    engine.until_idle()
    assert engine.phases(pair) == {Phase.OPEN}
    engine.check_truth(pair)
    record = engine.chain.registry.record_of(engine.chain.client.call, pair.channel)
    assert (record.version, record.deadline) == (newest.state.version, 0)


def test_reorg_of_a_payout(engine: Reorganised) -> None:
    pair = engine.world.pair(funding=FUNDING)
    engine.open(pair)
    engine.trade(pair, "one")
    engine.settle_and_close(pair)
    before = engine.height()
    engine.until_idle()
    assert engine.phases(pair) == {Phase.CLOSED}
    paid = engine.tokens(pair)
    engine.mine(2)
    engine.reorganise_from(before)
    engine.tower.tick()
    assert engine.phases(pair) == {Phase.CLOSING}, "not shown as paid while it is not"
    assert engine.endpoint(pair).payout is None
    assert engine.tokens(pair) == (0, 0)
    engine.until_idle()
    assert engine.tokens(pair) == paid
    engine.check_truth(pair)


def test_reorg_of_a_forced_payout(engine: Reorganised) -> None:
    """Dispute, challenge period and payout, and the last two blocks once more."""
    pair = engine.world.pair(funding=FUNDING)
    engine.open(pair)
    newest = engine.trade(pair, "one")
    engine.chain.execute(engine.stale_dispute(pair, newest))
    engine.until_idle()
    engine.advance(3700)
    before = engine.height()
    engine.until_idle()
    assert engine.phases(pair) == {Phase.CLOSED}
    engine.reorganise_from(before)
    engine.tower.tick()
    assert engine.phases(pair) == {Phase.DISPUTED}
    engine.until_idle()
    assert engine.phases(pair) == {Phase.CLOSED}
    engine.check_truth(pair)


def test_reorg_while_the_server_was_dead_and_had_stored_half(engine: Reorganised) -> None:
    """The events were told, their blocks not stored; then the chain left them, and the server came back."""
    pair = engine.world.pair(funding=FUNDING)
    before = engine.height() + 2
    engine.open(pair)
    opened = LogEntry.objects.filter(type="ledger.opened").count()
    LedgerBlock.objects.filter(number__gt=before).delete()  # as a crash before they were stored
    engine.reorganise_from(before)
    restarted = Reorganised(engine.chain)
    restarted.tower.tick()
    assert restarted.phases(pair) == {Phase.FUNDING}
    restarted.until_idle()
    assert restarted.phases(pair) == {Phase.OPEN}
    assert LogEntry.objects.filter(type="ledger.opened").count() == opened + 1
    restarted.check_truth(pair)


@pytest.mark.parametrize("seed", range(2))
def test_reorg_at_random(engine: Reorganised, seed: int) -> None:
    """Openings, trades, disputes and closings, with reorganisations of up to eight blocks in between."""
    random = Random(seed)  # noqa: S311  any sequence will do
    pairs: list[Pair] = []
    ground, reorganised = engine.height(), 0
    for turn in range(24):
        act = random.choice(["open", "trade", "trade", "close", "cheat", "reorg", "reorg", "tick"])
        alive = [pair for pair in pairs if engine.phases(pair) == {Phase.OPEN}]
        if act == "open" or not pairs:
            pairs.append(engine.world.pair(funding=FUNDING))
            engine.open(pairs[-1])
        elif act == "reorg":
            engine.mine(1)
            engine.reorganise_from(max(engine.height() - random.randint(1, 8), ground))
            reorganised += 1
            engine.tower.tick()
        elif act == "tick":
            engine.until_idle()
        elif alive:
            pair = random.choice(alive)
            act_on(engine, pair, act, f"{seed}-{turn}")
    assert reorganised
    engine.runtime.clock.set(engine.runtime.clock.now() + 70)  # type: ignore[attr-defined]  # the tests' clock
    for pair in pairs:
        engine.until_idle()
        engine.check_truth(pair)
    assert not OutboxItem.objects.filter(lane=OutboxItem.Lane.LEDGER, done_at__isnull=True).exists()


def act_on(engine: Reorganised, pair: Pair, act: str, key: str) -> None:
    if act == "trade":
        engine.trade(pair, key)
    elif act == "close":
        engine.settle_and_close(pair)
    else:
        old = engine.trade(pair, f"{key}-old")
        engine.trade(pair, f"{key}-new")
        engine.chain.sender.send(engine.stale_dispute(pair, old))


def test_reorg_before_the_engine_saw_the_block(engine: Reorganised) -> None:
    """Our answer to a stale dispute was mined, and gone before anybody read its event: it is given again."""
    pair = engine.world.pair(funding=FUNDING)
    engine.open(pair)
    old = engine.trade(pair, "one")
    engine.trade(pair, "two")
    engine.chain.execute(engine.stale_dispute(pair, old))
    engine.tower.tick()
    disputed = engine.height()
    assert engine.outbox.feed_ledger() == 1
    engine.reorganise_from(disputed)
    engine.until_idle()
    assert engine.phases(pair) == {Phase.DISPUTED}, "the answer is gone, and nobody has missed it yet"
    clock = engine.runtime.clock
    clock.set(clock.now() + UNSEEN_SECONDS + 1)  # type: ignore[attr-defined]  # the tests' clock
    engine.until_idle()
    assert engine.phases(pair) == {Phase.OPEN}
    engine.check_truth(pair)
