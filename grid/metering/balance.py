"""Every watt-hour of a slot accounted for where settlement begins."""

from collections.abc import Iterable

from grid.metering.readings import Quality, Reading


class BalanceError(RuntimeError):
    """The energy of a slot does not balance at the feeder; an error of ours."""


def unaccounted_wh(readings: Iterable[Reading], *, source_wh: int, slot_start: int) -> int:
    """What flowed through the feeder's source and its lines, and no meter's reading accounts for, Wh.

    Where all readings are measured it is zero; where some are estimated it is the estimates' error, which the
    supplier bears until they are corrected.

    Args:
        readings: What is settled on, one of each connection.
        source_wh: import less export of the feeder at its source, less the losses of its lines and transformers.
        slot_start: of the slot, for the message.

    Raises:
        BalanceError: all readings are measured, and still energy is missing.
    """
    drawn, sure = 0, True
    for reading in readings:
        drawn += reading.import_wh - reading.export_wh
        sure = sure and reading.quality is not Quality.ESTIMATED
    missing = source_wh - drawn
    if missing and sure:
        raise BalanceError(
            f"slot {slot_start}: meters and losses leave {missing} Wh of the feeder's source unaccounted; "
            "nothing of it may be settled"
        )
    return missing
