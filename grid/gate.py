"""The gate: the operator's check before a trade becomes binding.

A trade is a nomination (docs/grid.md). The gate compares the slot with and without it: a nomination passes if every
voltage and loading stays in its limit, or, where the slot already lies outside, does not get worse. How that is
found without a power flow a trade: grid/room.py.
"""

from collections.abc import Iterable

import numpy as np

from grid.limits import Limits
from grid.nominations import Nomination, NominationError, SlotCase, nominated
from grid.powerflow import Flows, PowerFlow
from grid.room import Room, Tally
from grid.verdicts import Verdict


class Gate:
    """The room that is left in one slot. `check` asks, `accept` asks and takes, `withdraw` gives back.

    Not thread-safe; one gate a slot. It works on what is expected before the slot; `Simulation.close` checks what
    really flows.
    """

    def __init__(
        self,
        power_flow: PowerFlow,
        limits: Limits,
        case: SlotCase,
        accepted: Iterable[Nomination] = (),
        *,
        estimating: bool = True,
    ) -> None:
        """`accepted` are nominations already binding (after a restart): taken as they are, without a check.

        With `estimating` off every nomination that changes the flow costs a power flow; the verdicts are the same.
        """
        homes = case.homes
        self._homes, self._needs = homes, case.needs
        self.slot_start = case.slot_start
        self._sold = [0] * len(homes)
        self._bought = [0] * len(homes)
        self._accepted: dict[str, Nomination] = {}
        self._net = [self._net_of(i, 0, 0) for i in range(len(homes))]
        net_wh = np.array(self._net, dtype=np.int64)
        self._room = Room(power_flow, limits, net_wh, case.q_kvar, estimating=estimating)
        for nomination in accepted:
            self._take(nomination)

    @property
    def tally(self) -> Tally:
        """How the nominations that change the flow were decided."""
        return self._room.tally

    @property
    def accepted(self) -> tuple[Nomination, ...]:
        """Accepted nominations in their order."""
        return tuple(self._accepted.values())

    def check(self, nomination: Nomination) -> Verdict:
        """Would the slot stay in its limits? Raises NominationError for one that makes no sense."""
        self._refuse_nonsense(nomination)
        if nomination.id in self._accepted:
            return Verdict(nomination, accepted=True, max_passing_wh=nomination.quantity_wh)
        changes = self._ends(nomination, nomination.quantity_wh)
        changed = any(net != self._net[i] for i, net in changes.items())
        breach = self._room.breach(changes) if changed else None
        if breach is None:
            return Verdict(nomination, accepted=True, max_passing_wh=nomination.quantity_wh)
        passing = self._room.largest(lambda wh: self._ends(nomination, wh), nomination.quantity_wh)
        return Verdict(nomination, accepted=False, max_passing_wh=passing, breach=breach)

    def accept(self, nomination: Nomination) -> Verdict:
        """Check, and if it passes keep the room for it. A second call with the same nomination changes nothing."""
        verdict = self.check(nomination)
        if verdict.accepted and nomination.id not in self._accepted:
            self._take(nomination)
        return verdict

    def withdraw(self, nomination_id: str) -> None:
        """Give back the room of a trade that was never co-signed."""
        nomination = self._accepted.pop(nomination_id, None)
        if nomination is None:
            raise NominationError(
                f"nomination {nomination_id} was not accepted in this slot; withdraw accepted ones only"
            )
        self._sold[nomination.seller] -= nomination.quantity_wh
        self._bought[nomination.buyer] -= nomination.quantity_wh
        self._refresh(nomination)

    def flows(self) -> Flows:
        """The slot as it stands: base case and all accepted nominations; arrays with one row."""
        return self._room.flows()

    def _refuse_nonsense(self, nomination: Nomination) -> None:
        size = len(self._homes)
        if not (0 <= nomination.seller < size and 0 <= nomination.buyer < size):
            raise NominationError(f"nomination {nomination.id}: no such connection; use indices below {size}")
        if nomination.seller == nomination.buyer:
            raise NominationError(
                f"nomination {nomination.id}: seller and buyer are one connection; choose another partner"
            )
        if nomination.quantity_wh <= 0:
            raise NominationError(f"nomination {nomination.id}: quantity must be above 0 Wh")
        if nomination.slot_start != self.slot_start:
            raise NominationError(f"nomination {nomination.id}: is for another slot; ask that slot's gate")
        known = self._accepted.get(nomination.id)
        if known is not None and known != nomination:
            raise NominationError(
                f"nomination {nomination.id}: this id was accepted with other terms; use a new id"
            )

    def _take(self, nomination: Nomination) -> None:
        self._accepted[nomination.id] = nomination
        self._sold[nomination.seller] += nomination.quantity_wh
        self._bought[nomination.buyer] += nomination.quantity_wh
        self._refresh(nomination)

    def _refresh(self, nomination: Nomination) -> None:
        changes = self._ends(nomination, 0)
        for i, net in changes.items():
            self._net[i] = net
        self._room.move(changes)

    def _net_of(self, index: int, sold_wh: int, bought_wh: int) -> int:
        return nominated(self._homes[index], self._needs[index], sold_wh, bought_wh).net_import_wh

    def _ends(self, nomination: Nomination, more_wh: int) -> dict[int, int]:
        """Net imports of seller and buyer with so much more traded between them."""
        seller, buyer = nomination.seller, nomination.buyer
        return {
            seller: self._net_of(seller, self._sold[seller] + more_wh, self._bought[seller]),
            buyer: self._net_of(buyer, self._sold[buyer], self._bought[buyer] + more_wh),
        }
