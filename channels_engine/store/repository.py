"""Loading and saving of whole batches, inside the caller's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from django.db import connection

from channels_engine.codec import parse_hex, to_hex
from channels_engine.frames import Entry
from channels_engine.relay import Change, Hosting
from channels_engine.store import bulk, rows
from channels_engine.store.blobs import unpack_endpoint
from channels_engine.store.models import LogEntry

MessageKey = tuple[bytes, int, str]
_COLUMNS = "channel, side, owner, peer, scid, seq, staged_seq, blob"


class Known(NamedTuple):
    """An entry that is already in the log, as far as a repeated message needs it."""

    seq: int
    at: int
    type: str
    body: str


class Cache:
    """Decoded channels of this process, valid while the rows' `seq` is theirs: every change counts it up."""

    def __init__(self, limit: int = 50_000) -> None:
        self._limit = limit
        self._held: dict[bytes, Hosting] = {}

    def get(self, channel: bytes) -> Hosting | None:
        """A channel as this process saw it last; maybe stale."""
        return self._held.get(channel)

    def keep(self, hostings: Iterable[Hosting]) -> None:
        """Remember what was read or committed."""
        if len(self._held) > self._limit:
            self._held.clear()
        self._held.update((hosting.channel, hosting) for hosting in hostings)


def load_hostings(channels: Iterable[bytes], cache: Cache, *, lock: bool) -> dict[bytes, Hosting]:
    """The hosted channels among these; with `lock`, ours until the transaction ends."""
    names = {to_hex(channel): channel for channel in set(channels)}
    found = _current(names, cache, lock=lock)
    missing = [name for name, channel in names.items() if channel not in found]
    if lock and missing and bulk.is_postgres():
        bulk.lock_names(missing)  # somebody else may be creating them
        found |= _current({name: names[name] for name in missing}, cache, lock=True)
    return found


def _current(names: Mapping[str, bytes], cache: Cache, *, lock: bool) -> dict[bytes, Hosting]:
    """From memory where that is of the row's age, else from the rows."""
    found: dict[bytes, Hosting] = {}
    stale: set[str] = set()
    for name, seq in bulk.select_in("channel, seq", "engine_endpoint", "channel", names, lock=lock):
        held = cache.get(names[name])
        if held is not None and held.seq == seq:
            found[held.channel] = held
        else:
            stale.add(name)
    if stale:
        found |= _read_hostings(stale)
        cache.keep(found[names[name]] for name in stale)
    return found


def _read_hostings(names: Iterable[str]) -> dict[bytes, Hosting]:
    found: dict[bytes, Hosting] = {}
    for side, owner, peer, scid, seq, staged_seq, wake_at, blob in bulk.select_in(
        "side, owner, peer, scid, seq, staged_seq, wake_at, blob",
        "engine_endpoint",
        "channel",
        names,
        lock=False,
    ):
        endpoint = unpack_endpoint(bytes(blob))
        key = endpoint.channel
        other = found[key].endpoints[1 - side] if key in found else None
        others = found[key].wakes[1 - side] if key in found else None
        found[key] = Hosting(
            key,
            parse_hex(scid, 32),
            (peer, owner) if side else (owner, peer),
            (other, endpoint) if side else (endpoint, other),
            seq,
            staged_seq,
            (others, wake_at) if side else (wake_at, others),
        )
    return found


def find_known(keys: Sequence[MessageKey]) -> dict[MessageKey, Known]:
    """Which of these messages are in the log already."""
    if not keys:
        return {}
    texts = [(to_hex(channel), sender, message_id) for channel, sender, message_id in keys]
    with connection.cursor() as cursor:
        if bulk.is_postgres():
            cursor.execute(_KNOWN_POSTGRES, [list(column) for column in zip(*texts, strict=True)])
        else:
            cursor.execute(_KNOWN_SQLITE, [bulk.json_text(texts)])
        return {(parse_hex(row[0], 32), *row[1:3]): Known(*row[3:]) for row in cursor.fetchall()}


_KNOWN_POSTGRES = (
    "SELECT l.channel, l.sender, l.message_id, l.seq, l.at, l.type, l.body FROM engine_logentry l "
    "JOIN unnest(%s::text[], %s::int[], %s::text[]) AS k(channel, sender, message_id) "
    "ON l.channel = k.channel AND l.sender = k.sender AND l.message_id = k.message_id"
)
_KNOWN_SQLITE = (
    "SELECT l.channel, l.sender, l.message_id, l.seq, l.at, l.type, l.body FROM json_each(%s) AS k "
    "CROSS JOIN engine_logentry l ON l.channel = json_extract(k.value, '$[0]') "
    "AND l.sender = json_extract(k.value, '$[1]') AND l.message_id = json_extract(k.value, '$[2]')"
)


def save(
    changes: Sequence[Change],
    entries: Sequence[Entry],
    hostings: Mapping[bytes, Hosting],
    now: int,
    *,
    notices: bool,
) -> None:
    """Write a batch: each touched endpoint once, all entries, states, trades and effects."""
    touched = {change.after.channel for change in changes}
    bulk.write(
        rows.ENDPOINTS, [row for channel in touched for row in rows.endpoint_rows(hostings[channel], now)]
    )
    bulk.write(rows.ENTRIES, [rows.entry_row(entry) for entry in entries])
    bulk.write(rows.COSIGNED, rows.chained(changes, rows.cosigned_rows))
    bulk.write(rows.TRADES, rows.chained(changes, rows.trade_rows))
    bulk.write(rows.OUTBOX, rows.chained(changes, partial(rows.outbox_rows, notices=notices)))
    _claim(rows.chained(changes, rows.delivery_claims))
    _settle(rows.chained(changes, rows.settled_rows))


def _claim(claims: list[rows.Row]) -> None:
    if claims:
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE engine_traderecord SET delivered_wh = %s, refund = %s WHERE channel = %s AND trade = %s",
                claims,
            )


def _settle(settled: list[rows.Row]) -> None:
    if settled:
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE engine_traderecord SET settled_version = %s WHERE channel = %s AND trade = %s",
                settled,
            )


def due(now: int, limit: int = 500) -> list[tuple[bytes, int]]:
    """(channel, side) of the endpoints whose time to wake has come, the longest waiting first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT channel, side FROM engine_endpoint WHERE wake_at <= %s ORDER BY wake_at LIMIT %s",
            [now, limit],
        )
        return [(parse_hex(channel, 32), side) for channel, side in cursor.fetchall()]


def changed_since(owners: Sequence[str], then: int) -> dict[bytes, int]:
    """Channels and conversations of these owners that were written since `then`, with their last numbers."""
    texts = bulk.json_text(list(owners)) if not bulk.is_postgres() else list(owners)
    among = "= ANY(%s)" if bulk.is_postgres() else "IN (SELECT value FROM json_each(%s))"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT channel, seq FROM engine_endpoint WHERE updated_at >= %s AND owner {among} "  # noqa: S608  fixed text
            f"UNION SELECT conversation, seq FROM engine_contract WHERE updated_at >= %s "
            f"AND (owner_a {among} OR owner_b {among})",
            [then, texts, then, texts, texts],
        )
        return {parse_hex(channel, 32): seq for channel, seq in cursor.fetchall()}


def entries_after(channel: bytes, seq: int, limit: int) -> list[Entry]:
    """The log of a channel or conversation after entry `seq`, in order."""
    stored = LogEntry.objects.filter(channel=to_hex(channel), seq__gt=seq).order_by("seq")[:limit]
    return [
        Entry(channel, entry.seq, entry.sender, entry.message_id, entry.type, entry.body, entry.at)
        for entry in stored
    ]


def latest_hosting(channel: bytes, cache: Cache) -> Hosting | None:
    """A channel as it is now, without a lock."""
    return load_hostings([channel], cache, lock=False).get(channel)
