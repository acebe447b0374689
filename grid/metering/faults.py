"""Meters that misbehave, for scenarios: what they report of what really flowed, by seed and slot alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from grid.assets import SLOT_SECONDS
from grid.metering.readings import Report
from grid.scenarios.sections import MeteringSection

_STREAM = 0x4D45
"""Tells the draws of meters from those of forecasts and agents."""


class Misbehaviour(IntEnum):
    """What a meter does wrong in a slot; in the order of `MeteringSection.shares`."""

    GAP = 0
    LATE = 1
    DUPLICATE = 2
    RESET = 3
    NEGATIVE = 4
    NONE = 5


@dataclass(frozen=True, slots=True)
class Draw:
    """What happens to one reading: `delay` in slots for a late one, `contradicts` for one that is sent twice."""

    kind: Misbehaviour
    delay: int = 0
    contradicts: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """A reading on its way: it arrives at the end of the slot that starts at `arrives`."""

    arrives: int
    connection: int
    report: Report


def draws(section: MeteringSection, seed: int, slot_start: int, size: int) -> list[Draw]:
    """For every connection; the same for the same seed and slot."""
    chance = np.random.default_rng([seed, slot_start, _STREAM]).random((2, size))
    kinds = np.searchsorted(np.cumsum(section.shares) / 1000, chance[0], side="right")
    delays = 1 + (chance[1] * section.late_slots).astype(int)
    return [
        Draw(Misbehaviour(kind), delay, other < 1 / 2)
        for kind, delay, other in zip(kinds.tolist(), delays.tolist(), chance[1].tolist(), strict=True)
    ]


def sent(draw: Draw, connection: int, report: Report, *, last_slot: int) -> Sequence[Sent]:
    """What of `report` goes out, and when: with the period's last slot at the latest."""
    now = report.slot_start
    if draw.kind is Misbehaviour.GAP:
        return ()
    if draw.kind is Misbehaviour.LATE:
        return (Sent(min(now + draw.delay * SLOT_SECONDS, last_slot), connection, report),)
    if draw.kind is Misbehaviour.NEGATIVE:
        return (Sent(now, connection, _net(report)),)
    if draw.kind is Misbehaviour.DUPLICATE:
        second = _changed(report) if draw.contradicts else report
        return Sent(now, connection, report), Sent(now, connection, second)
    return (Sent(now, connection, report),)


def _net(report: Report) -> Report:
    """What a meter with one register of the difference would show as its import."""
    return Report(
        report.slot_start, report.slot_end, -max(1, report.export_wh), report.export_wh, report.sequence
    )


def _changed(report: Report) -> Report:
    return Report(report.slot_start, report.slot_end, report.import_wh + 1, report.export_wh, report.sequence)
