"""The gate: the operator's check before a trade becomes binding.

A trade is a nomination (docs/grid.md). The gate compares the slot with and without it: a nomination passes if every
voltage and loading stays in its limit, or, where the slot already lies outside, does not get worse. How that is
found without a power flow a trade: grid/gate/room.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from grid.flow.powerflow import Flows, PowerFlow
from grid.gate.actions import Action, acting
from grid.gate.emergency import firm_permille, with_firm
from grid.gate.limits import Limits
from grid.gate.nominations import Nomination, NominationError, SlotCase
from grid.gate.rationing import by_price, first_come, pro_rata
from grid.gate.remedies import Remedy, RemedyPlan, priced
from grid.gate.room import Room, Tally
from grid.gate.rules import GateRules
from grid.gate.verdicts import Verdict
from grid.metering.amounts import WH_PER_KWH

NO_RULES = GateRules()


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
        rules: GateRules = NO_RULES,
        estimating: bool = True,
    ) -> None:
        """`accepted` are nominations already binding (after a restart): taken without a check, with their remedies.

        With `estimating` off every nomination that changes the flow costs a power flow; the verdicts are the same.
        """
        if rules.curtail_firm:
            case = with_firm(case, firm_permille(power_flow, limits, case))
        self.rules, self.slot_start = rules, case.slot_start
        self._homes, self._needs = case.homes, case.needs
        self._sold = [0] * len(case.homes)
        self._bought = [0] * len(case.homes)
        self._accepted: dict[str, Nomination] = {}
        self._remedies: dict[str, tuple[Remedy, ...]] = {}
        self._actions: dict[int, Action] = {}
        self._net = [self._net_of(i, 0, 0) for i in range(len(case.homes))]
        net_wh = np.array(self._net, dtype=np.int64)
        self.room = Room(power_flow, limits, net_wh, case.q_kvar, estimating=estimating)
        for nomination in accepted:
            self._take(nomination, self.check(nomination).binding if rules.remedies else ())

    @property
    def tally(self) -> Tally:
        """How the nominations that change the flow were decided."""
        return self.room.tally

    @property
    def accepted(self) -> tuple[Nomination, ...]:
        """Accepted nominations in their order."""
        return tuple(self._accepted.values())

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """What others are bound to do for the accepted nominations."""
        return tuple(remedy for bound in self._remedies.values() for remedy in bound)

    def check(self, nomination: Nomination) -> Verdict:
        """Would the slot stay in its limits? Raises NominationError for one that makes no sense."""
        self._refuse_nonsense(nomination)
        known = self._accepted.get(nomination.id)
        if known is not None:
            return self._granted(nomination, self._remedies.get(nomination.id, ()))
        changes = self.ends((nomination,), (nomination.quantity_wh,))
        changed = any(net != self._net[i] for i, net in changes.items())
        breach = self.room.breach(changes) if changed else None
        if breach is None:
            return self._granted(nomination)
        remedies = self._remedied(nomination, changes) if self.rules.remedies else ()
        cost = sum(remedy.compensation for remedy in remedies)
        if remedies and cost * WH_PER_KWH <= self.rules.remedy_limit_per_kwh * nomination.quantity_wh:
            return replace(self._granted(nomination, remedies), breach=breach)
        passing = self.room.largest(lambda wh: self.ends((nomination,), (wh,)), nomination.quantity_wh)
        return Verdict(
            nomination, accepted=False, max_passing_wh=passing, breach=breach, remedies=remedies, cost=cost
        )

    def _granted(self, nomination: Nomination, remedies: tuple[Remedy, ...] = ()) -> Verdict:
        quantity, cost = nomination.quantity_wh, sum(remedy.compensation for remedy in remedies)
        return Verdict(
            nomination,
            accepted=True,
            max_passing_wh=quantity,
            granted_wh=quantity,
            remedies=remedies,
            cost=cost,
        )

    def _remedied(self, nomination: Nomination, changes: Mapping[int, int]) -> tuple[Remedy, ...]:
        """What others could do so that it fits; nothing if nothing is enough."""
        found = RemedyPlan(self.room, self.rules, self._net_with, changes, self._actions).find() or {}
        return priced(self.rules, found, self._homes, (nomination.seller, nomination.buyer))

    def accept(self, nomination: Nomination) -> Verdict:
        """Check, and if it passes keep the room for it. A second call with the same nomination changes nothing."""
        verdict = self.check(nomination)
        if verdict.accepted and nomination.id not in self._accepted:
            self._take(nomination, verdict.remedies)
        return verdict

    def accept_all(
        self, nominations: Sequence[Nomination], prices_per_kwh: Sequence[int]
    ) -> tuple[Verdict, ...]:
        """Ration the room among nominations that compete for it, by the scenario's rule; in their order.

        Of each, `granted_wh` is bound under its id; `accepted` where that is all of it. Prices count for the rule
        `price` only. Remedies are looked for by `first-come` and `price`. Raises NominationError as `check` does.
        """
        if len({nomination.id for nomination in nominations}) != len(nominations):
            raise NominationError("two nominations of the round share an id; give each its own")
        for nomination in nominations:
            self._refuse_nonsense(nomination)
        if self.rules.rationing == "price":
            return by_price(self, nominations, prices_per_kwh)
        return (pro_rata if self.rules.rationing == "pro-rata" else first_come)(self, nominations)

    def take(self, nomination: Nomination) -> None:
        """Bind a nomination that was found to fit together with others."""
        self._take(nomination, ())

    def withdraw(self, nomination_id: str) -> None:
        """Give back the room of a trade that was never co-signed, and the remedies that it needed."""
        nomination = self._accepted.pop(nomination_id, None)
        if nomination is None:
            raise NominationError(
                f"nomination {nomination_id} was not accepted in this slot; withdraw accepted ones only"
            )
        self._sold[nomination.seller] -= nomination.quantity_wh
        self._bought[nomination.buyer] -= nomination.quantity_wh
        self._refresh(nomination, self._act(self._remedies.pop(nomination_id, ()), -1))

    def flows(self) -> Flows:
        """The slot as it stands: base case and all accepted nominations; arrays with one row."""
        return self.room.flows()

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

    def _take(self, nomination: Nomination, remedies: tuple[Remedy, ...]) -> None:
        self._accepted[nomination.id] = nomination
        self._sold[nomination.seller] += nomination.quantity_wh
        self._bought[nomination.buyer] += nomination.quantity_wh
        if remedies:
            self._remedies[nomination.id] = remedies
        self._refresh(nomination, self._act(remedies, 1))

    def _act(self, remedies: Iterable[Remedy], sign: int) -> set[int]:
        """Add remedies to what their homes are to do, or take them away; returns the homes."""
        for remedy in remedies:
            before = self._actions.get(remedy.connection)
            wh = (before.wh if before else 0) + sign * remedy.wh
            self._actions[remedy.connection] = Action(remedy.kind, wh)
            if not wh:
                del self._actions[remedy.connection]
        return {remedy.connection for remedy in remedies}

    def _refresh(self, nomination: Nomination, others: Iterable[int]) -> None:
        changes = {
            i: self._net_of(i, self._sold[i], self._bought[i])
            for i in (nomination.seller, nomination.buyer, *others)
        }
        for i, net in changes.items():
            self._net[i] = net
        self.room.move(changes)

    def _net_of(self, index: int, sold_wh: int, bought_wh: int) -> int:
        home, needs, action = self._homes[index], self._needs[index], self._actions.get(index)
        return acting(home, needs, sold_wh, bought_wh, action).net_import_wh

    def _net_with(self, index: int, action: Action | None) -> int:
        home, needs = self._homes[index], self._needs[index]
        return acting(home, needs, self._sold[index], self._bought[index], action).net_import_wh

    def ends(self, nominations: Sequence[Nomination], quantities_wh: Sequence[int]) -> dict[int, int]:
        """Net imports of all their sellers and buyers with so much more traded between them."""
        sold: dict[int, int] = {}
        bought: dict[int, int] = {}
        for nomination, wh in zip(nominations, quantities_wh, strict=True):
            sold[nomination.seller] = sold.get(nomination.seller, 0) + wh
            bought[nomination.buyer] = bought.get(nomination.buyer, 0) + wh
        return {
            i: self._net_of(i, self._sold[i] + sold.get(i, 0), self._bought[i] + bought.get(i, 0))
            for i in (*sold, *(buyer for buyer in bought if buyer not in sold))
        }
