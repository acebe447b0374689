"""Nothing that the engine does looks through a whole table: what it costs does not depend on how much is stored."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from engine_parties import DOMAIN, Pair, SettableClock, World, delivery

from channels_engine import views
from channels_engine.codec import to_hex
from channels_engine.core.types import Side
from channels_engine.drivers import Closing, Settling
from channels_engine.outbox import Outbox
from channels_engine.ports import Notice
from channels_engine.runtime import Runtime
from channels_engine.store.models import Channel, Endpoint
from channels_engine.store.repository import Cache
from channels_engine.submissions import Accepted

PLANNED = ("SELECT", "UPDATE", "DELETE")
ALIASES = ("c", "e", "l")
OPEN_ONLY = ("engine_outbox_open",)
"""Indexes that hold what is still to be done, and nothing else."""


class Told:
    """A listener and a ledger that take everything."""

    def __call__(self, notices: Sequence[Notice]) -> None:
        """Heard."""

    def submit(self, effects: Sequence[Any]) -> list[None]:
        """Done."""
        return [None] * len(effects)


@contextmanager
def recorded() -> Iterator[dict[str, Any]]:
    """Every statement that runs inside, with the parameters of its last run."""
    statements: dict[str, Any] = {}

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001  Django's signature
        statements[sql] = params[0] if many else params
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield statements


def is_scan(step: str) -> bool:
    """Whether a step of a plan goes through a whole table, or through an index of all of its rows."""
    words = step.split()
    if words[0] != "SCAN" or any(index in step for index in OPEN_ONLY):
        return False
    return words[1].startswith("engine_") or words[1] in ALIASES


def scans(statements: dict[str, Any]) -> list[str]:
    """Statements whose plan looks through one of the engine's tables."""
    found = []
    for sql, params in statements.items():
        if not sql.lstrip().upper().startswith(PLANNED):
            continue
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            plan = [row[3] for row in cursor.fetchall()]
        if any(is_scan(step) for step in plan):
            found.append(f"{sql}\n{plan}")
    return found


def day(world: World, pairs: list[Pair]) -> None:
    """A channel's whole life, with everything that runs beside it."""
    told = Told()
    outbox = Outbox(world.runtime.clock, told, [told])
    world.open(*pairs)
    world.floor.trade_many([world.deal(pair, "one") for pair in pairs])
    world.runtime.cache = Cache()  # as after a restart
    hostings = world.runtime.hostings([pair.channel for pair in pairs])
    settlings = []
    for pair in pairs:
        trades = hostings[pair.channel].endpoint(Side.A).open_trades
        deliveries = tuple(delivery(pair.channel, trade.id, trade.quantity_wh) for trade in trades)
        settlings.append(Settling("one", pair.channel, pair.owner_a, deliveries))
    world.floor.settle_many(settlings)
    for pair in pairs:
        world.runtime.entries_after(pair.channel, 3, known_last=10**6)
        views.positions(pair.owner_a)
        views.last_seq(pair.owner_a, pair.channel)
        views.changed_since(pair.owner_b, 0)
        views.channel_list(pair.owner_a)
    closed = world.floor.close_many([Closing(pair.channel, pair.owner_a) for pair in pairs])
    assert all(isinstance(outcome, Accepted) for outcome in closed)
    world.runtime.tick()
    outbox.reclaim()
    outbox.tick()


@pytest.fixture
def noted_world(db: None, clock: SettableClock) -> World:
    return World(Runtime(domain=DOMAIN, clock=clock, notices=True))


def test_no_statement_looks_through_a_table(noted_world: World) -> None:
    with recorded() as statements:
        day(noted_world, [noted_world.pair() for _ in range(3)])
    assert len(statements) > 20
    assert scans(statements) == []


def test_the_test_above_would_see_a_scan(db: None) -> None:
    with recorded() as statements:
        list(Channel.objects.filter(updated_at=1))
        list(Endpoint.objects.filter(peer="p"))
    assert len(scans(statements)) == 2


def test_a_trade_takes_as_many_queries_among_many_channels_as_alone(world: World) -> None:
    counts = []
    for others in (1, 40):
        pairs = [world.pair() for _ in range(others + 1)]
        world.open(*pairs)
        for part in (pairs[:1], pairs[1:]):
            deals = [world.deal(pair, f"of {len(counts)}") for pair in part]
            with CaptureQueriesContext(connection) as queries:
                outcomes = world.floor.trade_many(deals)
            assert all(isinstance(outcome, Accepted) for outcome in outcomes)
            counts.append(len(queries))
    assert len(set(counts)) == 1, counts


def test_a_start_reads_no_channel(world: World) -> None:
    pairs = [world.pair() for _ in range(20)]
    world.open(*pairs)
    fresh = Runtime(domain=DOMAIN, clock=world.runtime.clock, notices=False)
    with recorded() as statements:
        fresh.tick()
    assert len(fresh.cache) == 0
    assert len(statements) == 1
    assert fresh.hosting(pairs[0].channel) is not None
    assert len(fresh.cache) == 1


def test_memory_is_bounded_and_keeps_what_is_used(world: World) -> None:
    pairs = [world.pair() for _ in range(12)]
    world.open(*pairs)
    cache = world.runtime.cache = Cache(limit=3)
    for pair in pairs[1:]:
        for wanted in (pair, pairs[0]):
            world.runtime.hostings([wanted.channel])
        assert len(cache) <= 6
        with recorded() as statements:
            found = world.runtime.peek([pairs[0].channel])
        assert found[pairs[0].channel].owners[0] == pairs[0].owner_a
        assert statements == {}
    assert to_hex(pairs[1].channel) not in {to_hex(channel) for channel in cache._older | cache._held}
