"""What stands behind a bill's trades: states that both sides signed, or where the ledger made or refunded one, its events.

A bill whose trades nobody proves, or prove another amount, is not made.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from django.db.models import Q

from channels_engine.store.models import CoSignedState, Endpoint, LedgerEvent, TradeRecord
from channels_engine.store.repository import stored_endpoint
from marketplace.billing.facts import SlotFact, StatementError, TradeFact
from marketplace.trading.selectors import CLOSING_EVENTS

MADE, REFUNDED = "OfferEnforced", "DeliveryEnforced"


def with_proofs(slots: Sequence[SlotFact]) -> list[SlotFact]:
    """Trades with the versions of the co-signed states, or the ledger's transactions; in memory there are none."""
    wanted = [trade.id for slot in slots for trade in slot.trades if trade.channel]
    rows = {row.trade: row for part in _parts(wanted) for row in TradeRecord.objects.filter(trade__in=part)}
    said = _said(row for row in rows.values() if row.is_enforced or row.is_refunded)
    return [
        replace(slot, trades=tuple(_proven(trade, rows.get(trade.id), said) for trade in slot.trades))
        for slot in slots
    ]


def _parts(names: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    return (names[at : at + size] for at in range(0, len(names), size))


Said = Mapping[tuple[str, str], LedgerEvent]


def _said(rows: Iterable[TradeRecord]) -> Said:
    """By kind and trade the ledger's newest word; no query where it said nothing."""
    channels = {row.channel for row in rows}
    if not channels:
        return {}
    events = LedgerEvent.objects.filter(channel__in=channels, name__in=(MADE, REFUNDED))
    return {
        (event.name, event.arguments["trade"]): event
        for event in events.order_by("block_number", "log_index")
    }


def _proven(trade: TradeFact, row: TradeRecord | None, said: Said) -> TradeFact:
    if not trade.channel:
        return trade
    if row is None or (row.amount, row.quantity_wh) != (trade.amount, trade.quantity_wh):
        raise StatementError(f"trade {trade.id}: no co-signed trade of this quantity and amount is known")
    return replace(
        trade,
        version=None if row.is_enforced else row.version,
        settled_version=None if row.is_refunded else row.settled_version,
        enforced_in=_transaction(MADE, row, said) if row.is_enforced else "",
        refunded_in=_transaction(REFUNDED, row, said) if row.is_refunded else "",
    )


def _transaction(kind: str, row: TradeRecord, said: Said) -> str:
    event = said.get((kind, row.trade))
    if event is None:
        raise StatementError(f"trade {row.trade}: the ledger's event {kind} is not known")
    if kind == REFUNDED and int(event.arguments["refund"]) != row.refund:
        raise StatementError(
            f"trade {row.trade}: the ledger refunded {event.arguments['refund']}, noted are {row.refund}"
        )
    return str(event.transaction_hash)


def check_signatures(owner: str, trades: Sequence[TradeFact]) -> int:
    """That states and ledger moved exactly the money that the trades say; gives how many states were held against.

    Raises:
        StatementError: a state is missing, or moved another amount, or the ledger did.
    """
    by_channel: dict[str, set[int]] = {}
    for trade in trades:
        if trade.channel and (trade.version is not None or trade.enforced_in):
            versions = {one for one in (trade.version, trade.settled_version) if one}
            by_channel.setdefault(trade.channel, set()).update(versions)
    return sum(_check_channel(owner, channel, versions) for channel, versions in by_channel.items())


@dataclass(frozen=True, slots=True)
class _Balances:
    """What one side of a channel held, by co-signed version; version 0 is the opening."""

    side: int
    of: Mapping[int, int]

    def at(self, version: int) -> int:
        """In the newest co-signed state up to a version."""
        return self.of[max(one for one in self.of if one <= version)]

    def told(self, event: LedgerEvent) -> int:
        """In an event of the ledger."""
        return int(event.arguments.get("balance_b" if self.side else "balance_a", 0))


def _check_channel(owner: str, channel: str, versions: set[int]) -> int:
    held, moves = _balances(owner, channel), _moves(owner, channel)
    missing = versions - held.of.keys()
    if missing:
        raise StatementError(f"channel {channel}: {len(missing)} co-signed states of trades are missing")
    for version in versions:
        moved = held.at(version) - held.at(version - 1)
        if moved != moves.get(version, 0):
            raise StatementError(
                f"channel {channel}: version {version} moved {moved} micro-units, its trades {moves.get(version, 0)}"
            )
    _check_ledger(owner, channel, held)
    return len(versions)


def _balances(owner: str, channel: str) -> _Balances:
    row = Endpoint.objects.select_related("channel_row").filter(channel=channel, owner=owner).first()
    if row is None:
        raise StatementError(f"channel {channel}: {owner} has no side of it here")
    opening = stored_endpoint(row).opening
    of = {0: opening.funding_b if row.side else opening.funding_a}
    for state in CoSignedState.objects.filter(channel=channel):
        of[state.version] = state.balance_b if row.side else state.balance_a
    return _Balances(row.side, of)


def _trades(owner: str, channel: str) -> Iterable[tuple[int, TradeRecord]]:
    """With the sign that its amount has for the owner."""
    rows = TradeRecord.objects.filter(channel=channel).filter(Q(seller=owner) | Q(buyer=owner))
    return ((1 if row.seller == owner else -1, row) for row in rows)


def _moves(owner: str, channel: str) -> dict[int, int]:
    """What co-signed states moved to the owner by the trades of a channel, by version."""
    moves: dict[int, int] = {}
    for sign, row in _trades(owner, channel):
        if not row.is_enforced:
            moves[row.version] = moves.get(row.version, 0) + sign * row.amount
        if row.settled_version is not None and not row.is_refunded:
            moves[row.settled_version] = moves.get(row.settled_version, 0) - sign * (row.refund or 0)
    return moves


def _check_ledger(owner: str, channel: str, held: _Balances) -> None:
    """That the ledger made each offer's trade as the record has it, and closed the channel with what follows."""
    events = list(LedgerEvent.objects.filter(channel=channel, name__in=(MADE, *CLOSING_EVENTS)))
    apart = [(sign, row) for sign, row in _trades(owner, channel) if row.is_enforced or row.is_refunded]
    made = {event.arguments["trade"]: event for event in events if event.name == MADE}
    for sign, row in apart:
        if not row.is_enforced:
            continue
        event = made.get(row.trade)
        if event is None or held.told(event) != held.at(row.version - 1) + sign * row.amount:
            raise StatementError(f"trade {row.trade}: the ledger moved another amount than {row.amount}")
    for event in events:
        if event.name in CLOSING_EVENTS:
            _check_closing(channel, held, event, apart)


def _check_closing(
    channel: str, held: _Balances, event: LedgerEvent, apart: Sequence[tuple[int, TradeRecord]]
) -> None:
    """Where the ledger has closed the channel: with the balance that was signed, and what it made of it itself."""
    version = int(event.arguments.get("version", 0))
    by_ledger = chain(
        (sign * row.amount for sign, row in apart if row.is_enforced and row.version == version),
        (
            -sign * (row.refund or 0)
            for sign, row in apart
            if row.is_refunded and row.settled_version == version
        ),
    )
    expected = held.at(version) + sum(by_ledger)
    if held.told(event) != expected:
        raise StatementError(
            f"channel {channel}: the ledger closed it with {held.told(event)}, signed were {expected}"
        )
