"""Operating limits of the feeder, and the gate: the operator's check before a trade becomes binding.

A trade is a nomination (docs/grid.md). The gate compares the slot with and without it by exact power flows: a
nomination passes if every voltage and loading stays in its limit, or, where the slot already lies outside, does not
get worse. Limits: EN 50160 (2010), 4.2.2.2: 10-minute means within +/-10 % of the nominal voltage; lines and
transformers by their rated currents.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from grid.assets import SLOTS_PER_HOUR, Exchange, Home, Needs, exchange
from grid.network import Feeder
from grid.powerflow import FloatArray, Flows, PowerFlow, PowerFlowError

Kind = Literal["voltage", "line", "transformer"]
VOLTAGE_SLACK_PU = 1e-8
LOADING_SLACK_PERCENT = 1e-5
SEARCH_WIDTH = 24
_KINDS: tuple[Kind, ...] = ("voltage", "voltage", "line", "transformer")


class NominationError(ValueError):
    """A nomination that makes no sense (not one that the grid refuses); the message says what to change."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Voltage band in pu of each bus's nominal voltage, loadings in percent of the rating."""

    vm_min_pu: float = 0.9
    vm_max_pu: float = 1.1
    line_percent: float = 100.0
    transformer_percent: float = 100.0


@dataclass(frozen=True, slots=True)
class Nomination:
    """A trade as the operator sees it: Wh from one connection to another in one slot."""

    id: str
    seller: int
    buyer: int
    slot_start: int
    quantity_wh: int


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that is or would be exceeded: pu for voltages, percent for loadings."""

    kind: Kind
    place: str
    value: float
    limit: float

    @property
    def words(self) -> str:
        """The breach as a sentence's middle."""
        if self.kind == "voltage":
            return f"the voltage at {self.place} would be {self.value:.5f} pu, and {self.limit:.3f} pu is the limit"
        return f"{self.kind} {self.place} would carry {self.value:.1f} % of its rating, and {self.limit:.0f} % is the limit"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer. A refusal names the limit, the place, and the largest quantity that passes.

    `max_passing_wh` was itself checked by an exact power flow, and one Wh more was seen to fail.
    """

    nomination: Nomination
    accepted: bool
    max_passing_wh: int
    breach: Breach | None = None

    @property
    def words(self) -> str:
        """What to tell the person who made the trade."""
        asked = _kwh(self.nomination.quantity_wh)
        if self.breach is None:
            return f"The grid has room for this trade of {asked} in this slot."
        if self.max_passing_wh:
            remedy = f"{_kwh(self.max_passing_wh)} of it would still fit in this slot."
        else:
            remedy = "Nothing more fits here in this slot; another partner or a later slot may."
        return f"Refused by the grid: with {asked}, {self.breach.words}. {remedy}"

    def as_dict(self) -> dict[str, Any]:
        """JSON-able form, with the words."""
        return {**asdict(self), "words": self.words}


def _kwh(wh: int) -> str:
    return f"{wh / 1000:.3f} kWh"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Limits widened to what the slot shows anyway, so that nothing may get worse: arrays per bus, line, trafo."""

    feeder: Feeder
    limits: Limits
    before: Flows

    def _excesses(self, flows: Flows) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        lim, was = self.limits, self.before
        return (
            flows.vm_pu - np.maximum(lim.vm_max_pu, was.vm_pu) - VOLTAGE_SLACK_PU,
            np.minimum(lim.vm_min_pu, was.vm_pu) - flows.vm_pu - VOLTAGE_SLACK_PU,
            flows.line_percent - np.maximum(lim.line_percent, was.line_percent) - LOADING_SLACK_PERCENT,
            flows.transformer_percent
            - np.maximum(lim.transformer_percent, was.transformer_percent)
            - LOADING_SLACK_PERCENT,
        )

    def passes(self, flows: Flows) -> npt.NDArray[np.bool_]:
        """(slots,) whether each row of the batch lies inside."""
        inside = [(excess <= 0).all(axis=1) for excess in self._excesses(flows)]
        every: npt.NDArray[np.bool_] = np.logical_and.reduce(inside)
        return every

    def worst(self, flows: Flows, row: int = 0) -> Breach | None:
        """The breach furthest outside in a row of the batch: 1 % of voltage weighs as 10 % of loading."""
        high, low, line, trafo = (excess[row] for excess in self._excesses(flows))
        over = [high.max() * 1000, low.max() * 1000, line.max(initial=-1), trafo.max(initial=-1)]
        if max(over) <= 0:
            return None
        kind = int(np.argmax(over))
        at = int(np.argmax((high, low, line, trafo)[kind]))
        return _breach(self.feeder, self.limits, kind, at, _values(flows, row)[kind])


def _breach(feeder: Feeder, limits: Limits, kind: int, at: int, values: FloatArray) -> Breach:
    """`kind` counts overvoltage, undervoltage, line, transformer; `values` are those of all places of that kind."""
    names = (feeder.buses, feeder.buses, feeder.lines, feeder.transformers)[kind]
    limit = (limits.vm_max_pu, limits.vm_min_pu, limits.line_percent, limits.transformer_percent)[kind]
    return Breach(_KINDS[kind], names[at].name, float(values[at]), limit)


def _values(flows: Flows, row: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    return flows.vm_pu[row], flows.vm_pu[row], flows.line_percent[row], flows.transformer_percent[row]


def breaches(feeder: Feeder, limits: Limits, flows: Flows, row: int = 0) -> tuple[Breach, ...]:
    """Every limit that a solved slot exceeds, as it is."""
    high, low, line, trafo = _values(flows, row)
    found = (
        high > limits.vm_max_pu + VOLTAGE_SLACK_PU,
        low < limits.vm_min_pu - VOLTAGE_SLACK_PU,
        line > limits.line_percent + LOADING_SLACK_PERCENT,
        trafo > limits.transformer_percent + LOADING_SLACK_PERCENT,
    )
    values = (high, low, line, trafo)
    return tuple(
        _breach(feeder, limits, kind, int(at), values[kind])
        for kind, outside in enumerate(found)
        for at in np.flatnonzero(outside)
    )


def largest_passing(test: Callable[[Sequence[int]], npt.NDArray[np.bool_]], upper: int) -> int:
    """The last of 0..upper before the first that fails, tested exactly; 0 is known to pass, `upper` to fail.

    Each round tests `SEARCH_WIDTH` quantities in one batch, so 10 kWh are searched to the Wh in three batches.
    """
    low, high = 0, upper
    while high - low > 1:
        step = max(1, (high - low) // (SEARCH_WIDTH + 1))
        tried = list(range(low + step, high, step))[: SEARCH_WIDTH + 1]
        passed = test(tried)
        failing = int(np.argmin(passed)) if not passed.all() else len(tried)
        high = tried[failing] if failing < len(tried) else high
        low = tried[failing - 1] if failing else low
    return low


@dataclass(frozen=True, slots=True)
class SlotCase:
    """What a slot is expected to be before any trade: per home its needs, and reactive loads (connections,) in kvar."""

    slot_start: int
    homes: Sequence[Home]
    needs: Sequence[Needs]
    q_kvar: FloatArray


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


def nominated(home: Home, needs: Needs, sold_wh: int, bought_wh: int) -> Exchange:
    """A home's slot with its nominations: export up to the firm limit, or up to what it sold where that is more."""
    return exchange(
        home, needs, sold_wh=sold_wh, bought_wh=bought_wh, cap_wh=max(home.firm_export_wh, sold_wh)
    )


def solve_net(power_flow: PowerFlow, net_wh: npt.NDArray[np.int64], q_kvar: FloatArray) -> Flows:
    """Power flows of slots given in Wh: (slots, connections) net import; `q_kvar` (connections,) for all of them."""
    p_kw = net_wh.astype(np.float64) * (SLOTS_PER_HOUR / 1000)
    return power_flow.run(p_kw, np.broadcast_to(q_kvar, p_kw.shape))


def fitting(
    envelope: Envelope, power_flow: PowerFlow, net_wh: npt.NDArray[np.int64], q_kvar: FloatArray
) -> npt.NDArray[np.bool_]:
    """(slots,) which of the cases lie inside; one that has no power flow at all does not."""
    try:
        return envelope.passes(solve_net(power_flow, net_wh, q_kvar))
    except PowerFlowError as error:
        inside = np.ones(len(net_wh), dtype=np.bool_)
        inside[list(error.slots)] = False
        if inside.any():
            inside[inside] = envelope.passes(solve_net(power_flow, net_wh[inside], q_kvar))
        return inside
