"""Remedies: what others may be paid to do so that a trade fits, chosen by effect and price.

When a nomination fails, the gate looks for homes whose firm export could be curtailed or whose battery could help.
It takes the one that mends the worst place at the lowest price per unit of effect, as much of it as that place needs,
and looks again; then it gives back what the last one did too much. Every step is a power flow.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from grid.assets import Home
from grid.flow.powerflow import PowerFlowError
from grid.gate.actions import KINDS, Action, ActionKind
from grid.gate.limits import Envelope
from grid.gate.nominations import Nomination
from grid.gate.room import Room
from grid.gate.rules import GateRules
from grid.gate.search import largest_passing
from grid.losses import apportion
from grid.metering.amounts import amount
from grid.metering.settlement import SlotSettlement

MOST_STEPS = 8
IntArray = npt.NDArray[np.int64]
NetOf = Callable[[int, Action | None], int]
"""A connection's net import with an action on top of its trades, Wh."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """Who does what for whom, and what it gets for that (micro-units).

    `payers` are (seller, buyer) of the trade that needs it: they pay half each, an odd micro-unit the seller. None: the
    operator bears it, since it cut back firm export to keep the limits.
    """

    connection: int
    name: str
    kind: ActionKind
    wh: int
    compensation: int
    payers: tuple[int, int] | None = None

    @property
    def words(self) -> str:
        """Who does what."""
        does = {"curtail": "feeds in {} less", "charge": "charges {} more", "discharge": "discharges {} more"}
        return f"{self.name} {does[self.kind].format(f'{self.wh / 1000:.3f} kWh')}"

    @property
    def shares(self) -> dict[int, int]:
        """What each payer pays; sums to the compensation."""
        if self.payers is None:
            return {}
        half = self.compensation // 2
        return {self.payers[0]: self.compensation - half, self.payers[1]: half}


def priced(
    rules: GateRules,
    actions: Mapping[int, Action],
    homes: Sequence[Home],
    payers: tuple[int, int] | None,
) -> tuple[Remedy, ...]:
    """Actions with their compensation."""
    return tuple(
        Remedy(
            i, homes[i].name, action.kind, action.wh, amount(action.wh, _price(rules, action.kind)), payers
        )
        for i, action in actions.items()
        if action.wh
    )


def remedies_for(trades: Iterable[Nomination], remedies: Iterable[Remedy]) -> tuple[Remedy, ...]:
    """Those whose trade came about, whatever its id by now: a pair trades once a slot."""
    pairs = {(trade.seller, trade.buyer) for trade in trades}
    return tuple(remedy for remedy in remedies if remedy.payers in pairs)


def performed(remedies: Sequence[Remedy], done_wh: Mapping[int, int], rules: GateRules) -> tuple[Remedy, ...]:
    """What was really done of what was bound, shared over a connection's remedies and paid for that much."""
    by_home: dict[int, list[Remedy]] = {}
    for remedy in remedies:
        by_home.setdefault(remedy.connection, []).append(remedy)
    result = []
    for home, bound in by_home.items():
        wanted = [remedy.wh for remedy in bound]
        shares = apportion(min(sum(wanted), done_wh.get(home, 0)), wanted)
        result += [
            replace(remedy, wh=wh, compensation=amount(wh, _price(rules, remedy.kind)))
            for remedy, wh in zip(bound, shares, strict=True)
            if wh
        ]
    return tuple(result)


def _price(rules: GateRules, kind: ActionKind) -> int:
    return rules.curtailment_per_kwh if kind == "curtail" else rules.battery_per_kwh


def booked(settlement: SlotSettlement, remedies: Iterable[Remedy]) -> SlotSettlement:
    """The settlement with compensations on the supplier's bills: credited to who acts, charged to who pays."""
    credit: dict[int, int] = {}
    charge: dict[int, int] = {}
    for remedy in remedies:
        credit[remedy.connection] = credit.get(remedy.connection, 0) + remedy.compensation
        for payer, share in remedy.shares.items():
            charge[payer] = charge.get(payer, 0) + share
    if not credit:
        return settlement
    bills = tuple(
        replace(
            bill,
            charge=bill.charge + charge.get(bill.connection, 0),
            credit=bill.credit + credit.get(bill.connection, 0),
        )
        for bill in settlement.bills
    )
    return replace(settlement, bills=bills)


@dataclass(frozen=True, slots=True)
class _Option:
    connection: int
    kind: ActionKind
    room_wh: int
    effect: float
    price: int

    @property
    def rank(self) -> tuple[float, float, int]:
        return self.price / self.effect, -self.effect, self.connection


class RemedyPlan:
    """The search for one failing case: `changes` are net imports with the trade, `standing` actions bound before."""

    def __init__(
        self,
        room: Room,
        rules: GateRules,
        net_of: NetOf,
        changes: Mapping[int, int],
        standing: Mapping[int, Action],
    ) -> None:
        self._room, self._rules, self._net_of = room, rules, net_of
        self._standing = standing
        self._case = room.net_wh
        self._case[list(changes)] = list(changes.values())
        self._parties = frozenset(changes)
        self._envelope: Envelope = room.envelope()
        self._more: dict[int, Action] = {}

    def find(self) -> dict[int, Action] | None:
        """More of which actions would do; None if nothing allowed is enough."""
        try:
            for _ in range(MOST_STEPS):
                flows = self._room.solve(self._case[None, :])
                place = self._envelope.worst_place(flows)
                if place is None:
                    return dict(self._more)
                excess = float(self._envelope.excess(flows, place)[0])
                option = self._best(place, excess)
                if option is None:
                    return None
                self._take(option, excess)
        except PowerFlowError:
            return None
        return None

    def _best(self, place: tuple[int, int], excess: float) -> _Option | None:
        offers = list(self._offers())
        if not offers:
            return None
        cases = np.repeat(self._case[None, :], len(offers), axis=0)
        for row, (connection, _, _, net) in enumerate(offers):
            cases[row, connection] = net
        left = self._envelope.excess(self._room.solve(cases), place)
        options = [
            _Option(connection, kind, wh, (excess - float(after)) / wh, _price(self._rules, kind))
            for (connection, kind, wh, _), after in zip(offers, left, strict=True)
            if (excess - float(after)) > excess / 1000
        ]
        return min(options, key=lambda option: option.rank, default=None)

    def _offers(self) -> Iterable[tuple[int, ActionKind, int, int]]:
        """(connection, kind, Wh more than now, net import then) of everyone who could do something."""
        for i in range(len(self._case)):
            if i in self._parties:
                continue
            bound = self._action(i)
            for kind in KINDS:
                if bound is not None and bound.kind != kind:
                    continue
                net = self._net_of(i, Action(kind, 10**9))
                more = abs(net - int(self._case[i]))
                if more:
                    yield i, kind, more, net

    def _action(self, connection: int) -> Action | None:
        return self._more.get(connection) or self._standing.get(connection)

    def _whole(self, connection: int, kind: ActionKind, more_wh: int) -> Action:
        before = self._standing.get(connection)
        return Action(kind, more_wh + (before.wh if before else 0))

    def _take(self, option: _Option, excess: float) -> None:
        """As much as the place needs, or all there is; then as much less as still passes where that mends everything."""
        i, had = option.connection, self._more.get(option.connection)
        needed = min(option.room_wh, int(excess / option.effect * 1.05) + 1)
        total = needed + (had.wh if had else 0)
        self._set(i, option.kind, total)

        def less(tried: Sequence[int]) -> npt.NDArray[np.bool_]:
            cases = np.repeat(self._case[None, :], len(tried), axis=0)
            for row, wh in enumerate(tried):
                cases[row, i] = self._net_of(i, self._whole(i, option.kind, total - wh))
            return self._passes(cases)

        if self._passes(self._case[None, :])[0]:
            self._set(i, option.kind, total - largest_passing(less, needed))

    def _set(self, connection: int, kind: ActionKind, more_wh: int) -> None:
        self._more[connection] = Action(kind, more_wh)
        self._case[connection] = self._net_of(connection, self._whole(connection, kind, more_wh))

    def _passes(self, cases: IntArray) -> npt.NDArray[np.bool_]:
        passed: npt.NDArray[np.bool_] = self._envelope.passes(self._room.solve(cases))
        return passed
