"""The files of a scenario: its feeder and its profiles, with people's own measured series bound to connections.

An absolute column (kW, kWh) belongs to the connection that `[[grid.series]]` names, or to that of the same name:
`house` or `house_import` or `house_load` is the load of connection `house`, `house_export`, `house_pv` or
`house_generation` its generation, and a plant's own name means that plant. The only such column of a file may have any
name if the file is called as the connection.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from grid.networks.feeder import Connection, Feeder, Generator, Load
from grid.networks.files import open_network
from grid.profiles import Fault, FloatArray, Options, ProfileFaultError, Profiles, merged, read_profiles
from grid.scenarios.scenario import Scenario
from grid.scenarios.sections import SeriesTable
from grid.words import Words

Kind = Literal["load", "generation", "wind"]
_SUFFIXES: dict[str, Kind] = {
    "_import": "load", "_load": "load", "_export": "generation", "_pv": "generation", "_generation": "generation",
}  # fmt: skip
_KINDS = {"load": Words("load"), "generation": Words("generation"), "wind": Words("wind")}
_NAMES_SHOWN = 8
_KW_PER_MW = 1e3


def read_inputs(scenario: Scenario, reading: Mapping[str, Options] | None = None) -> tuple[Feeder, Profiles]:
    """Feeder and profiles of a scenario; the profiles hold its period.

    Args:
        scenario: Names the files.
        reading: How a profile file of that name is to be read, where the scenario does not say it for all.

    Raises:
        NetworkFaultError, ProfileFaultError: what is wrong with a file and how to mend it.
    """
    feeder = open_network(scenario.grid.network, scenario.folder)
    common, own = options_of(scenario), reading or {}
    files = [read_profiles(scenario.folder / name, own.get(name, common)) for name in scenario.grid.profiles]
    return with_measured(feeder, covering(files, scenario.start, scenario.end), scenario.grid.series)


def options_of(scenario: Scenario) -> Options:
    """How the scenario says that its profile files are to be read."""
    grid = scenario.grid
    return Options(zone=grid.zone, unit=grid.unit, stamps=grid.stamps, decimal=grid.decimal)


def covering(files: Sequence[Profiles], start: int, end: int) -> Sequence[Profiles]:
    """The files that hold the period [start, end). Raises ProfileFaultError where none does, as the first one says it."""
    found = [one for one in files if one.start <= start < end <= one.end]
    if not found:
        begun = next((one for one in files if one.start <= start < one.end), files[0])
        begun.window(start, end)
    return found


@dataclass(frozen=True, slots=True)
class _Column:
    """An absolute column of one of the files."""

    file: str
    name: str


def with_measured(
    feeder: Feeder, files: Sequence[Profiles], tables: Sequence[SeriesTable] = ()
) -> tuple[Feeder, Profiles]:
    """Measured series as profiles of the connections' loads and plants, relative to their ratings.

    A load or plant without a rating gets the series' peak for one; a load keeps its power factor.

    Raises:
        ProfileFaultError: columns, files or connections that don't exist, columns that belong to nobody, and
            connections with two series for the same.
    """
    profiles = merged(files)
    columns = {
        _Column(one.file, name): one.window(profiles.start, profiles.end)
        for one in files
        for name in one.absolute
    }
    values = {
        column: next(one for one in files if one.file == column.file).absolute[column.name][window]
        for column, window in columns.items()
    }
    places = _places(feeder, list(columns), tables)
    connections, relative = list(feeder.connections), dict(profiles.columns)
    for (index, kind), column in places.items():
        connections[index] = _bound(connections[index], kind, values[column], relative)
    return replace(feeder, connections=tuple(connections)), replace(profiles, columns=relative)


def _places(
    feeder: Feeder, columns: Sequence[_Column], tables: Sequence[SeriesTable]
) -> dict[tuple[int, Kind], _Column]:
    """(connection, what it measures) -> column."""
    places = _Places(feeder, columns)
    places.by_tables(tables)
    places.by_names(told=bool(tables))
    if places.faults:
        raise ProfileFaultError(tuple(places.faults))
    return places.found


class _Places:
    """Where columns belong, while it is found out."""

    def __init__(self, feeder: Feeder, columns: Sequence[_Column]) -> None:
        self.faults, self.found = list[Fault](), dict[tuple[int, Kind], _Column]()
        self._feeder, self._columns, self._told = feeder, columns, set[_Column]()
        self._index = {connection.name: i for i, connection in enumerate(feeder.connections)}
        self._plants = {plant.name: i for i, cn in enumerate(feeder.connections) for plant in cn.generators}

    def by_tables(self, tables: Sequence[SeriesTable]) -> None:
        """As the scenario says."""
        for number, table in enumerate(tables, 1):
            fitting = (c for c in self._columns if c.name == table.column and table.file in {None, c.file})
            column = next(fitting, None)
            if column is None or table.connection not in self._index:
                fault = _table_fault(table, column, self._index, self._columns)
                words = Words("[[grid.series]] number %(number)s: %(fault)s", number=number, fault=fault)
                self.faults.append(Fault("", None, words))
                continue
            self._told.add(column)
            self._place(self._index[table.connection], table.kind, column)

    def by_names(self, *, told: bool) -> None:
        """As the rest is called; what belongs to nobody is a fault, unless the scenario has tables."""
        in_file = Counter(column.file for column in self._columns)
        for column in self._columns:
            if column in self._told:
                continue
            names = (column.name, *([column.file.partition(".")[0]] if in_file[column.file] == 1 else []))
            whose = next(filter(None, (_by_name(name, self._index, self._plants) for name in names)), None)
            if whose is not None:
                self._place(*whose, column)
            elif not told:
                self.faults.append(Fault(column.file, None, _nobodys(column.name, self._index)))

    def _place(self, at: int, kind: Kind, column: _Column) -> None:
        where = at, _of_wind(self._feeder.connections[at], kind, column.name)
        if where in self.found:
            name, other = self._feeder.connections[at].name, self.found[where].name
            words = Words(
                "columns %(other)s and %(column)s both give the %(kind)s of %(name)s; keep one",
                other=repr(other),
                column=repr(column.name),
                kind=_KINDS[where[1]],
                name=name,
            )
            self.faults.append(Fault(column.file, None, words))
        self.found[where] = column


def _of_wind(connection: Connection, kind: Kind, column: str) -> Kind:
    """Generation is that of the turbine where the column is called like it, or where there is nothing else."""
    wind = connection.wind
    if kind == "generation" and wind is not None and (column == wind.name or connection.generator is None):
        return "wind"
    return kind


def _table_fault(
    table: SeriesTable, found: _Column | None, index: Mapping[str, int], columns: Sequence[_Column]
) -> Words:
    if found is not None:
        return Words(
            "connection %(connection)s is not in the network; there are %(names)s",
            connection=repr(table.connection),
            names=_some(index),
        )
    column = repr(table.column)
    known = ", ".join(sorted({one.name for one in columns})[:_NAMES_SHOWN]) or Words("none")
    if not table.file:
        return Words(
            "column %(column)s is not; columns in kW or kWh of the period are %(known)s",
            column=column,
            known=known,
        )
    return Words(
        "column %(column)s is not in %(file)s; columns in kW or kWh of the period are %(known)s",
        column=column,
        file=table.file,
        known=known,
    )


def _some(names: Mapping[str, int]) -> str:
    shown, more = ", ".join(list(names)[:_NAMES_SHOWN]), len(names) - _NAMES_SHOWN
    return Words("%(names)s and %(more)s more", names=shown, more=more) if more > 0 else shown


def _by_name(column: str, index: Mapping[str, int], plants: Mapping[str, int]) -> tuple[int, Kind] | None:
    if column in index:
        return index[column], "load"
    if column in plants:
        return plants[column], "generation"
    for suffix, kind in _SUFFIXES.items():
        if column.endswith(suffix) and column.removesuffix(suffix) in index:
            return index[column.removesuffix(suffix)], kind
    return None


def _nobodys(column: str, index: Mapping[str, int]) -> Words:
    return Words(
        "column %(column)s belongs to no connection of the network; name it as a connection (%(names)s), or map it with [[grid.series]] in the scenario",
        column=repr(column),
        names=_some(index),
    )


def _bound(connection: Connection, kind: Kind, kw: FloatArray, relative: dict[str, FloatArray]) -> Connection:
    """The connection with the series for its profile, which joins `relative`."""
    name, peak = f"measured {kind} of {connection.name}", float(kw.max()) / _KW_PER_MW
    if kind != "load":
        given = connection.wind if kind == "wind" else connection.generator
        plant = given or Generator(f"{connection.name} generation", 0.0, 0.0, None)
        plant = replace(plant, p_mw=plant.p_mw or peak, profile=name)
        relative[name] = _share(kw, plant.p_mw)
        return replace(connection, wind=plant) if kind == "wind" else replace(connection, generator=plant)
    load = connection.load or Load(connection.name, 0.0, 0.0, None)
    load = replace(load, p_mw=load.p_mw or peak, profile=name)
    relative[f"{name}_pload"] = relative[f"{name}_qload"] = _share(kw, load.p_mw)
    return replace(connection, load=load)


def _share(kw: FloatArray, rated_mw: float) -> FloatArray:
    return kw / (rated_mw * _KW_PER_MW) if rated_mw else np.zeros_like(kw)
