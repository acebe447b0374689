"""What stands behind a meter: load, PV, battery; and the watt-hours that they exchange with the grid in a slot.

All quantities are integer Wh per slot of 900 s. The rule of `exchange` is the whole behaviour of a home:

- own PV serves own load first;
- energy sold goes out before the own battery is charged, and the battery makes up what PV lacks for it;
- energy bought serves the load first, what exceeds the load charges the battery;
- otherwise the battery charges from surplus PV and discharges into the own load;
- export never exceeds `cap_wh`; PV that has nowhere to go is curtailed.
"""

import math
from dataclasses import dataclass

from grid.network import Connection

SLOT_SECONDS = 900
SLOTS_PER_HOUR = 4
PERMILLE = 1000


class AssetError(RuntimeError):
    """A home's energy does not balance: an error of ours, never of the data."""


@dataclass(frozen=True, slots=True)
class Home:
    """The fixed part of a connection in integers: firm export and battery, per slot."""

    name: str
    firm_export_wh: int
    battery_power_wh: int
    battery_capacity_wh: int
    efficiency_permille: int
    has_generator: bool

    def charge_room(self, soc_wh: int) -> int:
        """Wh at the terminals that the battery can take in this slot."""
        if not self.battery_capacity_wh:
            return 0
        return min(
            self.battery_power_wh, (self.battery_capacity_wh - soc_wh) * PERMILLE // self.efficiency_permille
        )

    def discharge_room(self, soc_wh: int) -> int:
        """Wh at the terminals that the battery can give in this slot."""
        return min(self.battery_power_wh, soc_wh * self.efficiency_permille // PERMILLE)


@dataclass(frozen=True, slots=True)
class Needs:
    """What nature and people bring in a slot: load, PV available, and the battery's state of charge at its start."""

    load_wh: int
    pv_wh: int
    soc_wh: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """A slot of one home, Wh. `pv_wh` is what was produced, `curtailed_wh` what could have been."""

    load_wh: int
    pv_wh: int
    curtailed_wh: int
    charged_wh: int
    discharged_wh: int
    import_wh: int
    export_wh: int
    soc_before_wh: int
    soc_wh: int

    @property
    def battery_loss_wh(self) -> int:
        """Energy that the battery turned into heat in this slot."""
        return self.charged_wh - self.discharged_wh - (self.soc_wh - self.soc_before_wh)

    @property
    def net_import_wh(self) -> int:
        """Positive: drawn from the feeder; negative: fed in. What the power flow sees."""
        return self.import_wh - self.export_wh

    def check(self) -> None:
        """Raise unless production + import = consumption + export + battery, to the Wh."""
        supply = self.pv_wh + self.import_wh + self.discharged_wh
        use = self.load_wh + self.export_wh + self.charged_wh
        if (
            supply != use
            or min(self.import_wh, self.export_wh, self.curtailed_wh, self.soc_wh, self.battery_loss_wh) < 0
        ):
            raise AssetError(f"energy of a home does not balance: {self}")


@dataclass(frozen=True, slots=True)
class Position:
    """What a home expects for a slot before any trade, Wh.

    `surplus_wh` and `deficit_wh` arise by themselves; the flexible parts are what the battery could give or take
    beyond them, so `surplus_wh + flexible_export_wh` can be sold, `deficit_wh + flexible_import_wh` bought.
    `firm_export_wh` of a sale needs no room in the grid: it would flow anyway.
    """

    connection: int
    surplus_wh: int
    deficit_wh: int
    flexible_export_wh: int
    flexible_import_wh: int
    firm_export_wh: int


def home_of(connection: Connection, firm_export_permille: int) -> Home:
    """Integers of a connection; firm export is a share of the generator's rating, rounded down to the Wh."""
    generator, battery = connection.generator, connection.battery
    rated_wh = math.floor(generator.p_mw * 1e6 / SLOTS_PER_HOUR) if generator else 0
    return Home(
        name=connection.name,
        firm_export_wh=rated_wh * firm_export_permille // PERMILLE,
        battery_power_wh=battery.power_w // SLOTS_PER_HOUR if battery else 0,
        battery_capacity_wh=battery.capacity_wh if battery else 0,
        efficiency_permille=battery.efficiency_permille if battery else PERMILLE,
        has_generator=generator is not None,
    )


def exchange(home: Home, needs: Needs, *, sold_wh: int = 0, bought_wh: int = 0, cap_wh: int) -> Exchange:
    """The slot of a home after its trades; see the module's rule. Raises AssetError if it does not balance."""
    direct = min(needs.load_wh, needs.pv_wh)
    surplus, deficit = needs.pv_wh - direct, needs.load_wh - direct
    room, stored = home.charge_room(needs.soc_wh), home.discharge_room(needs.soc_wh)
    sold_wh = min(sold_wh, cap_wh)
    own_use = min(max(0, deficit - bought_wh), stored)
    for_sale = min(max(0, sold_wh - surplus), stored - own_use)
    from_pv = min(max(0, surplus - sold_wh), room)
    from_grid = min(max(0, bought_wh - deficit), room - from_pv)
    charged, discharged = from_pv + from_grid, own_use + for_sale
    offered = surplus + for_sale - from_pv
    export = min(offered, cap_wh)
    result = Exchange(
        load_wh=needs.load_wh,
        pv_wh=needs.pv_wh - (offered - export),
        curtailed_wh=offered - export,
        charged_wh=charged,
        discharged_wh=discharged,
        import_wh=deficit - own_use + from_grid,
        export_wh=export,
        soc_before_wh=needs.soc_wh,
        soc_wh=_soc_after(home, needs.soc_wh, charged, discharged),
    )
    result.check()
    return result


def _soc_after(home: Home, soc_wh: int, charged_wh: int, discharged_wh: int) -> int:
    """Stored energy is rounded down, taken energy up: rounding is a loss, never a gain."""
    stored = charged_wh * home.efficiency_permille // PERMILLE
    taken = -(-discharged_wh * PERMILLE // home.efficiency_permille)
    return soc_wh + stored - taken


def position(index: int, home: Home, needs: Needs) -> Position:
    """What a home expects to have over or to need, and what its battery could add."""
    alone = exchange(home, needs, cap_wh=needs.pv_wh + home.battery_power_wh)
    stored, room = home.discharge_room(needs.soc_wh), home.charge_room(needs.soc_wh)
    return Position(
        connection=index,
        surplus_wh=alone.export_wh,
        deficit_wh=alone.import_wh,
        flexible_export_wh=stored - alone.discharged_wh + alone.charged_wh,
        flexible_import_wh=0 if alone.export_wh else alone.discharged_wh + room - alone.charged_wh,
        firm_export_wh=home.firm_export_wh,
    )
