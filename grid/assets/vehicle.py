"""A vehicle at its charger, slot by slot: what it must draw, what it may draw, and what it still needs.

All in integer Wh: draws at the charger's terminals, needs at the vehicle's battery. What a draw stores is rounded
down, what a need takes is rounded up: rounding is a loss, never a gain.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from grid.assets.home import PERMILLE, SLOT_SECONDS, SLOTS_PER_HOUR
from grid.equipment import ElectricVehicle, Session

IntArray = npt.NDArray[np.int32]


class Charger(msgspec.Struct, frozen=True, gc=False):
    """A charger in integers, per slot; `connection` is whose it is."""

    connection: int
    power_wh: int
    efficiency_permille: int
    flexible: bool

    def shift(self, need_wh: int, slots_left: int) -> tuple[int, int]:
        """(must, may beyond) draw in this slot, of a vehicle that needs so much and stays so many slots, this one too.

        An uncontrolled one charges at once. A flexible one must draw only what later slots at full power could not
        bring any more, so that the need is met by departure unless even charging from now on would not.
        """
        if need_wh <= 0 or slots_left <= 0:
            return 0, 0
        most = min(self.power_wh, self._draw_for(need_wh))
        if not self.flexible:
            return most, 0
        later = (slots_left - 1) * self.stored(self.power_wh)
        must = min(most, self._draw_for(max(0, need_wh - later)))
        return must, most - must

    def stored(self, drawn_wh: int) -> int:
        """What a draw brings into the vehicle's battery."""
        return drawn_wh * self.efficiency_permille // PERMILLE

    def left(self, need_wh: int, drawn_wh: int) -> int:
        """The need after a draw."""
        return max(0, need_wh - self.stored(drawn_wh))

    def _draw_for(self, need_wh: int) -> int:
        return -(-need_wh * PERMILLE // self.efficiency_permille)


class Stays:
    """Vehicles at their chargers on the scenario's slots.

    `need_wh` (slots + 1, vehicles) is the whole need of the stay that a slot belongs to, 0 while away; `slots_left`
    counts the slots up to departure, the slot itself too. The last row is after the end: nobody is there.
    """

    def __init__(self, vehicles: Sequence[tuple[int, ElectricVehicle]], start: int, end: int) -> None:
        """`vehicles` with the connections that they belong to."""
        size = (end - start) // SLOT_SECONDS
        self.chargers = tuple(
            Charger(index, vehicle.power_w // SLOTS_PER_HOUR, vehicle.efficiency_permille, vehicle.flexible)
            for index, vehicle in vehicles
        )
        self.need_wh: IntArray = np.zeros((size + 1, len(vehicles)), dtype=np.int32)
        self.slots_left: IntArray = np.zeros((size + 1, len(vehicles)), dtype=np.int32)
        first = [0] * len(vehicles)
        for column, (_, vehicle) in enumerate(vehicles):
            for stay in vehicle.sessions:
                gone = self._enter(column, stay, start, size)
                if gone is not None:
                    charged = gone * self.chargers[column].stored(self.chargers[column].power_wh)
                    first[column] = max(0, stay.need_wh - charged)
        self.first_wh = tuple(first)

    def _enter(self, column: int, stay: Session, start: int, size: int) -> int | None:
        """Put a stay into the arrays; how many slots it has lasted if the first row belongs to it."""
        here, away = (stay.arrival - start) // SLOT_SECONDS, (stay.departure - start) // SLOT_SECONDS
        rows = np.arange(max(0, here), min(size, away))
        self.need_wh[rows, column] = stay.need_wh
        self.slots_left[rows, column] = away - rows
        return -here if here <= 0 < away else None

    def later(self, row: int, need_wh: Sequence[int], at_row: int) -> tuple[int, ...]:
        """Needs at a later row, if nothing is charged until then: of a stay that goes on, or of another one."""
        fresh, left = self.need_wh[at_row].tolist(), self.slots_left[row].tolist()
        return tuple(
            now if stays > at_row - row else whole
            for now, stays, whole in zip(need_wh, left, fresh, strict=True)
        )

    def after(self, row: int, need_wh: Sequence[int], drawn_wh: Sequence[int]) -> tuple[tuple[int, ...], int]:
        """(needs at the next row, what vehicles that leave now still lacked) after a slot's draws."""
        left = [c.left(need, drawn) for c, need, drawn in zip(self.chargers, need_wh, drawn_wh, strict=True)]
        leaving = self.slots_left[row].tolist()
        unmet = sum(need for need, stays in zip(left, leaving, strict=True) if stays == 1)
        return self.later(row, left, row + 1), unmet
