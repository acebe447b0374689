"""A sweep file becomes runs: whole scenarios with ids that depend on nothing but their content."""

import copy
import hashlib
import itertools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from grid.networks.files import is_file_reference
from grid.scenarios.scenario import ScenarioFaultError, parse_scenario
from grid.scenarios.sections import Money, PeriodSection, Section
from grid.scenarios.tables import read_table
from grid.words import Words, placed

MAX_RUNS = 100_000
ID_BYTES = 8
Values = Annotated[list[Any], msgspec.Meta(min_length=1)]


class SweepSection(Section, frozen=True, kw_only=True):
    """What a sweep file may hold.

    Attributes:
        name: what the results are called.
        base: the scenario, relative to this file.
        seeds: each run once with each of them; the scenario's own if left out.
        period: instead of the scenario's.
        set: fields that differ from the scenario's in all runs, by dotted path.
        grid_of: fields with several values; every combination is a run.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
    base: str
    description: str = ""
    seeds: tuple[Money, ...] = ()
    period: PeriodSection | None = None
    set: dict[str, Any] = msgspec.field(default_factory=dict)
    grid_of: dict[str, Values] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One run, ready to go anywhere.

    Attributes:
        id: hash of the scenario and of its files' content.
        parameters: what tells it from the others, `seed` among them.
        scenario: all tables; its files are named as in `files`.
        files: names of the files it needs.
    """

    id: str
    parameters: dict[str, Any]
    scenario: dict[str, Any]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sweep:
    """All runs in order (last axis fastest, then seeds), and the content of their files by name."""

    name: str
    runs: tuple[Run, ...]
    files: Mapping[str, bytes]


def read_sweep(path: Path) -> Sweep:
    """Read a sweep file and its scenario, and check every run.

    Raises:
        ScenarioFaultError: every fault, with place and remedy; those of runs with what sets the run apart.
    """
    table, faults = read_table("", read_toml(path), SweepSection)
    if faults:
        raise ScenarioFaultError(tuple(placed(path.name, fault) for fault in faults))
    section: SweepSection = table
    base = path.parent / section.base
    return expand(section, read_toml(base), base.parent)


def expand(section: SweepSection, base: Mapping[str, Any], folder: Path) -> Sweep:
    """The runs of a sweep over a scenario's tables; `folder` is where its paths start. Raises as `read_sweep`."""
    combinations = len(section.seeds) or 1
    for values in section.grid_of.values():
        combinations *= len(values)
    if combinations > MAX_RUNS:
        raise ScenarioFaultError(
            (
                Words(
                    "%(combinations)s runs are more than %(max_runs)s; leave out values or seeds",
                    combinations=combinations,
                    max_runs=MAX_RUNS,
                ),
            )
        )
    return _Expansion(section, base, folder).sweep()


class _Expansion:
    """Collects runs, the files that they need, and all faults."""

    def __init__(self, section: SweepSection, base: Mapping[str, Any], folder: Path) -> None:
        self._section, self._base, self._folder = section, base, folder
        self._files: dict[str, bytes] = {}
        self._faults: dict[str, Words] = {}

    def sweep(self) -> Sweep:
        """All runs, or ScenarioFaultError."""
        runs = [run for each in self._parameters() if (run := self._run(each))]
        if len({run.id for run in runs}) < len(runs):
            self._faults["twice"] = Words("two runs are the same; give every value and seed once")
        if self._faults:
            raise ScenarioFaultError(tuple(self._faults.values()))
        return Sweep(self._section.name, tuple(runs), self._files)

    def _parameters(self) -> Iterator[dict[str, Any]]:
        axes = self._section.grid_of
        for values in itertools.product(*axes.values(), self._section.seeds or (self._base.get("seed"),)):
            yield dict(zip([*axes, "seed"], values, strict=True))

    def _run(self, parameters: dict[str, Any]) -> Run | None:
        """One run; None if it has faults. A fault of many runs is told with the first of them."""
        try:
            raw = self._tables(parameters)
            parse_scenario(raw, folder=self._folder)
        except ScenarioFaultError as error:
            apart = ", ".join(f"{key} = {value}" for key, value in parameters.items())
            for fault in error.faults:
                self._faults.setdefault(fault, Words("with %(apart)s: %(fault)s", apart=apart, fault=fault))
            return None
        names = _ship(raw, self._folder, self._files)
        return Run(_identity(raw), parameters, raw, tuple(names))

    def _tables(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        raw, period = copy.deepcopy(dict(self._base)), self._section.period
        if period:
            raw["period"] = {"start": period.start, "end": period.end}
        for place, value in {**self._section.set, **parameters}.items():
            put(raw, place, copy.deepcopy(value))
        return raw


def put(raw: dict[str, Any], place: str, value: Any) -> None:
    """Set a field by its dotted path, such as `grid.pv_scale`, or `events.0.share` in an array of tables.

    Raises:
        ScenarioFaultError: the path leads nowhere.
    """
    here: Any = raw
    *way, last = place.split(".")
    try:
        for step in way:
            here = here[int(step)] if isinstance(here, list) else here.setdefault(step, {})
        if isinstance(here, list):
            here[int(last)] = value
        else:
            here.update({last: value})
    except (AttributeError, IndexError, ValueError) as error:
        raise ScenarioFaultError(
            (
                Words(
                    "%(place)s: leads to no field of the scenario; write table.field, or table.0.field in an array",
                    place=place,
                ),
            )
        ) from error


def _ship(raw: dict[str, Any], folder: Path, files: dict[str, bytes]) -> list[str]:
    """Rename the scenario's files to what they contain, and keep the content: a remote worker has no such path."""
    grid = raw["grid"]
    given = [grid["network"]] if is_file_reference(grid["network"]) else []
    renamed = {name: _keep(folder / name, files) for name in [*given, *grid["profiles"]]}
    grid["network"] = renamed.get(grid["network"], grid["network"])
    grid["profiles"] = [renamed[name] for name in grid["profiles"]]
    for row in grid.get("series", ()):
        row.update({"file": renamed.get(row["file"], row["file"])} if "file" in row else {})
    return list(dict.fromkeys(renamed.values()))


def _keep(path: Path, files: dict[str, bytes]) -> str:
    content = path.read_bytes()
    name = f"{hashlib.blake2b(content, digest_size=ID_BYTES).hexdigest()}-{path.name}"
    files.setdefault(name, content)
    return name


def _identity(raw: Mapping[str, Any]) -> str:
    """The description says nothing about results; all else does."""
    content = {key: value for key, value in raw.items() if key != "description"}
    text = msgspec.json.encode(content, order="deterministic")
    return hashlib.blake2b(text, digest_size=ID_BYTES).hexdigest()


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file. Raises ScenarioFaultError where it can't be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioFaultError(
            (
                placed(
                    path.name,
                    Words("can't be read (%(strerror)s); check the path", strerror=str(error.strerror)),
                ),
            )
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ScenarioFaultError(
            (placed(path.name, Words("is no TOML: %(error)s; mend that line", error=str(error))),)
        ) from error
