"""Whether a reading counts: each one against its meter and against the valid readings around it; pure.

The rules are those of VEE (validation, estimation, editing) as metering operators have them, e.g. VDE-AR-N 4400.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from grid.assets import SLOT_SECONDS
from grid.metering.readings import Device, Fault, FaultCode, Mark, Report


class Outcome(StrEnum):
    """What became of a reading."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Outcome, and what the operator is told; `fault` is None where there is nothing to tell."""

    outcome: Outcome
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """The valid readings around a new one: of the same slot, of the same number, the last before and the first after."""

    before: Mark | None
    after: Mark | None
    same_slot: Mark | None = None
    same_sequence: Mark | None = None

    @staticmethod
    def among(marks: Sequence[Mark], report: Report) -> "Known":
        """From all valid readings of the meter, in the order of their slots."""
        place = bisect_left(marks, report.slot_end, key=lambda mark: mark.slot_end)
        same = place < len(marks) and marks[place].slot_end == report.slot_end
        return Known(
            before=marks[place - 1] if place else None,
            after=marks[place] if place < len(marks) and not same else None,
            same_slot=marks[place] if same else None,
            same_sequence=next((mark for mark in marks if mark.sequence == report.sequence), None),
        )


@dataclass(frozen=True, slots=True)
class Span:
    """What was counted between two readings, Wh; `kind` is None where both registers only went up."""

    import_wh: int
    export_wh: int
    kind: FaultCode | None = None


def span(device: Device, before: Mark, after: Mark) -> Span | FaultCode:
    """What a meter counted from one reading to a later one, or why it can't be.

    A register that fell has begun anew: after its last digit, if what that makes fits the connection; else from zero,
    if what it shows fits. Anything else is a register that went backwards.
    """
    most = device.max_wh * ((after.slot_end - before.slot_end) // SLOT_SECONDS)
    drawn, fed = after.import_wh - before.import_wh, after.export_wh - before.export_wh
    if min(drawn, fed) >= 0:
        return Span(drawn, fed) if max(drawn, fed) <= most else FaultCode.IMPLAUSIBLE
    drawn, fed = drawn % device.modulus, fed % device.modulus
    if max(drawn, fed) <= most:
        return Span(drawn, fed, FaultCode.ROLLOVER)
    if max(after.registers) <= most:
        return Span(after.import_wh, after.export_wh, FaultCode.RESET)
    return FaultCode.BACKWARDS


def mark_of(report: Report) -> Mark:
    """The report as a valid reading, once it is judged to be one."""
    return Mark(report.slot_end, report.import_wh, report.export_wh, report.sequence)


def judge(device: Device, known: Known, report: Report, *, now: int) -> Judgement:
    """Whether `report` counts, at `now` (epoch seconds of the market's time). The first valid reading of a slot stays."""
    code = _form(device, report, now) or _place(known, report)
    if code is FaultCode.DUPLICATE:
        return Judgement(Outcome.DUPLICATE, _fault(code, device, known, report))
    if code is None:
        code = _course(device, known, report)
    accepted = code in (None, FaultCode.RESET, FaultCode.ROLLOVER)
    fault = _fault(code, device, known, report) if code else None
    return Judgement(Outcome.ACCEPTED if accepted else Outcome.REFUSED, fault)


def _form(device: Device, report: Report, now: int) -> FaultCode | None:
    """What the report alone shows."""
    if min(report.import_wh, report.export_wh, report.sequence) < 0:
        return FaultCode.NEGATIVE
    if report.slot_start % SLOT_SECONDS or report.slot_end - report.slot_start != SLOT_SECONDS:
        return FaultCode.OFF_GRID
    if max(report.import_wh, report.export_wh) >= device.modulus:
        return FaultCode.OVERFLOW
    return FaultCode.FUTURE if report.slot_end > now else None


def _place(known: Known, report: Report) -> FaultCode | None:
    """Whether there is room for it among slots and numbers."""
    if known.same_slot is not None:
        same = known.same_slot.registers == (report.import_wh, report.export_wh)
        return FaultCode.DUPLICATE if same else FaultCode.CONFLICT
    if known.same_sequence is not None:
        return FaultCode.CONFLICT
    if known.before is None:
        return FaultCode.TOO_OLD
    last = known.after.sequence if known.after else report.sequence + 1
    return None if known.before.sequence < report.sequence < last else FaultCode.SEQUENCE


def _course(device: Device, known: Known, report: Report) -> FaultCode | None:
    """Whether the registers could have come this way; between two readings also whether they could have gone on."""
    mark, before = mark_of(report), known.before
    if before is None:
        return FaultCode.TOO_OLD
    come = span(device, before, mark)
    if isinstance(come, FaultCode):
        return come
    if known.after is None:
        return come.kind
    gone, whole = span(device, mark, known.after), span(device, before, known.after)
    if isinstance(gone, FaultCode):
        return FaultCode.BACKWARDS
    anew = [part.kind for part in (come, gone) if part.kind is FaultCode.RESET]
    if isinstance(whole, Span) and whole.kind is not FaultCode.RESET and anew:
        return FaultCode.BACKWARDS
    return come.kind


_WORDS = {
    FaultCode.NEGATIVE: "the registers show {0.import_wh} and {0.export_wh} Wh, number {0.sequence}; none of them can be negative",
    FaultCode.OFF_GRID: "it is for {0.slot_start} to {0.slot_end}, which is no quarter-hour",
    FaultCode.OVERFLOW: "{0.import_wh} and {0.export_wh} Wh have more digits than the {1.digits} of the meter",
    FaultCode.FUTURE: "the slot ends at {0.slot_end}, which has not come yet",
    FaultCode.DUPLICATE: "the same registers came before",
    FaultCode.SEQUENCE: "number {0.sequence} does not fit between its neighbours' {2} and {3}",
    FaultCode.TOO_OLD: "it lies before the first reading that counts",
    FaultCode.BACKWARDS: "the registers go backwards: {0.import_wh} and {0.export_wh} Wh do not fit the readings around",
    FaultCode.IMPLAUSIBLE: "{0.import_wh} and {0.export_wh} Wh are more than {1.max_wh} Wh a slot since the last reading",
    FaultCode.RESET: "the registers began anew from zero; what the old ones counted last is not known",
    FaultCode.ROLLOVER: "the registers passed their last digit",
}


def _fault(code: FaultCode, device: Device, known: Known, report: Report) -> Fault:
    if code is FaultCode.CONFLICT:
        return Fault(code, device.name, report.slot_start, _conflict(known, report))
    before = known.before.sequence if known.before else "none"
    after = known.after.sequence if known.after else "none"
    words = _WORDS[code].format(report, device, before, after)
    return Fault(code, device.name, report.slot_start, words)


def _conflict(known: Known, report: Report) -> str:
    said = f"it says {report.import_wh} and {report.export_wh} Wh"
    first = known.same_slot or known.same_sequence
    if first is None:
        raise ValueError("a conflict needs a second reading")
    shared = "the slot" if known.same_slot else f"number {report.sequence}"
    return f"{said}, but {shared} has a reading already, of {first.import_wh} and {first.export_wh} Wh"
