"""A participant's statement for a period: every micro-unit by its reason, and the proof that it adds up. Pure.

Amounts are micro-units, positive where the participant owes them. Energy in Wh, times in epoch seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from grid.metering import amount
from marketplace.billing.facts import CorrectionFact, SlotFact, StatementError, Tariff, TradeFact
from marketplace.billing.periods import days_within, local_day

IMPORT, FEED_IN, FEES, LOSSES, REMEDIES = "import", "feed_in", "fees", "losses", "remedies"
CORRECTION, FEED_IN_CORRECTION, LATE_TRADE = "correction", "feed_in_correction", "late_trade"


@dataclass(frozen=True, slots=True)
class Line:
    """One position of what is owed to the supplier.

    Attributes:
        kind: One of the names above.
        wh: The energy that it is about.
        amount: Micro-units, signed.
        count: How many quarter-hours or trades it sums up.
        about: Start of the corrected quarter-hour; 0 elsewhere.
        reference: Number of the bill that is corrected; empty elsewhere.
    """

    kind: str
    wh: int
    amount: int
    count: int
    about: int = 0
    reference: str = ""


@dataclass(frozen=True, slots=True)
class DayEnergy:
    """A local day: what was drawn and fed in by whom; `slots` is 92 or 100 where the clocks change."""

    day: date
    slots: int
    from_supplier_wh: int
    from_neighbours_wh: int
    to_supplier_wh: int
    to_neighbours_wh: int


@dataclass(frozen=True, slots=True)
class Statement:
    """All of a period.

    Attributes:
        lines: What is between participant and supplier.
        trades: What is between neighbours, settled in their channels.
        metered_net_wh: What the meter drew less what it fed in, by its readings as they are known.
        settled_net_wh: The same as it was settled, corrections included.
    """

    start: int
    end: int
    lines: tuple[Line, ...]
    trades: tuple[TradeFact, ...]
    corrections: tuple[CorrectionFact, ...]
    days: tuple[DayEnergy, ...]
    slots: tuple[SlotFact, ...]
    import_wh: int
    export_wh: int
    metered_net_wh: int
    settled_net_wh: int

    @property
    def owed(self) -> int:
        """What the participant owes the supplier; below zero the supplier owes it."""
        return sum(line.amount for line in self.lines)

    @property
    def bought(self) -> int:
        """Paid to neighbours, less what they refunded."""
        return sum(trade.net for trade in self.trades if not trade.sells)

    @property
    def sold(self) -> int:
        """Earned from neighbours, less what was refunded to them."""
        return -sum(trade.net for trade in self.trades if trade.sells)

    @property
    def refunds_corrected(self) -> int:
        """What corrected readings changed in the channels' own settlements."""
        return sum(trade.in_channel for one in self.corrections for trade in one.trades)

    @property
    def cost(self) -> int:
        """All in all: the supplier's bill and the trades."""
        return self.owed + self.bought - self.sold + self.refunds_corrected

    @property
    def open_wh(self) -> int:
        """Metered and not settled yet, since a reading was estimated."""
        return self.metered_net_wh - self.settled_net_wh


def make_statement(
    slots: Sequence[SlotFact],
    corrections: Sequence[CorrectionFact],
    *,
    start: int,
    end: int,
    zone: ZoneInfo,
    tariff: Tariff,
) -> Statement:
    """The statement of [start, end).

    Raises:
        StatementError: a quarter-hour is missing or twice, or energy or money don't add up.
    """
    _check_slots(slots, start, end)
    lines = (*_energy_lines(slots, tariff), *_correction_lines(corrections))
    statement = Statement(
        start=start,
        end=end,
        lines=lines,
        trades=tuple(trade for slot in slots for trade in slot.trades),
        corrections=tuple(corrections),
        days=_days(slots, start, end, zone),
        slots=tuple(slots),
        import_wh=sum(slot.import_wh for slot in slots),
        export_wh=sum(slot.export_wh for slot in slots),
        metered_net_wh=sum(slot.import_wh - slot.export_wh for slot in slots),
        settled_net_wh=sum(slot.settled_net_wh for slot in slots) + _corrected_wh(corrections, start, end),
    )
    _check(statement)
    return statement


def correction_statement(corrections: Sequence[CorrectionFact], *, start: int, end: int) -> Statement:
    """The differences that later readings make to bills of [start, end), and nothing else.

    Raises:
        StatementError: one of them is about no quarter-hour of that time, or the money doesn't add up.
    """
    outside = [one.slot_start for one in corrections if not start <= one.slot_start < end]
    if outside:
        raise StatementError(f"the correction of {outside[0]} is about no bill that is corrected")
    differences = sum(one.import_wh - one.export_wh for one in corrections)
    statement = Statement(
        start=start,
        end=end,
        lines=_with_a_position(_correction_lines(corrections)),
        trades=(),
        corrections=tuple(corrections),
        days=(),
        slots=(),
        import_wh=sum(one.import_wh for one in corrections),
        export_wh=sum(one.export_wh for one in corrections),
        metered_net_wh=differences,
        settled_net_wh=differences,
    )
    _check(statement)
    return statement


def _with_a_position(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """An invoice needs one (BR-16), even where only what is set off has changed."""
    if any(line.kind == CORRECTION for line in lines) or not lines:
        return lines
    return (Line(CORRECTION, 0, 0, 1, about=lines[0].about), *lines)


def _check_slots(slots: Sequence[SlotFact], start: int, end: int) -> None:
    starts = [slot.start for slot in slots]
    if starts != list(range(start, end, 900)):
        raise StatementError(
            f"{len(starts)} quarter-hours for {(end - start) // 900}: bill a period when all of it is settled"
        )


def _check(statement: Statement) -> None:
    """Energy by the meter, money by the bookings."""
    booked = sum(slot.charge - slot.credit for slot in statement.slots)
    booked += sum(one.owed for one in statement.corrections)
    if booked != statement.owed:
        raise StatementError(f"the lines sum to {statement.owed} micro-units, the bookings to {booked}")
    if statement.open_wh and not any(slot.estimated for slot in statement.slots):
        raise StatementError(
            f"the meter counted {statement.metered_net_wh} Wh net, settled are {statement.settled_net_wh} Wh"
        )


def _corrected_wh(corrections: Sequence[CorrectionFact], start: int, end: int) -> int:
    """Of slots of this period: what an earlier period's slots were corrected by belongs to that period's meter."""
    return sum(one.import_wh - one.export_wh for one in corrections if start <= one.slot_start < end)


def _energy_lines(slots: Sequence[SlotFact], tariff: Tariff) -> tuple[Line, ...]:
    """Import and feed-in always, the others where there are any."""
    drawn = [slot for slot in slots if slot.residual_import_wh]
    fed = [slot for slot in slots if slot.surplus_wh]
    import_wh, fed_wh = sum(s.residual_import_wh for s in drawn), sum(s.surplus_wh for s in fed)
    paid = sum(amount(s.residual_import_wh, tariff.retail_per_kwh) for s in drawn)
    earned = sum(amount(s.surplus_wh, tariff.feed_in_per_kwh) for s in fed)
    with_fee = [trade for slot in slots for trade in slot.trades if trade.fee]
    traded = sum(trade.delivered_wh for trade in with_fee)
    fees = sum(trade.fee for trade in with_fee)
    more = (
        Line(FEES, traded, fees, len(with_fee)),
        Line(LOSSES, 0, sum(slot.losses for slot in slots), sum(bool(slot.losses) for slot in slots)),
        Line(REMEDIES, 0, sum(slot.remedies for slot in slots), sum(bool(slot.remedies) for slot in slots)),
    )
    energy = Line(IMPORT, import_wh, paid, len(drawn)), Line(FEED_IN, fed_wh, -earned, len(fed))
    return (*energy, *(line for line in more if line.count))


def _correction_lines(corrections: Sequence[CorrectionFact]) -> tuple[Line, ...]:
    """For each corrected quarter-hour what was drawn, what was fed in, and what its channel could not settle any more."""
    lines = []
    for one in sorted(corrections, key=lambda one: (one.slot_start, one.made_in)):
        late = sum(trade.owed for trade in one.trades)
        lines += [
            Line(CORRECTION, one.import_wh, one.charge, 1, about=one.slot_start),
            Line(FEED_IN_CORRECTION, one.export_wh, -one.credit, 1, about=one.slot_start),
            Line(LATE_TRADE, 0, late, 1, about=one.slot_start),
        ]
    return tuple(line for line in lines if line.amount or line.wh)


def _days(slots: Sequence[SlotFact], start: int, end: int, zone: ZoneInfo) -> tuple[DayEnergy, ...]:
    by_day: dict[date, list[SlotFact]] = {day: [] for day in days_within(start, end, zone)}
    for slot in slots:
        by_day[local_day(slot.start, zone)].append(slot)
    return tuple(_day(day, found) for day, found in by_day.items())


def _day(day: date, slots: Sequence[SlotFact]) -> DayEnergy:
    return DayEnergy(
        day=day,
        slots=len(slots),
        from_supplier_wh=sum(slot.residual_import_wh for slot in slots),
        from_neighbours_wh=sum(slot.bought_wh for slot in slots),
        to_supplier_wh=sum(slot.surplus_wh for slot in slots),
        to_neighbours_wh=sum(slot.sold_wh for slot in slots),
    )
