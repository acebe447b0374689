"""Deals that bind together: where the scenario rations the room of a slot, the gate is asked for all of them at once."""

from collections.abc import Sequence
from dataclasses import replace

from grid.gate.check import Gate
from grid.gate.nominations import Nomination
from grid.gate.verdicts import Verdict
from grid.metering import TradeTerms


def granted_together(
    gate: Gate,
    nominations: Sequence[Nomination],
    prices_per_kwh: Sequence[int],
    least_wh: int,
    refusals: list[Verdict],
) -> list[int]:
    """Wh that are bound of each; what falls below `least_wh` is given back.

    Refusals, whole or in part, are added to `refusals`.
    """
    granted = []
    for nomination, verdict in zip(nominations, gate.accept_all(nominations, prices_per_kwh), strict=True):
        if not verdict.accepted:
            refusals.append(verdict)
        worth_while = verdict.granted_wh >= min(least_wh, nomination.quantity_wh)
        granted.append(verdict.granted_wh if worth_while else 0)
        if verdict.granted_wh and not worth_while:
            gate.withdraw(nomination.id)
    return granted


def bound_together(
    gate: Gate, slot_start: int, deals: Sequence[TradeTerms], least_wh: int, refusals: list[Verdict]
) -> list[TradeTerms]:
    """The deals with what the gate grants of each."""
    asked = [Nomination(deal.id, deal.seller, deal.buyer, slot_start, deal.quantity_wh) for deal in deals]
    prices = [deal.price_per_kwh for deal in deals]
    granted = granted_together(gate, asked, prices, least_wh, refusals)
    return [replace(deal, quantity_wh=wh) for deal, wh in zip(deals, granted, strict=True) if wh]
