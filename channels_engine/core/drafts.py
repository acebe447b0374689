"""Next states that follow from an endpoint: pure, and the same on both sides.

The proposer's client signs a draft; both machines draft it again and refuse anything else.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from channels_engine.core import merkle
from channels_engine.core.amounts import amount_of, refund_of
from channels_engine.core.errors import Violation
from channels_engine.core.keccak import keccak256
from channels_engine.core.rules import UINT96_MAX, balance_of, current_of, seller_of
from channels_engine.core.state import Endpoint, LiveOffer, Purpose, Staged, Trade
from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import ChannelState, Delivery, FundingChange, Side

_KNOWN_LIMIT = 4096
_KNOWN: dict[tuple[ChannelState, LiveOffer, int], Staged] = {}


def trade_of(live: LiveOffer) -> Trade:
    """The trade that an accepted offer makes."""
    offer = live.offer
    return Trade(
        struct_hash(offer),
        seller_of(offer, live.offeror),
        offer.quantity_wh,
        offer.price_per_kwh,
        offer.imbalance_per_kwh,
        offer.slot_start,
        offer.slot_end,
        amount_of(offer.quantity_wh, offer.price_per_kwh),
        offer.base_version,
        offer.id,
        offer.offeror_sells,
        offer.valid_until,
    )


def draft_trade(endpoint: Endpoint, live: LiveOffer, proposer: Side, version: int) -> Staged:
    """Money and energy of one trade, unsigned; the offer was checked before."""
    _require_history(endpoint)
    if len(endpoint.open_trades) >= endpoint.policy.max_open_trades:
        raise Violation("too_many_trades", "Settle delivered trades before trading on.")
    # Asked by the client, its machine and the peer's, computed once. The state's own root commits to the trades
    # that it follows, so that they are no part of the key.
    now = current_of(endpoint).state
    key = (now, live, version)
    found = _KNOWN.get(key)
    if found is None:
        if len(_KNOWN) >= _KNOWN_LIMIT:
            _KNOWN.clear()
        found = _KNOWN[key] = _trade_in(endpoint, now, live, version)
    return found if found.proposer is proposer else replace(found, proposer=proposer)


def _trade_in(endpoint: Endpoint, now: ChannelState, live: LiveOffer, version: int) -> Staged:
    trade = trade_of(live)
    entry = merkle.entry_of(trade.id, trade.seller)
    tree = merkle.append(endpoint.tree, keccak256(entry))
    to_a = trade.amount if trade.seller is Side.A else -trade.amount
    bought_a, bought_b = (0, trade.quantity_wh) if trade.seller is Side.A else (trade.quantity_wh, 0)
    state = ChannelState(
        now.channel,
        version,
        now.version,
        now.balance_a + to_a,
        now.balance_b - to_a,
        now.energy_to_a + bought_a,
        now.energy_to_b + bought_b,
        merkle.trades_root(tree, merkle.open_list(endpoint.open_trades) + entry),
        is_final=False,
    )
    return Staged(
        Purpose.TRADE,
        state,
        live.offeror.other,
        b"",
        live.offer.valid_until,
        trade,
        open_trades=(*endpoint.open_trades, trade),
        tree=tree,
        offer=live,
    )


def draft_settlement(
    endpoint: Endpoint, deliveries: Sequence[Delivery], proposer: Side, version: int
) -> Staged:
    """Refunds for what was sold and not delivered, unsigned; in the order given, each trade once."""
    _require_history(endpoint)
    if not deliveries:
        raise Violation("no_deliveries", "A settlement needs at least one delivery.")
    open_trades = {trade.id: trade for trade in endpoint.open_trades}
    before = state = current_of(endpoint).state
    for delivery in deliveries:
        trade = open_trades.pop(delivery.trade, None)
        if trade is None or delivery.channel != endpoint.channel:
            raise Violation(
                "unknown_trade", f"Trade 0x{delivery.trade.hex()} is not open here, or settled twice."
            )
        state = _refunded(state, trade, delivery.delivered_wh)
    left = tuple(open_trades.values())
    root = merkle.trades_root(endpoint.tree, merkle.open_list(left))
    return Staged(
        Purpose.SETTLE,
        replace(state, version=version, base=before.version, trades_root=root),
        proposer,
        b"",
        0,
        settles=tuple(delivery.trade for delivery in deliveries),
        refund=abs(state.balance_a - before.balance_a),
        open_trades=left,
        tree=endpoint.tree,
    )


def _refunded(state: ChannelState, trade: Trade, delivered_wh: int) -> ChannelState:
    shortfall = trade.quantity_wh - delivered_wh
    if shortfall < 0:
        raise Violation(
            "delivered_too_much",
            f"Delivered {delivered_wh} Wh exceed the trade's {trade.quantity_wh} Wh; what is beyond is not this trade.",
        )
    balance = balance_of(state, trade.seller)
    refund = refund_of(shortfall, trade.price_per_kwh, trade.imbalance_per_kwh, balance)
    to_a = refund if trade.seller is Side.B else -refund
    missing_a, missing_b = (shortfall, 0) if trade.seller is Side.B else (0, shortfall)
    return replace(
        state,
        balance_a=state.balance_a + to_a,
        balance_b=state.balance_b - to_a,
        energy_to_a=state.energy_to_a - missing_a,
        energy_to_b=state.energy_to_b - missing_b,
    )


def draft_final(endpoint: Endpoint, proposer: Side, version: int) -> Staged:
    """The final state, unsigned: the current one, said to be the last.

    Refused while trades await their meters: a closed channel could no longer refund what was not delivered.
    Who can't wait for a meter that never comes may dispute.
    """
    if endpoint.open_trades:
        raise Violation(
            "open_trades",
            f"{len(endpoint.open_trades)} trades await their metered settlement; settle them, then close.",
        )
    now = current_of(endpoint).state
    state = replace(now, version=version, base=now.version, is_final=True)
    return Staged(Purpose.CLOSE, state, proposer, b"", 0, tree=endpoint.tree)


def draft_change(
    endpoint: Endpoint, funding_a: int, funding_b: int, valid_until: int, version: int
) -> FundingChange:
    """The settlement at the current balances with new fundings, unsigned."""
    _require_history(endpoint)
    now = current_of(endpoint).state
    if min(funding_a, funding_b) < 0 or not 0 < funding_a + funding_b <= UINT96_MAX:
        raise Violation("bad_funding", "The two fundings must sum to 1 to 2**96-1 micro-units.")
    if (funding_a, funding_b) == (now.balance_a, now.balance_b):
        raise Violation("bad_funding", "These fundings are the balances; ask for others or leave it.")
    _require_refunds_left(endpoint, now, Side.A, funding_a)
    _require_refunds_left(endpoint, now, Side.B, funding_b)
    return FundingChange(
        now.channel,
        version,
        now.version,
        now.balance_a,
        now.balance_b,
        funding_a,
        funding_b,
        now.energy_to_a,
        now.energy_to_b,
        now.trades_root,
        valid_until,
    )


def _require_refunds_left(endpoint: Endpoint, now: ChannelState, side: Side, funding: int) -> None:
    """A seller must not take out what its open trades may have to give back."""
    due = sum(
        amount_of(trade.quantity_wh, max(trade.price_per_kwh, trade.imbalance_per_kwh))
        for trade in endpoint.open_trades
        if trade.seller is side
    )
    least = min(balance_of(now, side), due)
    if funding < least:
        raise Violation(
            "refunds_at_risk",
            f"Side {side.name} must leave {least} micro-units for what its open trades may have to refund.",
        )


def _require_history(endpoint: Endpoint) -> None:
    if endpoint.history_lost:
        raise Violation(
            "history_lost", "This side lost the channel's trades and can't trade on; close the channel."
        )
