"""The operator at a slot's end: as much of everybody's wishes as the limits allow, on what really came.

In this order, each with one share for the whole feeder and each judged by power flows:

1. export up to the firm limits, cut back only where the scenario allows it (`grid.gate.emergency`);
2. the accepted nominations, with what others were bound to do for them;
3. surplus that is neither firm nor nominated;
4. what flexible assets attempt against their nominations. Batteries and plants obey the operator's control box, so a
   trade that ignored its refusal moves energy only where room is left; what it lacks is its imbalance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from grid.assets import Exchange, exchange
from grid.flow.powerflow import Flows, PowerFlow
from grid.gate.actions import Action, acting, done_wh
from grid.gate.emergency import firm_permille, with_firm
from grid.gate.limits import Envelope, Limits
from grid.gate.nominations import Attempt, Nomination, SlotCase, nominated
from grid.gate.remedies import Remedy, performed, priced
from grid.gate.rules import GateRules
from grid.gate.search import fitting, largest_passing, solve_net

IntArray = npt.NDArray[np.int64]
WHOLE = 1000
NO_RULES = GateRules()


@dataclass(frozen=True, slots=True)
class Closed:
    """What the operator let happen: exchanges per connection, and shares in per mille.

    Attributes:
        exchanges: per connection.
        nominated_permille: of the accepted nominations beyond firm limits.
        surplus_permille: of the surplus that was neither firm nor nominated.
        firm_permille: of firm export.
        attempted_permille: of what was attempted without an accepted nomination.
        remedies: what others did for the nominations, and firm export that was cut back: with their compensation.
    """

    exchanges: tuple[Exchange, ...]
    nominated_permille: int
    surplus_permille: int
    firm_permille: int
    attempted_permille: int
    remedies: tuple[Remedy, ...]

    @property
    def shares(self) -> dict[str, Any]:
        """All shares by their names."""
        names = ("nominated_permille", "surplus_permille", "firm_permille", "attempted_permille")
        return {name: getattr(self, name) for name in names}


class ClosingSlot:
    """The operator at work in one slot."""

    def __init__(
        self,
        power_flow: PowerFlow,
        limits: Limits,
        case: SlotCase,
        accepted: Sequence[Nomination],
        *,
        rules: GateRules = NO_RULES,
        remedies: Sequence[Remedy] = (),
        attempts: Sequence[Attempt] = (),
    ) -> None:
        """`case` with what came, not with what was expected; `accepted` are the binding nominations."""
        self._power_flow, self._rules, self._remedies = power_flow, rules, remedies
        self._full = case
        self._firm = firm_permille(power_flow, limits, case) if rules.curtail_firm else WHOLE
        self._case = case = with_firm(case, self._firm)
        size = len(case.needs)
        self._sold, self._bought = _sums(size, accepted)
        self._tries_out, self._tries_in = [0] * size, [0] * size
        for attempt in attempts:
            self._tries_out[attempt.connection] += attempt.export_wh
            self._tries_in[attempt.connection] += attempt.import_wh
        self._actions: dict[int, Action] = {}
        for remedy in remedies:
            before = self._actions.get(remedy.connection)
            self._actions[remedy.connection] = Action(remedy.kind, remedy.wh + (before.wh if before else 0))
        # Who trades nothing does the same whatever share of the nominations passes.
        self._idle = [
            None if self._sold[i] or self._bought[i] or i in self._actions else self._at(i, 0)
            for i in range(size)
        ]
        base = self.flows(self._exchanges(0))
        self._envelope = Envelope(power_flow.feeder, limits, base)

    def close(self) -> Closed:
        """Everything in its order."""
        nominated_share, certain = self._certain()
        if nominated_share < WHOLE:
            return self._closed(certain, nominated_share, 0, 0 if any(self._attempting()) else WHOLE)
        final, surplus_share = self._with_surplus(certain)
        attempted_share, final = self._attempted(final)
        return self._closed(final, WHOLE, surplus_share, attempted_share)

    def flows(self, exchanges: Sequence[Exchange]) -> Flows:
        """The power flow of these exchanges; arrays with one row."""
        return solve_net(self._power_flow, np.atleast_2d(_net(exchanges)), self._case.q_kvar)

    def _certain(self) -> tuple[int, tuple[Exchange, ...]]:
        """All of the nominations, or the largest share that fits (what was expected is not what came); per mille."""
        everything = self._exchanges(WHOLE)
        if self._fits(_net(everything))[0]:
            return WHOLE, everything
        share = largest_passing(
            lambda shares: self._fits(np.vstack([_net(self._exchanges(s)) for s in shares])), WHOLE
        )
        return share, self._exchanges(share)

    def _with_surplus(self, certain: tuple[Exchange, ...]) -> tuple[tuple[Exchange, ...], int]:
        """Surplus of those whom no remedy binds, as much as fits, and its share per mille."""
        spare = np.array(
            [0 if i in self._actions else ex.curtailed_wh for i, ex in enumerate(certain)], dtype=np.int64
        )
        granted = self._granted(_net(certain), spare)
        final = tuple(
            self._capped(i, ex.export_wh + more) if more else ex
            for i, (ex, more) in enumerate(zip(certain, granted.tolist(), strict=True))
        )
        return final, int(granted.sum() * WHOLE // spare.sum()) if spare.any() else WHOLE

    def _granted(self, net: IntArray, spare: IntArray) -> IntArray:
        """Wh of each home's spare energy that still find room; (connections,)."""
        if self._fits(net - spare)[0]:
            return spare
        share = largest_passing(
            lambda shares: self._fits(net - spare * np.array(shares)[:, None] // WHOLE), WHOLE
        )
        granted: IntArray = spare * share // WHOLE
        return granted

    def _attempted(self, final: tuple[Exchange, ...]) -> tuple[int, tuple[Exchange, ...]]:
        """As much of what is attempted as still fits; per mille."""
        trying = self._attempting()
        if not trying:
            return WHOLE, final

        def at(share: int) -> tuple[Exchange, ...]:
            return tuple(self._trying(i, ex, share) if i in trying else ex for i, ex in enumerate(final))

        if self._fits(_net(at(WHOLE)))[0]:
            return WHOLE, at(WHOLE)
        share = largest_passing(lambda shares: self._fits(np.vstack([_net(at(s)) for s in shares])), WHOLE)
        return share, at(share)

    def _attempting(self) -> set[int]:
        """Homes that attempt something and that no remedy binds."""
        tries = zip(self._tries_out, self._tries_in, strict=True)
        return {i for i, (out, into) in enumerate(tries) if (out or into) and i not in self._actions}

    def _trying(self, i: int, so_far: Exchange, share: int) -> Exchange:
        if not share:
            return so_far
        out, into = self._tries_out[i] * share // WHOLE, self._tries_in[i] * share // WHOLE
        return exchange(
            self._case.homes[i],
            self._case.needs[i],
            sold_wh=self._sold[i] + out,
            bought_wh=self._bought[i] + into,
            cap_wh=so_far.export_wh + out,
        )

    def _fits(self, net: IntArray) -> npt.NDArray[np.bool_]:
        return fitting(self._envelope, self._power_flow, np.atleast_2d(net), self._case.q_kvar)

    def _exchanges(self, share: int) -> tuple[Exchange, ...]:
        return tuple(self._at(i, share) if idle is None else idle for i, idle in enumerate(self._idle))

    def _at(self, i: int, share: int) -> Exchange:
        """A home with so much of its nominations and of what it is bound to do; per mille."""
        action = self._actions.get(i)
        if action is not None:
            action = Action(action.kind, action.wh * share // WHOLE)
        sold, bought = self._part(i, share)
        return acting(self._case.homes[i], self._case.needs[i], sold, bought, action)

    def _part(self, i: int, share: int) -> tuple[int, int]:
        """(sold, bought) Wh: the firm part of a sale is not scaled."""
        sold, firm = self._sold[i], self._case.homes[i].firm_export_wh
        part = sold if sold <= firm else firm + (sold - firm) * share // WHOLE
        return part, self._bought[i] * share // WHOLE

    def _capped(self, i: int, cap: int) -> Exchange:
        return exchange(
            self._case.homes[i],
            self._case.needs[i],
            sold_wh=self._sold[i],
            bought_wh=self._bought[i],
            cap_wh=cap,
        )

    def _closed(self, final: tuple[Exchange, ...], nominated: int, surplus: int, attempted: int) -> Closed:
        plain = {i: nominated_exchange(self._case, i, *self._part(i, nominated)) for i in self._actions}
        done = {i: done_wh(without, final[i]) for i, without in plain.items()}
        remedies = performed(self._remedies, done, self._rules) + self._cut_back(final)
        return Closed(final, nominated, surplus, self._firm, attempted, remedies)

    def _cut_back(self, final: Sequence[Exchange]) -> tuple[Remedy, ...]:
        """Firm export that a home lost to the limits, and that the operator pays for."""
        if self._firm == WHOLE:
            return ()
        lost = {}
        for i, ex in enumerate(final):
            entitled, kept = (
                nominated_exchange(case, i, 0, 0).export_wh for case in (self._full, self._case)
            )
            lost[i] = Action("curtail", max(0, min(entitled - kept, entitled - ex.export_wh)))
        return priced(self._rules, lost, self._case.homes, None)


def nominated_exchange(case: SlotCase, i: int, sold_wh: int, bought_wh: int) -> Exchange:
    """One home of a slot with its nominations."""
    return nominated(case.homes[i], case.needs[i], sold_wh, bought_wh)


def _sums(size: int, nominations: Sequence[Nomination]) -> tuple[list[int], list[int]]:
    sold, bought = [0] * size, [0] * size
    for nomination in nominations:
        sold[nomination.seller] += nomination.quantity_wh
        bought[nomination.buyer] += nomination.quantity_wh
    return sold, bought


def _net(exchanges: Sequence[Exchange]) -> IntArray:
    return np.array([ex.net_import_wh for ex in exchanges], dtype=np.int64)
