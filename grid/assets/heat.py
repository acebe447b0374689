"""A heat pump and the heat that its house holds, slot by slot: what it must draw, what it may, and what is left.

The store is the heat above the lower edge of the band, up to the band's width times the house's capacity. All in
integer Wh: draws electric, stores and demands thermal. Heat made is rounded down, heat lost up.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
import numpy.typing as npt

from grid.assets.climate import cop_permille, demand_wh, outdoor_celsius
from grid.assets.home import PERMILLE, SLOTS_PER_HOUR
from grid.equipment import HeatPump
from grid.profiles import Profiles

IntArray = npt.NDArray[np.int64]
PPM = 1_000_000


class House(msgspec.Struct, frozen=True, gc=False):
    """A heat pump with its house in integers, per slot; `connection` is whose it is.

    `leak_ppm` of the store is lost in a slot, beyond what the lower edge of the band demands: a warmer house loses more.
    """

    connection: int
    power_wh: int
    store_wh: int
    leak_ppm: int
    flexible: bool

    def shift(self, stored_wh: int, demanded_wh: int, cop: int) -> tuple[int, int]:
        """(must, may beyond) draw in this slot; `cop` in per mille.

        A flexible one must keep the lower edge and may fill the band; an uncontrolled one keeps the band's middle.
        """
        lost = demanded_wh + self._leak(stored_wh) - stored_wh
        goal = 0 if self.flexible else self.store_wh // 2
        must = min(self.power_wh, max(0, -(-(lost + goal) * PERMILLE // cop)))
        if not self.flexible:
            return must, 0
        most = min(self.power_wh, max(0, (lost + self.store_wh) * PERMILLE // cop))
        return must, max(0, most - must)

    def after(self, stored_wh: int, demanded_wh: int, cop: int, drawn_wh: int) -> tuple[int, int]:
        """(store after the slot, heat that lacked to the lower edge), Wh thermal."""
        made = drawn_wh * cop // PERMILLE
        kept = stored_wh + made - demanded_wh - self._leak(stored_wh)
        return min(self.store_wh, max(0, kept)), max(0, -kept)

    def _leak(self, stored_wh: int) -> int:
        return -(-stored_wh * self.leak_ppm // PPM)


def house_of(connection: int, pump: HeatPump) -> House:
    """Integers of a heat pump."""
    return House(
        connection=connection,
        power_wh=pump.power_w // SLOTS_PER_HOUR,
        store_wh=pump.store_wh,
        leak_ppm=min(PPM, math.ceil(PPM * pump.loss_w_per_k / pump.capacity_wh_per_k / SLOTS_PER_HOUR)),
        flexible=pump.flexible,
    )


class Houses:
    """Heated houses on the scenario's slots; alike ones in alike weather share their series."""

    def __init__(
        self, pumps: Sequence[tuple[int, HeatPump]], profiles: Profiles, start: int, end: int
    ) -> None:
        """`pumps` with the connections that they belong to; `profiles` hold temperatures where pumps name one."""
        window = profiles.window(start, end)
        self.houses = tuple(house_of(index, pump) for index, pump in pumps)
        self.first_wh = tuple(pump.store_wh * pump.start_permille // PERMILLE for _, pump in pumps)
        kinds = [_kind(pump) for _, pump in pumps]
        weather = {kind: _weather(kind, profiles, window) for kind in dict.fromkeys(kinds)}
        self._weather = [weather[kind] for kind in kinds]

    def conditions(self, row: int) -> list[tuple[int, int]]:
        """(heat demanded in Wh, coefficient of performance in per mille) of each house in a slot."""
        return [(int(demand[row]), int(cop[row])) for demand, cop in self._weather]

    def after(
        self, row: int, stored_wh: Sequence[int], drawn_wh: Sequence[int]
    ) -> tuple[tuple[int, ...], int]:
        """(stores after a slot's draws, heat that lacked in it), Wh thermal."""
        slots = zip(self.houses, stored_wh, self.conditions(row), drawn_wh, strict=True)
        kept = [house.after(stored, demand, cop, drawn) for house, stored, (demand, cop), drawn in slots]
        return tuple(store for store, _ in kept), sum(lacked for _, lacked in kept)


def _kind(pump: HeatPump) -> HeatPump:
    """What of a pump decides about demand and performance."""
    return replace(pump, name="", power_w=0, flexible=False, start_permille=0)


def _weather(kind: HeatPump, profiles: Profiles, window: slice) -> tuple[IntArray, IntArray]:
    """(slots,) heat demanded and coefficient of performance."""
    if kind.temperature:
        celsius = profiles.column(kind.temperature)[window]
    else:
        celsius = outdoor_celsius(profiles.slot_start[window], kind.climate)
    return demand_wh(celsius, kind), cop_permille(celsius, kind.sink)
