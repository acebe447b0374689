"""Rows that follow from a change: what is written of it, table by table."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from channels_engine.codec import to_hex
from channels_engine.core import effects as fx
from channels_engine.core.amounts import refund_of
from channels_engine.core.messages import SettleRequest
from channels_engine.core.state import CoSigned, Endpoint, Phase
from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import Side
from channels_engine.frames import Entry
from channels_engine.relay import Change, Hosting
from channels_engine.store.blobs import is_fixed_alike, pack, pack_fixed, pack_moving
from channels_engine.store.bulk import Table
from channels_engine.store.models import OutboxItem

Row: TypeAlias = tuple[Any, ...]

CHANNELS = Table(
    "engine_channel",
    {
        "number": "int8",
        "channel": "text",
        "version": "int8",
        "seq": "int4",
        "staged_seq": "int4",
        "staged": "int2",
        "moving": "bytea",
        "updated_at": "int8",
    },
    conflict=("number",),
    update=("version", "seq", "staged_seq", "staged", "moving", "updated_at"),
)
ENDPOINTS = Table(
    "engine_endpoint",
    {
        "channel": "text",
        "side": "int2",
        "owner": "text",
        "peer": "text",
        "scid": "text",
        "phase": "text",
        "wake_at": "int8",
        "fixed": "bytea",
    },
    conflict=("channel", "side"),
    update=("phase", "wake_at", "fixed"),
)
ENTRIES = Table(
    "engine_logentry",
    {
        "log": "int8",
        "seq": "int4",
        "sender": "int2",
        "message_id": "text",
        "type": "text",
        "body": "text",
        "at": "int8",
    },
)
COSIGNED = Table(
    "engine_cosignedstate",
    {
        "channel": "text",
        "version": "int8",
        "base": "int8",
        "balance_a": "int8",
        "balance_b": "int8",
        "energy_to_a": "int8",
        "energy_to_b": "int8",
        "trades_root": "bytea",
        "is_final": "bool",
        "signature_a": "bytea",
        "signature_b": "bytea",
        "request_seq": "int4",
        "confirm_seq": "int4",
        "at": "int8",
    },
    conflict=("channel", "version"),
)
TRADES = Table(
    "engine_traderecord",
    {
        "channel": "text",
        "trade": "text",
        "seller": "text",
        "buyer": "text",
        "quantity_wh": "int8",
        "price_per_kwh": "int8",
        "imbalance_per_kwh": "int8",
        "slot_start": "int8",
        "slot_end": "int8",
        "amount": "int8",
        "version": "int8",
        "at": "int8",
        "is_enforced": "bool",
    },
    conflict=("channel", "trade"),
    update=("version", "is_enforced"),
)
APPLIED = TRADES._replace(update=())
"""Trades that the ledger made: what both signed of the same offer stays."""
OUTBOX = Table(
    "engine_outboxitem",
    {
        "lane": "int2",
        "key": "text",
        "channel": "text",
        "kind": "text",
        "payload": "bytea",
        "at": "int8",
        "attempts": "int4",
        "next_at": "int8",
        "done_at": "int8",
        "error": "text",
    },
    conflict=("key",),
    update=("done_at", "next_at"),
)
_TOLD = (fx.NotifyPhase, fx.NotifyTraded, fx.NotifySettled, fx.NotifyFunded, fx.NotifyEnforced)


def channel_row(hosting: Hosting, now: int) -> Row:
    """What moves with each message."""
    a, b = hosting.endpoints
    one = a or b
    return (
        hosting.number,
        to_hex(hosting.channel),
        one.current.state.version if one is not None and one.current else 0,
        hosting.seq,
        hosting.staged_seq,
        (a is not None and a.phase is Phase.STAGED) + 2 * (b is not None and b.phase is Phase.STAGED),
        pack_moving(hosting.endpoints),
        now,
    )


def endpoint_rows(before: Hosting, after: Hosting) -> list[Row]:
    """One row for each hosted side whose row is not yet as it must be."""
    return [
        _endpoint_row(after, side, endpoint)
        for side, old, endpoint in zip(_SIDES, before.endpoints, after.endpoints, strict=True)
        if endpoint is not None
        and (
            old is None
            or not before.number
            or before.wakes[side] != after.wakes[side]
            or not _is_stored_alike(old, endpoint)
        )
    ]


def _is_stored_alike(old: Endpoint, new: Endpoint) -> bool:
    return _stored_phase(old) is _stored_phase(new) and is_fixed_alike(old, new)


def _stored_phase(endpoint: Endpoint) -> Phase:
    phase = endpoint.phase
    return Phase.OPEN if phase is Phase.STAGED else phase


_SIDES = (Side.A, Side.B)


def _endpoint_row(hosting: Hosting, side: Side, endpoint: Endpoint) -> Row:
    return (
        to_hex(hosting.channel),
        int(side),
        hosting.owners[side],
        hosting.owners[side.other],
        to_hex(hosting.scid),
        _stored_phase(endpoint).value,
        hosting.wakes[side],
        pack_fixed(endpoint),
    )


def entry_row(entry: Entry, number: int) -> Row:
    """One row of the log with this number."""
    return (
        number,
        entry.seq,
        entry.sender,
        entry.message_id,
        entry.type,
        entry.body,
        entry.at,
    )


def has_new_state(change: Change) -> bool:
    """Whether another state may be current after this change."""
    (old_a, old_b), (a, b) = change.before.endpoints, change.after.endpoints
    return (a is not None and (old_a is None or old_a.current is not a.current)) or (
        b is not None and (old_b is None or old_b.current is not b.current)
    )


def cosigned_rows(change: Change) -> Iterator[Row]:
    """The state that became current by this change; the second side's is the same, and stays out."""
    for old, new in zip(change.before.endpoints, change.after.endpoints, strict=True):
        if new is None or new.current is None or (old is not None and old.current is new.current):
            continue
        if old is not None and old.current == new.current:
            continue
        yield _cosigned_row(change, new.current)
        return


def _cosigned_row(change: Change, current: CoSigned) -> Row:
    state, entry = current.state, change.entries[0]
    return (
        to_hex(state.channel),
        state.version,
        state.base,
        state.balance_a,
        state.balance_b,
        state.energy_to_a,
        state.energy_to_b,
        state.trades_root,
        state.is_final,
        current.signature_a,
        current.signature_b,
        change.before.staged_seq or entry.seq,
        entry.seq,
        entry.at,
    )


def trade_rows(change: Change) -> Iterator[Row]:
    """Trades co-signed by this change; both sides tell of the same, so that the first counts."""
    told: set[bytes] = set()
    for _, effect in change.effects:
        if isinstance(effect, fx.NotifyTraded) and effect.trade.id not in told:
            told.add(effect.trade.id)
            yield trade_row(change, effect)


def trades_once(changes: Iterable[Change]) -> list[Row]:
    """Trades of a whole batch, each as it was told last: PostgreSQL updates no row twice in one statement."""
    return list({row[:2]: row for row in chained(changes, trade_rows)}.values())


def trade_row(change: Change, told: fx.NotifyTraded | fx.NotifyApplied) -> Row:
    """A trade that both sides have signed, or that the ledger has made."""
    trade, owners = told.trade, change.after.owners
    return (
        to_hex(change.after.channel),
        to_hex(trade.id),
        owners[trade.seller],
        owners[trade.seller.other],
        trade.quantity_wh,
        trade.price_per_kwh,
        trade.imbalance_per_kwh,
        trade.slot_start,
        trade.slot_end,
        trade.amount,
        told.version,
        change.entries[0].at,
        isinstance(told, fx.NotifyApplied),
    )


def delivery_claims(change: Change) -> Iterator[Row]:
    """(delivered_wh, refund, channel, trade) of a proposed settlement; a claim until it is co-signed."""
    body = change.body
    endpoint = change.after.endpoints[0] or change.after.endpoints[1]
    if not isinstance(body, SettleRequest) or endpoint is None or endpoint.current is None:
        return
    open_trades = {trade.id: trade for trade in endpoint.open_trades}
    state = endpoint.current.state
    balances = [state.balance_a, state.balance_b]
    for delivery in (signed.delivery for signed in body.deliveries):
        trade = open_trades[delivery.trade]
        shortfall = max(trade.quantity_wh - delivery.delivered_wh, 0)
        refund = refund_of(shortfall, trade.price_per_kwh, trade.imbalance_per_kwh, balances[trade.seller])
        balances[trade.seller] -= refund
        balances[trade.seller.other] += refund
        yield delivery.delivered_wh, refund, to_hex(change.after.channel), to_hex(trade.id)


def settled_rows(change: Change) -> Iterator[Row]:
    """(version, channel, trade) of what this change settled."""
    for _, effect in change.effects:
        if isinstance(effect, fx.NotifySettled):
            channel = to_hex(change.after.channel)
            yield from ((effect.version, channel, to_hex(trade)) for trade in effect.trades)
            return


def outbox_rows(change: Change, *, notices: bool) -> Iterator[Row]:
    """Effects to be done after the commit: for the ledger, and with `notices` for listeners."""
    keys: set[str] = set()
    for _, effect in change.effects:
        if isinstance(effect, _TOLD) and not notices:
            continue
        row = _outbox_row(change, effect)
        if row is not None and row[1] not in keys:
            keys.add(row[1])
            yield row


def _outbox_row(change: Change, effect: fx.Effect) -> Row | None:
    told = isinstance(effect, _TOLD)
    if not told and not type(effect).__name__.startswith("Ledger"):
        return None
    lane = OutboxItem.Lane.NOTICE if told else OutboxItem.Lane.LEDGER
    channel, kind = to_hex(change.after.channel), type(effect).__name__
    key = f"{channel}:{kind}:{_occasion(change, effect)}"
    return (int(lane), key, channel, kind, pack(effect), change.entries[0].at, 0, 0, None, "")


def _occasion(change: Change, effect: fx.Effect) -> int | str:
    """What makes the effect's key unique: the version, or for a change of phase the log's entry."""
    if isinstance(effect, fx.NotifyPhase):
        return change.entries[0].seq
    told = _OCCASIONS.get(type(effect))
    return 0 if told is None else told(effect)


def _short(trade: bytes) -> str:
    """As much of a trade's id as tells it apart: keys are of limited length."""
    return to_hex(trade)[:34]


_OCCASIONS: Mapping[type[fx.Effect], Callable[[Any], int | str]] = MappingProxyType(
    {
        fx.LedgerFinalise: lambda effect: effect.final.state.version,
        fx.LedgerDispute: lambda effect: effect.newest.state.version,
        fx.LedgerResolve: lambda effect: effect.deadline,
        fx.LedgerFinaliseDisputed: lambda effect: effect.deadline,
        fx.LedgerChangeFunding: lambda effect: effect.change.version,
        fx.LedgerCheckpoint: lambda effect: effect.newest.state.version,
        fx.LedgerEnforceOffer: lambda effect: _short(struct_hash(effect.offer)),
        fx.LedgerEnforceDelivery: lambda effect: (
            f"{_short(effect.delivery.delivery.trade)}:{effect.deadline}"
        ),
        fx.NotifyTraded: lambda effect: effect.version,
        fx.NotifySettled: lambda effect: effect.version,
        fx.NotifyFunded: lambda effect: effect.version,
        fx.NotifyEnforced: lambda effect: _short(effect.trade),
    }
)


def chained(changes: Iterable[Change], rows: Any) -> list[Row]:
    """All rows of one kind."""
    return [row for change in changes for row in rows(change)]
