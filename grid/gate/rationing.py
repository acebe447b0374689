"""Who gets the room that several nominations want: the first, the dearest, or everyone the same share."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from grid.flow.powerflow import PowerFlowError
from grid.gate.nominations import Nomination
from grid.gate.room import Room
from grid.gate.search import largest_passing
from grid.gate.verdicts import Verdict
from grid.losses import apportion

COMPETES = 0.01
"""A nomination competes for a place that it strains with this share of the most straining one's effect per Wh."""
IntArray = npt.NDArray[np.int64]


class Rationed(Protocol):
    """What rationing asks of the gate (`grid.gate.check.Gate`)."""

    room: Room

    @property
    def accepted(self) -> tuple[Nomination, ...]:
        """Bound already."""

    def accept(self, nomination: Nomination) -> Verdict:
        """Check and bind."""

    def take(self, nomination: Nomination) -> None:
        """Bind without a check."""

    def ends(self, nominations: Sequence[Nomination], quantities_wh: Sequence[int]) -> dict[int, int]:
        """Net imports of all sellers and buyers with so much more traded."""


def first_come(gate: Rationed, nominations: Sequence[Nomination]) -> tuple[Verdict, ...]:
    """In their order; what does not fit whole gets what fits."""
    return tuple(_as_much_as_fits(gate, nomination) for nomination in nominations)


def by_price(
    gate: Rationed, nominations: Sequence[Nomination], prices_per_kwh: Sequence[int]
) -> tuple[Verdict, ...]:
    """The dearest first; of equal ones the earlier."""
    order = sorted(range(len(nominations)), key=lambda i: (-prices_per_kwh[i], i))
    verdicts = {i: _as_much_as_fits(gate, nominations[i]) for i in order}
    return tuple(verdicts[i] for i in range(len(nominations)))


def _as_much_as_fits(gate: Rationed, nomination: Nomination) -> Verdict:
    verdict = gate.accept(nomination)
    if verdict.accepted or not verdict.max_passing_wh:
        return verdict
    part = gate.accept(replace(nomination, quantity_wh=verdict.max_passing_wh))
    return replace(verdict, granted_wh=part.granted_wh)


def pro_rata(gate: Rationed, nominations: Sequence[Nomination]) -> tuple[Verdict, ...]:
    """One share for all that compete, in whole Wh by the largest remainder; who strains no full place gets all."""
    taken = {nomination.id for nomination in gate.accepted}
    new = [nomination for nomination in nominations if nomination.id not in taken]
    granted = dict(zip((n.id for n in new), _Round(gate, new).granted(), strict=True))
    breach = gate.room.breach(gate.ends(new, [n.quantity_wh for n in new])) if new else None
    for nomination in new:
        if granted[nomination.id]:
            gate.take(replace(nomination, quantity_wh=granted[nomination.id]))
    verdicts = []
    for nomination in nominations:
        got = granted.get(nomination.id, nomination.quantity_wh)
        whole = got == nomination.quantity_wh
        verdicts.append(Verdict(nomination, whole, got, None if whole else breach, granted_wh=got))
    return tuple(verdicts)


class _Round:
    """Nominations that want to be bound at once."""

    def __init__(self, gate: Rationed, nominations: Sequence[Nomination]) -> None:
        self._gate, self._nominations = gate, nominations
        self._asked = [nomination.quantity_wh for nomination in nominations]

    def granted(self) -> list[int]:
        """Wh of each."""
        if not self._nominations or self._gate.room.breach(self._ends(self._asked)) is None:
            return self._asked
        competing = self._competing()
        if not self._fits([self._scaled(competing, 0)])[0]:
            competing = list(range(len(self._asked)))
        upper = sum(self._asked[i] for i in competing)
        most = largest_passing(lambda totals: self._fits([self._scaled(competing, t) for t in totals]), upper)
        return self._scaled(competing, most)

    def _competing(self) -> list[int]:
        """Those that strain a place which would be too full with all of them."""
        size = len(self._asked)
        cases = [self._asked] + [[wh * (k != i) for k, wh in enumerate(self._asked)] for i in range(size)]
        room = self._gate.room
        try:
            flows = room.solve(self._nets(cases))
        except PowerFlowError:
            return list(range(size))
        envelope = room.envelope()
        found: set[int] = set()
        for place in envelope.full_places(flows):
            excess = envelope.excess(flows, place)
            effect = (excess[0] - excess[1:]) / np.array(self._asked)
            found.update(np.flatnonzero(effect > max(0.0, COMPETES * float(effect.max()))).tolist())
        return sorted(found)

    def _scaled(self, competing: Sequence[int], total: int) -> list[int]:
        granted = list(self._asked)
        for i, wh in zip(competing, apportion(total, [self._asked[i] for i in competing]), strict=True):
            granted[i] = wh
        return granted

    def _fits(self, cases: Sequence[Sequence[int]]) -> npt.NDArray[np.bool_]:
        return self._gate.room.test(self._nets(cases))

    def _nets(self, cases: Sequence[Sequence[int]]) -> IntArray:
        net = np.repeat(self._gate.room.net_wh[None, :], len(cases), axis=0)
        for row, quantities in enumerate(cases):
            ends = self._ends(quantities)
            net[row, list(ends)] = list(ends.values())
        return net

    def _ends(self, quantities: Sequence[int]) -> dict[int, int]:
        return self._gate.ends(self._nominations, quantities)
