"""MATPOWER cases (`.m`, format version 2, MATPOWER manual appendix B) -> `Feeder`.

The one generator at the reference bus becomes the source; loads, shunts and fixed generators keep their power. A
branch between equal voltages with ratio 0 is a line; any other is a transformer whose tap is at its from end, with its
charging as shunts. Trap: MATPOWER's own distribution cases hold ohms and kW and end in code that converts them; the
usual two statements are done here, any other code is a fault.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from matpowercaseframes.reader import parse_file

from grid.networks.check import check_feeder
from grid.networks.feeder import (
    Bus,
    Connection,
    Feeder,
    Generator,
    Line,
    Load,
    NetworkFaultError,
    Shunt,
    Transformer,
)
from grid.words import Words, placed

FREQUENCY_HZ = 50.0
NO_RATING = 99_999.0  # MVA or kA; MATPOWER's rateA of 0 means unlimited
COLUMNS = {
    "bus": ("bus_i", "type", "Pd", "Qd", "Gs", "Bs", "area", "Vm", "Va", "baseKV"),
    "gen": ("bus", "Pg", "Qg", "Qmax", "Qmin", "Vg", "mBase", "status"),
    "branch": ("fbus", "tbus", "r", "x", "b", "rateA", "rateB", "rateC", "ratio", "angle", "status"),
}
_MAY_BE_INFINITE = {"Qmax", "Qmin"}
_PQ, _PV, _REFERENCE, _ISOLATED = 1, 2, 3, 4
_OHMS = re.compile(r"mpc\.branch\(:,\[BR_RBR_X\]\)=mpc\.branch\(:,\[BR_RBR_X\]\)/\(Vbase\^2/Sbase\)")
_KILOWATTS = re.compile(r"mpc\.bus\(:,\[PDQD\]\)=mpc\.bus\(:,\[PDQD\]\)/1e3")
_MATRIX = re.compile(r"mpc\.(\w+)\s*=\s*\[(.*?)\]", re.DOTALL)
_CHANGE = re.compile(r"^\s*mpc\.(bus|gen|branch|baseMVA)\s*\(.*$", re.MULTILINE)
Row = Mapping[str, float]
Tables = Mapping[str, Sequence[Row]]


def feeder_from_matpower(path: Path) -> Feeder:
    """Read a case file. Raises NetworkFaultError with every row that can't be used, and its remedy."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NetworkFaultError(
            (placed(path.name, Words("can't be read (%(error)s); check the path", error=str(error))),)
        ) from error
    code = re.sub(r"%.*", "", text).replace("...\n", " ")
    faults = [*_code_faults(code)]
    base_mva, tables = _base_mva(code, faults), {name: _table(name, code, faults) for name in COLUMNS}
    if not faults:
        faults += _row_faults(tables)
    if faults:
        raise NetworkFaultError(tuple(placed(path.name, fault) for fault in faults))
    feeder = _Case(path.stem, base_mva, *_converted(code, base_mva, tables)).feeder()
    check_feeder(feeder)
    return feeder


def _base_mva(code: str, faults: list[Words]) -> float:
    found = re.search(r"mpc\.baseMVA\s*=\s*([^;\n]+)", code)
    try:
        value = float(found[1]) if found else math.nan
    except ValueError:
        value = math.nan
    if not value > 0:
        faults.append(Words("mpc.baseMVA: is no number above zero; write for example mpc.baseMVA = 100;"))
    return value


def _squeezed(statement: str) -> str:
    return re.sub(r"[\s,;]+", "", statement).replace("(:[", "(:,[")


def _code_faults(code: str) -> Iterator[Words]:
    for change in _CHANGE.finditer(code):
        statement = _squeezed(change[0])
        if not (_OHMS.fullmatch(statement) or _KILOWATTS.fullmatch(statement)):
            yield (
                Words(
                    "line %(line)s: %(statement)s changes the case by code that is not run here; save the case from MATPOWER with savecase",
                    line=code.count(chr(10), 0, change.start()) + 1,
                    statement=change[0].strip(),
                )
            )


def _table(name: str, code: str, faults: list[Words]) -> list[Row]:
    """One row a line for the parser, whatever the file does."""
    match = next((found for found in _MATRIX.finditer(code) if found[1] == name), None)
    rows = match and parse_file(name, f"mpc.{name} = [\n{re.sub('[;,]', _broken, match[2])}\n];")
    if not rows:
        faults.append(
            Words(
                "mpc.%(name)s: is missing or empty; give its matrix in MATPOWER's format version 2", name=name
            )
        )
        return []
    columns = COLUMNS[name]
    made: list[Row] = []
    for number, row in enumerate(rows, start=1):
        wrong = [
            str(cell) for column, cell in zip(columns, row, strict=False) if not _is_usable(column, cell)
        ]
        if wrong:
            faults.append(
                Words(
                    "mpc.%(name)s row %(number)s: %(wrong)s is no usable number; write plain numbers",
                    name=name,
                    number=number,
                    wrong=wrong[0],
                )
            )
        elif len(row) < len(columns):
            faults.append(
                Words(
                    "mpc.%(name)s row %(number)s: has %(given)s columns; give at least %(least)s (%(columns)s)",
                    name=name,
                    number=number,
                    given=len(row),
                    least=len(columns),
                    columns=", ".join(columns),
                )
            )
        else:
            made.append(dict(zip(columns, map(float, row), strict=False)))
    return made


def _is_usable(column: str, cell: object) -> bool:
    return isinstance(cell, int | float) and (math.isfinite(cell) or column in _MAY_BE_INFINITE)


def _broken(separator: re.Match[str]) -> str:
    return "\n" if separator[0] == ";" else " "


def _row_faults(tables: Tables) -> Iterator[Words]:
    buses = {row["bus_i"]: row for row in tables["bus"]}
    if len(buses) < len(tables["bus"]):
        yield Words("mpc.bus: bus numbers are not unique; number each bus once")
    for bus in tables["bus"]:
        if bus["type"] not in {_PQ, _PV, _REFERENCE, _ISOLATED}:
            yield Words(
                "mpc.bus %(bus_i)s: type %(type)s is unknown; use 1, 3 or 4",
                bus_i=f"{bus['bus_i']:g}",
                type=f"{bus['type']:g}",
            )
        if not bus["baseKV"] > 0:
            yield Words(
                "mpc.bus %(bus_i)s: baseKV must be above zero; a feeder needs volts, not only per unit",
                bus_i=f"{bus['bus_i']:g}",
            )
    sources = [row for row in tables["bus"] if row["type"] == _REFERENCE]
    if len(sources) != 1:
        yield Words("mpc.bus: %(count)s reference buses (type 3); keep exactly one", count=len(sources))
    yield from _gen_faults(tables, buses)
    for number, branch in enumerate(tables["branch"], start=1):
        yield from _branch_faults(number, branch, buses)


def _gen_faults(tables: Tables, buses: Mapping[float, Row]) -> Iterator[Words]:
    running = [row for row in tables["gen"] if row["status"] > 0]
    yield from (
        Words("mpc.gen: is at bus %(bus)s, which does not exist; give one of mpc.bus", bus=f"{row['bus']:g}")
        for row in running if row["bus"] not in buses
    )  # fmt: skip
    kinds = [buses[row["bus"]]["type"] for row in running if row["bus"] in buses]
    yield from (
        Words("mpc.gen at bus %(bus)s: holds the voltage (bus type 2), which is not modelled; set the bus to type 1", bus=f"{row['bus']:g}")
        for row in running if row["bus"] in buses and buses[row["bus"]]["type"] == _PV
    )  # fmt: skip
    if kinds.count(_REFERENCE) != 1:
        yield Words(
            "mpc.gen: %(count)s generators run at the reference bus; keep exactly one",
            count=kinds.count(_REFERENCE),
        )


def _branch_faults(number: int, branch: Row, buses: Mapping[float, Row]) -> Iterator[Words]:
    where = f"mpc.branch row {number} ({branch['fbus']:g}-{branch['tbus']:g})"
    if not branch["status"]:
        return
    if branch["fbus"] not in buses or branch["tbus"] not in buses:
        yield Words("%(where)s: is at a bus that does not exist; give one of mpc.bus", where=where)
    if branch["r"] < 0 or branch["x"] <= 0:
        yield Words(
            "%(where)s: r below zero or x not above it; join the buses or give an impedance", where=where
        )


def _converted(
    code: str, base_mva: float, tables: Tables
) -> tuple[Sequence[Row], Sequence[Row], Sequence[Row]]:
    """Ohms and kW to per unit and MW where the file's own code would do it; Vbase is the first bus's."""
    statements = [_squeezed(change[0]) for change in _CHANGE.finditer(code)]
    buses, branches = tables["bus"], tables["branch"]
    if any(map(_OHMS.fullmatch, statements)):
        ohm = buses[0]["baseKV"] ** 2 / base_mva
        branches = [{**row, "r": row["r"] / ohm, "x": row["x"] / ohm} for row in branches]
    if any(map(_KILOWATTS.fullmatch, statements)):
        buses = [{**row, "Pd": row["Pd"] / 1e3, "Qd": row["Qd"] / 1e3} for row in buses]
    return buses, tables["gen"], branches


class _Case:
    """A checked case on its way to a feeder."""

    def __init__(
        self, name: str, base_mva: float, buses: Sequence[Row], gens: Sequence[Row], branches: Sequence[Row]
    ) -> None:
        self._name, self._base_mva = name, base_mva
        self._buses = [row for row in buses if row["type"] != _ISOLATED]
        self._number = {row["bus_i"]: i for i, row in enumerate(self._buses)}
        self._kv = {row["bus_i"]: row["baseKV"] for row in self._buses}
        self._gens = [row for row in gens if row["status"] > 0 and row["bus"] in self._number]
        self._branches = [
            (f"{row['fbus']:g}-{row['tbus']:g} (row {i})", row)
            for i, row in enumerate(branches, start=1)
            if row["status"] and row["fbus"] in self._number and row["tbus"] in self._number
        ]

    def feeder(self) -> Feeder:
        source = next(row["bus_i"] for row in self._buses if row["type"] == _REFERENCE)
        return Feeder(
            name=self._name,
            source_bus=self._number[source],
            source_vm_pu=next(gen["Vg"] for gen in self._gens if gen["bus"] == source),
            buses=tuple(Bus(f"Bus {row['bus_i']:g}", row["baseKV"]) for row in self._buses),
            lines=tuple(self._line(name, row) for name, row in self._branches if self._is_line(row)),
            transformers=tuple(
                self._transformer(name, row) for name, row in self._branches if not self._is_line(row)
            ),
            connections=tuple(self._connections(source)),
            shunts=tuple(self._shunts()),
        )

    def _is_line(self, row: Row) -> bool:
        return row["ratio"] in {0, 1} and not row["angle"] and self._kv[row["fbus"]] == self._kv[row["tbus"]]

    def _connections(self, source: float) -> Iterator[Connection]:
        for row in self._buses:
            name, at = f"Bus {row['bus_i']:g}", self._number[row["bus_i"]]
            if row["Pd"] >= 0 and (row["Pd"] or row["Qd"]):
                yield Connection(name, at, Load(name, row["Pd"], row["Qd"], None))
            elif row["Pd"] < 0:
                yield Connection(name, at, None, Generator(name, -row["Pd"], -row["Qd"], None))
        for number, gen in enumerate(self._gens, start=1):
            if gen["bus"] != source:
                plant = Generator(f"Generator {number}", gen["Pg"], gen["Qg"], None)
                yield Connection(plant.name, self._number[gen["bus"]], None, plant)

    def _shunts(self) -> Iterator[Shunt]:
        for row in self._buses:
            if row["Gs"] or row["Bs"]:
                yield Shunt(f"Shunt {row['bus_i']:g}", self._number[row["bus_i"]], row["Gs"], -row["Bs"])
        for name, row in self._branches:
            if row["b"] and not self._is_line(row):
                half_mvar = row["b"] / 2 * self._base_mva
                ratio = row["ratio"] or 1.0
                yield Shunt(f"charging of {name}", self._number[row["fbus"]], 0.0, -half_mvar / ratio**2)
                yield Shunt(f"charging of {name}", self._number[row["tbus"]], 0.0, -half_mvar)

    def _line(self, name: str, row: Row) -> Line:
        kv = self._kv[row["fbus"]]
        ohm = kv**2 / self._base_mva
        return Line(
            f"Line {name}", self._number[row["fbus"]], self._number[row["tbus"]], 1.0, row["r"] * ohm, row["x"] * ohm,
            row["b"] / ohm / (2 * math.pi * FREQUENCY_HZ) * 1e9, 0.0,
            (row["rateA"] / (3**0.5 * kv)) or NO_RATING,
        )  # fmt: skip

    def _transformer(self, name: str, row: Row) -> Transformer:
        """Its impedance is on the base of the to end, as MATPOWER has it."""
        sn_mva = row["rateA"] or self._base_mva
        scale = 100 * sn_mva / self._base_mva
        return Transformer(
            f"Transformer {name}", self._number[row["fbus"]], self._number[row["tbus"]], sn_mva,
            self._kv[row["fbus"]] * (row["ratio"] or 1.0), self._kv[row["tbus"]],
            math.hypot(row["r"], row["x"]) * scale, row["r"] * scale, 0.0, 0.0, row["angle"], "hv", 0.0, 0.0,
            derating=1.0 if row["rateA"] else NO_RATING,
        )  # fmt: skip
