"""The mechanisms that match anybody with anybody, settled in books; docs/market.md has their rules."""

from grid.market.clearing import pay_as_bid, pay_as_clear
from grid.market.desk import AuctionDesk
from grid.market.mechanism import SlotTrades, TradingSlot
from grid.market.orders import ContinuousBook


class DoubleAuction:
    """Continuous double auction: in each round all quote anew, one after the other, and trade at resting prices."""

    name = "double-auction"
    over_channels = False

    def play(self, slot: TradingSlot) -> SlotTrades:
        """As many rounds as a negotiation has; quotes concede from round to round as there."""
        desk = AuctionDesk(slot)
        book = ContinuousBook(slot.fees, desk.admit)
        for turn in range(slot.market.rounds):
            for order in desk.orders(turn):
                book.place(order)
            book.cancel_all()
        return desk.result()


class PayAsClear:
    """Periodic double auction with one price for all. A sealed order is its owner's only word, so its last one."""

    name = "pay-as-clear"
    over_channels = False

    def play(self, slot: TradingSlot) -> SlotTrades:
        """One clearing of the slot's orders."""
        desk = AuctionDesk(slot)
        pay_as_clear(desk.orders(slot.market.rounds - 1), slot.fees, desk.admit_all)
        return desk.result()


class PayAsBid:
    """Periodic double auction in which every buyer pays its own bid."""

    name = "pay-as-bid"
    over_channels = False

    def play(self, slot: TradingSlot) -> SlotTrades:
        """One clearing of the slot's orders."""
        desk = AuctionDesk(slot)
        pay_as_bid(desk.orders(slot.market.rounds - 1), slot.fees, desk.admit_all)
        return desk.result()


class PayAsOffer:
    """One-sided: sellers post offers; buyers come in their seeded order and take the cheapest that do not harm."""

    name = "pay-as-offer"
    over_channels = False

    def play(self, slot: TradingSlot) -> SlotTrades:
        """All offers first, then the buyers."""
        desk = AuctionDesk(slot)
        book = ContinuousBook(slot.fees, desk.admit)
        orders = desk.orders(slot.market.rounds - 1, buyers_take=True)
        for order in sorted(orders, key=lambda order: not order.sells):
            book.place(order)
        return desk.result()


class Retailer:
    """Nobody trades: everybody deals with the supplier alone. What the others are compared with."""

    name = "retailer"
    over_channels = False

    def play(self, slot: TradingSlot) -> SlotTrades:
        """No trades."""
        return SlotTrades((), (), tuple(slot.beliefs))
