"""The operator at a slot's end: as much of nominations and surplus as the limits allow, on what really came."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from grid.assets import Exchange, exchange
from grid.limits import Envelope, Limits
from grid.nominations import Nomination, SlotCase
from grid.powerflow import Flows, PowerFlow
from grid.search import fitting, largest_passing, solve_net

IntArray = npt.NDArray[np.int64]
WHOLE = 1000


class ClosingSlot:
    """The operator at work in one slot: as much of nominations and surplus as the limits allow.

    Surplus that is neither firm nor nominated gives way first, pro rata: one share for the whole feeder.
    """

    def __init__(
        self, power_flow: PowerFlow, limits: Limits, case: SlotCase, accepted: Sequence[Nomination]
    ) -> None:
        """`case` with what came, not with what was expected; `accepted` are the binding nominations."""
        self._power_flow, self._case = power_flow, case
        self._sold, self._bought = [0] * len(case.needs), [0] * len(case.needs)
        for nomination in accepted:
            self._sold[nomination.seller] += nomination.quantity_wh
            self._bought[nomination.buyer] += nomination.quantity_wh
        # Who trades nothing does the same whatever share of the nominations passes.
        self._idle = [
            None if sold or bought else self._exchange(i, 0, case.homes[i].firm_export_wh)
            for i, (sold, bought) in enumerate(zip(self._sold, self._bought, strict=True))
        ]
        base = self.flows(self._exchanges(0))
        self._envelope = Envelope(power_flow.feeder, limits, base)

    def close(self) -> tuple[tuple[Exchange, ...], int, int]:
        """(exchanges, nominated per mille, surplus per mille)."""
        nominated, certain = self._certain()
        if nominated < WHOLE:
            return certain, nominated, 0
        spare = np.array([ex.curtailed_wh for ex in certain], dtype=np.int64)
        granted = self._granted(_net(certain), spare)
        final = tuple(
            self._exchange(i, WHOLE, ex.export_wh + more) if more else ex
            for i, (ex, more) in enumerate(zip(certain, granted.tolist(), strict=True))
        )
        return final, WHOLE, int(granted.sum() * WHOLE // spare.sum()) if spare.any() else WHOLE

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

    def _granted(self, net: IntArray, spare: IntArray) -> IntArray:
        """Wh of each home's spare energy that still find room; (connections,)."""
        if self._fits(net - spare)[0]:
            return spare
        share = largest_passing(
            lambda shares: self._fits(net - spare * np.array(shares)[:, None] // WHOLE), WHOLE
        )
        granted: IntArray = spare * share // WHOLE
        return granted

    def _fits(self, net: IntArray) -> npt.NDArray[np.bool_]:
        return fitting(self._envelope, self._power_flow, np.atleast_2d(net), self._case.q_kvar)

    def _exchanges(self, nominated: int) -> tuple[Exchange, ...]:
        return tuple(
            self._trading(i, nominated) if idle is None else idle for i, idle in enumerate(self._idle)
        )

    def _trading(self, i: int, nominated: int) -> Exchange:
        firm = self._case.homes[i].firm_export_wh
        return self._exchange(i, nominated, firm + max(0, self._sold[i] - firm) * nominated // WHOLE)

    def _exchange(self, i: int, nominated: int, cap: int) -> Exchange:
        buys = self._bought[i] * nominated // WHOLE
        return exchange(
            self._case.homes[i], self._case.needs[i], sold_wh=self._sold[i], bought_wh=buys, cap_wh=cap
        )


def _net(exchanges: Sequence[Exchange]) -> IntArray:
    return np.array([ex.net_import_wh for ex in exchanges], dtype=np.int64)
