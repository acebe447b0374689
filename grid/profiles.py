"""Profiles: time series on UTC slots of 900 s, read from compressed CSV; and the way from naive local time to them.

A profile file has the column `slot_start` (epoch seconds, UTC, start of the slot) and one column per profile:
SimBench's relative values (1 = rated power), `X_pload` and `X_qload` for loads, `PVn` for PV.
"""

import csv
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from grid.assets import SLOT_SECONDS

SIMBENCH_FORMAT = "%d.%m.%Y %H:%M"
SIMBENCH_ZONE = "Europe/Berlin"


class ProfileFaultError(ValueError):
    """A profile file that can't be used; names file, place and remedy."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """`slot_start` (slots,) epoch seconds, contiguous; `columns` name -> (slots,) relative power."""

    slot_start: npt.NDArray[np.int64]
    columns: Mapping[str, npt.NDArray[np.float64]]

    def column(self, name: str) -> npt.NDArray[np.float64]:
        """One profile. Raises ProfileFaultError naming a missing one."""
        try:
            return self.columns[name]
        except KeyError:
            raise ProfileFaultError(
                f"profile {name!r} is missing; add its column to the profile file"
            ) from None

    def window(self, start: int, end: int) -> slice:
        """Positions of the slots in [start, end). Raises ProfileFaultError where the file does not cover them."""
        first, last = int(self.slot_start[0]), int(self.slot_start[-1]) + SLOT_SECONDS
        if start % SLOT_SECONDS or end % SLOT_SECONDS or not first <= start < end <= last:
            raise ProfileFaultError(
                f"period {_utc(start)} to {_utc(end)} must lie on quarter-hours within {_utc(first)} to {_utc(last)},"
                " which the profile file covers; change the period or extract another file"
            )
        return slice((start - first) // SLOT_SECONDS, (end - first) // SLOT_SECONDS)


def _utc(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%MZ")


def local_to_slots(
    stamps: Sequence[str], *, zone: str = SIMBENCH_ZONE, form: str = SIMBENCH_FORMAT
) -> npt.NDArray[np.int64]:
    """Naive local stamps in order of time -> UTC slot starts.

    An hour that comes twice (end of summer time) is told apart by its order, never by its name; a stamp in the hour
    that clocks skip does not exist and is refused.

    Raises:
        ProfileFaultError: names the first stamp that doesn't exist or doesn't follow its predecessor by 900 s.
    """
    tz = ZoneInfo(zone)
    slots = np.empty(len(stamps), dtype=np.int64)
    for i, stamp in enumerate(stamps):
        naive = datetime.strptime(stamp, form)  # noqa: DTZ007  naive by nature; the zone is attached below
        first, second = (int(naive.replace(tzinfo=tz, fold=fold).timestamp()) for fold in (0, 1))
        if datetime.fromtimestamp(first, tz).replace(tzinfo=None) != naive:
            raise ProfileFaultError(
                f"row {i + 1}: {stamp} does not exist in {zone} (clocks go forward); is the zone right?"
            )
        slots[i] = second if i and first <= slots[i - 1] else first
        if slots[i] % SLOT_SECONDS or (i and slots[i] - slots[i - 1] != SLOT_SECONDS):
            raise ProfileFaultError(
                f"row {i + 1}: {stamp} does not follow {stamps[i - 1]} by 15 minutes; sort and fill gaps"
            )
    return slots


def read_profiles(path: Path) -> Profiles:
    """Read `*.csv.gz` (or plain `.csv`). Raises ProfileFaultError with file, line and remedy."""
    try:
        with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
            rows = list(csv.reader(file))
    except OSError as error:
        raise ProfileFaultError(f"{path.name}: can't be read ({error}); check the path") from error
    if len(rows) < 2 or rows[0][0] != "slot_start":  # noqa: PLR2004  a header and at least one slot
        raise ProfileFaultError(
            f"{path.name}: line 1 must be a header that starts with slot_start, slots below it"
        )
    names = rows[0][1:]
    table = np.array([_numbers(path.name, line, row, len(names)) for line, row in enumerate(rows[1:], 2)])
    starts = table[:, 0].astype(np.int64)
    gaps = np.flatnonzero(np.diff(starts) != SLOT_SECONDS)
    if starts[0] % SLOT_SECONDS or gaps.size:
        line = int(gaps[0]) + 3 if gaps.size else 2
        raise ProfileFaultError(
            f"{path.name}, line {line}: slots must start on quarter-hours, 900 s apart; fill the gap"
        )
    return Profiles(starts, {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(names, 1)})


def _numbers(name: str, line: int, row: Sequence[str], columns: int) -> list[float]:
    if len(row) != columns + 1:
        raise ProfileFaultError(
            f"{name}, line {line}: has {len(row)} fields instead of {columns + 1}; mend the line"
        )
    try:
        values = [float(field) for field in row]
    except ValueError as error:
        raise ProfileFaultError(
            f"{name}, line {line}: {error}; every field is a number with a decimal point"
        ) from error
    if not np.isfinite(values).all():
        raise ProfileFaultError(
            f"{name}, line {line}: holds NaN or infinity; estimate the missing value first"
        )
    return values


def write_profiles(path: Path, profiles: Profiles) -> None:
    """Write `*.csv.gz`, the same bytes for the same profiles on any machine."""
    names = sorted(profiles.columns)
    columns = [profiles.columns[name] for name in names]
    lines = [",".join(["slot_start", *names])]
    for i, start in enumerate(profiles.slot_start):
        lines.append(",".join([str(start), *(f"{column[i]:.10g}" for column in columns)]))
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))
