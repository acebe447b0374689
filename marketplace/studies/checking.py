"""Uploaded files against what the site can take: hostile until read, bounded, each fault kept for its owner."""

import json
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast

from grid.checking import Report, check_network, check_profiles
from grid.networks.feeder import Feeder
from grid.profiles import Bounds, Fault, Options
from grid.profiles.options import Decimal, Stamps
from grid.scenarios.scenario import Scenario, ScenarioFaultError, parse_scenario
from grid.words import Words
from marketplace.studies.models import InputFile

BOUNDS = Bounds(bytes=64 * 1024 * 1024, cells=6_000_000)
MOST_BUSES = 3_000
MOST_CONNECTIONS = 1_000
MOST_HOME_SLOTS = 500_000
"""Connections times slots of one study: a month of 168 homes."""
NETWORK_SUFFIXES = (".json", ".m")


def kind_of(filename: str, content: bytes) -> InputFile.Kind:
    """A file that begins as JSON, or is called `.m`, is a network; `.toml` a scenario; anything else profiles."""
    suffix = Path(filename).suffix.lower()
    if suffix == ".toml":
        return InputFile.Kind.SCENARIO
    is_json = content[:64].removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"["))
    return InputFile.Kind.NETWORK if is_json or suffix in NETWORK_SUFFIXES else InputFile.Kind.PROFILES


def options_of(file: InputFile) -> Options:
    """How its owner says that a profile file is to be read."""
    return Options(
        zone=file.zone or None,
        unit=file.unit or None,
        stamps=cast("Stamps", file.stamps),
        decimal=cast("Decimal | None", file.decimal or None),
        bounds=BOUNDS,
    )


def report_on(file: InputFile, folder: Path, names: Collection[str]) -> Report:
    """Read one file, laid out in `folder`; `names` are those of all files of its owner."""
    filename = str(file.filename)
    if file.kind == InputFile.Kind.NETWORK:
        report, feeder = check_network(filename, folder)
        return report if feeder is None else _within(report, feeder)
    if file.kind == InputFile.Kind.PROFILES:
        return check_profiles(folder / filename, options_of(file))[0]
    return _scenario_report(folder / filename, names)


def _within(report: Report, feeder: Feeder) -> Report:
    size, homes = len(feeder.buses), len(feeder.connections)
    if size <= MOST_BUSES and 0 < homes <= MOST_CONNECTIONS:
        return report
    words = Words(
        "has %(size)s buses and %(homes)s connections; the site takes up to %(most_buses)s buses and 1 to %(most_homes)s connections: cut the network, or run it with manage.py",
        size=size,
        homes=homes,
        most_buses=MOST_BUSES,
        most_homes=MOST_CONNECTIONS,
    )
    return Report(report.file, (Fault(report.file, None, words),))


def _scenario_report(path: Path, names: Collection[str]) -> Report:
    try:
        scenario = scenario_of(tables_of(path), path.parent, names)
    except ScenarioFaultError as error:
        return Report(path.name, tuple(Fault(path.name, None, words) for words in error.faults))
    understood = {
        "name": scenario.name,
        "start": scenario.start,
        "end": scenario.end,
        "mechanism": scenario.market.mechanism,
        "files": [scenario.grid.network, *scenario.grid.profiles],
    }
    return Report(path.name, understood=understood)


def tables_of(path: Path) -> dict[str, Any]:
    """A TOML file's tables. Raises ScenarioFaultError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        words = Words("is not UTF-8; save it as UTF-8")
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        words = Words("is no TOML (%(error)s); mend that line", error=str(error))
    raise ScenarioFaultError((words,))


def scenario_of(tables: Mapping[str, Any], folder: Path, names: Collection[str]) -> Scenario:
    """A scenario of the site: it may name its owner's uploaded files and nothing else.

    Attack: a path out of the folder would read the server's files, a reference its collections, a strategy of one's own
    would run code.

    Raises:
        ScenarioFaultError: every fault.
    """
    grid = tables.get("grid")
    network = grid.get("network") if isinstance(grid, dict) else None
    profiles = grid.get("profiles") if isinstance(grid, dict) else None
    asked = [network, *(profiles if isinstance(profiles, list) else [])]
    strange = [name for name in asked if isinstance(name, str) and name not in names]
    faults = tuple(
        Words(
            "[grid] %(name)s: is none of your uploaded files; upload it, or name one of %(names)s",
            name=repr(name[:80]),
            names=", ".join(sorted(names)) or Words("them"),
        )
        for name in strange
    )
    if faults:
        raise ScenarioFaultError(faults)
    return parse_scenario(dict(tables), folder=folder)


def report_json(report: Report) -> str:
    """As it is stored with the file."""
    faults = [{**fault._asdict(), "words": fault.words.as_dict()} for fault in report.faults]
    return json.dumps({"faults": faults, "understood": report.understood})
