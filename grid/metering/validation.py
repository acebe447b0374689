"""Whether a reading counts: each one against its meter and against the valid readings around it; pure.

The rules are those of VEE (validation, estimation, editing) as metering operators have them, e.g. VDE-AR-N 4400.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from grid.assets import SLOT_SECONDS
from grid.metering.readings import Device, Fault, FaultCode, Mark, Report
from grid.words import Words


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


_OF_REPORT = ("import_wh", "export_wh", "sequence", "slot_start", "slot_end")
_WORDS = {
    FaultCode.NEGATIVE: Words(
        "the registers show %(import_wh)s and %(export_wh)s Wh, number %(sequence)s; none of them can be negative"
    ),
    FaultCode.OFF_GRID: Words("it is for %(slot_start)s to %(slot_end)s, which is no quarter-hour"),
    FaultCode.OVERFLOW: Words(
        "%(import_wh)s and %(export_wh)s Wh have more digits than the %(digits)s of the meter"
    ),
    FaultCode.FUTURE: Words("the slot ends at %(slot_end)s, which has not come yet"),
    FaultCode.DUPLICATE: Words("the same registers came before"),
    FaultCode.SEQUENCE: Words(
        "number %(sequence)s does not fit between its neighbours' %(before)s and %(after)s"
    ),
    FaultCode.TOO_OLD: Words("it lies before the first reading that counts"),
    FaultCode.BACKWARDS: Words(
        "the registers go backwards: %(import_wh)s and %(export_wh)s Wh do not fit the readings around"
    ),
    FaultCode.IMPLAUSIBLE: Words(
        "%(import_wh)s and %(export_wh)s Wh are more than %(max_wh)s Wh a slot since the last reading"
    ),
    FaultCode.RESET: Words("the registers began anew from zero; what the old ones counted last is not known"),
    FaultCode.ROLLOVER: Words("the registers passed their last digit"),
}


def _fault(code: FaultCode, device: Device, known: Known, report: Report) -> Fault:
    if code is FaultCode.CONFLICT:
        return Fault(code, device.name, report.slot_start, _conflict(known, report))
    words = Words(
        _WORDS[code],
        **{name: getattr(report, name) for name in _OF_REPORT},
        digits=device.digits,
        max_wh=device.max_wh,
        before=known.before.sequence if known.before else Words("none"),
        after=known.after.sequence if known.after else Words("none"),
    )
    return Fault(code, device.name, report.slot_start, words)


def _conflict(known: Known, report: Report) -> Words:
    first = known.same_slot or known.same_sequence
    if first is None:
        raise ValueError("a conflict needs a second reading")
    values = {
        "import_wh": report.import_wh,
        "export_wh": report.export_wh,
        "first_import_wh": first.import_wh,
        "first_export_wh": first.export_wh,
        "sequence": report.sequence,
    }
    if known.same_slot:
        return Words(
            "it says %(import_wh)s and %(export_wh)s Wh, but the slot has a reading already, of %(first_import_wh)s and %(first_export_wh)s Wh",
            **values,
        )
    return Words(
        "it says %(import_wh)s and %(export_wh)s Wh, but number %(sequence)s has a reading already, of %(first_import_wh)s and %(first_export_wh)s Wh",
        **values,
    )
