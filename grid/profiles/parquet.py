"""Parquet: a typed time column and numbers; read batch by batch. A fault's line is the row, counted from 1."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from grid.profiles.faults import FaultList, ProfileFaultError, refuse
from grid.profiles.options import Options
from grid.profiles.profiles import FloatArray, IntArray, Profiles
from grid.profiles.recording import Column, Recording, to_profiles
from grid.profiles.stamps import NO_ZONE, Clock, StampError, zone_named
from grid.profiles.text import titles_and_units
from grid.words import Words

_BATCH_ROWS = 65_536
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def read_parquet(path: Path, options: Options) -> Profiles:
    """A Parquet file. Raises ProfileFaultError with all of its faults."""
    faults = FaultList(path.name)
    try:
        with path.open("rb") as raw, parquet.ParquetFile(raw) as file:
            recording = _read(file, options, faults)
    except ProfileFaultError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError, KeyError) as error:
        refuse(
            path.name,
            Words("is damaged Parquet (%(error)s); export it again", error=str(error).splitlines()[0][:120]),
        )
    return to_profiles(recording, faults)


def _read(file: Any, options: Options, faults: FaultList) -> Recording:
    schema = file.schema_arrow
    names, rows = list(schema.names), file.metadata.num_rows
    if len(names) < 2 or not rows:  # noqa: PLR2004  a time and at least one series
        refuse(faults.file, Words("has no data; it needs a time column, at least one series, and two rows"))
    if rows * len(names) > options.bounds.cells or len(set(names)) < len(names):
        refuse(
            faults.file,
            Words(
                "has %(rows)s rows of %(columns)s columns, more than %(cells)s numbers, or a name twice; cut it to fewer days or columns",
                rows=rows,
                columns=len(names),
                cells=options.bounds.cells,
            ),
        )
    time = _time_column(schema)
    titles = titles_and_units([name for name in names if name != time], None, options, faults)
    _check_types(schema, time, faults)
    faults.raise_any()
    moments, values = _columns(file, names, time)
    return Recording(
        faults.file,
        _epochs(moments, schema.field(time).type, options, faults),
        range(1, rows + 1),
        [Column(title, unit, column) for (title, unit), column in zip(titles, values, strict=True)],
        at_end=options.stamps == "end",
        zone=options.zone,
    )


def _time_column(schema: Any) -> str:
    """The first column with a type of time (pandas puts its index last), else the first column."""
    typed = [field.name for field in schema if pa.types.is_timestamp(field.type)]
    return str((typed or schema.names)[0])


def _check_types(schema: Any, time: str, faults: FaultList) -> None:
    kind = schema.field(time).type
    if not (pa.types.is_timestamp(kind) or pa.types.is_integer(kind)):
        faults.add(
            Words(
                "column %(time)s is %(kind)s, no time; store times with a type (timestamp with a zone)",
                time=repr(time),
                kind=str(kind),
            )
        )
    for field in schema:
        if field.name != time and not _is_number(field.type):
            faults.add(
                Words(
                    "column %(name)s is %(type)s, no number; convert or drop it",
                    name=repr(field.name),
                    type=str(field.type),
                )
            )


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def _columns(file: Any, names: Sequence[str], time: str) -> tuple[list[int | None], list[FloatArray]]:
    """The times as integers, and the other columns; a missing value becomes NaN."""
    moments, parts = list[int | None](), {name: list[FloatArray]() for name in names if name != time}
    for batch in file.iter_batches(batch_size=_BATCH_ROWS):
        for name, column in zip(names, batch.columns, strict=True):
            if name == time:
                moments += column.cast(pa.int64()).to_pylist()
            else:
                floats = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
                parts[name].append(np.asarray(floats, dtype=np.float64))
    return moments, [np.concatenate(part) for part in parts.values()]


def _epochs(moments: Sequence[int | None], kind: Any, options: Options, faults: FaultList) -> IntArray:
    """Epoch seconds: typed times with a zone and integers are, naive ones are read in the named zone."""
    missing = [row for row, moment in enumerate(moments, 1) if moment is None]
    for row in missing:
        faults.add(Words("has no time; delete the row or fill its time"), row)
    faults.raise_any()
    raw = np.array(moments, dtype=np.int64)
    if not pa.types.is_timestamp(kind):
        return raw
    seconds: IntArray = raw // _PER_SECOND[kind.unit]
    if kind.tz is not None:
        return seconds
    if options.zone is None:
        refuse(faults.file, Words("the time of row 1 %(no_zone)s", no_zone=NO_ZONE), 1)
    return np.fromiter(_in_zone(seconds, options.zone, faults), dtype=np.int64, count=len(seconds))


def _in_zone(seconds: IntArray, zone: str, faults: FaultList) -> Iterator[int]:
    try:
        clock = Clock(zone_named(zone))
    except StampError as error:
        refuse(faults.file, error.words)
    for row, local in enumerate(np.datetime64(0, "s") + seconds.astype("timedelta64[s]"), 1):
        try:
            yield clock.epoch_of(local.item(), str(local))
        except StampError as error:
            refuse(faults.file, error.words, row)
