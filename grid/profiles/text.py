"""CSV as people have it: comma, semicolon or tab, BOM, quotes, decimal comma; the unit in the column's name.

The first column is the time; the first row holds the names. Lines before it that begin with `#` may say
`# unit = kWh`, `# zone = Europe/Berlin`, `# stamps = end`, `# decimal = ,`.
"""

import csv
import io
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from grid.assets import SLOT_SECONDS
from grid.profiles.faults import FaultList, refuse
from grid.profiles.numbers import NumberError, Numbers
from grid.profiles.options import DECIMALS, STAMPS, Options
from grid.profiles.profiles import Profiles
from grid.profiles.recording import Column, Recording, to_profiles
from grid.profiles.sources import DAMAGED, Limited, TooLargeError, opened, refuse_large
from grid.profiles.stamps import NO_ZONE, Clock, StampError, zone_named
from grid.profiles.units import REMEDY, UNITS, Unit, split_unit, unit_named
from grid.words import Words

DELIMITERS = (";", "\t", ",")
ROWS_LOOKED_AT = 500
MOST_COLUMNS = 5000
MOST_LINE = 1_000_000
SLOT_START = "slot_start"
_SAYS = ("unit", "zone", "stamps", "decimal")


class _Body:
    """The rows below the header, while they are read."""

    def __init__(self, header: Sequence[str], options: Options, faults: FaultList) -> None:
        self._header, self._bounds, self._faults = header, options.bounds, faults
        self._numbers = Numbers(options.decimal)
        self._clock = _clock(options, faults, epochs=header[0] == SLOT_START)
        self._zoneless = False
        self.moments, self.lines, self.cells, self.timed = array("q"), array("q"), array("d"), True

    def read(self, rows: Iterator[tuple[int, list[str]]]) -> None:
        """(line, fields) each; the first ones settle the decimal separator."""
        head = list(islice(rows, ROWS_LOOKED_AT))
        any(self._numbers.look(field) for _, fields in head for field in fields[1:])
        for line, fields in chain(head, rows):
            if any(field.strip() for field in fields):
                self._take(line, fields)

    def _take(self, line: int, fields: Sequence[str]) -> None:
        if len(self.cells) > self._bounds.cells or len(self.lines) >= self._bounds.rows:
            words = Words(
                "has more than %(cells)s numbers or %(rows)s rows; cut it to fewer days or columns",
                cells=self._bounds.cells,
                rows=self._bounds.rows,
            )
            refuse(self._faults.file, words, line)
        self.lines.append(line)
        self._take_moment(fields[0], line)
        if len(fields) == len(self._header):
            for name, field in zip(self._header[1:], fields[1:], strict=True):
                self._take_number(name, field, line)
        else:
            self._faults.add(
                Words(
                    "has %(fields)s fields instead of %(header)s; mend the line",
                    fields=len(fields),
                    header=len(self._header),
                ),
                line,
            )
            self.cells.extend([0.0] * (len(self._header) - 1))

    def _take_moment(self, text: str, line: int) -> None:
        """A time without a zone is refused once, not on every line."""
        try:
            self.moments.append(self._clock.epoch(text))
        except StampError as error:
            zoneless = error.words.values.get("no_zone") is NO_ZONE
            if not (zoneless and self._zoneless):
                self._faults.add(error.words, line)
            self.moments.append(0)
            self.timed, self._zoneless = False, self._zoneless or zoneless

    def _take_number(self, name: str, text: str, line: int) -> None:
        try:
            value = self._numbers.read(text)
        except NumberError as error:
            self._faults.add(Words("column %(name)s: %(fault)s", name=repr(name), fault=error.words), line)
            value = 0.0
        self.cells.append(value)


def read_text(path: Path, options: Options) -> Profiles:
    """A CSV file. Raises ProfileFaultError with all of its faults."""
    faults = FaultList(path.name)
    try:
        with opened(path) as raw:
            text = io.TextIOWrapper(
                io.BufferedReader(Limited(raw, options.bounds.bytes)), encoding="utf-8-sig", newline=""
            )
            return _read(path.name, _lines(text), options, faults)
    except TooLargeError:
        refuse_large(path.name, options.bounds.bytes)
    except UnicodeDecodeError:
        refuse(path.name, Words("is not UTF-8; save it as “CSV UTF-8”"))
    except DAMAGED:
        refuse(path.name, Words("is damaged gzip; pack it again"))
    except csv.Error as error:
        refuse(path.name, Words("is no CSV (%(error)s); is a quotation mark missing?", error=error.args[0]))
    raise RuntimeError("unreachable: every refusal raises")


def _lines(text: IO[str]) -> Iterator[str]:
    """Lines of bounded length, without NUL, which the csv module trips over."""
    while line := text.readline(MOST_LINE):
        if len(line) == MOST_LINE:
            raise csv.Error(Words("a line has more than %(most_line)s characters", most_line=MOST_LINE))
        if "\0" in line:
            raise csv.Error(Words("it holds NUL characters"))
        yield line


def _read(name: str, lines: Iterator[str], options: Options, faults: FaultList) -> Profiles:
    options, first, skipped = _said(name, lines, options, faults)
    delimiter = max(DELIMITERS, key=lambda sign: len(next(csv.reader([first], delimiter=sign), [])))
    reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
    header = next(reader)
    columns = _columns(name, header, skipped + 1, options, faults)
    if options.decimal is None and delimiter == ",":
        options = replace(options, decimal=".")
    body = _Body(header, options, faults)
    body.read((reader.line_num + skipped, fields) for fields in reader)
    table = np.frombuffer(body.cells, dtype=np.float64).reshape(-1, len(columns))
    recording = Recording(
        name,
        np.frombuffer(body.moments, dtype=np.int64),
        body.lines,
        [Column(title, unit, np.ascontiguousarray(table[:, i])) for i, (title, unit) in enumerate(columns)],
        at_end=options.stamps == "end",
        step_s=SLOT_SECONDS if header[0] == SLOT_START else None,
        zone=options.zone if body.timed else None,
    )
    return to_profiles(recording, faults, timed=body.timed)


def _said(name: str, lines: Iterator[str], options: Options, faults: FaultList) -> tuple[Options, str, int]:
    """(options with what the file says about itself, its header line, lines above that)."""
    for number, line in enumerate(lines, 1):
        word = line.strip()
        if word.startswith("#"):
            options = _with_comment(word, number, options, faults)
        elif word:
            break
    else:
        refuse(name, Words("is empty; it needs a header and rows of data below it"))
    return options, line, number - 1


def _with_comment(comment: str, number: int, options: Options, faults: FaultList) -> Options:
    key, equals, value = (part.strip() for part in comment.strip("# ;,\t").partition("="))
    key = key.lower()
    if not equals or key not in _SAYS:
        return options
    allowed = {"unit": tuple(UNITS), "stamps": STAMPS, "decimal": DECIMALS}.get(key)
    if allowed is not None and value not in allowed:
        faults.add(
            Words(
                "# %(key)s = %(value)s: is unknown; choose one of %(allowed)s",
                key=key,
                value=value,
                allowed=" ".join(allowed),
            ),
            number,
        )
        return options
    changes: dict[str, Any] = {key: value}
    return replace(options, **changes)


def _columns(
    name: str, header: Sequence[str], line: int, options: Options, faults: FaultList
) -> list[tuple[str, Unit]]:
    """Name and unit of each column but the first."""
    if len(header) < 2:  # noqa: PLR2004  a time and at least one series
        refuse(
            name,
            Words("has a single column; it needs the time and at least one series, separated by , or ;"),
            line,
        )
    if _is_data(header):
        refuse(
            name,
            Words("begins with data; the first line must be a header: time, then a name for each series"),
            line,
        )
    return titles_and_units(header[1:], line, options, faults)


def titles_and_units(
    names: Sequence[str], line: int | None, options: Options, faults: FaultList
) -> list[tuple[str, Unit]]:
    """Each column's name without its unit, and the unit; a fault for each that names none or stands there twice."""
    if len(names) > MOST_COLUMNS:
        words = Words(
            "has %(columns)s columns; at most %(most_columns)s can be read: make two files of it",
            columns=len(names),
            most_columns=MOST_COLUMNS,
        )
        refuse(faults.file, words, line)
    default = unit_named(options.unit) if options.unit else None
    found, seen = list[tuple[str, Unit]](), set[str]()
    if options.unit and default is None:
        faults.add(
            Words(
                "unit %(unit)s is unknown; choose one of %(units)s",
                unit=repr(options.unit),
                units=", ".join(UNITS),
            )
        )
    for position, text in enumerate(names, 2):
        title, unit = split_unit(text)
        unit = unit or default
        wrong = _title_fault(position, title, unit, twice=title in seen)
        if wrong is not None:
            faults.add(wrong, line)
        seen.add(title)
        found.append((title, unit or UNITS["relative"]))
    return found


def _title_fault(position: int, title: str, unit: Unit | None, *, twice: bool) -> Words | None:
    if not title:
        return Words("column %(position)s has no name; name it, or delete an empty column", position=position)
    if twice:
        return Words("column %(title)s stands there twice; rename or delete one of them", title=repr(title))
    if unit is None:
        return Words("column %(title)s has no unit; %(remedy)s", title=repr(title), remedy=REMEDY)
    return None


def _is_data(header: Sequence[str]) -> bool:
    try:
        Clock(zone_named("UTC"), epochs=True).epoch(header[0])
    except StampError:
        return False
    return True


def _clock(options: Options, faults: FaultList, *, epochs: bool) -> Clock:
    if options.zone is None:
        return Clock(None, epochs=epochs)
    try:
        return Clock(zone_named(options.zone), epochs=epochs)
    except StampError as error:
        faults.add(error.words)
        return Clock(zone_named("UTC"))
