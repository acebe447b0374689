"""Our own profile files: `slot_start` in epoch seconds every 900 s, then relative columns; read without detours."""

import gzip
import io
from itertools import chain
from pathlib import Path
from typing import IO

import numpy as np

from grid.assets import SLOT_SECONDS
from grid.profiles.options import Bounds
from grid.profiles.profiles import FloatArray, Profiles
from grid.profiles.sources import DAMAGED, Limited, TooLargeError, opened
from grid.profiles.units import split_unit

FIRST_COLUMN = b"slot_start,"


def read_compact(path: Path, bounds: Bounds) -> Profiles | None:
    """A file without a fault; None for one that has some, which `text.read_text` then tells one by one."""
    try:
        with opened(path) as raw:
            limited = io.BufferedReader(Limited(raw, bounds.bytes))
            text = io.TextIOWrapper(limited, encoding="utf-8-sig")
            names = text.readline().rstrip("\n").split(",")[1:]
            table = _table(text)
    except (TooLargeError, ValueError, *DAMAGED):
        return None
    if table.shape[1] != len(names) + 1 or len(set(names)) != len(names):
        return None
    starts = table[:, 0].astype(np.int64)
    if not np.isfinite(table).all() or starts[0] % SLOT_SECONDS or (np.diff(starts) != SLOT_SECONDS).any():
        return None
    if any(split_unit(name)[1] for name in names) or not all(names):
        return None
    columns = {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(names, 1)}
    return Profiles(starts, columns, file=path.name, units=dict.fromkeys(names, "relative"))


def _table(text: IO[str]) -> FloatArray:
    """(rows, columns). Raises ValueError unless there are rows, all of them numbers and of one width."""
    lines = iter(text)
    first = next(lines, "")
    if not first.strip():
        raise ValueError("no rows")
    return np.loadtxt(chain([first], lines), dtype=np.float64, delimiter=",", comments=None, ndmin=2)


def write_profiles(path: Path, profiles: Profiles) -> None:
    """Write `*.csv.gz`, the same bytes for the same profiles on any machine; absolute columns in kW."""
    columns = {**profiles.columns, **{f"{name}_kW": values for name, values in profiles.absolute.items()}}
    names = sorted(columns)
    lines = [",".join(["slot_start", *names])]
    for i, start in enumerate(profiles.slot_start):
        lines.append(",".join([str(start), *(f"{columns[name][i]:.10g}" for name in names)]))
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))
