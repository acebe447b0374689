"""Loading and saving of whole batches, inside the caller's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from django.db import connection

from channels_engine.codec import parse_hex, to_hex
from channels_engine.core.messages import SettleRequest
from channels_engine.core.state import Endpoint
from channels_engine.frames import Entry
from channels_engine.relay import Change, Hosting
from channels_engine.store import bulk, enforced, models, rows
from channels_engine.store.blobs import unpack_endpoint, unpack_pair

MessageKey = tuple[bytes, int, str]


class Known(NamedTuple):
    """An entry that is already in the log, as far as a repeated message needs it."""

    seq: int
    at: int
    type: str
    body: str


class Cache:
    """Decoded channels of this process, valid while the rows' `seq` is theirs: every change counts it up.

    Two generations of `limit` channels each: a full memory forgets what was not used for longest, not all.
    """

    def __init__(self, limit: int = 25_000) -> None:
        self._limit = limit
        self._held: dict[bytes, Hosting] = {}
        self._older: dict[bytes, Hosting] = {}

    def __len__(self) -> int:
        """How many channels are held."""
        return len(self._held.keys() | self._older.keys())

    def get(self, channel: bytes) -> Hosting | None:
        """A channel as this process saw it last; maybe stale."""
        return self._held.get(channel) or self._older.get(channel)

    def keep(self, hostings: Iterable[Hosting]) -> None:
        """Remember what was read or committed."""
        for hosting in hostings:
            if len(self._held) >= self._limit and hosting.channel not in self._held:
                self._held, self._older = {}, self._held
            self._held[hosting.channel] = hosting


def load_hostings(channels: Iterable[bytes], cache: Cache, *, lock: bool) -> dict[bytes, Hosting]:
    """The hosted channels among these; with `lock`, ours until the transaction ends."""
    names = {to_hex(channel): channel for channel in set(channels)}
    found = _current(names, cache, lock=lock)
    if lock and len(found) < len(names) and bulk.is_postgres():
        missing = {name: channel for name, channel in names.items() if channel not in found}
        bulk.lock_names(missing)  # somebody else may be creating them
        found |= _current(missing, cache, lock=True)
    return found


def _current(names: Mapping[str, bytes], cache: Cache, *, lock: bool) -> dict[bytes, Hosting]:
    """From memory where that is of the row's age, else from the rows."""
    found: dict[bytes, Hosting] = {}
    stale: set[str] = set()
    for name, seq in bulk.select_in("channel, seq", "engine_channel", "channel", names, lock=lock):
        held = cache.get(names[name])
        if held is not None and held.seq == seq:
            found[held.channel] = held
        else:
            stale.add(name)
    if stale:
        found |= _read_hostings(stale)
        cache.keep(found[names[name]] for name in stale)
    return found


_READ = (
    "channel, c.number, c.seq, c.staged_seq, c.moving, e.side, e.owner, e.peer, e.scid, e.wake_at, e.fixed",
    "engine_channel AS c JOIN engine_endpoint AS e USING (channel)",
)


def _read_hostings(names: Iterable[str]) -> dict[bytes, Hosting]:
    sides: dict[str, dict[int, tuple[Any, ...]]] = {}
    for row in bulk.select_in(*_READ, "channel", names, lock=False):
        sides.setdefault(row[0], {})[row[5]] = row
    hostings = (_read_hosting(both.get(0), both.get(1)) for both in sides.values())
    return {hosting.channel: hosting for hosting in hostings}


def _read_hosting(of_a: tuple[Any, ...] | None, of_b: tuple[Any, ...] | None) -> Hosting:
    """A channel out of its row, joined with that of each hosted side."""
    one = of_a or of_b
    if one is None:
        raise LookupError("A channel without an endpoint was read.")
    channel, number, seq, staged_seq, moving, side, owner, peer, scid, _, _ = one
    fixed = [None if row is None else bytes(row[10]) for row in (of_a, of_b)]
    wakes = [None if row is None else row[9] for row in (of_a, of_b)]
    return Hosting(
        parse_hex(channel, 32),
        parse_hex(scid, 32),
        (peer, owner) if side else (owner, peer),
        unpack_pair(fixed[0], fixed[1], bytes(moving)),
        seq,
        staged_seq,
        (wakes[0], wakes[1]),
        number,
    )


def stored_endpoint(row: models.Endpoint) -> Endpoint:
    """The endpoint of a row; `select_related("channel_row")` spares it a query.

    Raises:
        StoredFormError: It was stored by another version of the engine.
    """
    return unpack_endpoint(bytes(row.fixed), bytes(row.channel_row.moving), row.side)


def allocate(count: int) -> list[int]:
    """So many new numbers for logs; inside the transaction that stores what they stand for.

    SQLite has one writer at a time (BEGIN IMMEDIATE), so that the next numbers are ours.
    """
    if not count:
        return []
    with connection.cursor() as cursor:
        if bulk.is_postgres():
            cursor.execute(_NUMBERS_POSTGRES, [count])
            return [number for (number,) in cursor.fetchall()]
        cursor.execute(_LAST_NUMBER_SQLITE)
        first = (cursor.fetchone()[0] or 0) + 1
        return list(range(first, first + count))


_NUMBERS_POSTGRES = (
    "SELECT nextval(pg_get_serial_sequence('engine_channel', 'number')) FROM generate_series(1, %s)"
)
_LAST_NUMBER_SQLITE = (
    "SELECT max(n) FROM (SELECT max(number) AS n FROM engine_channel UNION ALL "
    "SELECT max(number) FROM engine_contract UNION ALL SELECT max(log) FROM engine_logentry)"
)


def log_numbers(logs: Iterable[bytes]) -> dict[bytes, int]:
    """The numbers of those of these channels and conversations that are stored."""
    names = {to_hex(log) for log in logs}
    if not names:
        return {}
    rows = bulk.select_in("channel, number", "engine_channel", "channel", names, lock=False)
    rows += bulk.select_in("conversation, number", "engine_contract", "conversation", names, lock=False)
    return {parse_hex(name, 32): number for name, number in rows}


def find_known(keys: Sequence[MessageKey], numbers: Mapping[bytes, int]) -> dict[MessageKey, Known]:
    """Which of these messages are in the log already; `numbers` are those of the logs that exist."""
    wanted = {
        (numbers[channel], sender, message_id): (channel, sender, message_id)
        for channel, sender, message_id in keys
        if channel in numbers
    }
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        if bulk.is_postgres():
            cursor.execute(_KNOWN_POSTGRES, [list(column) for column in zip(*wanted, strict=True)])
        else:
            cursor.execute(_KNOWN_SQLITE, [bulk.json_text(list(wanted))])
        return {wanted[row[:3]]: Known(*row[3:]) for row in cursor.fetchall()}


_KNOWN_POSTGRES = (
    "SELECT l.log, l.sender, l.message_id, l.seq, l.at, l.type, l.body FROM engine_logentry l "
    "JOIN unnest(%s::bigint[], %s::int[], %s::text[]) AS k(log, sender, message_id) "
    "ON l.log = k.log AND l.sender = k.sender AND l.message_id = k.message_id"
)
_KNOWN_SQLITE = (
    "SELECT l.log, l.sender, l.message_id, l.seq, l.at, l.type, l.body FROM json_each(%s) AS k "
    "CROSS JOIN engine_logentry l ON l.log = json_extract(k.value, '$[0]') "
    "AND l.sender = json_extract(k.value, '$[1]') AND l.message_id = json_extract(k.value, '$[2]')"
)


def save(
    changes: Sequence[Change],
    entries: Sequence[Entry],
    hostings: Mapping[bytes, Hosting],
    numbers: Mapping[bytes, int],
    now: int,
    *,
    notices: bool,
) -> None:
    """Write a batch: each touched channel once, all entries, states, trades and effects."""
    before: dict[bytes, Hosting] = {}
    for change in changes:
        before.setdefault(change.after.channel, change.before)
    bulk.write(rows.CHANNELS, [rows.channel_row(hostings[channel], now) for channel in before])
    stored = [row for channel, old in before.items() for row in rows.endpoint_rows(old, hostings[channel])]
    bulk.write(rows.ENDPOINTS, stored)
    bulk.write(rows.ENTRIES, [rows.entry_row(entry, numbers[entry.channel]) for entry in entries])
    moved = [change for change in changes if rows.has_new_state(change)]
    bulk.write(rows.COSIGNED, rows.chained(moved, rows.cosigned_rows))
    told = [change for change in changes if change.effects]
    bulk.write(rows.TRADES, rows.trades_once(told))
    bulk.write(rows.OUTBOX, rows.chained(told, partial(rows.outbox_rows, notices=notices)))
    asked = [change for change in changes if isinstance(change.body, SettleRequest)]
    _claim(rows.chained(asked, rows.delivery_claims))
    _settle(rows.chained(told, rows.settled_rows))
    enforced.save(told)


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
            f"SELECT c.channel, c.seq FROM engine_endpoint e JOIN engine_channel c ON c.channel = e.channel "  # noqa: S608  fixed text
            f"WHERE c.updated_at >= %s AND e.owner {among} "
            f"UNION SELECT conversation, seq FROM engine_contract WHERE updated_at >= %s "
            f"AND (owner_a {among} OR owner_b {among})",
            [then, texts, then, texts, texts],
        )
        return {parse_hex(channel, 32): seq for channel, seq in cursor.fetchall()}


def entries_after(channel: bytes, seq: int, limit: int) -> list[Entry]:
    """The log of a channel or conversation after entry `seq`, in order."""
    number = log_numbers([channel]).get(channel, 0)
    stored = models.LogEntry.objects.filter(log=number, seq__gt=seq).order_by("seq")[:limit]
    return [
        Entry(channel, entry.seq, entry.sender, entry.message_id, entry.type, entry.body, entry.at)
        for entry in stored
    ]


def latest_hosting(channel: bytes, cache: Cache) -> Hosting | None:
    """A channel as it is now, without a lock."""
    return load_hostings([channel], cache, lock=False).get(channel)
