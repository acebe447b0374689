"""What is left of a slot: do changed exchanges keep the limits? Estimated where that is safe, solved where it is not.

`breach` says none from the estimate alone where its proved margin allows (grid/gate/estimate.py); an estimate that has
drifted is renewed around the present state first; what is still near a limit is decided by a power flow. No is only
ever said by a power flow.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from grid.assets import SLOTS_PER_HOUR
from grid.flow.powerflow import FloatArray, Flows, PowerFlow, PowerFlowError
from grid.gate.admittance import LinearFeeder, linear_feeder
from grid.gate.estimate import Estimate, Shift
from grid.gate.limits import Breach, Envelope, Limits
from grid.gate.search import fitting, largest_passing, solve_net

IntArray = npt.NDArray[np.int64]
KW_PER_WH = SLOTS_PER_HOUR / 1000
WINDOW = 4
"""How far from the estimated edge the exact one is looked for first, Wh."""
_linear: WeakKeyDictionary[PowerFlow, LinearFeeder | None] = WeakKeyDictionary()


def linear_of(power_flow: PowerFlow) -> LinearFeeder | None:
    """The feeder's equations, made once."""
    if power_flow not in _linear:
        _linear[power_flow] = linear_feeder(power_flow)
    return _linear[power_flow]


@dataclass(slots=True)
class Tally:
    """How questions were decided: by the estimate, by one that was renewed first, by a power flow."""

    estimated: int = 0
    renewed: int = 0
    solved: int = 0

    @property
    def share_without_power_flow(self) -> float | None:
        """None before the first question."""
        asked = self.estimated + self.renewed + self.solved
        return (self.estimated + self.renewed) / asked if asked else None


class Room:
    """The present state of a slot in net import per connection (Wh), and what it still takes."""

    def __init__(
        self,
        power_flow: PowerFlow,
        limits: Limits,
        net_wh: IntArray,
        q_kvar: FloatArray,
        *,
        estimating: bool = True,
    ) -> None:
        """`net_wh` and `q_kvar` are (connections,); with `estimating` off every answer is by power flow."""
        self.power_flow, self.limits = power_flow, limits
        self._net, self._q_kvar = net_wh.copy(), q_kvar
        self._linear = linear_of(power_flow) if estimating else None
        self._around: Estimate | None = None
        self._drift: Shift | None = None
        self._now: Flows | None = None
        self._asked: tuple[bytes, Flows] | None = None
        self.tally = Tally()

    @property
    def net_wh(self) -> IntArray:
        """(connections,) net import now; a copy."""
        return self._net.copy()

    def flows(self) -> Flows:
        """The present state, solved; arrays with one row."""
        if self._now is None:
            self._now = self.solve(self._net[None, :])
        return self._now

    def envelope(self) -> Envelope:
        """The limits, widened to what the present state shows."""
        return Envelope(self.power_flow.feeder, self.limits, self.flows())

    def move(self, changes: Mapping[int, int]) -> None:
        """The present state becomes another: connection -> its net import, Wh."""
        real = {i: net for i, net in changes.items() if net != self._net[i]}
        if not real:
            return
        if self._around is not None:
            more = self._shift(self._around, real)
            self._drift = more if self._drift is None else self._drift.plus(more)
        self._net[list(real)] = list(real.values())
        known = self._asked if self._asked and self._asked[0] == self._net.tobytes() else None
        self._now, self._asked = known[1] if known else None, None

    def breach(self, changes: Mapping[int, int]) -> Breach | None:
        """The worst limit that these net imports (Wh) would exceed; None where all are kept or nothing gets worse."""
        if self._surely(changes):
            self.tally.estimated += 1
            return None
        if self._renewed() and self._surely(changes):
            self.tally.renewed += 1
            return None
        self.tally.solved += 1
        return self._solved_breach(changes)

    def _solved_breach(self, changes: Mapping[int, int]) -> Breach | None:
        wanted = self._with(changes)[None, :]
        cases = wanted if self._now is not None else np.vstack((self._net, wanted))
        try:
            flows = self.solve(cases)
        except PowerFlowError:
            return self._breach_alone(wanted)
        if self._now is None:
            self._now = one_row(flows, 0)
        self._asked = (wanted.tobytes(), one_row(flows, -1))
        return self.envelope().worst(self._asked[1])

    def _breach_alone(self, case: IntArray) -> Breach | None:
        try:
            return self.envelope().worst(self.solve(case))
        except PowerFlowError:
            return Breach("voltage", "the whole feeder (no stable state)", 0.0, self.limits.vm_min_pu)

    def test(self, cases: IntArray) -> npt.NDArray[np.bool_]:
        """(cases,) which of (cases, connections) net imports pass, by power flow."""
        return fitting(self.envelope(), self.power_flow, cases, self._q_kvar)

    def solve(self, cases: IntArray) -> Flows:
        """Power flows of (cases, connections) net imports. Raises PowerFlowError."""
        return solve_net(self.power_flow, cases, self._q_kvar)

    def largest(self, changes_for: Callable[[int], Mapping[int, int]], upper: int) -> int:
        """The largest quantity that passes, found by power flows; `upper` is known to fail, 0 to pass."""

        def exact(tried: Sequence[int]) -> npt.NDArray[np.bool_]:
            return self.test(np.vstack([self._with(changes_for(wh)) for wh in tried]))

        guess = self._guess(changes_for, upper)
        if guess is None:
            return largest_passing(exact, upper)
        low, high = max(0, guess - WINDOW), min(upper, guess + WINDOW + 1)
        tried = list(range(max(1, low), high + 1))
        passed = exact(tried)
        if passed.all():
            return largest_passing(exact, upper, above=tried[-1])
        first = int(np.argmin(passed))
        return tried[first] - 1 if first or tried[0] == 1 else largest_passing(exact, tried[0])

    def _guess(self, changes_for: Callable[[int], Mapping[int, int]], upper: int) -> int | None:
        """Where the estimate sees the edge; without an estimate none."""
        around = self._around
        if around is None:
            return None
        return bisected(lambda wh: around.likely(self._drift, self._shift(around, changes_for(wh))), upper)

    def _surely(self, changes: Mapping[int, int]) -> bool:
        if self._around is None:
            return False
        return self._around.inside(self._drift, self._shift(self._around, changes))

    def _renewed(self) -> bool:
        """Linearise around the present state; False where that is done already or can't be."""
        if self._linear is None or (self._around is not None and self._drift is None):
            return False
        self._around = Estimate.around(self._linear, self.limits, self._net * KW_PER_WH + 1j * self._q_kvar)
        self._drift = None
        if self._around is None:
            self._linear = None  # no state to linearise around: power flows decide
        return self._around is not None

    def _shift(self, around: Estimate, changes: Mapping[int, int]) -> Shift:
        more = [float(net - self._net[i]) * KW_PER_WH for i, net in changes.items()]
        return around.shift(list(changes), more)

    def _with(self, changes: Mapping[int, int]) -> IntArray:
        net = self._net.copy()
        net[list(changes)] = list(changes.values())
        return net


def one_row(flows: Flows, row: int) -> Flows:
    """One slot of a batch, still as arrays with one row."""
    rows = slice(row, row + 1 or None)
    return replace(flows, **{field.name: getattr(flows, field.name)[rows] for field in fields(flows)})


def bisected(test: Callable[[int], bool], upper: int) -> int:
    """The edge between passing and failing somewhere in 0..upper, if there is only one."""
    low, high = 0, upper
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if test(middle) else (low, middle)
    return low
