"""The rule of a home: load, PV and wind, battery, and what of its vehicle and heat pump can be shifted.

All quantities are integer Wh per slot of 900 s. The rule of `exchange` is the whole behaviour of a home:

- own generation serves the own load first; what vehicle and heat pump must draw in this slot is load;
- energy sold goes out before anything of the own is charged, and the battery makes up what generation lacks for it;
- energy bought serves the load first; what exceeds it goes into vehicle, heat pump, battery, in this order;
- otherwise surplus generation goes into vehicle, heat pump, battery, and the battery discharges into the own load;
- export never exceeds `cap_wh`; generation that has nowhere to go is curtailed.
"""

import math

import msgspec

from grid.networks.feeder import Connection

SLOT_SECONDS = 900
SLOTS_PER_HOUR = 4
PERMILLE = 1000


class AssetError(RuntimeError):
    """A home's energy does not balance: an error of ours, never of the data."""


class Home(msgspec.Struct, frozen=True, gc=False):
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


class Needs(msgspec.Struct, frozen=True, gc=False):
    """What nature and people bring in a slot.

    Attributes:
        load_wh: drawn whatever happens: household, and what vehicle and heat pump must have now.
        pv_wh: available from PV and wind.
        soc_wh: stored in the battery at the slot's start.
        wind_wh: the part of `pv_wh` that is wind.
        ev_base_wh, heat_base_wh: the parts of `load_wh` that vehicle and heat pump must have now.
        ev_room_wh, heat_room_wh: what they could take beyond.
    """

    load_wh: int
    pv_wh: int
    soc_wh: int
    wind_wh: int = 0
    ev_base_wh: int = 0
    ev_room_wh: int = 0
    heat_base_wh: int = 0
    heat_room_wh: int = 0

    @property
    def household_wh(self) -> int:
        """The load without vehicle and heat pump."""
        return self.load_wh - self.ev_base_wh - self.heat_base_wh


class Exchange(msgspec.Struct, frozen=True, gc=False):
    """A slot of one home, Wh.

    `pv_wh` is what PV and wind produced, `curtailed_wh` what they could have beyond; `wind_wh` is a part of `pv_wh`.
    `load_wh` is all consumption; `ev_wh` and `heat_pump_wh` are parts of it.
    """

    load_wh: int
    pv_wh: int
    curtailed_wh: int
    charged_wh: int
    discharged_wh: int
    import_wh: int
    export_wh: int
    soc_before_wh: int
    soc_wh: int
    wind_wh: int = 0
    ev_wh: int = 0
    heat_pump_wh: int = 0

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
            or self.import_wh < 0
            or self.export_wh < 0
            or self.curtailed_wh < 0
            or self.soc_wh < 0
            or self.battery_loss_wh < 0
            or self.ev_wh + self.heat_pump_wh > self.load_wh
            or self.wind_wh > self.pv_wh
        ):
            raise AssetError(f"energy of a home does not balance: {self}")


class Position(msgspec.Struct, frozen=True, gc=False):
    """What a home expects for a slot before any trade, Wh.

    `surplus_wh` and `deficit_wh` arise by themselves; the flexible parts are what battery, vehicle and heat pump could
    give or take beyond them, so `surplus_wh + flexible_export_wh` can be sold, `deficit_wh + flexible_import_wh`
    bought. `firm_export_wh` of a sale needs no room in the grid: it would flow anyway.
    """

    connection: int
    surplus_wh: int
    deficit_wh: int
    flexible_export_wh: int
    flexible_import_wh: int
    firm_export_wh: int


def home_of(connection: Connection, firm_export_permille: int) -> Home:
    """Integers of a connection; firm export is a share of its generators' rating, rounded down to the Wh."""
    battery, plants = connection.battery, connection.generators
    rated_wh = sum(math.floor(plant.p_mw * 1e6 / SLOTS_PER_HOUR) for plant in plants)
    return Home(
        name=connection.name,
        firm_export_wh=rated_wh * firm_export_permille // PERMILLE,
        battery_power_wh=battery.power_w // SLOTS_PER_HOUR if battery else 0,
        battery_capacity_wh=battery.capacity_wh if battery else 0,
        efficiency_permille=battery.efficiency_permille if battery else PERMILLE,
        has_generator=bool(plants),
    )


def exchange(home: Home, needs: Needs, *, sold_wh: int = 0, bought_wh: int = 0, cap_wh: int) -> Exchange:
    """The slot of a home after its trades; see the module's rule. Raises AssetError if it does not balance."""
    direct = min(needs.load_wh, needs.pv_wh)
    surplus, deficit = needs.pv_wh - direct, needs.load_wh - direct
    shiftable = needs.ev_room_wh + needs.heat_room_wh
    room, stored = shiftable + home.charge_room(needs.soc_wh), home.discharge_room(needs.soc_wh)
    sold_wh = min(sold_wh, cap_wh)
    own_use = min(max(0, deficit - bought_wh), stored)
    for_sale = min(max(0, sold_wh - surplus), stored - own_use)
    from_own = min(max(0, surplus - sold_wh), room)
    from_grid = min(max(0, bought_wh - deficit), room - from_own)
    shifted = min(from_own + from_grid, shiftable)
    charged, discharged = from_own + from_grid - shifted, own_use + for_sale
    offered = surplus + for_sale - from_own
    export = min(offered, cap_wh)
    produced = needs.pv_wh - (offered - export)
    vehicle = min(shifted, needs.ev_room_wh)
    result = Exchange(
        needs.load_wh + shifted,
        produced,
        offered - export,
        charged,
        discharged,
        deficit - own_use + from_grid,
        export,
        needs.soc_wh,
        _soc_after(home, needs.soc_wh, charged, discharged),
        needs.wind_wh and produced * needs.wind_wh // needs.pv_wh,
        needs.ev_base_wh + vehicle,
        needs.heat_base_wh + shifted - vehicle,
    )
    result.check()
    return result


def _soc_after(home: Home, soc_wh: int, charged_wh: int, discharged_wh: int) -> int:
    """Stored energy is rounded down, taken energy up: rounding is a loss, never a gain."""
    stored = charged_wh * home.efficiency_permille // PERMILLE
    taken = -(-discharged_wh * PERMILLE // home.efficiency_permille)
    return soc_wh + stored - taken


def position(index: int, home: Home, needs: Needs) -> Position:
    """What a home expects to have over or to need, and what can be shifted beyond."""
    alone = exchange(home, needs, cap_wh=needs.pv_wh + home.battery_power_wh)
    stored = home.discharge_room(needs.soc_wh)
    room = home.charge_room(needs.soc_wh) + needs.ev_room_wh + needs.heat_room_wh
    taken = alone.charged_wh + alone.load_wh - needs.load_wh
    return Position(
        index,
        alone.export_wh,
        alone.import_wh,
        stored - alone.discharged_wh + taken,
        0 if alone.export_wh else alone.discharged_wh + room - taken,
        home.firm_export_wh,
    )
