"""Deals that bind together: where the scenario rations the room of a slot, the gate is asked for all of them at once."""

from collections.abc import Sequence
from dataclasses import replace

from grid.gate import Gate
from grid.metering import TradeTerms
from grid.nominations import Nomination
from grid.verdicts import Verdict


def bound_together(
    gate: Gate, slot_start: int, deals: Sequence[TradeTerms], least_wh: int, refusals: list[Verdict]
) -> list[TradeTerms]:
    """The deals with what the gate grants of each; what falls below `least_wh` is given back.

    Refusals, whole or in part, are added to `refusals`.
    """
    asked = [Nomination(deal.id, deal.seller, deal.buyer, slot_start, deal.quantity_wh) for deal in deals]
    bound = []
    for deal, verdict in zip(deals, gate.accept_all(asked, [d.price_per_kwh for d in deals]), strict=True):
        if not verdict.accepted:
            refusals.append(verdict)
        if verdict.granted_wh >= min(least_wh, deal.quantity_wh):
            bound.append(replace(deal, quantity_wh=verdict.granted_wh))
        elif verdict.granted_wh:
            gate.withdraw(deal.id)
    return bound
