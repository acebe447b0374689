"""The metering operator of a scenario: reports come in, slots are settled on what was validated, and corrected later.

Without faults there is nothing to do but to settle. With faults the state holds what a resumed replay needs: where the
registers stand, the readings that are still on their way, and the slots that they can change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from grid.assets import SLOT_SECONDS
from grid.metering.balance import unaccounted_wh
from grid.metering.corrections import Correction, correct
from grid.metering.estimation import Energy, SlotValue, slot_values
from grid.metering.faults import Draw, Misbehaviour, Sent, draws, sent
from grid.metering.readings import Device, Fault, FaultCode, Mark, Quality, Reading, Report
from grid.metering.settlement import SlotSettlement, TradeTerms, settle
from grid.metering.validation import Known, Outcome, judge, mark_of
from grid.scenarios.sections import MeteringSection, Tariff
from grid.words import Words

START_WH = 10**9
"""What the registers of all meters show before the first slot: a register that begins anew is seen at once."""
DIGITS = 12
MOST_OPEN_SLOTS = 96
"""So long a trade waits for its meter: a channel takes 128 open trades at most, and a day without a reading is enough."""
MAX_WH = 10**7
"""A slot at 40 MW: no connection of a low- or medium-voltage feeder has more."""


@dataclass(frozen=True, slots=True)
class MeterState:
    """One meter between slots.

    Attributes:
        shown: its registers, Wh.
        marks: its valid readings; all before the first is final.
        expected: of the slots since then.
    """

    shown: Energy
    marks: tuple[Mark, ...]
    expected: tuple[Energy, ...] = ()

    @property
    def final_until(self) -> int:
        """End of its last slot that nothing can change any more."""
        return self.marks[0].slot_end


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """A settled slot that a reading may still change; `source_wh` is what its meters must have drawn altogether."""

    settlement: SlotSettlement
    source_wh: int

    @property
    def slot_start(self) -> int:
        """Of the slot."""
        return self.settlement.readings[0].slot_start


@dataclass(frozen=True, slots=True)
class MeteringState:
    """All that metering carries from slot to slot; empty without faults."""

    meters: tuple[MeterState, ...] = ()
    underway: tuple[Sent, ...] = ()
    open_slots: tuple[OpenSlot, ...] = ()


@dataclass(frozen=True, slots=True)
class SlotFacts:
    """What metering is told of a slot.

    Attributes:
        slot_start: of the slot.
        truth: what really flowed at every connection.
        source_wh: net import of the feeder at its source, without its losses.
        trades: binding ones.
        expected: import and export of every connection before any trade.
        tariff: the supplier's prices.
    """

    slot_start: int
    truth: Sequence[Reading]
    source_wh: int
    trades: Sequence[TradeTerms]
    expected: Sequence[Energy]
    tariff: Tariff


@dataclass(frozen=True, slots=True)
class MeterNotes:
    """What metering has to tell of a slot besides its settlement.

    Attributes:
        faults: every event, named.
        corrections: of earlier slots, made in this one.
        unaccounted_wh: error of this slot's estimates.
    """

    faults: tuple[Fault, ...] = ()
    corrections: tuple[Correction, ...] = ()
    unaccounted_wh: int = 0


@dataclass(frozen=True, slots=True)
class Metered:
    """A slot after metering.

    Attributes:
        settlement: on what was validated.
        notes: what else there is to tell.
        delivered: Wh of every trade that became final now, by id; trades of earlier slots may be among them.
        state: for the next slot.
    """

    settlement: SlotSettlement
    notes: MeterNotes
    delivered: Mapping[str, int]
    state: MeteringState


@dataclass(frozen=True, slots=True)
class MeteringOperator:
    """Meters of one scenario; `names` of its connections, `start` and `end` of its period."""

    section: MeteringSection
    seed: int
    start: int
    end: int
    names: Sequence[str]
    _devices: tuple[Device, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_devices", tuple(Device(name, DIGITS, MAX_WH) for name in self.names))

    @property
    def is_faultless(self) -> bool:
        """Whether every reading comes in time and is right."""
        return not any(self.section.shares)

    def start_state(self) -> MeteringState:
        """Before the first slot."""
        if self.is_faultless:
            return MeteringState()
        fresh = MeterState((START_WH, START_WH), (Mark(self.start, START_WH, START_WH, 0),))
        return MeteringState((fresh,) * len(self.names))

    def close(self, state: MeteringState, facts: SlotFacts) -> Metered:
        """Read the meters, settle the slot, correct those before it.

        Raises:
            SettlementError, BalanceError: something does not add up; nothing of it is settled.
        """
        if self.is_faultless:
            settlement = _settled(facts, facts.truth)
            delivered = {item.trade.id: item.delivered_wh for item in settlement.trades}
            return Metered(
                settlement, MeterNotes(unaccounted_wh=_missing(facts, settlement)), delivered, state
            )
        return self._close(state, facts)

    def _close(self, state: MeteringState, facts: SlotFacts) -> Metered:
        before = [meter.final_until for meter in state.meters]
        meters, underway, faults = self._read(state, facts)
        values = [slot_values(*three) for three in zip(self._devices, *_columns(meters), strict=True)]
        settlement = _settled(
            facts, [_reading(i, facts.slot_start, value[-1]) for i, value in enumerate(values)]
        )
        corrected = [_corrected(slot, meters, values, facts.slot_start) for slot in state.open_slots]
        now = OpenSlot(settlement, facts.source_wh)
        slots = [*(slot for slot, _ in corrected), now]
        meters = [self._advanced(meter, facts.slot_start + SLOT_SECONDS) for meter in meters]
        after = [meter.final_until for meter in meters]
        notes = MeterNotes(
            tuple(faults), tuple(found for _, found in corrected if found), _missing(facts, settlement)
        )
        kept = tuple(slot for slot in slots if min(after) < slot.slot_start + SLOT_SECONDS)
        final = _final_trades(slots, before, after, facts.slot_start)
        return Metered(settlement, notes, final, MeteringState(tuple(meters), tuple(underway), kept))

    def _read(
        self, state: MeteringState, facts: SlotFacts
    ) -> tuple[list[MeterState], list[Sent], list[Fault]]:
        """The meters with what they counted and with the readings that came, what is underway, and the faults."""
        last = facts.slot_start + SLOT_SECONDS >= self.end
        fate = [Draw(Misbehaviour.NONE)] * len(self.names)
        if not last:  # the period ends with a reading of all meters
            fate = draws(self.section, self.seed, facts.slot_start, len(self.names))
        counted = [
            _counted(meter, truth, expected, draw)
            for meter, truth, expected, draw in zip(
                state.meters, facts.truth, _scheduled(facts), fate, strict=True
            )
        ]
        going = [*state.underway, *self._sent(counted, fate, facts.slot_start)]
        arrived = sorted(
            (one for one in going if one.arrives <= facts.slot_start),
            key=lambda one: (one.connection, one.report.slot_end),
        )
        meters, faults = self._validated(counted, arrived, facts.slot_start + SLOT_SECONDS)
        return meters, [one for one in going if one.arrives > facts.slot_start], faults

    def _sent(self, meters: Sequence[MeterState], fate: Sequence[Draw], slot_start: int) -> list[Sent]:
        number = (slot_start - self.start) // SLOT_SECONDS + 1
        return [
            one
            for i, (meter, draw) in enumerate(zip(meters, fate, strict=True))
            for one in sent(
                draw,
                i,
                Report(slot_start, slot_start + SLOT_SECONDS, *meter.shown, number),
                last_slot=self.end - SLOT_SECONDS,
            )
        ]

    def _validated(
        self, meters: Sequence[MeterState], arrived: Sequence[Sent], now: int
    ) -> tuple[list[MeterState], list[Fault]]:
        marks = [meter.marks for meter in meters]
        faults: list[Fault] = []
        for one in arrived:
            device, report = self._devices[one.connection], one.report
            judged = judge(device, Known.among(marks[one.connection], report), report, now=now)
            if judged.fault:
                faults.append(judged.fault)
            if judged.outcome is not Outcome.ACCEPTED:
                continue
            marks[one.connection] = _with(marks[one.connection], mark_of(report))
            if report.slot_end < now:
                faults.append(_late(device, report, now))
        faults += [
            _missing_fault(device, now)
            for device, known in zip(self._devices, marks, strict=True)
            if known[-1].slot_end < now
        ]
        return [replace(meter, marks=known) for meter, known in zip(meters, marks, strict=True)], faults

    def _advanced(self, meter: MeterState, now: int) -> MeterState:
        """With all forgotten that is final: measured slots, and gaps for which no reading can come any more."""
        patience = self.section.late_slots * SLOT_SECONDS if self.section.late_permille else 0
        first, *_ = marks = meter.marks
        while len(marks) > 1 and (
            marks[1].slot_end - marks[0].slot_end == SLOT_SECONDS
            or now >= min(marks[1].slot_end - SLOT_SECONDS + patience, self.end)
        ):
            marks = marks[1:]
        gone = (marks[0].slot_end - first.slot_end) // SLOT_SECONDS
        return MeterState(meter.shown, marks, meter.expected[gone:])


def _settled(facts: SlotFacts, readings: Sequence[Reading]) -> SlotSettlement:
    tariff = facts.tariff
    return settle(
        facts.trades, readings, retail_per_kwh=tariff.retail_per_kwh, feed_in_per_kwh=tariff.feed_in_per_kwh
    )


def _missing(facts: SlotFacts, settlement: SlotSettlement) -> int:
    return unaccounted_wh(settlement.readings, source_wh=facts.source_wh, slot_start=facts.slot_start)


def _columns(meters: Sequence[MeterState]) -> tuple[list[tuple[Mark, ...]], list[tuple[Energy, ...]]]:
    return [meter.marks for meter in meters], [meter.expected for meter in meters]


def _counted(meter: MeterState, truth: Reading, expected: Energy, draw: Draw) -> MeterState:
    """The meter after the slot. One that was reset once is new, and not reset again."""
    drawn, fed = meter.shown
    if draw.kind is Misbehaviour.RESET and min(drawn, fed) >= START_WH:
        drawn = fed = 0
    shown = drawn + truth.import_wh, fed + truth.export_wh
    return MeterState(shown, meter.marks, (*meter.expected, expected))


def _scheduled(facts: SlotFacts) -> list[Energy]:
    """What is taken for a slot without a reading: who traded is held to have done so."""
    drawn, fed = [0] * len(facts.expected), [0] * len(facts.expected)
    for trade in facts.trades:
        fed[trade.seller] += trade.quantity_wh
        drawn[trade.buyer] += trade.quantity_wh
    return [
        (max(alone[0], bought), max(alone[1], sold))
        for alone, bought, sold in zip(facts.expected, drawn, fed, strict=True)
    ]


def _with(marks: tuple[Mark, ...], mark: Mark) -> tuple[Mark, ...]:
    return tuple(sorted((*marks, mark), key=lambda one: one.slot_end))


def _reading(connection: int, slot_start: int, value: SlotValue) -> Reading:
    return Reading(connection, slot_start, value.import_wh, value.export_wh, value.quality)


def _corrected(
    slot: OpenSlot, meters: Sequence[MeterState], values: Sequence[Sequence[SlotValue]], now: int
) -> tuple[OpenSlot, Correction | None]:
    """The slot with what is known now, and the difference, if there is any."""
    new: list[Reading] = []
    for old, meter, known in zip(slot.settlement.readings, meters, values, strict=True):
        place = (slot.slot_start - meter.final_until) // SLOT_SECONDS
        if place < 0:
            continue
        value = known[place]
        if value.quality is Quality.MEASURED and old.quality is Quality.ESTIMATED:
            new.append(Reading(old.connection, slot.slot_start, *value.energy, Quality.CORRECTED))
        elif value.energy != (old.import_wh, old.export_wh):
            new.append(Reading(old.connection, slot.slot_start, *value.energy, Quality.ESTIMATED))
    if not new:
        return slot, None
    correction = correct(slot.settlement, new, with_supplier=_age(slot, now) > MOST_OPEN_SLOTS)
    unaccounted_wh(correction.settlement.readings, source_wh=slot.source_wh, slot_start=slot.slot_start)
    return OpenSlot(correction.settlement, slot.source_wh), correction


def _age(slot: OpenSlot, now: int) -> int:
    return (now - slot.slot_start) // SLOT_SECONDS


def _final_trades(
    slots: Sequence[OpenSlot], before: Sequence[int], after: Sequence[int], now: int
) -> dict[str, int]:
    """Trades whose seller's reading became final, or for whose meter nobody waits any longer."""
    found: dict[str, int] = {}
    for slot in slots:
        end, age = slot.slot_start + SLOT_SECONDS, _age(slot, now)
        for item in slot.settlement.trades:
            seller = item.trade.seller
            certain = after[seller] >= end or age == MOST_OPEN_SLOTS
            if before[seller] < end and certain and age <= MOST_OPEN_SLOTS:
                found[item.trade.id] = item.delivered_wh
    return found


def _late(device: Device, report: Report, now: int) -> Fault:
    behind = (now - report.slot_end) // SLOT_SECONDS
    words = (
        Words("it came %(slots)s slots after its own", slots=behind)
        if behind > 1
        else Words("it came %(slots)s slot after its own", slots=behind)
    )
    return Fault(FaultCode.LATE, device.name, report.slot_start, words)


def _missing_fault(device: Device, now: int) -> Fault:
    words = Words("no reading that counts has come for the slot")
    return Fault(FaultCode.MISSING, device.name, now - SLOT_SECONDS, words)
