"""Out of the database into a statement: slots of the run, signatures of the trades, the ledger's bookings."""

import base64
import json
import zlib
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from grid.assets import SLOT_SECONDS
from grid.models import ReplayRun, SlotResult
from grid.scenarios.scenario import load_scenario
from marketplace.billing.facts import (
    CorrectionFact,
    SlotFact,
    Tariff,
    corrections,
    slot_fact,
)
from marketplace.billing.models import Bill, Supply
from marketplace.billing.proofs import check_signatures, with_proofs
from marketplace.billing.statement import Statement, make_statement

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
    slots = with_proofs(slots)
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
