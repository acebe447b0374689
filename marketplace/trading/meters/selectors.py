"""Reads around meters: whose they are, and their slots with the quality of each."""

from dataclasses import dataclass

from django.db.models import Exists, Max, OuterRef, QuerySet

from grid.assets import SLOT_SECONDS
from grid.metering import Quality
from grid.metering.estimation import slot_values
from marketplace.accounts.models import User
from marketplace.trading.meters.intake import device_of, installed_mark, stored_mark
from marketplace.trading.meters.registration import digest_of
from marketplace.trading.models import Meter, MeterToken, RegisterReading

METERS_SHOWN = 3
SLOTS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class ReadSlot:
    """A slot of a meter; `sequence` is that of the reading at its end, None where there is none."""

    slot_start: int
    import_wh: int
    export_wh: int
    quality: Quality
    sequence: int | None

    @property
    def slot_end(self) -> int:
        """End of the slot."""
        return self.slot_start + SLOT_SECONDS


def meters_of(user: User) -> QuerySet[Meter]:
    """For which a person may speak: its own; all of them for metering operators."""
    rows = Meter.objects.select_related("replaces")
    return rows if user.has_perm("trading.operate_meters") else rows.filter(prosumer__owner=user.owner)


def meters_of_token(token: MeterToken) -> QuerySet[Meter]:
    """For which the holder of a token may speak."""
    rows = Meter.objects.select_related("replaces")
    return rows if token.meter_id is None else rows.filter(pk=token.meter_id)


def token_of(secret: str) -> MeterToken | None:
    """The token with this text, unless it was revoked."""
    return MeterToken.objects.filter(digest=digest_of(secret), revoked_at__isnull=True).first()


def latest_slots(user: User) -> list[tuple[Meter, list[ReadSlot]]]:
    """A person's meters that are in use, each with the last hours that it has told of, the newest first."""
    found = []
    for meter in Meter.objects.filter(prosumer__owner=user.owner, removed_at__isnull=True)[:METERS_SHOWN]:
        last = RegisterReading.objects.filter(meter=meter).aggregate(end=Max("slot_end"))["end"]
        end = last or meter.installed_at
        slots = read_slots(meter, start=end - SLOTS_SHOWN * SLOT_SECONDS, end=end)
        found.append((meter, slots[::-1]))
    return found


def read_slots(meter: Meter, *, start: int, end: int) -> list[ReadSlot]:
    """The slots of [start, end) up to the last reading that is known; energy of gaps is spread evenly over them."""
    around = _around(meter, start, end)
    rows, late = [row for row, _ in around], {row.slot_end for row, is_late in around if is_late}
    marks = [stored_mark(row) for row in rows]
    if not rows or rows[0].slot_end > start:
        marks.insert(0, installed_mark(meter))
    first = marks[0].slot_end
    slots = (marks[-1].slot_end - first) // SLOT_SECONDS
    values = slot_values(device_of(meter), marks, [(0, 0)] * slots)
    at_end = {row.slot_end: row for row in rows}
    found = []
    for i, value in enumerate(values):
        begin = first + i * SLOT_SECONDS
        if start <= begin < end:
            edges, closing = {begin, begin + SLOT_SECONDS}, at_end.get(begin + SLOT_SECONDS)
            changed = value.quality is Quality.MEASURED and edges & late
            quality = Quality.CORRECTED if changed else value.quality
            found.append(ReadSlot(begin, *value.energy, quality, closing.sequence if closing else None))
    return found


def _around(meter: Meter, start: int, end: int) -> list[tuple[RegisterReading, bool]]:
    """Readings in the period and the nearest on either side, in order; and whether one of a later slot came first."""
    later = RegisterReading.objects.filter(
        meter=OuterRef("meter"), slot_start__gt=OuterRef("slot_start"), pk__lt=OuterRef("pk")
    )
    rows = RegisterReading.objects.filter(meter=meter).annotate(came_late=Exists(later))
    before = rows.filter(slot_end__lte=start).order_by("-slot_end")[:1]
    after = rows.filter(slot_end__gte=end).order_by("slot_end")[:1]
    within = rows.filter(slot_end__gt=start, slot_end__lt=end).order_by("slot_end")
    return [(row, row.came_late) for part in (before, within, after) for row in part]
