"""A crash after every write and before every send of every flow; then a restart, and nothing is lost or doubled."""

import time
from collections.abc import Callable, Iterator
from typing import get_args

import msgspec
import pytest
from crash_scenarios import SCENARIOS
from crash_walk import Crash, Faults, Life, Place, Scenario, Server, essence, forget, renamed, seams
from django.db import connection
from engine_parties import Pair, SettableClock
from test_ledger import FUNDING, Chain

from channels_engine.core.effects import Effect
from channels_engine.core.messages import BODY_BY_TYPE
from channels_engine.store.models import LogEntry, OutboxItem
from tests.fixtures_ledger import running, start_anvil


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    with running(start_anvil()) as node:
        yield Chain(node.url)


@pytest.fixture
def place(transactional_db: None, chain: Chain) -> Iterator[Place]:
    faults = Faults()
    made = Place(chain, SettableClock(int(time.time())), faults, {})
    made.first_block = chain.client.block_number() + 1
    with seams(faults):
        yield made
    connection.close()


def pairs_for(scenario: Scenario, place: Place, server: Server, count: int) -> list[Pair]:
    """Fresh pairs at the beginning of the flow."""
    place.faults.rearm(None)
    place.synchronise()
    pairs = [server.world.pair(funding=FUNDING) for _ in range(count)]
    for number, pair in enumerate(pairs):
        expiry = pair.opening.open_by + scenario.expiry + number * scenario.spacing
        pair.opening = msgspec.structs.replace(pair.opening, expiry=expiry)
    scenario.prepare(server, place, pairs)
    server.pump()
    place.advance(120)  # a timer that moved away rings once in vain: let it, before faults are counted
    server.pump()
    place.heard.clear()
    return pairs


def undisturbed(scenario: Scenario, place: Place, walked: set[str] | None = None) -> tuple[str, list[str]]:
    """What the flow leaves behind, and the points that it passes; `walked` takes what it said and sent."""
    server = Server(place)
    (pair,) = pairs_for(scenario, place, server, 1)
    place.faults.rearm(None)
    Life(place, pair, server, scenario.steps).drive()
    points, left = list(place.faults.seen), renamed(essence(place, pair), pair)
    if walked is not None:
        walked.update(LogEntry.objects.values_list("type", flat=True))
        walked.update(OutboxItem.objects.values_list("kind", flat=True))
    forget(pair)
    return left, points


def crash_and_return(place: Place, life: Life, at: int, again_at: int | None) -> list[str]:
    """Die at a point; come back, maybe die once more on the way, come back and finish. Gives where it died."""
    died = []
    place.faults.rearm(at)
    for following in (again_at, None):
        try:
            life.drive()
            place.faults.rearm(None)
        except Crash as crash:
            died.append(str(crash))
            connection.close()
            place.faults.rearm(following)
            try:
                life.server = Server(place)
            except Crash:
                connection.close()
                place.faults.rearm(None)
                life.server = Server(place)
    life.drive()
    life.server.pump()
    place.faults.rearm(None)
    return died


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_a_crash_at_every_point_loses_and_doubles_nothing(
    scenario: Scenario, place: Place, record_property: Callable[[str, object], None]
) -> None:
    expected, points = undisturbed(scenario, place)
    assert points, "a flow without a write is no flow"
    crashed = []
    pairs = pairs_for(scenario, place, Server(place), len(points))
    for at, pair in enumerate(pairs):
        place.synchronise()
        life = Life(place, pair, Server(place), scenario.steps)
        died = crash_and_return(place, life, at, None if at % 4 else 7 * at % len(points))
        assert died[0] == points[at], "the run came to this point as the undisturbed one did"
        assert renamed(essence(place, pair), pair) == expected, f"after a crash at {at}: {points[at]}"
        crashed.append(at)
        forget(pair)
    assert crashed == list(range(len(points)))
    record_property("fault points", len(crashed))


def test_every_message_and_transaction_is_walked(place: Place) -> None:
    """No flow is left out: what the undisturbed runs say and send is all that there is."""
    walked: set[str] = set()
    for scenario in SCENARIOS:
        undisturbed(scenario, place, walked)
    transactions = {kind.__name__ for kind in get_args(Effect) if kind.__name__.startswith("Ledger")}
    missing = (set(BODY_BY_TYPE) | transactions) - walked
    assert not missing, f"no scenario walks {sorted(missing)}; add one to crash_scenarios"
