"""Signed readings come in: each is judged by itself, and a batch that comes twice changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F, Q, QuerySet

from channels_engine.core.errors import SignatureError
from channels_engine.core.signing import recover
from channels_engine.core.typed_data import EncodingError, digest
from channels_engine.core.types import Domain, MeterReading
from grid.assets import SLOTS_PER_HOUR
from grid.metering import Device, Fault, FaultCode, Mark, Report
from grid.metering.validation import Judgement, Known, Outcome, judge, mark_of
from grid.words import Words
from marketplace.accounts.hexadecimal import to_hex
from marketplace.trading.engine import domain
from marketplace.trading.models import Meter, MeterFault, RegisterReading

CLOCK_TOLERANCE_S = 60


@dataclass(frozen=True, slots=True)
class SignedReading:
    """A reading as it came, and the signature that came with it (65 bytes)."""

    reading: MeterReading
    signature: bytes

    @property
    def report(self) -> Report:
        """As validation takes it."""
        said = self.reading
        return Report(said.slot_start, said.slot_end, said.import_wh, said.export_wh, said.sequence)


@dataclass(slots=True)
class _Book:
    """A meter, its readings around the new ones, and what this batch adds."""

    meter: Meter
    device: Device
    marks: list[Mark]
    fresh: list[RegisterReading] = field(default_factory=list)
    faults: list[MeterFault] = field(default_factory=list)
    duplicates: int = 0


@transaction.atomic
def take_readings(*, meters: QuerySet[Meter], readings: Sequence[SignedReading], now: int) -> list[Judgement]:
    """Keep those that count.

    Args:
        meters: For which the sender may speak; of others nothing is said but that they are unknown.
        readings: In any order; earlier ones in the list count first.
        now: Epoch seconds.

    Returns:
        What became of each, in the same order.

    Raises:
        AwayError: the site has no ledger yet, and so no domain to sign for.
    """
    place, wanted = domain(), {to_hex(one.reading.meter) for one in readings}
    rows = meters.filter(serial__in=wanted).order_by("pk").select_for_update(of=("self",))
    books = {meter.serial: _book(meter, readings) for meter in rows}
    judged = [_take(books.get(to_hex(one.reading.meter)), one, place, now) for one in readings]
    RegisterReading.objects.bulk_create([row for book in books.values() for row in book.fresh])
    faults = [row for book in books.values() for row in book.faults]
    MeterFault.objects.bulk_create(faults, ignore_conflicts=True)
    for book in books.values():
        if book.duplicates:
            Meter.objects.filter(pk=book.meter.pk).update(duplicates=F("duplicates") + book.duplicates)
    return judged


def device_of(meter: Meter) -> Device:
    """The meter as validation takes it."""
    return Device(meter.name, meter.digits, meter.max_power_w // SLOTS_PER_HOUR)


def installed_mark(meter: Meter) -> Mark:
    """Where its registers stood when it was installed; readings are numbered from 0 on."""
    return Mark(meter.installed_at, meter.installed_import_wh, meter.installed_export_wh, -1)


def stored_mark(row: RegisterReading) -> Mark:
    """A stored reading as validation takes it."""
    return Mark(row.slot_end, row.import_wh, row.export_wh, row.sequence)


def _book(meter: Meter, readings: Sequence[SignedReading]) -> _Book:
    """With the readings that the new ones can touch: in their time, next to it, or of the same numbers."""
    mine = [one.report for one in readings if to_hex(one.reading.meter) == meter.serial]
    first, last = min(one.slot_end for one in mine), max(one.slot_end for one in mine)
    stored = RegisterReading.objects.filter(meter=meter)
    touched = Q(slot_end__range=(first, last)) | Q(sequence__in=[one.sequence for one in mine])
    before = stored.filter(slot_end__lt=first).order_by("-slot_end")[:1]
    after = stored.filter(slot_end__gt=last).order_by("slot_end")[:1]
    rows = {row.pk: row for part in (stored.filter(touched), before, after) for row in part}
    marks = [installed_mark(meter), *(stored_mark(row) for row in rows.values())]
    return _Book(meter, device_of(meter), sorted(marks, key=lambda mark: mark.slot_end))


def _take(book: _Book | None, one: SignedReading, place: Domain, now: int) -> Judgement:
    if book is None:
        words = Words("no such meter is registered for you")
        fault = Fault(FaultCode.UNKNOWN_METER, to_hex(one.reading.meter), one.reading.slot_start, words)
        return Judgement(Outcome.REFUSED, fault)
    refused = _unsigned(book.meter, one, place) or _removed(book.meter, one)
    if refused:
        judged = Judgement(Outcome.REFUSED, refused)
    else:
        known = Known.among(book.marks, one.report)
        judged = judge(book.device, known, one.report, now=now + CLOCK_TOLERANCE_S)
    _note(book, one, judged, now)
    return judged


def _unsigned(meter: Meter, one: SignedReading, place: Domain) -> Fault | None:
    """Recovered, not checked against the known key: v is part of what is kept as evidence."""
    start = one.reading.slot_start
    try:
        signer = recover(digest(place, one.reading), one.signature)
    except EncodingError:
        words = Words("a register, its number or its time is negative")
        return Fault(FaultCode.NEGATIVE, meter.name, start, words)
    except SignatureError as error:
        words = Words("it has no usable signature (%(code)s)", code=error.code)
        return Fault(FaultCode.SIGNATURE, meter.name, start, words)
    if to_hex(signer) != meter.key:
        words = Words("it is signed by %(signer)s", signer=to_hex(signer))
        return Fault(FaultCode.SIGNATURE, meter.name, start, words)
    return None


def _removed(meter: Meter, one: SignedReading) -> Fault | None:
    if meter.removed_at is None or one.reading.slot_end <= meter.removed_at:
        return None
    words = Words("the meter was taken away at %(removed_at)s", removed_at=meter.removed_at)
    return Fault(FaultCode.REMOVED, meter.name, one.reading.slot_start, words)


def _note(book: _Book, one: SignedReading, judged: Judgement, now: int) -> None:
    fault = judged.fault
    if judged.outcome is Outcome.DUPLICATE:
        book.duplicates += 1
    elif fault:
        book.faults.append(
            MeterFault(
                meter=book.meter,
                code=fault.code.value,
                slot_start=fault.slot_start,
                sequence=one.reading.sequence,
                said=fault.words.as_dict(),
                at=now,
            )
        )
    if judged.outcome is Outcome.ACCEPTED:
        book.marks.append(mark_of(one.report))
        book.marks.sort(key=lambda mark: mark.slot_end)
        book.fresh.append(_row(book.meter, one, now))


def _row(meter: Meter, one: SignedReading, now: int) -> RegisterReading:
    said = one.reading
    return RegisterReading(
        meter=meter,
        sequence=said.sequence,
        slot_start=said.slot_start,
        slot_end=said.slot_end,
        import_wh=said.import_wh,
        export_wh=said.export_wh,
        signature=to_hex(one.signature),
        received_at=now,
    )
