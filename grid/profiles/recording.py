"""Rows as a file had them, checked for order, gaps and sense, and brought to slots of 900 s with their energy kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from grid.assets import SLOT_SECONDS
from grid.profiles.faults import FaultList
from grid.profiles.profiles import FloatArray, IntArray, Profiles
from grid.profiles.units import Unit
from grid.words import Moment, Words

MIN_STEP_S, MAX_STEP_S = 60, 3600
LAST_MOMENT = 7_258_118_399
"""The last second of 2199."""
MOST_KW = 1e7
MOST_RELATIVE = 1e3
REGISTER_ROWS = 24
"""A column of energy that only ever grows over this many rows is a register, not energy per interval."""


@dataclass(frozen=True, slots=True)
class Column:
    """One series: `values` (rows,) in `unit`."""

    name: str
    unit: Unit
    values: FloatArray


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file says.

    Attributes:
        moments: (rows,) epoch seconds, start of each interval (or its end, where `at_end`).
        lines: (rows,) line of the file, for faults.
        columns: the series.
    """

    file: str
    moments: IntArray
    lines: Sequence[int]
    columns: Sequence[Column]
    at_end: bool = False
    step_s: int | None = None
    """The interval where the file says it; else it is taken from the times."""
    zone: str | None = None
    """In which its owner reads times."""

    def said(self, epoch: int) -> str:
        """A moment as the file's owner reads it."""
        if self.zone is None:
            return Moment(epoch)
        return datetime.fromtimestamp(epoch, ZoneInfo(self.zone)).isoformat(timespec="minutes")


def to_profiles(recording: Recording, faults: FaultList, *, timed: bool = True) -> Profiles:
    """Slots of 900 s.

    Args:
        recording: What the file says.
        faults: What was found while it was read; joined by what its times and values show.
        timed: Whether all times could be read; without them gaps can't be told.

    Raises:
        ProfileFaultError: every fault of the file.
    """
    timed = _possible_times(recording, faults) and timed
    step = _step(recording) if recording.step_s is None else recording.step_s
    if step is None or not len(recording.moments):
        faults.add(Words("holds fewer than two rows of data; a series needs at least two"))
        timed, step = False, SLOT_SECONDS
    starts = recording.moments - step if recording.at_end else recording.moments
    if timed and _known_step(step, faults):
        _check_times(recording, starts, step, faults)
    for column in recording.columns:
        _check_values(recording, column, faults)
    faults.raise_any()
    return _resampled(recording, starts, step)


def _possible_times(recording: Recording, faults: FaultList) -> bool:
    outside = np.flatnonzero((recording.moments < 0) | (recording.moments > LAST_MOMENT))
    for i in outside:
        words = Words(
            "time %(time)s is not within 1970 to 2199; times as numbers are epoch seconds",
            time=int(recording.moments[i]),
        )
        faults.add(words, recording.lines[int(i)])
    return not outside.size


def _step(recording: Recording) -> int | None:
    """The interval that most rows have."""
    gaps = np.diff(recording.moments)
    forward = gaps[gaps > 0]
    if not forward.size:
        return None if len(recording.moments) <= 1 else MIN_STEP_S
    sizes, counts = np.unique(forward, return_counts=True)
    return int(sizes[counts.argmax()])


def _known_step(step: int, faults: FaultList) -> bool:
    known = MIN_STEP_S <= step <= MAX_STEP_S and MAX_STEP_S % step == 0
    if not known:
        faults.add(
            Words(
                "has a value every %(step)s; intervals from 1 minute to 1 hour that divide an hour evenly can be read (1, 5, 10, 15, 30 or 60 minutes): average the values first",
                step=_span(step),
            )
        )
    return known


def _check_times(recording: Recording, starts: IntArray, step: int, faults: FaultList) -> None:
    first, jumps = int(starts[0]), np.flatnonzero(np.diff(starts) != step)
    whole = max(step, SLOT_SECONDS)
    if first % SLOT_SECONDS:
        faults.add(
            Words(
                "the first interval starts at %(first)s, not on a quarter-hour; cut the file, or say that its times are the ends of intervals",
                first=recording.said(first),
            ),
            recording.lines[0],
        )
    for i in jumps:
        _add_jump(recording, int(i) + 1, step, faults)
    covered = len(starts) * step
    if not jumps.size and first % SLOT_SECONDS == 0 and covered % whole:
        faults.add(
            Words(
                "the last quarter-hour is not complete; cut the file at %(time)s",
                time=recording.said(first + covered - covered % whole),
            ),
            recording.lines[-1],
        )


def _add_jump(recording: Recording, row: int, step: int, faults: FaultList) -> None:
    before, here = int(recording.moments[row - 1]), int(recording.moments[row])
    line, gap = recording.lines[row], here - before
    if gap == 0:
        faults.add(
            Words("%(here)s comes twice; delete one of the two lines", here=recording.said(here)), line
        )
    elif gap < 0:
        faults.add(
            Words(
                "%(here)s is earlier than the line above; sort the lines by time", here=recording.said(here)
            ),
            line,
        )
    elif gap % step:
        faults.add(
            Words(
                "%(here)s follows %(before)s by %(gap)s instead of %(step)s; bring the values to one interval first",
                here=recording.said(here),
                before=recording.said(before),
                gap=_span(gap),
                step=_span(step),
            ),
            line,
        )
    else:
        missing = gap // step - 1
        faults.add(
            _gap_words(missing, recording.said(before), recording.said(here)),
            line,
        )


def _gap_words(missing: int, before: str, here: str) -> Words:
    if missing == 1:
        return Words(
            "1 value is missing between %(before)s and %(here)s; estimate and fill the gap",
            before=before,
            here=here,
        )
    return Words(
        "%(missing)s values are missing between %(before)s and %(here)s; estimate and fill the gap",
        missing=missing,
        before=before,
        here=here,
    )


def _check_values(recording: Recording, column: Column, faults: FaultList) -> None:
    name, values = column.name, column.values
    kw = np.abs(values) * column.unit.kilo
    for i in np.flatnonzero(~np.isfinite(values)):
        words = Words(
            "column %(name)s holds NaN or infinity; estimate the missing value first", name=repr(name)
        )
        faults.add(words, recording.lines[int(i)])
    relative = column.unit.kind == "relative"
    for i in np.flatnonzero(np.isfinite(values) & (kw > (MOST_RELATIVE if relative else MOST_KW))):
        words = Words(
            "column %(name)s: %(value)s %(unit)s can't be; is the unit right?",
            name=repr(name),
            value=f"{values[i]:g}",
            unit=column.unit.name,
        )
        faults.add(words, recording.lines[int(i)])
    if not name.endswith("_qload"):
        for i in np.flatnonzero(values < 0):
            words = Words(
                "column %(name)s: %(value)s %(unit)s is negative; consumption and generation count upwards, so give what flows out a column of its own, such as house_export",
                name=repr(name),
                value=f"{values[i]:g}",
                unit=column.unit.name,
            )
            faults.add(words, recording.lines[int(i)])
    if column.unit.kind == "energy" and _is_register(values):
        faults.add(
            Words(
                "column %(name)s only ever grows, as a meter's register does; give the energy of each interval, that is the difference to the line above",
                name=repr(name),
            )
        )


def _is_register(values: FloatArray) -> bool:
    steps = np.diff(values)
    grows = len(values) > REGISTER_ROWS and bool((steps >= 0).all()) and values[-1] > values[0]
    return grows and bool(values[0] > steps.max())


def _resampled(recording: Recording, starts: IntArray, step: int) -> Profiles:
    end = int(starts[0]) + len(starts) * step
    relative, absolute = dict[str, FloatArray](), dict[str, FloatArray]()
    for column in recording.columns:
        if column.unit.kind == "relative":
            relative[column.name] = _to_slots(column.values, step)
        else:
            per_hour = 3600 / step if column.unit.kind == "energy" else 1.0
            absolute[column.name] = _to_slots(column.values * (column.unit.kilo * per_hour), step)
    return Profiles(
        np.arange(starts[0], end, SLOT_SECONDS, dtype=np.int64),
        relative,
        absolute,
        file=recording.file,
        resolution_s=step,
        units={column.name: column.unit.name for column in recording.columns},
    )


def _to_slots(power: FloatArray, step: int) -> FloatArray:
    """Mean power per slot: finer values averaged, coarser ones spread evenly; energy is kept."""
    if step % SLOT_SECONDS == 0:
        return np.repeat(power, step // SLOT_SECONDS)
    if SLOT_SECONDS % step == 0:
        finer: FloatArray = power.reshape(-1, SLOT_SECONDS // step).mean(axis=1)
        return finer
    edges = np.arange(len(power) + 1) * step
    energy = np.concatenate(([0.0], np.cumsum(power) * step))
    slots = np.arange(0, edges[-1] + 1, SLOT_SECONDS)
    between: FloatArray = np.diff(np.interp(slots, edges, energy)) / SLOT_SECONDS
    return between


def _span(seconds: int) -> str:
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"


def merged(files: Sequence[Profiles]) -> Profiles:
    """One table of several files that cover the same time; of a column in two of them the first file's counts.

    Its slots are those that all files have; at least one. The caller makes sure that there is one.
    """
    if len(files) == 1:
        return files[0]
    start, end = max(one.start for one in files), min(one.end for one in files)

    def cut(one: Profiles, columns: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        window = one.window(start, end)
        return {name: values[window] for name, values in columns.items()}

    relative, absolute, units = dict[str, FloatArray](), dict[str, FloatArray](), dict[str, str]()
    for one in reversed(files):
        relative |= cut(one, one.columns)
        absolute |= cut(one, one.absolute)
        units |= one.units
    first = files[0]
    slots = first.slot_start[first.window(start, end)]
    return Profiles(slots, relative, absolute, first.file, first.resolution_s, units)
