"""Both halves of an endpoint, as they are stored (docs/adr/0012)."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from engine_parties import Pair, World

from channels_engine.core.state import Endpoint
from channels_engine.core.types import Side
from channels_engine.store import blobs, models
from channels_engine.store.repository import Cache, stored_endpoint
from tests.core.pair import open_pair, trade


def test_both_halves_give_the_endpoints_back_at_every_step() -> None:
    a, b = open_pair(index=0)
    for speaker, hearer in ((a, b), (b, a), (a, b)):
        trade(speaker, hearer)
        pair = (a.endpoint, b.endpoint)
        fixed, moving = [blobs.pack_fixed(one) for one in pair], blobs.pack_moving(pair)
        assert blobs.unpack_pair(fixed[0], fixed[1], moving) == pair
        assert [blobs.unpack_endpoint(fixed[side], moving, side) for side in Side] == list(pair)


@pytest.mark.parametrize("side", list(Side))
def test_a_side_whose_peer_is_elsewhere_is_stored_alone(side: Side) -> None:
    both = open_pair(index=1)
    endpoint = both[side].endpoint
    alone: blobs.Pair = (endpoint, None) if side is Side.A else (None, endpoint)
    fixed: list[bytes | None] = [None, None]
    fixed[side] = blobs.pack_fixed(endpoint)
    assert blobs.unpack_pair(fixed[0], fixed[1], blobs.pack_moving(alone)) == alone


def test_what_both_sides_share_is_in_memory_once() -> None:
    a, b = open_pair(index=2)
    trade(a, b)
    pair = (a.endpoint, b.endpoint)
    read_a, read_b = blobs.unpack_pair(*map(blobs.pack_fixed, pair), blobs.pack_moving(pair))
    assert read_a is not None
    assert read_b is not None
    for name in ("terms", "opening", "current", "open_trades", "domain", "policy"):
        assert getattr(read_a, name) is getattr(read_b, name), name


def test_what_another_version_stored_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = open_pair(index=3)
    fixed, moving = blobs.pack_fixed(a.endpoint), blobs.pack_moving((a.endpoint, b.endpoint))
    for bad_fixed, bad_moving in ((b"\xc1", moving), (fixed, moving[:-1]), (moving, fixed)):
        with pytest.raises(blobs.StoredFormError, match="fresh database"):
            blobs.unpack_endpoint(bad_fixed, bad_moving, 0)
    monkeypatch.setattr(blobs, "_FORM", 1)
    with pytest.raises(blobs.StoredFormError, match=r"another form.*fresh database"):
        blobs.unpack_endpoint(fixed, moving, 0)


def _written(world: World, pair: Pair) -> list[tuple[bytes, bytes]]:
    rows = models.Endpoint.objects.filter(channel="0x" + pair.channel.hex()).order_by("side")
    return [(bytes(row.fixed), row.phase.encode()) for row in rows]


def test_a_trade_leaves_the_constant_half_alone(world: World) -> None:
    pair = world.pair()
    world.open(pair)
    before = _written(world, pair)
    world.floor._run([world.deal(pair, "1")], (world.floor._offer, world.floor._accept))
    assert _written(world, pair) == before
    rows = models.Endpoint.objects.filter(channel="0x" + pair.channel.hex()).select_related("channel_row")
    assert {row.phase_now for row in rows} == {"staged"}
    hosting = world.runtime.hosting(pair.channel)
    assert hosting is not None
    assert [stored_endpoint(row) for row in rows.order_by("side")] == list(hosting.endpoints)
    world.runtime.cache = Cache()
    assert world.runtime.hosting(pair.channel) == hosting


def test_every_field_is_in_one_half() -> None:
    assert sorted([*blobs._FIXED, *blobs._MOVING]) == sorted(Endpoint.__struct_fields__)


@pytest.mark.django_db(transaction=True)
def test_a_database_of_an_earlier_version_is_refused_in_words() -> None:
    begin = MigrationExecutor(connection)
    begin.migrate([("engine", "0003_inline_rows")])
    contracts = MigrationExecutor(connection).loader.project_state([("engine", "0003_inline_rows")]).apps
    old = contracts.get_model("engine", "Contract")
    try:
        old.objects.create(
            conversation="0x", owner_a="a", owner_b="b", phase="agreed", seq=1, blob=b"", updated_at=1
        )
        with pytest.raises(RuntimeError, match=r"(?s)earlier version.*fresh database"):
            MigrationExecutor(connection).migrate([("engine", "0004_two_halves")])
    finally:
        old.objects.all().delete()
        latest = MigrationExecutor(connection)
        latest.migrate([node for node in latest.loader.graph.leaf_nodes() if node[0] == "engine"])
    assert not models.Contract.objects.exists()
