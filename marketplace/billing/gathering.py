"""Out of the database into a statement: slots of the run, signatures of the trades, the ledger's bookings."""

import base64
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q

from channels_engine.store.models import CoSignedState, Endpoint, LedgerEvent, TradeRecord
from channels_engine.store.repository import stored_endpoint
from grid.assets import SLOT_SECONDS
from grid.models import ReplayRun, SlotResult
from grid.scenarios.scenario import load_scenario
from marketplace.billing.facts import (
    CorrectionFact,
    SlotFact,
    StatementError,
    Tariff,
    TradeFact,
    corrections,
    slot_fact,
)
from marketplace.billing.models import Bill, Supply
from marketplace.billing.statement import Statement, make_statement
from marketplace.trading.selectors import CLOSING_EVENTS

CHUNK = 96


@lru_cache(maxsize=8)
def _tariff(scenario: str) -> Tariff:
    path = Path(settings.BASE_DIR) / "fixtures" / "scenarios" / f"{scenario}.toml"
    found = load_scenario(path).tariff
    return Tariff(found.retail_per_kwh, found.feed_in_per_kwh)


def tariff_of(run: ReplayRun) -> Tariff:
    """The supplier's prices in a run."""
    if run.setting and "tariff" in run.setting:
        said = run.setting["tariff"]
        return Tariff(int(said["retail_per_kwh"]), int(said["feed_in_per_kwh"]))
    return _tariff(run.scenario)


def played_until(run: ReplayRun) -> int:
    """End of the last quarter-hour that is settled."""
    return int(run.starts_at + run.next_slot * SLOT_SECONDS)


def statement_between(supply: Supply, start: int, end: int, zone: ZoneInfo) -> Statement:
    """The statement of [start, end), with the signatures behind each trade.

    Raises:
        StatementError: quarter-hours are missing, or something doesn't add up.
    """
    slots, found = facts_between(supply, start, end)
    slots = _with_signatures(slots)
    check_signatures(supply.owner, [trade for slot in slots for trade in slot.trades])
    referenced = make_statement(slots, found, start=start, end=end, zone=zone, tariff=tariff_of(supply.run))
    return with_references(referenced, supply)


def facts_between(supply: Supply, start: int, end: int) -> tuple[list[SlotFact], list[CorrectionFact]]:
    """A slot holds all connections; they are read in pieces and dropped."""
    rows = SlotResult.objects.filter(run=supply.run, slot_start__gte=start, slot_start__lt=end)
    tariff, slots, found = tariff_of(supply.run), [], []
    for row in rows.order_by("index").iterator(chunk_size=CHUNK):
        fact = slot_fact(row.data, index=row.index, place=supply.place, name=supply.name, tariff=tariff)
        slots.append(fact)
        found += [one for one in _corrections(row, supply) if not _is_taken(one, supply, start)]
    return slots, found


def _corrections(row: SlotResult, supply: Supply) -> list[CorrectionFact]:
    """What a slot's readings corrected about the supply's quarter-hours."""
    return [one for one in corrections(row.data, name=supply.name) if one.slot_start >= supply.starts_at]


def _is_taken(one: CorrectionFact, supply: Supply, start: int) -> bool:
    """Whether it stands in a document of corrections: such ones are about what was billed before."""
    return one.slot_start < start and one.made_in < supply.corrected_until


def late_corrections(supply: Supply, until: int) -> list[CorrectionFact]:
    """What was corrected about billed quarter-hours since the last bill or document, in slots before `until`."""
    since = max(supply.billed_until, supply.corrected_until)
    rows = SlotResult.objects.filter(run=supply.run, slot_start__gte=since, slot_start__lt=until)
    found = (
        one for row in rows.order_by("index").iterator(chunk_size=CHUNK) for one in _corrections(row, supply)
    )
    return [one for one in found if one.slot_start < supply.billed_until]


def _with_signatures(slots: Sequence[SlotFact]) -> list[SlotFact]:
    """Trades with the versions of the co-signed states that made and settled them; in memory there are none."""
    wanted = [trade.id for slot in slots for trade in slot.trades if trade.channel]
    rows = {row.trade: row for part in _parts(wanted) for row in TradeRecord.objects.filter(trade__in=part)}
    return [
        replace(slot, trades=tuple(_signed(trade, rows.get(trade.id)) for trade in slot.trades))
        for slot in slots
    ]


def _signed(trade: TradeFact, row: TradeRecord | None) -> TradeFact:
    if not trade.channel:
        return trade
    if row is None or (row.amount, row.quantity_wh) != (trade.amount, trade.quantity_wh):
        raise StatementError(f"trade {trade.id}: no co-signed trade of this quantity and amount is known")
    return replace(trade, version=row.version, settled_version=row.settled_version)


def _parts(names: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    return (names[at : at + size] for at in range(0, len(names), size))


def check_signatures(owner: str, trades: Sequence[TradeFact]) -> int:
    """That the co-signed states moved exactly the money that the trades say; gives how many states were held against.

    Raises:
        StatementError: a state is missing, or moved another amount.
    """
    by_channel: dict[str, set[int]] = {}
    for trade in trades:
        if trade.channel and trade.version is not None:
            versions = {trade.version} | ({trade.settled_version} if trade.settled_version else set())
            by_channel.setdefault(trade.channel, set()).update(versions)
    return sum(_check_channel(owner, channel, versions) for channel, versions in by_channel.items())


def _check_channel(owner: str, channel: str, versions: set[int]) -> int:
    row = Endpoint.objects.select_related("channel_row").filter(channel=channel, owner=owner).first()
    if row is None:
        raise StatementError(f"channel {channel}: {owner} has no side of it here")
    opening = stored_endpoint(row).opening
    before = opening.funding_a if row.side == 0 else opening.funding_b
    moves = _moves(owner, channel)
    seen = 0
    for state in CoSignedState.objects.filter(channel=channel).order_by("version"):
        mine = state.balance_a if row.side == 0 else state.balance_b
        if state.version in versions:
            seen += 1
            if mine - before != moves.get(state.version, 0):
                raise StatementError(
                    f"channel {channel}: version {state.version} moved {mine - before} micro-units, "
                    f"its trades {moves.get(state.version, 0)}"
                )
        before = mine
    if seen != len(versions):
        raise StatementError(
            f"channel {channel}: {len(versions) - seen} co-signed states of trades are missing"
        )
    _check_closing(channel, row.side, before)
    return seen


def _check_closing(channel: str, side: int, last: int) -> None:
    """Where the ledger has closed the channel, with the balance that was signed last."""
    event = LedgerEvent.objects.filter(channel=channel, name__in=CLOSING_EVENTS).first()
    if event is None:
        return
    paid = int(event.arguments.get("balance_b" if side else "balance_a", 0))
    signed = CoSignedState.objects.filter(
        channel=channel, version=int(event.arguments.get("version", 0))
    ).first()
    expected = last if signed is None else (signed.balance_b if side else signed.balance_a)
    if paid != expected:
        raise StatementError(f"channel {channel}: the ledger closed it with {paid}, signed were {expected}")


def _moves(owner: str, channel: str) -> dict[int, int]:
    """What the trades of a channel moved to its owner, by version."""
    moves: dict[int, int] = {}
    rows = TradeRecord.objects.filter(channel=channel).filter(Q(seller=owner) | Q(buyer=owner))
    for row in rows:
        sign = 1 if row.seller == owner else -1
        moves[row.version] = moves.get(row.version, 0) + sign * row.amount
        if row.settled_version is not None:
            moves[row.settled_version] = moves.get(row.settled_version, 0) - sign * (row.refund or 0)
    return moves


def with_references(statement: Statement, supply: Supply) -> Statement:
    """Corrections name the bill that they correct."""
    bills = Bill.objects.filter(supply=supply, kind=Bill.Kind.BILL)
    earlier = list(bills.values_list("starts_at", "ends_at", "reference"))

    def number(about: int) -> str:
        return next((name for first, after, name in earlier if first <= about < after), "")

    lines = tuple(replace(one, reference=number(one.about)) if one.about else one for one in statement.lines)
    return replace(statement, lines=lines)


@dataclass(frozen=True, slots=True)
class Frozen:
    """What an issued bill holds: JSON, compressed."""

    text: str

    @classmethod
    def of(cls, content: dict[str, Any]) -> "Frozen":
        """Freeze it."""
        plain = json.dumps(content, default=str, separators=(",", ":"), ensure_ascii=False)
        return cls(base64.b64encode(zlib.compress(plain.encode(), 6)).decode())

    @property
    def content(self) -> dict[str, Any]:
        """Thaw it."""
        found: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(self.text)))
        return found


def plain(statement: Statement) -> dict[str, Any]:
    """A statement as JSON: slots as rows, all else by name."""
    content = asdict(statement)
    content["slots"] = [_slot_row(slot) for slot in statement.slots]
    content["corrections"] = [{**asdict(one), "owed": one.owed} for one in statement.corrections]
    content["trades"] = [{**asdict(trade), "net": trade.net} for trade in statement.trades]
    for name in ("owed", "bought", "sold", "refunds_corrected", "cost", "open_wh"):
        content[name] = getattr(statement, name)
    return content


def _slot_row(slot: SlotFact) -> list[Any]:
    return [
        slot.start,
        slot.index,
        slot.import_wh,
        slot.export_wh,
        slot.residual_import_wh,
        slot.surplus_wh,
        slot.bought_wh,
        slot.sold_wh,
        slot.fees,
        slot.losses,
        slot.remedies,
        slot.charge,
        slot.credit,
        int(slot.estimated),
    ]


SLOT_COLUMNS = (
    "slot_start", "reading", "import_wh", "export_wh", "residual_import_wh", "surplus_wh", "bought_wh", "sold_wh",
    "fees", "losses", "remedies", "charge", "credit", "estimated",
)  # fmt: skip
