"""Runs as files: CSV, Parquet and JSON, written slot by slot, so that a year needs no more memory than a batch."""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Protocol, Self

import pyarrow as pa
import pyarrow.parquet as pq

from grid.results.tables import TABLES, Places, Row, SlotData, Table, closing_rows, dictionary

BATCH_ROWS = 50_000
_ARROW = {"int": pa.int64(), "float": pa.float64(), "str": pa.string()}


class ExportError(ValueError):
    """An export that makes no sense; the message says what to choose."""


class Writer(Protocol):
    """Writes one table to one binary file."""

    def write(self, rows: Sequence[Row]) -> None:
        """Some rows more."""

    def close(self) -> None:
        """Everything is in the file; the file itself stays open."""


class CsvWriter:
    """RFC 4180, a head row, numbers as Python writes them, nothing where there is no value."""

    def __init__(self, table: Table, file: IO[bytes]) -> None:
        self._file, self._line = file, csv.writer(_Encoded(file))
        self._line.writerow([column.name for column in table.columns])

    def write(self, rows: Sequence[Row]) -> None:
        """Some rows more."""
        self._line.writerows(rows)

    def close(self) -> None:
        """Nothing waits."""
        self._file.flush()


class _Encoded:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(text.encode())


class JsonWriter:
    """An array of objects, one on each line."""

    def __init__(self, table: Table, file: IO[bytes]) -> None:
        self._names, self._file, self._before = [column.name for column in table.columns], file, b"[\n"

    def write(self, rows: Sequence[Row]) -> None:
        """Some rows more."""
        for row in rows:
            line = json.dumps(dict(zip(self._names, row, strict=True)), ensure_ascii=False)
            self._file.write(self._before + line.encode())
            self._before = b",\n"

    def close(self) -> None:
        """End the array."""
        self._file.write(b"[]\n" if self._before == b"[\n" else b"\n]\n")
        self._file.flush()


class ParquetWriter:
    """Typed columns, compressed, a row group a batch; unit and meaning stand in each column's metadata."""

    def __init__(self, table: Table, file: IO[bytes]) -> None:
        fields = [
            pa.field(c.name, _ARROW[c.kind], metadata={"unit": c.unit, "meaning": c.meaning})
            for c in table.columns
        ]
        self._schema, self._waiting = pa.schema(fields, metadata={"meaning": table.meaning}), list[Row]()
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")

    def write(self, rows: Sequence[Row]) -> None:
        """Some rows more."""
        self._waiting += rows
        if len(self._waiting) >= BATCH_ROWS:
            self._flush()

    def close(self) -> None:
        """Write what waits, and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._waiting:
            columns = zip(*self._waiting, strict=True)
            arrays = [pa.array(c, type=f.type) for c, f in zip(columns, self._schema, strict=True)]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
            self._waiting = []


FORMATS: dict[str, Callable[[Table, IO[bytes]], Writer]] = {
    "csv": CsvWriter,
    "parquet": ParquetWriter,
    "json": JsonWriter,
}


class Export:
    """Tables of one run, open for writing.

    Args:
        files: an open binary file for each wanted table, by name.
        kind: "csv", "parquet" or "json".
        places: what the slots' indices stand for.

    Raises:
        ExportError: unknown format or table.
    """

    def __init__(self, files: dict[str, IO[bytes]], kind: str, places: Places) -> None:
        unknown = [repr(name) for name in files if name not in TABLES]
        if kind not in FORMATS or unknown:
            wanted = f"formats are {', '.join(FORMATS)}; tables are {', '.join(TABLES)}"
            raise ExportError(f"{', '.join(unknown) or repr(kind)} can't be exported: {wanted}.")
        self._places = places
        self._writers = {name: FORMATS[kind](TABLES[name], file) for name, file in files.items()}

    def add(self, slot: SlotData) -> None:
        """One slot more, as `grid.results.record.slot_data` gives it."""
        for name, writer in self._writers.items():
            rows = TABLES[name].rows
            if rows is not None:
                writer.write(list(rows(slot, self._places)))

    def close(self, summary: SlotData) -> None:
        """The tables that only the whole gives, and the ends of all files."""
        for name, writer in self._writers.items():
            if TABLES[name].rows is None:
                writer.write(closing_rows(name, summary))
            writer.close()


class ExportFolder:
    """All tables in a folder, one file each, and `columns.json`, which says what their columns mean.

    Use as a context manager: `with ExportFolder(...) as export: export.add(slot); ...; export.close(summary)`.
    """

    def __init__(self, folder: Path, kind: str, places: Places) -> None:
        self._folder, self._kind, self._places = folder, kind, places
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Make the folder and open the files."""
        self._folder.mkdir(parents=True, exist_ok=True)
        files: dict[str, IO[bytes]] = {
            name: self._stack.enter_context((self._folder / f"{name}.{self._kind}").open("wb"))
            for name in TABLES
        }
        self._export = Export(files, self._kind, self._places)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, slot: SlotData) -> None:
        """One slot more."""
        self._export.add(slot)

    def close(self, summary: SlotData) -> None:
        """Finish all files."""
        self._export.close(summary)
        text = json.dumps(dictionary(), indent=1, ensure_ascii=False)
        (self._folder / "columns.json").write_text(text + "\n", encoding="utf-8")


def export_all(
    slots: Iterable[SlotData], summary: dict[str, Any], folder: Path, kind: str, places: Places
) -> None:
    """A whole run into a folder. Raises ExportError for an unknown format, before anything is written."""
    if kind not in FORMATS:
        raise ExportError(f"{kind!r} is no format; choose one of {', '.join(FORMATS)}.")
    with ExportFolder(folder, kind, places) as export:
        for slot in slots:
            export.add(slot)
        export.close(summary)
