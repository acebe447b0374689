"""Between a slot and a book of orders: who wants what, at which limit, and what the grid lets through."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from grid.gate.nominations import Nomination
from grid.gate.verdicts import Verdict
from grid.market.bilateral import SlotBook, draw, granted_wh, offered_wh, situation_of
from grid.market.mechanism import SlotTrades, TradingSlot
from grid.market.orders import Match, Order
from grid.market.strategies import Situation
from grid.market.together import granted_together
from grid.metering import TradeTerms


@dataclass(frozen=True, slots=True)
class Want:
    """What one connection has to sell or wants to buy; a battery's wish is one of its own, with another worth."""

    trader: int
    sells: bool
    flexible: bool
    quantity_wh: int


class AuctionDesk:
    """One slot at an auction: makes everybody's orders, asks the gate about matches, and keeps what binds."""

    def __init__(self, slot: TradingSlot) -> None:
        self._slot = slot
        book = SlotBook(slot.plan, slot.market.min_trade_wh, offered_wh(slot))
        for nomination in slot.gate.accepted:
            book.record(nomination.seller, nomination.buyer, nomination.quantity_wh)
        self._wants = tuple(_wants(book, slot))
        self._left = [want.quantity_wh for want in self._wants]
        self._want_of: list[int] = []
        self._matched: list[list[Match]] = [[] for _ in self._wants]
        self._trades: list[TradeTerms] = []
        self._refusals: list[Verdict] = []

    def orders(self, turn: int, *, buyers_take: bool = False) -> list[Order]:
        """Everybody's orders for what is left, in their seeded order of arrival, priced as in a negotiation's turn.

        With `buyers_take` buyers post no price of their own: they take what is not worse than the supplier.
        """
        seed, slot_start = self._slot.seed, self._slot.plan.slot_start
        open_wants = [i for i, left in enumerate(self._left) if left >= self._slot.market.min_trade_wh]
        chances = {
            i: [draw(seed, slot_start, want.trader, want.flexible, turn, which) for which in (0, 1)]
            for i, want in ((i, self._wants[i]) for i in open_wants)
        }
        return [
            self._order(i, turn, chances[i][1], reserve=buyers_take and not self._wants[i].sells)
            for i in sorted(open_wants, key=lambda i: (chances[i][0], i))
        ]

    def admit(self, match: Match) -> int:
        """Wh of a match that the grid lets through; they are binding from now on."""
        nomination = self._nomination(match, len(self._trades) + len(self._refusals))
        least = min(match.quantity_wh, self._slot.market.min_trade_wh)
        granted = granted_wh(self._slot.gate, nomination, least, self._refusals)
        self._keep(match, nomination, granted)
        return granted

    def admit_all(self, matches: Sequence[Match]) -> list[int]:
        """The same for all matches of an auction, which the gate rations by the scenario's rule."""
        if self._slot.gate.rules.rationing == "first-come":
            return [self.admit(match) for match in matches]
        first = len(self._trades) + len(self._refusals)
        asked = [self._nomination(match, first + number) for number, match in enumerate(matches)]
        prices = [match.price_per_kwh for match in matches]
        granted = granted_together(
            self._slot.gate, asked, prices, self._slot.market.min_trade_wh, self._refusals
        )
        for match, nomination, wh in zip(matches, asked, granted, strict=True):
            self._keep(match, nomination, wh)
        return granted

    def _nomination(self, match: Match, number: int) -> Nomination:
        seller, buyer, slot_start = match.ask.trader, match.bid.trader, self._slot.plan.slot_start
        return Nomination(
            f"{slot_start}-{seller}-{buyer}-{number}", seller, buyer, slot_start, match.quantity_wh
        )

    def _keep(self, match: Match, nomination: Nomination, granted: int) -> None:
        for order in (match.ask, match.bid):
            want = self._want_of[order.place]
            self._left[want] -= granted
            self._matched[want].append(match)
        if granted:
            imbalance = self._slot.plan.tariff.imbalance_per_kwh
            self._trades.append(
                TradeTerms(
                    nomination.id,
                    nomination.seller,
                    nomination.buyer,
                    granted,
                    match.price_per_kwh,
                    imbalance,
                )
            )

    def result(self) -> SlotTrades:
        """What binds, and what everybody has learnt: its mean price per kWh, or that it traded nothing."""
        beliefs = list(self._slot.beliefs)
        for want, matched in zip(self._wants, self._matched, strict=True):
            mine = replace(self._situation(want, 0), belief_per_kwh=beliefs[want.trader])
            beliefs[want.trader] = self._slot.strategy.learn(mine, self._net_price(want, matched))
        return SlotTrades(tuple(self._trades), tuple(self._refusals), tuple(beliefs))

    def _order(self, want_index: int, turn: int, chance: float, *, reserve: bool) -> Order:
        want, strategy = self._wants[want_index], self._slot.strategy
        mine = self._situation(want, turn)
        limit = strategy.reserve(mine) if reserve else strategy.target(mine, chance)
        self._want_of.append(want_index)
        return Order(len(self._want_of) - 1, want.trader, want.sells, self._left[want_index], limit)

    def _situation(self, want: Want, turn: int) -> Situation:
        slot = self._slot
        return situation_of(
            slot.plan.tariff,
            sells=want.sells,
            flexible=want.flexible,
            belief_per_kwh=slot.beliefs[want.trader],
            turn=turn,
            rounds=slot.market.rounds,
        )

    def _net_price(self, want: Want, matched: Sequence[Match]) -> int | None:
        total = sum(match.quantity_wh for match in matched)
        if not total:
            return None
        fees = self._slot.fees
        side = 0 if want.sells else 1
        sign = -1 if want.sells else 1
        paid = sum(
            (match.price_per_kwh + sign * fees.ends(match.ask.trader, match.bid.trader)[side])
            * match.quantity_wh
            for match in matched
        )
        return paid // total


def _wants(book: SlotBook, slot: TradingSlot) -> Iterator[Want]:
    for position in slot.plan.positions:
        trader = position.connection
        if trader in slot.resting:
            continue
        to_sell, deficit, flexible = book.wanted_wh(trader)
        yield from (
            Want(trader, sells, stored, quantity)
            for sells, stored, quantity in (
                (True, False, to_sell),
                (False, False, deficit),
                (False, True, flexible),
            )
            if quantity >= book.min_trade_wh
        )
