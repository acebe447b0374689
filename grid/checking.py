"""What can be said of somebody's files before a scenario runs on them: every fault, or what was understood."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

from grid.assets.wind import SYNTHETIC_WIND
from grid.networks.feeder import Feeder, NetworkFaultError
from grid.networks.files import open_network
from grid.profiles import Fault, Options, ProfileFaultError, Profiles, read_profiles
from grid.profiles.faults import MOST_FAULTS, more_faults
from grid.scenarios.inputs import with_measured
from grid.words import Moment, Words, unplaced

NAMES_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Report:
    """One file, or all of them together.

    Attributes:
        file: its name.
        faults: all of them; none if the file can be used.
        understood: what is in it, JSON-able; empty if it has faults.
    """

    file: str
    faults: tuple[Fault, ...] = ()
    understood: Mapping[str, Any] = field(default_factory=dict)


def check_network(reference: str, folder: Path) -> tuple[Report, Feeder | None]:
    """A network, and the feeder that it is if it has no faults."""
    name = Path(reference).name
    try:
        feeder = open_network(reference, folder)
    except NetworkFaultError as error:
        told = tuple(Fault(name, None, unplaced(words, name)) for words in error.faults[:MOST_FAULTS])
        return Report(name, (*told, *more_faults(name, len(error.faults) - len(told)))), None
    except RecursionError:
        return Report(name, (Fault(name, None, Words("is nested too deeply; save the network again")),)), None
    return Report(name, understood=described_feeder(feeder)), feeder


def described_feeder(feeder: Feeder) -> dict[str, Any]:
    """What a network is, in figures."""
    homes = feeder.connections
    return {
        "name": feeder.name,
        "buses": len(feeder.buses),
        "lines": len(feeder.lines),
        "transformers": len(feeder.transformers),
        "connections": len(homes),
        "plants": sum(bool(cn.generators) for cn in homes),
        "batteries": sum(cn.battery is not None for cn in homes),
        "names": [cn.name for cn in homes[:NAMES_SHOWN]],
        "profiles": sorted(needed_profiles(feeder)),
    }


def needed_profiles(feeder: Feeder) -> set[str]:
    """Relative columns that the network's loads and plants name."""
    loads = {cn.load.profile for cn in feeder.connections if cn.load and cn.load.profile}
    plants = {plant.profile for cn in feeder.connections for plant in cn.generators if plant.profile}
    return {f"{name}_{kind}load" for name in loads for kind in "pq"} | (plants - {SYNTHETIC_WIND})


def check_profiles(path: Path, options: Options) -> tuple[Report, Profiles | None]:
    """A profile file, and its profiles if it has no faults."""
    try:
        profiles = read_profiles(path, options)
    except ProfileFaultError as error:
        return Report(path.name, error.faults), None
    return Report(path.name, understood=described_profiles(profiles)), profiles


def described_profiles(profiles: Profiles) -> dict[str, Any]:
    """What a profile file holds: period, resolution, and of each column unit and energy (or mean share)."""
    columns = [
        {"name": name, "unit": profiles.units[name], "energy_kwh": round(profiles.energy_kwh(name), 6)}
        for name in profiles.absolute
    ]
    columns += [
        {"name": name, "unit": "relative", "mean": round(float(values.mean()), 6)}
        for name, values in profiles.columns.items()
    ]
    return {
        "start": profiles.start,
        "end": profiles.end,
        "period": f"{Moment(profiles.start)} to {Moment(profiles.end)}",
        "slots": len(profiles.slot_start),
        "resolution_s": profiles.resolution_s,
        "columns": columns,
    }


def _absent(profile: str) -> Words:
    return Words(
        "the network asks for profile %(name)s, which no file has; add its column, or clear the profile",
        name=repr(profile),
    )


def _apart(files: Sequence[Profiles]) -> Words:
    said = [
        Words("%(file)s %(start)s to %(end)s", file=one.file, start=Moment(one.start), end=Moment(one.end))
        for one in files
    ]
    periods = reduce(lambda before, one: Words("%(before)s; %(one)s", before=before, one=one), said)
    return Words("the files have no common period (%(periods)s); choose files of one period", periods=periods)


def check_together(feeder: Feeder, files: Sequence[Profiles]) -> Report:
    """Whether the profiles are those of the network; what runs at its rating is told."""
    common = max(one.start for one in files), min(one.end for one in files)
    if common[0] >= common[1]:
        return Report("", (Fault("", None, _apart(files)),))
    try:
        bound, profiles = with_measured(feeder, files)
    except ProfileFaultError as error:
        return Report("", error.faults)
    absent = sorted(needed_profiles(bound) - set(profiles.columns))
    if absent:
        return Report("", tuple(Fault("", None, _absent(name)) for name in absent))
    flat = [cn.load.name for cn in bound.connections if cn.load and not cn.load.profile]
    flat += [plant.name for cn in bound.connections for plant in cn.generators if not plant.profile]
    return Report(
        "",
        understood={
            "measured": len(profiles.absolute),
            "at_rating": flat[:NAMES_SHOWN],
            "at_rating_count": len(flat),
        },
    )
