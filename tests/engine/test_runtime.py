"""The runtime on the configured database: a channel's life, refusals, repetition, group commits."""

from engine_parties import METER, Pair, World, delivery

from channels_engine.codec import to_hex
from channels_engine.core import messages as m
from channels_engine.core.effects import NotifyTraded
from channels_engine.core.inputs import LedgerFinalised
from channels_engine.core.state import Phase, Trade
from channels_engine.core.types import EntityContract, Side
from channels_engine.drivers import Closing, Settling
from channels_engine.frames import Entry, message_of
from channels_engine.relay import Change, Hosting, SidedEffect
from channels_engine.store import rows
from channels_engine.store.models import CoSignedState, LogEntry, OutboxItem, TradeRecord
from channels_engine.store.repository import log_numbers
from channels_engine.submissions import Accepted, Fact, Refused, Said


def hosted(world: World, pair: Pair) -> Hosting:
    hosting = world.runtime.hosting(pair.channel)
    assert hosting is not None
    return hosting


def test_a_channel_lives_from_terms_to_payout(world: World) -> None:
    pair = world.pair()
    world.open(pair)
    assert hosted(world, pair).endpoint(Side.A).phase is Phase.OPEN

    (traded,) = world.floor.trade_many([world.deal(pair, "deal-1")])
    assert isinstance(traded, Accepted)
    a, b = (hosted(world, pair).endpoint(side) for side in Side)
    assert a.current == b.current
    assert a.current is not None
    assert (a.current.state.balance_a, a.current.state.balance_b) == (10**9 + 300_000, 10**9 - 300_000)
    assert a.current.state.energy_to_b == 1500

    trade = a.open_trades[0]
    signed = delivery(pair.channel, trade.id, 1000)
    (settled,) = world.floor.settle_many([Settling("s", pair.channel, pair.owner_b, (signed,))])
    assert isinstance(settled, Accepted)
    row = TradeRecord.objects.get()
    assert (row.seller, row.buyer) == (pair.owner_a, pair.owner_b)
    assert (row.delivered_wh, row.refund, row.settled_version) == (1000, 150_000, 4)

    (closed,) = world.floor.close_many([Closing(pair.channel, pair.owner_a)])
    assert isinstance(closed, Accepted)
    a = hosted(world, pair).endpoint(Side.A)
    assert a.phase is Phase.CLOSING
    assert a.current is not None
    final = a.current.state
    fact = LedgerFinalised(final.version, final.balance_a, final.balance_b)
    (told,) = world.runtime.process([Fact(pair.channel, fact, "tx:close:0")])
    assert isinstance(told, Accepted)
    assert {endpoint.phase for endpoint in hosted(world, pair).endpoints if endpoint} == {Phase.CLOSED}
    kinds = set(OutboxItem.objects.values_list("kind", flat=True))
    assert {"LedgerOpenChannel", "NotifyTraded", "NotifySettled", "NotifyPhase", "LedgerFinalise"} <= kinds


def test_every_version_is_traced_to_the_entries_that_signed_it(world: World) -> None:
    pair = world.pair()
    world.open(pair)
    world.floor.trade_many([world.deal(pair, "one"), world.deal(pair, "two")])
    log = {
        entry.seq: entry.type
        for entry in LogEntry.objects.filter(log=log_numbers([pair.channel])[pair.channel])
    }
    assert sorted(log) == list(range(1, len(log) + 1))
    states = CoSignedState.objects.filter(channel=to_hex(pair.channel), version__gt=0).order_by("version")
    assert [(log[s.request_seq], log[s.confirm_seq]) for s in states] == [
        ("update.request", "update.confirm")
    ] * 2
    assert all(s.balance_a + s.balance_b == 2 * 10**9 for s in states)


def test_a_repeated_batch_changes_nothing(world: World) -> None:
    pair = world.pair()
    world.open(pair)
    deals = [world.deal(pair, "one"), world.deal(pair, "two")]
    first = world.floor.trade_many(deals)
    before = hosted(world, pair)
    again = world.floor.trade_many(deals)
    assert [outcome.seq for outcome in again if isinstance(outcome, Accepted)] == [
        outcome.seq for outcome in first if isinstance(outcome, Accepted)
    ]
    assert hosted(world, pair) == before
    assert TradeRecord.objects.count() == 2


def test_a_proposal_under_a_channels_id_is_refused_and_harms_nobody(world: World) -> None:
    pair, other = world.pair(), world.pair()
    world.open(pair, other)
    body = m.EscPropose(
        other.owner_b,
        EntityContract(other.signer_a.address, bytes(20), METER.address, 60, 4, 0, pair.channel),
    )
    attack = Said(other.owner_a, message_of("attack", pair.channel, body))
    alone = world.runtime.process([attack])
    assert isinstance(alone[0], Refused)
    assert alone[0].code == "id_taken"
    hosting = world.runtime.hosting(pair.channel)
    assert hosting is not None
    offer = world.floor._offer(world.deal(pair, "1"), hosting)
    assert offer.body is not None
    honest = Said(pair.owner_a, message_of(offer.message_id, pair.channel, offer.body))
    together = world.runtime.process([attack, honest])
    assert isinstance(together[0], Refused)
    assert isinstance(together[1], Accepted)


def test_a_trade_that_a_batch_tells_twice_is_one_row_as_it_was_told_last() -> None:
    """PostgreSQL refuses a statement that updates a row twice."""
    trade = Trade(bytes(32), Side.A, 1500, 280_000, 310_000, 0, 900, 420_000)
    entry = Entry(bytes(32), 1, 0, "id", "update.confirm", "{}", 7)
    hosting = Hosting(bytes(32), bytes(32), ("alice", "bob"))
    told = [
        Change(hosting, hosting, (entry,), (SidedEffect(Side.A, NotifyTraded(trade, version)),), None)
        for version in (1, 2)
    ]
    (row,) = rows.trades_once(told)
    made = dict(zip(rows.TRADES.columns, row, strict=True))
    assert (made["version"], made["seller"], made["is_enforced"]) == (2, "alice", False)
