"""Bilateral negotiation: what an agent offers, and how it answers. Pure; channels carry it, or `Bilateral` does.

A driver over channels does, per slot::

    book = SlotBook(plan, simulation.scenario.market.min_trade_wh)
    for seller, buyer in book.encounters(pairs):
        offer = open_offer(strategy, book, seller, buyer, ...)     # None: nothing to trade
        answer = respond(strategy, situation, offer, ...)          # Accept, Counter or Reject
        ...the gate, the signatures; then book.record(...)
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from grid.fees import NO_FEES, PairFees
from grid.gate.check import Gate
from grid.gate.nominations import Nomination
from grid.gate.verdicts import Verdict
from grid.market.matching import Pair
from grid.market.mechanism import SlotTrades, TradingSlot
from grid.market.strategies import Situation, Strategy
from grid.market.together import bound_together
from grid.metering import TradeTerms
from grid.scenarios.sections import Tariff
from grid.simulation import SlotPlan


@dataclass(frozen=True, slots=True)
class Proposal:
    """An offer's terms; who sells is known from the encounter."""

    quantity_wh: int
    price_per_kwh: int


@dataclass(frozen=True, slots=True)
class Accept:
    """The proposal is taken as it is."""


@dataclass(frozen=True, slots=True)
class Counter:
    """Another price, or a smaller quantity."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class Reject:
    """No deal, and why."""

    reason: str


Answer = Accept | Counter | Reject


def draw(seed: int, *parts: int) -> float:
    """A number in [0, 1) that depends on its arguments only: the same on any machine and in any order of play."""
    text = ",".join(map(str, (seed, *parts))).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "big") / 2**48


class SlotBook:
    """What everyone still has to sell or to buy in one slot."""

    def __init__(self, plan: SlotPlan, min_trade_wh: int, offered_wh: Sequence[int] | None = None) -> None:
        """Sellers offer surplus, buyers ask for deficit and for what the battery would take.

        `offered_wh` per connection is what it dares to offer of its surplus; all of it if None.
        """
        self.plan, self.min_trade_wh = plan, min_trade_wh
        surplus = [position.surplus_wh for position in plan.positions]
        self._to_sell = surplus if offered_wh is None else list(map(min, surplus, offered_wh))
        self._deficit = [position.deficit_wh for position in plan.positions]
        self._flexible = [position.flexible_import_wh for position in plan.positions]

    def tradable_wh(self, seller: int, buyer: int) -> int:
        """The most that the two could trade now; deficit first, then what the battery takes."""
        wanted = self._deficit[buyer] or self._flexible[buyer]
        quantity = min(self._to_sell[seller], wanted)
        return quantity if quantity >= self.min_trade_wh else 0

    def wanted_wh(self, trader: int) -> tuple[int, int, int]:
        """(to sell, deficit, what the battery would take) of one connection, as it is now."""
        return self._to_sell[trader], self._deficit[trader], self._flexible[trader]

    def buys_flexibly(self, buyer: int) -> bool:
        """Whether the buyer's next Wh go into its battery."""
        return not self._deficit[buyer]

    def encounters(self, pairs: Iterable[Pair]) -> Iterator[tuple[int, int]]:
        """(seller, buyer) of the pairs that have something to trade when their turn comes, either way round."""
        for pair in pairs:
            for seller, buyer in ((pair.seller, pair.buyer), (pair.buyer, pair.seller)):
                if self.tradable_wh(seller, buyer):
                    yield seller, buyer

    def record(self, seller: int, buyer: int, quantity_wh: int) -> None:
        """A trade became binding."""
        self._to_sell[seller] = max(0, self._to_sell[seller] - quantity_wh)
        from_deficit = min(quantity_wh, self._deficit[buyer])
        self._deficit[buyer] -= from_deficit
        self._flexible[buyer] -= quantity_wh - from_deficit


def situation_of(
    tariff: Tariff, *, sells: bool, flexible: bool, belief_per_kwh: int, turn: int, rounds: int
) -> Situation:
    """A side's situation at a turn of a negotiation (turn 0 is the opening offer)."""
    return Situation(
        sells,
        flexible,
        tariff.retail_per_kwh,
        tariff.feed_in_per_kwh,
        belief_per_kwh,
        min(turn, rounds - 1),
        rounds,
        tariff.imbalance_per_kwh,
    )


def priced(mine: Situation, net_per_kwh: int, fee_per_kwh: int) -> int:
    """The trade's price at which this side gets or pays a net price, its own grid fee counted."""
    return net_per_kwh + fee_per_kwh if mine.sells else net_per_kwh - fee_per_kwh


def open_offer(
    strategy: Strategy, mine: Situation, quantity_wh: int, chance: float, *, fee_per_kwh: int = 0
) -> Proposal:
    """The opening offer; `fee_per_kwh` is what this side would pay the grid operator."""
    return Proposal(quantity_wh, max(0, priced(mine, strategy.target(mine, chance), fee_per_kwh)))


def respond(
    strategy: Strategy,
    mine: Situation,
    offered: Proposal,
    wanted_wh: int,
    chance: float,
    *,
    fee_per_kwh: int = 0,
) -> Answer:
    """Accept what is as good as the own target of this round, or in the last round no worse than the reserve."""
    last = mine.round >= mine.rounds - 1
    net = strategy.reserve(mine) if last else strategy.target(mine, chance)
    goal = priced(mine, net, fee_per_kwh)
    good = offered.price_per_kwh >= goal if mine.sells else offered.price_per_kwh <= goal
    if wanted_wh <= 0:
        return Reject("nothing_left")
    if good and offered.quantity_wh <= wanted_wh:
        return Accept()
    if last:
        return Reject("bad_price" if not good else "too_much")
    if goal < 0:
        return Reject("fee_too_high")
    return Counter(Proposal(min(offered.quantity_wh, wanted_wh), goal))


def first_beliefs(tariff: Tariff, size: int) -> tuple[int, ...]:
    """Everyone starts in the middle of the tariff."""
    return ((tariff.retail_per_kwh + tariff.feed_in_per_kwh) // 2,) * size


class Bilateral:
    """Partners negotiate in turn, in the order of their electrical distance; channels carry what they agree on."""

    name = "bilateral"
    over_channels = True

    def play(self, slot: TradingSlot) -> SlotTrades:
        """All negotiations of a slot in the pairs' order, in memory: the same decisions as over channels."""
        pairs = [pair for pair in slot.pairs if slot.resting.isdisjoint((pair.seller, pair.buyer))]
        return _Floor(slot).play(pairs)


def offered_wh(slot: TradingSlot) -> list[int] | None:
    """Per connection what its strategy dares to offer of its surplus; None if nobody doubts it."""
    if not any(slot.deviations_wh):
        return None
    return [
        slot.strategy.offered_wh(
            situation_of(
                slot.plan.tariff, sells=True, flexible=False, belief_per_kwh=belief, turn=0, rounds=1
            ),
            position.surplus_wh,
            deviation,
        )
        for position, belief, deviation in zip(
            slot.plan.positions, slot.beliefs, slot.deviations_wh, strict=True
        )
    ]


class _Floor:
    """The negotiations of one slot. What the gate has accepted before is taken as traded."""

    def __init__(self, slot: TradingSlot) -> None:
        self._slot, self._beliefs = slot, list(slot.beliefs)
        self._book = SlotBook(slot.plan, slot.market.min_trade_wh, offered_wh(slot))
        for nomination in slot.gate.accepted:
            self._book.record(nomination.seller, nomination.buyer, nomination.quantity_wh)
        self._waits = slot.gate.rules.rationing != "first-come"
        self._trades: list[TradeTerms] = []
        self._refusals: list[Verdict] = []

    def play(self, pairs: Sequence[Pair]) -> SlotTrades:
        slot, now = self._slot, self._beliefs
        for seller, buyer in self._book.encounters(pairs):
            flexible, fees = self._book.buys_flexibly(buyer), slot.fees.ends(seller, buyer)
            deal = negotiate(
                self._book, slot.strategy, (seller, buyer), (now[seller], now[buyer]),
                seed=slot.seed, rounds=slot.market.rounds, fees=slot.fees,
            )  # fmt: skip
            self._learn(seller, deal.price_per_kwh - fees[0] if deal else None, sells=True)
            self._learn(buyer, deal.price_per_kwh + fees[1] if deal else None, flexible=flexible)
            if deal:
                self._bind(deal, (seller, buyer))
        if self._waits:
            self._bind_waiting()
        return SlotTrades(tuple(self._trades), tuple(self._refusals), tuple(now))

    def _learn(
        self, side: int, net_per_kwh: int | None, *, sells: bool = False, flexible: bool = False
    ) -> None:
        mine = situation_of(
            self._slot.plan.tariff, sells=sells, flexible=flexible,
            belief_per_kwh=self._beliefs[side], turn=0, rounds=self._slot.market.rounds,
        )  # fmt: skip
        self._beliefs[side] = self._slot.strategy.learn(mine, net_per_kwh)

    def _bind(self, deal: Proposal, sides: tuple[int, int]) -> None:
        """Ask the gate; where it refuses, take the largest quantity that passes.

        Where the scenario rations otherwise than first come, first served, the deals wait until all are made.
        """
        slot_start, (seller, buyer) = self._slot.plan.slot_start, sides
        nomination = Nomination(f"{slot_start}-{seller}-{buyer}", seller, buyer, slot_start, deal.quantity_wh)
        granted = (
            nomination.quantity_wh
            if self._waits
            else granted_wh(self._slot.gate, nomination, self._book.min_trade_wh, self._refusals)
        )
        if granted:
            self._book.record(seller, buyer, granted)
            imbalance = self._slot.plan.tariff.imbalance_per_kwh
            terms = TradeTerms(nomination.id, seller, buyer, granted, deal.price_per_kwh, imbalance)
            self._trades.append(terms)

    def _bind_waiting(self) -> None:
        slot = self._slot
        self._trades = bound_together(
            slot.gate, slot.plan.slot_start, self._trades, self._book.min_trade_wh, self._refusals
        )


def granted_wh(gate: Gate, nomination: Nomination, least_wh: int, refusals: list[Verdict]) -> int:
    """Wh of a nomination that the gate has taken: all, else the largest quantity that passes if it is worth while."""
    verdict = gate.accept(nomination)
    if verdict.accepted:
        return nomination.quantity_wh
    refusals.append(verdict)
    if verdict.max_passing_wh < least_wh:
        return 0
    smaller = replace(nomination, quantity_wh=verdict.max_passing_wh)
    return smaller.quantity_wh if gate.accept(smaller).accepted else 0


def negotiate(
    book: SlotBook,
    strategy: Strategy,
    sides: tuple[int, int],
    beliefs: tuple[int, int],
    *,
    seed: int,
    rounds: int,
    fees: PairFees = NO_FEES,
) -> Proposal | None:
    """One negotiation; the seller opens, the sides take turns. None if it fails."""
    seller, buyer = sides
    tariff, slot, wanted = book.plan.tariff, book.plan.slot_start, book.tradable_wh(seller, buyer)
    fee = fees.ends(seller, buyer)

    def situation(turn: int) -> Situation:
        return situation_of(
            tariff, sells=turn % 2 == 0, flexible=turn % 2 == 1 and book.buys_flexibly(buyer),
            belief_per_kwh=beliefs[turn % 2], turn=turn, rounds=rounds,
        )  # fmt: skip

    proposal = open_offer(
        strategy, situation(0), wanted, draw(seed, slot, seller, buyer, 0), fee_per_kwh=fee[0]
    )
    for turn in range(1, rounds + 1):
        chance = draw(seed, slot, seller, buyer, turn)
        answer = respond(strategy, situation(turn), proposal, wanted, chance, fee_per_kwh=fee[turn % 2])
        if isinstance(answer, Accept):
            return proposal
        if isinstance(answer, Reject):
            return None
        proposal = answer.proposal
    return None
