"""Equipment of a scenario's `[[assets]]` put behind the meters of a feeder, on top of the network's own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from grid.assets.chance import stream
from grid.assets.habits import sessions_of
from grid.assets.tables import AnyAssetTable, BatteryTable, EvTable, HeatPumpTable, PvTable, WindTable
from grid.assets.wind import SYNTHETIC_WIND
from grid.equipment import ElectricVehicle, HeatPump
from grid.networks.feeder import Battery, Connection, Feeder, Generator
from grid.scenarios.scenario import ScenarioFaultError
from grid.words import Words

WATTS_PER_MW = 1_000_000
_FIELD = {"ev": "vehicle", "heat-pump": "heat_pump", "battery": "battery", "pv": "generator"}


def planted(feeder: Feeder, tables: Sequence[AnyAssetTable], seed: int, period: tuple[int, int]) -> Feeder:
    """The feeder with the tables' equipment; vehicles' stays are drawn for the period [start, end).

    Who gets what depends on the seed and the table's number. A larger share of the same table reaches whom a smaller
    one did, and more. A connection has at most one of a kind.

    Raises:
        ScenarioFaultError: names that don't exist, connections that have one already, shares without enough room.
    """
    connections = list(feeder.connections)
    profiles = {cn.generator.profile for cn in connections if cn.generator and cn.generator.profile}
    ground = _Ground(seed, *period, sorted(profiles))
    faults: list[Words] = []
    for number, table in enumerate(tables):
        if isinstance(table, PvTable) and table.profile is None and not profiles:
            faults.append(
                _words(number, Words("profile: the network has no PV to copy from; name a profile"))
            )
            continue
        for index in _chosen(connections, table, seed, number, faults):
            connections[index] = _equipped(connections[index], table, index, ground)
    if faults:
        raise ScenarioFaultError(tuple(faults))
    return replace(feeder, connections=tuple(connections)) if tables else feeder


def _words(number: int, fault: Words) -> Words:
    return Words("[[assets]] number %(number)s: %(fault)s", number=number + 1, fault=fault)


def _has(connection: Connection, table: AnyAssetTable) -> bool:
    if isinstance(table, WindTable):
        return any(plant.is_wind for plant in connection.generators)
    return getattr(connection, _FIELD[table.kind]) is not None


def _chosen(
    connections: Sequence[Connection], table: AnyAssetTable, seed: int, number: int, faults: list[Words]
) -> list[int]:
    """Indices that get one, in the feeder's order."""
    if table.connections:
        return _named(connections, table, number, faults)
    homes = [i for i, cn in enumerate(connections) if cn.load is not None]
    free = [i for i in homes if not _has(connections[i], table)]
    wanted = round(len(homes) * (table.share or 0))
    if wanted > len(free):
        words = Words(
            "share: only %(free)s of %(homes)s connections have no %(kind)s yet; give less",
            free=len(free),
            homes=len(homes),
            kind=table.kind,
        )
        faults.append(_words(number, words))
        return []
    rank = stream(seed, f"place of {table.kind}", number).random(len(connections))
    return sorted(sorted(free, key=lambda i: (rank[i], i))[:wanted])


def _named(
    connections: Sequence[Connection], table: AnyAssetTable, number: int, faults: list[Words]
) -> list[int]:
    at = {cn.name: i for i, cn in enumerate(connections)}
    for name in table.connections:
        if name not in at:
            faults.append(
                _words(
                    number,
                    Words("connections: %(name)s is none of this network; check the name", name=repr(name)),
                )
            )
        elif _has(connections[at[name]], table):
            faults.append(
                _words(number, Words("connections: %(name)s has one already; leave it out", name=repr(name)))
            )
    return [at[name] for name in table.connections if name in at and not _has(connections[at[name]], table)]


@dataclass(frozen=True, slots=True)
class _Ground:
    """What planting draws from: the seed, the period, and the PV profiles of the network's own plants."""

    seed: int
    start: int
    end: int
    pv_profiles: Sequence[str]

    def pv_profile(self, index: int) -> str:
        drawn = stream(self.seed, "profile", index).integers(len(self.pv_profiles))
        return self.pv_profiles[int(drawn)]


def _equipped(cn: Connection, table: AnyAssetTable, index: int, ground: _Ground) -> Connection:
    name = f"planted {table.kind} {index}"
    match table:
        case EvTable():
            stays = sessions_of(table, ground.seed, index, ground.start, ground.end)
            flexible = table.control == "flexible"
            vehicle = ElectricVehicle(name, table.power_w, table.efficiency_permille, flexible, stays)
            return replace(cn, vehicle=vehicle)
        case HeatPumpTable():
            return replace(cn, heat_pump=_heat_pump(name, table))
        case BatteryTable():
            battery = Battery(name, table.power_w, table.capacity_wh, table.efficiency_permille)
            return replace(cn, battery=battery)
        case PvTable():
            profile = table.profile or ground.pv_profile(index)
            return replace(cn, generator=Generator(name, table.power_w / WATTS_PER_MW, 0.0, profile))
        case WindTable():
            profile = table.profile or SYNTHETIC_WIND
            return replace(cn, wind=Generator(name, table.power_w / WATTS_PER_MW, 0.0, profile, is_wind=True))


def _heat_pump(name: str, table: HeatPumpTable) -> HeatPump:
    return HeatPump(
        name=name,
        power_w=table.power_w,
        flexible=table.control == "flexible",
        loss_w_per_k=table.loss_w_per_k,
        capacity_wh_per_k=table.capacity_wh_per_k,
        gains_w=table.gains_w,
        min_celsius=table.min_celsius,
        max_celsius=table.max_celsius,
        start_permille=table.start_permille,
        sink=table.sink,
        temperature=table.temperature,
        climate=(table.mean_celsius, table.season_kelvin, table.day_kelvin),
    )
