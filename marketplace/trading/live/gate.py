"""The grid gate for people's trades (`channels_engine.ports.Gate`): the power flow decides, in figures and in words."""

from channels_engine.codec import to_hex
from channels_engine.core.errors import RemoteProtocolError
from channels_engine.core.types import Offer
from channels_engine.ports import TradeDraft
from grid.assets import SLOT_SECONDS
from grid.gate.nominations import Nomination, NominationError
from grid.gate.verdicts import Verdict
from marketplace.trading.live.view import MarketView, market_view
from marketplace.trading.services import record_gate_decision


class MarketGate:
    """Asks the live market's power flow; keeps each answer."""

    def check(self, draft: TradeDraft) -> None:
        """Let the trade pass.

        Raises:
            RemoteProtocolError: `market_closed`, `slot_closed`, `not_connected` or `grid_limit`, with the remedy.
        """
        market = market_view()
        if market is None:
            raise RemoteProtocolError("market_closed", "The market is not running; try again in a minute.")
        _require_open(market, draft)
        verdict = ask_grid(market, draft)
        keep_decision(draft, verdict, about=draft.offer)
        if not verdict.accepted:
            raise RemoteProtocolError("grid_limit", verdict.words)


def _require_open(market: MarketView, draft: TradeDraft) -> None:
    offer = draft.offer
    if offer.slot_start not in market.open_slots:
        raise RemoteProtocolError("slot_closed", "This slot can't be traded now; choose one that is open.")
    if offer.slot_end - offer.slot_start != SLOT_SECONDS:
        raise RemoteProtocolError("slot_length", f"A trade covers one slot of {SLOT_SECONDS} s.")


def keep_decision(draft: TradeDraft, verdict: Verdict, *, about: Offer) -> None:
    """Keep what the grid said to a trade, to be found by the offer that it is about."""
    breach = verdict.breach
    record_gate_decision(
        slot_start=draft.offer.slot_start,
        seller=draft.seller,
        buyer=draft.buyer,
        quantity_wh=draft.offer.quantity_wh,
        passes_wh=draft.offer.quantity_wh if verdict.accepted else verdict.max_passing_wh,
        limit=breach.kind if breach else "",
        element=breach.place if breach else "",
        trade=to_hex(about.id),
        cost=sum(remedy.compensation for remedy in verdict.binding),
        answer={key: value for key, value in verdict.as_dict().items() if key != "words"},
    )


def ask_grid(market: MarketView, draft: TradeDraft) -> Verdict:
    """What the power flow says to a trade beside all that is binding in its slot.

    Raises:
        RemoteProtocolError: `not_connected`, or `grid_limit` where it makes no sense at all.
    """
    connections = market.connections()
    missing = [owner for owner in (draft.seller, draft.buyer) if owner not in connections]
    if missing:
        raise RemoteProtocolError("not_connected", "One of you has no connection on this feeder.")
    offer = draft.offer
    nomination = Nomination(
        to_hex(offer.id),
        connections[draft.seller],
        connections[draft.buyer],
        offer.slot_start,
        offer.quantity_wh,
    )
    try:
        return market.gate(offer.slot_start).check(nomination)
    except NominationError as error:
        raise RemoteProtocolError("grid_limit", str(error)) from error
