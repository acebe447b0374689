"""Agents that break the rules of trade: those who ignore the gate, and those who sell what they don't have.

Honest agents ask the gate themselves and sign nothing that it refuses, so a refused trade needs two who ignore it.
What it refused stays refused for the operator: such trades give no right to export (docs/scenarios.md).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from msgspec.structs import replace as change

from grid.events.timeline import Timeline
from grid.gate.check import Gate
from grid.gate.nominations import Nomination
from grid.gate.verdicts import Verdict
from grid.market.mechanism import Mechanism, SlotTrades, TradingSlot
from grid.simulation import SlotPlan


class DefiedGate:
    """The gate as agents meet it: between two that ignore it, what it refuses is taken as agreed.

    `defied` are those refusals. Everything else is the real gate.
    """

    def __init__(self, gate: Gate, defiant: Iterable[int]) -> None:
        self._gate, self._defiant = gate, frozenset(defiant)
        self.defied: dict[str, Verdict] = {}

    def __getattr__(self, name: str) -> object:
        """What is not defied."""
        return getattr(self._gate, name)

    def check(self, nomination: Nomination) -> Verdict:
        """The gate's answer, or what two that ignore it make of that."""
        return self._shrugged(self._gate.check(nomination))

    def accept(self, nomination: Nomination) -> Verdict:
        """As `check`; the real gate keeps room for what it accepts itself, and for nothing else."""
        return self._heard(self._gate.accept(nomination))

    def accept_all(
        self, nominations: Sequence[Nomination], prices_per_kwh: Sequence[int]
    ) -> tuple[Verdict, ...]:
        """As `accept`; a part that rationing grants to two that ignore it is given back: they trade the whole."""
        answers = []
        for verdict in self._gate.accept_all(nominations, prices_per_kwh):
            answers.append(self._heard(verdict))
            if answers[-1] is not verdict and verdict.granted_wh:
                self._gate.withdraw(verdict.nomination.id)
        return tuple(answers)

    def _heard(self, verdict: Verdict) -> Verdict:
        answer = self._shrugged(verdict)
        if answer is not verdict:
            self.defied[verdict.nomination.id] = verdict
        return answer

    def _shrugged(self, verdict: Verdict) -> Verdict:
        sides = {verdict.nomination.seller, verdict.nomination.buyer}
        if verdict.accepted or not sides <= self._defiant:
            return verdict
        wh = verdict.nomination.quantity_wh
        return replace(verdict, accepted=True, max_passing_wh=wh, granted_wh=wh, remedies=(), cost=0)


def play(
    mechanism: Mechanism, slot: TradingSlot, timeline: Timeline
) -> tuple[SlotTrades, tuple[Nomination, ...]]:
    """Trade a slot with everyone's conduct; also the trades' nominations that the gate never accepted."""
    behaviours = timeline.behaviours(slot.plan.slot_start)
    if not behaviours:
        return mechanism.play(slot), ()
    defiant = [i for i, how in behaviours.items() if how == "ignore-gate" and i not in slot.resting]
    gate = DefiedGate(slot.gate, defiant)
    claims = timeline.claims_wh(slot.plan.slot_start)
    plan = _claimed(slot.plan, {i: wh for i, wh in claims.items() if i not in slot.resting})
    traded = mechanism.play(replace(slot, plan=plan, gate=cast("Gate", gate)))
    defied = tuple(gate.defied.values())
    return replace(traded, refusals=(*traded.refusals, *defied)), tuple(v.nomination for v in defied)


def _claimed(plan: SlotPlan, claims_wh: Mapping[int, int]) -> SlotPlan:
    """The plan as oversellers tell it: with a surplus that is not there."""
    told = [change(p, surplus_wh=p.surplus_wh + claims_wh.get(p.connection, 0)) for p in plan.positions]
    return replace(plan, positions=tuple(told))


def sort_out(
    nominations: Sequence[Nomination], unaccepted: Sequence[Nomination]
) -> tuple[tuple[Nomination, ...], tuple[Nomination, ...]]:
    """(accepted, unaccepted) of a slot's binding trades, whatever ids they have by now.

    Two that trade twice in a slot are told apart by nothing else than who they are: one defied trade makes both so.
    """
    pairs = {(nomination.seller, nomination.buyer) for nomination in unaccepted}
    bad = tuple(n for n in nominations if (n.seller, n.buyer) in pairs)
    return tuple(n for n in nominations if (n.seller, n.buyer) not in pairs), bad
