"""The gate: the operator's check before a trade becomes binding.

A trade is a nomination (docs/grid.md). The gate compares the slot with and without it by exact power flows: a
nomination passes if every voltage and loading stays in its limit, or, where the slot already lies outside, does not
get worse.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from grid.limits import Breach, Envelope, Limits
from grid.nominations import Nomination, NominationError, SlotCase, nominated
from grid.powerflow import Flows, PowerFlow, PowerFlowError
from grid.search import fitting, largest_passing, solve_net
from grid.verdicts import Verdict


class Gate:
    """The room that is left in one slot. `check` asks, `accept` asks and takes, `withdraw` gives back.

    Not thread-safe; one gate a slot. It works on what is expected before the slot; `Simulation.close` checks what
    really flows.
    """

    def __init__(
        self, power_flow: PowerFlow, limits: Limits, case: SlotCase, accepted: Iterable[Nomination] = ()
    ) -> None:
        """`accepted` are nominations already binding (after a restart): taken as they are, without a check."""
        homes = case.homes
        self._flow, self._limits, self._homes, self._needs = power_flow, limits, homes, case.needs
        self.slot_start = case.slot_start
        self._q_kvar = case.q_kvar
        self._sold = [0] * len(homes)
        self._bought = [0] * len(homes)
        self._accepted: dict[str, Nomination] = {}
        self._net_wh = np.array([self._net(i, 0, 0) for i in range(len(homes))], dtype=np.int64)
        self._now: Flows | None = None
        for nomination in accepted:
            self._take(nomination)

    @property
    def accepted(self) -> tuple[Nomination, ...]:
        """Accepted nominations in their order."""
        return tuple(self._accepted.values())

    def check(self, nomination: Nomination) -> Verdict:
        """Would the slot stay in its limits? Raises NominationError for one that makes no sense."""
        self._refuse_nonsense(nomination)
        if nomination.id in self._accepted:
            return Verdict(nomination, accepted=True, max_passing_wh=nomination.quantity_wh)
        if not self._changes_flow(nomination):
            return Verdict(nomination, accepted=True, max_passing_wh=nomination.quantity_wh)
        envelope = Envelope(self._flow.feeder, self._limits, self._current())
        breach = self._breach_of(envelope, nomination)
        if breach is None:
            return Verdict(nomination, accepted=True, max_passing_wh=nomination.quantity_wh)
        passing = largest_passing(
            lambda wh: fitting(envelope, self._flow, self._nets(nomination, wh), self._q_kvar),
            nomination.quantity_wh,
        )
        return Verdict(nomination, accepted=False, max_passing_wh=passing, breach=breach)

    def _breach_of(self, envelope: Envelope, nomination: Nomination) -> Breach | None:
        net = self._nets(nomination, [nomination.quantity_wh])
        try:
            return envelope.worst(solve_net(self._flow, net, self._q_kvar))
        except PowerFlowError:
            return Breach("voltage", "the whole feeder (no stable state)", 0.0, self._limits.vm_min_pu)

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
        return self._current()

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
        for index in (nomination.seller, nomination.buyer):
            net = self._net(index, self._sold[index], self._bought[index])
            if net != self._net_wh[index]:
                self._net_wh[index], self._now = net, None

    def _net(self, index: int, sold_wh: int, bought_wh: int) -> int:
        return nominated(self._homes[index], self._needs[index], sold_wh, bought_wh).net_import_wh

    def _ends(self, nomination: Nomination, quantity_wh: int) -> tuple[int, int]:
        seller, buyer = nomination.seller, nomination.buyer
        return (
            self._net(seller, self._sold[seller] + quantity_wh, self._bought[seller]),
            self._net(buyer, self._sold[buyer], self._bought[buyer] + quantity_wh),
        )

    def _changes_flow(self, nomination: Nomination) -> bool:
        ends = self._ends(nomination, nomination.quantity_wh)
        return ends != (self._net_wh[nomination.seller], self._net_wh[nomination.buyer])

    def _nets(self, nomination: Nomination, quantities_wh: Sequence[int]) -> npt.NDArray[np.int64]:
        net = np.repeat(self._net_wh[None, :], len(quantities_wh), axis=0)
        net[:, [nomination.seller, nomination.buyer]] = [self._ends(nomination, wh) for wh in quantities_wh]
        return net

    def _current(self) -> Flows:
        if self._now is None:
            self._now = solve_net(self._flow, self._net_wh[None, :], self._q_kvar)
        return self._now
