"""Bilateral negotiation: what an agent offers, and how it answers. Pure; channels carry it, or `play_slot` does.

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

from grid.gate import Gate
from grid.market.matching import Pair
from grid.market.mechanism import SlotTrades, TradingSlot
from grid.market.strategies import STRATEGIES, Situation, Strategy
from grid.metering import TradeTerms
from grid.nominations import Nomination
from grid.sections import Tariff
from grid.simulation import SlotPlan
from grid.verdicts import Verdict


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

    def __init__(self, plan: SlotPlan, min_trade_wh: int) -> None:
        """Sellers offer surplus, buyers ask for deficit and for what the battery would take."""
        self.plan, self.min_trade_wh = plan, min_trade_wh
        self._to_sell = [position.surplus_wh for position in plan.positions]
        self._deficit = [position.deficit_wh for position in plan.positions]
        self._flexible = [position.flexible_import_wh for position in plan.positions]

    def tradable_wh(self, seller: int, buyer: int) -> int:
        """The most that the two could trade now; deficit first, then what the battery takes."""
        wanted = self._deficit[buyer] or self._flexible[buyer]
        quantity = min(self._to_sell[seller], wanted)
        return quantity if quantity >= self.min_trade_wh else 0

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
        self._to_sell[seller] -= quantity_wh
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
    )


def open_offer(strategy: Strategy, mine: Situation, quantity_wh: int, chance: float) -> Proposal:
    """The opening offer."""
    return Proposal(quantity_wh, strategy.target(mine, chance))


def respond(strategy: Strategy, mine: Situation, offered: Proposal, wanted_wh: int, chance: float) -> Answer:
    """Accept what is as good as the own target of this round, or in the last round no worse than the reserve."""
    last = mine.round >= mine.rounds - 1
    goal = strategy.reserve(mine) if last else strategy.target(mine, chance)
    good = offered.price_per_kwh >= goal if mine.sells else offered.price_per_kwh <= goal
    if wanted_wh <= 0:
        return Reject("nothing left to trade in this slot")
    if good and offered.quantity_wh <= wanted_wh:
        return Accept()
    if last:
        return Reject("the price is worse than the supplier's" if not good else "the quantity is too large")
    return Counter(Proposal(min(offered.quantity_wh, wanted_wh), goal))


def first_beliefs(tariff: Tariff, size: int) -> tuple[int, ...]:
    """Everyone starts in the middle of the tariff."""
    return ((tariff.retail_per_kwh + tariff.feed_in_per_kwh) // 2,) * size


class Bilateral:
    """Partners negotiate in turn, in the order of their electrical distance; channels carry what they agree on."""

    name = "bilateral"
    over_channels = True

    def play(self, slot: TradingSlot) -> SlotTrades:
        """All negotiations of a slot in memory: the same decisions as over channels."""
        market = slot.market
        pairs = [pair for pair in slot.pairs if slot.resting.isdisjoint((pair.seller, pair.buyer))]
        return play_slot(
            slot.plan,
            slot.gate,
            pairs,
            STRATEGIES[market.strategy],
            slot.beliefs,
            seed=slot.seed,
            rounds=market.rounds,
            min_trade_wh=market.min_trade_wh,
        )


def play_slot(
    plan: SlotPlan,
    gate: Gate,
    pairs: Sequence[Pair],
    strategy: Strategy,
    beliefs: Sequence[int],
    *,
    seed: int,
    rounds: int,
    min_trade_wh: int,
) -> SlotTrades:
    """All negotiations of a slot in the pairs' order, in memory: the same decisions as over channels.

    What the gate has accepted before is taken as traded.
    """
    book, now = SlotBook(plan, min_trade_wh), list(beliefs)
    for nomination in gate.accepted:
        book.record(nomination.seller, nomination.buyer, nomination.quantity_wh)
    trades: list[TradeTerms] = []
    refusals: list[Verdict] = []
    for seller, buyer in book.encounters(pairs):
        flexible = book.buys_flexibly(buyer)
        deal = negotiate(book, strategy, (seller, buyer), (now[seller], now[buyer]), seed=seed, rounds=rounds)
        for side, sells in ((seller, True), (buyer, False)):
            mine = situation_of(
                plan.tariff,
                sells=sells,
                flexible=flexible and not sells,
                belief_per_kwh=now[side],
                turn=0,
                rounds=rounds,
            )
            now[side] = strategy.learn(mine, deal.price_per_kwh if deal else None)
        bound = _bind(gate, book, deal, (seller, buyer), refusals) if deal else None
        if bound:
            trades.append(bound)
    return SlotTrades(tuple(trades), tuple(refusals), tuple(now))


def negotiate(
    book: SlotBook,
    strategy: Strategy,
    sides: tuple[int, int],
    beliefs: tuple[int, int],
    *,
    seed: int,
    rounds: int,
) -> Proposal | None:
    """One negotiation; the seller opens, the sides take turns. None if it fails."""
    seller, buyer = sides
    tariff, slot, wanted = book.plan.tariff, book.plan.slot_start, book.tradable_wh(seller, buyer)

    def situation(turn: int) -> Situation:
        return situation_of(
            tariff, sells=turn % 2 == 0, flexible=turn % 2 == 1 and book.buys_flexibly(buyer),
            belief_per_kwh=beliefs[turn % 2], turn=turn, rounds=rounds,
        )  # fmt: skip

    proposal = open_offer(strategy, situation(0), wanted, draw(seed, slot, seller, buyer, 0))
    for turn in range(1, rounds + 1):
        answer = respond(strategy, situation(turn), proposal, wanted, draw(seed, slot, seller, buyer, turn))
        if isinstance(answer, Accept):
            return proposal
        if isinstance(answer, Reject):
            return None
        proposal = answer.proposal
    return None


def _bind(
    gate: Gate, book: SlotBook, deal: Proposal, sides: tuple[int, int], refusals: list[Verdict]
) -> TradeTerms | None:
    """Ask the gate; where it refuses, take the largest quantity that passes."""
    seller, buyer = sides
    identity = f"{book.plan.slot_start}-{seller}-{buyer}"
    nomination = Nomination(identity, seller, buyer, book.plan.slot_start, deal.quantity_wh)
    verdict = gate.accept(nomination)
    if not verdict.accepted:
        refusals.append(verdict)
        if verdict.max_passing_wh < book.min_trade_wh:
            return None
        nomination = replace(nomination, quantity_wh=verdict.max_passing_wh)
        if not gate.accept(nomination).accepted:
            return None
    book.record(seller, buyer, nomination.quantity_wh)
    imbalance = book.plan.tariff.imbalance_per_kwh
    return TradeTerms(identity, seller, buyer, nomination.quantity_wh, deal.price_per_kwh, imbalance)
