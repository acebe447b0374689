"""A slot by superposition: what a few changed exchanges do to voltages and currents, with a proved bound of the error.

Homes draw constant power, so voltages solve v = idle - Z conj(s/v). Around a solved state (v0, s0) the estimate takes
every home's current at v0: v1 = v0 - Z conj(ds/v0). What it leaves out at home i is a current of at most
(|s_i|/|v0_i|) b/(1-b), where b bounds |v-v0|/|v0| over all buses. With K = |Z| (|s|/|v0|) it follows that
|v-v1| <= K b/(1-b), and so b <= a + k b/(1-b), where a = max |v1-v0|/|v0| and k = max K/|v0|. The smaller root b of
that quadratic makes the ball |v-v0| <= b |v0| map into itself (Brouwer: it holds a solution), and where k < (1-b)^2
the map contracts, so that it is the only one, and the one that grows out of v0 as the change grows from nothing:
the state that a power flow finds. (The fixed-point view of Wang, Bernstein, Le Boudec and Paolone, IEEE Trans. Smart
Grid 9(2), 2018.) Branch currents are linear in v and bounded in the same way.

The difference that one more change makes is bounded of its own, in proportion to that change: this is what tells
whether a place that lies outside its limit already gets worse.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grid.flow.powerflow import FloatArray
from grid.gate.admittance import ComplexArray, LinearFeeder, times
from grid.gate.limits import Limits

GUARD_PU = 1e-7
"""Kept from every limit, 10 times what the power flow's tolerance and the limits' slack come to."""
GUARD_PERCENT = 1e-3


@dataclass(frozen=True, slots=True)
class Shift:
    """What changes in exchanges do, to first order.

    Attributes:
        change: (places,) of voltages in pu, then of branch ends' currents in percent of the rating.
        reach: the same with magnitudes added instead: what the error grows with.
    """

    change: ComplexArray
    reach: FloatArray

    def plus(self, other: "Shift") -> "Shift":
        """Both together; reaches add, which is never too little."""
        return Shift(self.change + other.change, self.reach + other.reach)


class Estimate:
    """The slot around one solved state. `inside` says yes only where the exact answer is yes too."""

    def __init__(self, linear: LinearFeeder, limits: Limits, s_kva: ComplexArray, v: ComplexArray) -> None:
        """`s_kva` (connections,) loads, and the voltages (buses,) that they lead to."""
        self._linear, self._buses = linear, len(v)
        self._state: ComplexArray = np.concatenate((v, times(linear.branches, v)))
        self._per_size = 1 / np.abs(v)
        self._at = np.conj(v[linear.at])
        self._reach = times(linear.reach.T, np.abs(s_kva) / np.abs(self._at))
        self._most, self._least, self._guard = _bounds(linear, limits, self._buses)

    @staticmethod
    def around(linear: LinearFeeder, limits: Limits, s_kva: ComplexArray) -> "Estimate | None":
        """Solve the state first; None if it has no solution that the iteration finds."""
        v = linear.solve(s_kva)
        return None if v is None else Estimate(linear, limits, s_kva, v)

    def nothing(self) -> Shift:
        """No change."""
        return Shift(np.zeros(len(self._state), dtype=np.complex128), np.zeros(len(self._state)))

    def shift(self, connections: Sequence[int], p_kw: Sequence[float]) -> Shift:
        """Of so much more load at a few connections."""
        effect, reach = self._linear.effect, self._linear.reach
        done = None
        for i, p in zip(connections, p_kw, strict=True):
            current = complex(p / self._at[i])
            one = Shift(effect[i] * current, reach[i] * abs(current))
            done = one if done is None else done.plus(one)
        return done or self.nothing()

    def margin(self, shift: Shift) -> tuple[float, FloatArray] | None:
        """Bound of |v-v0|/|v0| over all buses, and of the estimate's error (places,); None where nothing is sure."""
        reach = self._reach + shift.reach
        far = float((np.abs(shift.change[: self._buses]) * self._per_size).max())
        slope = float((reach[: self._buses] * self._per_size).max())
        half = (1 + far - slope) / 2
        if half <= 0 or half * half < far:
            return None
        radius = half - (half * half - far) ** 0.5
        if radius >= 1 or slope >= (1 - radius) ** 2:
            return None
        return radius, reach * (radius / (1 - radius))

    def inside(self, before: Shift | None, more: Shift) -> bool:
        """Whether every place surely lies in its limits, or surely gets no worse than `before`."""
        after = more if before is None else before.plus(more)
        margin = self.margin(after)
        if margin is None:
            return False
        radius, error = margin
        size = np.abs(self._state + after.change)
        high = size + error <= self._most - self._guard
        low = size - error >= self._least + self._guard
        if high.all() and low.all():
            return True
        worse = self.changes(before or self.nothing(), more, radius)
        if worse is None:
            return False
        falls, rises, still = worse
        return bool(
            (high | still | (rises <= -self._guard)).all() and (low | still | (falls >= self._guard)).all()
        )

    def likely(self, before: Shift | None, more: Shift) -> bool:
        """Whether the estimate as it is, without its margin, keeps the limits: a guess."""
        state = self._state if before is None else self._state + before.change
        was, size = np.abs(state), np.abs(state + more.change)
        high = size <= np.maximum(self._most, was)
        low = size >= np.minimum(self._least, was)
        return bool(high.all()) and bool(low.all())

    def changes(
        self, before: Shift, more: Shift, radius: float
    ) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]] | None:
        """(places,) least and greatest change of magnitude that `more` brings, and whether it surely brings none."""
        was = self.margin(before)
        if was is None:
            return None
        radius = max(radius, was[0])
        near, buses = 1 - radius, self._buses
        reach = self._reach + before.reach + more.reach
        slope = float((reach[:buses] * self._per_size).max()) / near**2
        far = float((np.abs(more.change[:buses]) * self._per_size).max())
        far += float((more.reach[:buses] * self._per_size).max()) * radius / near
        if slope >= 1:
            return None
        error = more.reach * (radius / near) + reach * (far / (1 - slope) / near**2)
        falls, rises = _change(self._state + before.change, was[1], more.change, error)
        return falls, rises, np.abs(more.change) + error == 0


def _bounds(linear: LinearFeeder, limits: Limits, buses: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(places,) upper limits, lower ones (none of currents), and what is kept from them."""
    branches = len(linear.branches) // 2
    rated = [limits.line_percent] * linear.lines + [limits.transformer_percent] * (branches - linear.lines)
    most = np.array([limits.vm_max_pu] * buses + rated * 2)
    guard = np.array([GUARD_PU] * buses + [GUARD_PERCENT] * (2 * branches))
    least = np.array([limits.vm_min_pu] * buses + [-np.inf] * (2 * branches))
    return most, least, guard


def _change(
    value: ComplexArray, error: FloatArray, more: ComplexArray, more_error: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Least and greatest |value + more| - |value|, both known up to their errors.

    With u the direction of `value`: Re(more conj u) <= |value + more| - |value| <= the same + |more|^2 / (2 |value|),
    and u itself is known up to 2 error / |value|.
    """
    size = np.abs(value)
    with np.errstate(divide="ignore", invalid="ignore"):
        along = np.real(more * np.conj(value)) / size
        longest = np.abs(more) + more_error
        doubt = more_error + longest * 2 * error / size
        bend = longest**2 / (2 * (size - error))
    bend[size <= error] = np.inf
    return along - doubt, along + doubt + bend
