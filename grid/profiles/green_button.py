"""Green Button XML (NAESB ESPI): interval readings of a meter, forward (import) and reverse (export).

An IntervalBlock belongs to the MeterReading whose address begins its own, and that names its ReadingType; a file with
one ReadingType needs no addresses. Values are `value * 10^powerOfTenMultiplier` in the unit `uom` (72 Wh, 38 W) of
each interval's own duration; times are epoch seconds. Entities and document types are refused (billion laughs).
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax import SAXException
from xml.sax.handler import ContentHandler

import numpy as np
from defusedxml import DefusedXmlException, sax

from grid.profiles.faults import FaultList, refuse
from grid.profiles.options import Options
from grid.profiles.profiles import Profiles
from grid.profiles.recording import Column, Recording, to_profiles
from grid.profiles.sources import DAMAGED, Limited, TooLargeError, opened, refuse_large
from grid.profiles.units import UNITS, Unit
from grid.words import Words

_UOM = {"72": UNITS["Wh"], "38": UNITS["W"]}
_REVERSE = "19"
_REGISTER = {"1", "3"}
"""accumulationBehaviour of registers: bulkQuantity, cumulative."""
_LEAVES = {
    "title", "uom", "powerOfTenMultiplier", "flowDirection", "accumulationBehaviour", "start", "duration", "value",
}  # fmt: skip
_MOST_TEXT = 1000
_MOST_BYTES = 32 * 1024 * 1024
_MOST_ENTRIES = 20_000
_MOST_DEPTH = 40
_MOST_LINKS = 100
_MOST_MULTIPLIER = 12


@dataclass(slots=True)
class _Reading:
    line: int
    start: int
    duration: int
    value: float


@dataclass(slots=True)
class _Entry:
    """An entry of the feed, with what of it counts here."""

    line: int
    kind: str = ""
    address: str = ""
    related: list[str] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)
    readings: list[_Reading] = field(default_factory=list)


class _Feed(ContentHandler):
    """Collects entries; remembers the line of each reading."""

    def __init__(self, faults: FaultList, most_readings: int) -> None:
        super().__init__()
        self.entries: list[_Entry] = []
        self._faults, self._left = faults, most_readings
        self._path, self._text = list[str](), list[str]()
        self._reading: dict[str, str] | None = None
        self._line = 0

    def _here(self) -> int:
        locator: Any = self._locator  # type: ignore[attr-defined]  # xml.sax sets it before the document begins
        return int(locator.getLineNumber())

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802  SAX's name
        """Open an entry, a reading, or a link."""
        tag = name.rpartition(":")[2]
        self._path.append(tag)
        self._text.clear()
        if len(self._path) > _MOST_DEPTH:
            refuse(
                self._faults.file,
                Words("is nested too deeply for meter data; export the file again"),
                self._here(),
            )
        if tag == "entry":
            self._open()
        elif not self.entries:
            return
        elif tag == "link":
            self._link(attrs.get("rel", ""), attrs.get("href", ""))
        elif tag == "IntervalReading":
            self._reading, self._line = {}, self._here()
        elif tag in {"IntervalBlock", "MeterReading", "ReadingType", "UsagePoint"}:
            self.entries[-1].kind = tag

    def characters(self, content: str) -> None:
        """Keep the text of a leaf, within bounds."""
        if len(self._text) < _MOST_TEXT:
            self._text.append(content[:_MOST_TEXT])

    def endElement(self, name: str) -> None:  # noqa: N802  SAX's name
        """Keep a leaf's text; close a reading."""
        del name
        tag, text = self._path.pop(), "".join(self._text).strip()
        self._text.clear()
        if not self.entries:
            return
        if tag == "IntervalReading":
            self._close()
        elif tag in _LEAVES and self._reading is not None:
            self._reading.setdefault(tag, text)
        elif tag in _LEAVES and "interval" not in self._path:
            self.entries[-1].said.setdefault(tag, text)

    def _open(self) -> None:
        if len(self.entries) >= _MOST_ENTRIES:
            refuse(
                self._faults.file,
                Words(
                    "has more than %(most_entries)s entries; export fewer days", most_entries=_MOST_ENTRIES
                ),
                self._here(),
            )
        self.entries.append(_Entry(self._here()))

    def _link(self, relation: str, address: str) -> None:
        if relation == "self":
            self.entries[-1].address = address
        elif relation == "related" and len(self.entries[-1].related) < _MOST_LINKS:
            self.entries[-1].related.append(address)
        elif relation == "up" and not self.entries[-1].address:
            self.entries[-1].address = address

    def _close(self) -> None:
        said, self._reading = self._reading or {}, None
        self._left -= 1
        if self._left < 0:
            refuse(self._faults.file, Words("has too many readings; export fewer days"), self._line)
        try:
            reading = _Reading(
                self._line, int(said["start"]), int(said["duration"]), float(int(said["value"]))
            )
        except (KeyError, ValueError, OverflowError):
            wrong = next(
                (tag for tag in ("start", "duration", "value") if not _is_whole(said.get(tag, ""))), "value"
            )
            words = Words(
                "IntervalReading: %(field)s %(value)s is no whole number; export the file again",
                field=wrong,
                value=repr(said.get(wrong, "")[:40]),
            )
            self._faults.add(words, self._line)
            return
        self.entries[-1].readings.append(reading)


def _is_whole(text: str) -> bool:
    return text.lstrip("+-").isdecimal()


def read_green_button(path: Path, options: Options) -> Profiles:
    """A Green Button file. Raises ProfileFaultError with all of its faults."""
    faults = FaultList(path.name)
    feed, most = _Feed(faults, options.bounds.cells // 4), min(options.bounds.bytes, _MOST_BYTES)
    try:
        with opened(path) as raw:
            sax.parse(io.BufferedReader(Limited(raw, most)), feed, forbid_dtd=True)
    except TooLargeError:
        refuse_large(path.name, most)
    except DefusedXmlException:
        refuse(
            path.name,
            Words("declares a document type or entities, which no meter data need; export the file again"),
        )
    except DAMAGED:
        refuse(path.name, Words("is damaged gzip; pack it again"))
    except SAXException as error:
        line = getattr(error, "getLineNumber", lambda: None)()
        refuse(path.name, Words("is no well-formed XML; export the file again"), line)
    except (ValueError, LookupError) as error:
        if hasattr(error, "faults"):
            raise
        refuse(path.name, Words("has an unknown encoding; export the file as UTF-8"))
    return _profiles(path, feed.entries, faults)


def _profiles(path: Path, entries: Sequence[_Entry], faults: FaultList) -> Profiles:
    types = [entry for entry in entries if entry.kind == "ReadingType"]
    series: dict[int, list[_Reading]] = {}
    blocks = [entry for entry in entries if entry.kind == "IntervalBlock" and entry.readings]
    if not blocks:
        faults.add(
            Words(
                "holds no IntervalReading; export the interval data of a meter (Green Button Download My Data)"
            )
        )
    for block in blocks:
        kind = _type_of(block, entries, types)
        if kind is None:
            faults.add(
                Words("IntervalBlock: its ReadingType can't be told; export the file again, with all links"),
                block.line,
            )
        else:
            series.setdefault(types.index(kind), []).extend(block.readings)
    faults.raise_any()
    columns = [_column(path, types[index], readings, faults) for index, readings in sorted(series.items())]
    faults.raise_any()
    return to_profiles(_joined(columns, faults), faults)


def _type_of(block: _Entry, entries: Sequence[_Entry], types: Sequence[_Entry]) -> _Entry | None:
    if len(types) == 1:
        return types[0]
    by_address = {kind.address: kind for kind in types}
    for meter in entries:
        if meter.kind == "MeterReading" and meter.address and block.address.startswith(meter.address + "/"):
            return next((by_address[address] for address in meter.related if address in by_address), None)
    return None


def _column(path: Path, kind: _Entry, readings: Sequence[_Reading], faults: FaultList) -> Recording:
    """One series of a file, as a recording of its own."""
    reverse = kind.said.get("flowDirection") == _REVERSE
    name = path.name.partition(".")[0] + ("_export" if reverse else "_import")
    unit, scale = _unit(kind, faults)
    ordered = sorted(readings, key=lambda reading: reading.start)
    durations = {reading.duration for reading in ordered}
    if len(durations) > 1:
        odd = next(reading for reading in ordered if reading.duration != ordered[0].duration)
        words = Words(
            "IntervalReading: lasts %(duration)s s, the first one %(first)s s; export one interval length",
            duration=odd.duration,
            first=ordered[0].duration,
        )
        faults.add(words, odd.line)
    if kind.said.get("accumulationBehaviour") in _REGISTER:
        faults.add(
            Words("ReadingType: is a register (cumulative); export the energy of each interval (deltaData)"),
            kind.line,
        )
    return Recording(
        path.name,
        np.array([reading.start for reading in ordered], dtype=np.int64),
        [reading.line for reading in ordered],
        [Column(name, unit, np.array([reading.value * scale for reading in ordered]))],
        step_s=ordered[0].duration,
    )


def _unit(kind: _Entry, faults: FaultList) -> tuple[Unit, float]:
    uom, power = kind.said.get("uom", ""), kind.said.get("powerOfTenMultiplier", "0") or "0"
    if uom not in _UOM:
        faults.add(
            Words(
                "ReadingType: unit %(uom)s can't be used; export energy (uom 72, Wh) or power (uom 38, W)",
                uom=repr(uom[:20]),
            ),
            kind.line,
        )
    if not _is_whole(power) or abs(int(power[:6])) > _MOST_MULTIPLIER:
        faults.add(
            Words(
                "ReadingType: powerOfTenMultiplier %(power)s can't be; export the file again",
                power=repr(power[:20]),
            ),
            kind.line,
        )
        power = "0"
    return _UOM.get(uom, UNITS["Wh"]), 10.0 ** int(power)


def _joined(columns: Sequence[Recording], faults: FaultList) -> Recording:
    """All series in one table: they must have the same intervals."""
    first = columns[0]
    for other in columns[1:]:
        if other.step_s != first.step_s or not np.array_equal(other.moments, first.moments):
            faults.add(
                Words(
                    "%(one)s and %(other)s have other intervals; export both for the same days",
                    one=other.columns[0].name,
                    other=first.columns[0].name,
                ),
                other.lines[0],
            )
        elif other.columns[0].name == first.columns[0].name:
            faults.add(
                Words("has several meters; export each of them into a file of its own"), other.lines[0]
            )
    faults.raise_any()
    return Recording(
        first.file,
        first.moments,
        first.lines,
        [column for recording in columns for column in recording.columns],
        step_s=first.step_s,
    )
