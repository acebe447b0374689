"""How an agent prices. A strategy answers two questions; the rules of negotiation do the rest (`bilateral`).

To add one, write a class with `name`, `reserve`, `target` and `learn`, and put it into `STRATEGIES`. Prices are
micro-units per kWh. `draw` is a number in [0, 1) from the scenario's seed: strategies never make their own chance.
"""

from dataclasses import dataclass
from typing import Protocol

PERMILLE = 1000
STORAGE_VALUE_PERMILLE = 850  # of the retail price: what a stored kWh saves later, after losses and doubt


@dataclass(frozen=True, slots=True)
class Situation:
    """One side before an offer.

    Attributes:
        sells: this side sells.
        flexible: the energy would come from or go to the battery; it has another use later.
        retail_per_kwh, feed_in_per_kwh: what the supplier asks and pays.
        belief_per_kwh: what this agent has learnt a kWh to be worth here.
        round, rounds: offers made so far, and at most, in this negotiation.
    """

    sells: bool
    flexible: bool
    retail_per_kwh: int
    feed_in_per_kwh: int
    belief_per_kwh: int
    round: int
    rounds: int


class Strategy(Protocol):
    """How an agent prices; pure."""

    name: str

    def reserve(self, situation: Situation) -> int:
        """The worst price at which this side still trades."""

    def target(self, situation: Situation, draw: float) -> int:
        """The price that this side asks for, or bids, in this round."""

    def learn(self, situation: Situation, price_per_kwh: int | None) -> int:
        """The belief after a negotiation that ended at a price, or in failure (None)."""


def rational_reserve(situation: Situation) -> int:
    """Nobody trades worse than with the supplier: sellers get feed-in at least, buyers pay retail at most.

    Energy for the battery is worth what it saves later; energy out of it costs what it would have saved.
    """
    stored = situation.retail_per_kwh * STORAGE_VALUE_PERMILLE // PERMILLE
    if situation.sells:
        return max(situation.feed_in_per_kwh, stored) if situation.flexible else situation.feed_in_per_kwh
    return max(situation.feed_in_per_kwh, stored) if situation.flexible else situation.retail_per_kwh


class ZeroIntelligence:
    """Any price that does no harm, with equal chance: ZI-C of Gode and Sunder, J. Political Economy 101 (1993)."""

    name = "zero-intelligence"

    def reserve(self, situation: Situation) -> int:
        """The supplier's price, or the battery's."""
        return rational_reserve(situation)

    def target(self, situation: Situation, draw: float) -> int:
        """Uniform between the reserve and the other end of the tariff."""
        reserve = self.reserve(situation)
        best = situation.retail_per_kwh if situation.sells else situation.feed_in_per_kwh
        return reserve + round((best - reserve) * draw)

    def learn(self, situation: Situation, price_per_kwh: int | None) -> int:  # noqa: ARG002  it learns from no price, by definition
        """Unchanged."""
        return situation.belief_per_kwh


class Adaptive:
    """Opens with a margin over its belief and concedes towards its reserve; successes and failures move the belief.

    The concession is linear over the rounds, the learning a Widrow-Hoff step as in zero-intelligence-plus agents
    (Cliff, HP Labs HPL-97-91, 1997).
    """

    name = "adaptive"
    step_permille = 150
    margin_permille = 120

    def reserve(self, situation: Situation) -> int:
        """The supplier's price, or the battery's."""
        return rational_reserve(situation)

    def target(self, situation: Situation, draw: float) -> int:
        """From belief with a margin (round 0) half-way to the reserve (last round)."""
        spread = situation.retail_per_kwh - situation.feed_in_per_kwh
        margin = round(spread * self.margin_permille * (0.5 + draw)) // PERMILLE
        opening = situation.belief_per_kwh + (margin if situation.sells else -margin)
        reserve = self.reserve(situation)
        done = situation.round * PERMILLE // (2 * max(1, situation.rounds - 1))
        price = opening + (reserve - opening) * done // PERMILLE
        price = max(reserve, price) if situation.sells else min(reserve, price)
        return min(max(price, situation.feed_in_per_kwh), situation.retail_per_kwh)

    def learn(self, situation: Situation, price_per_kwh: int | None) -> int:
        """Towards the price of a success; towards the own reserve after a failure."""
        goal = self.reserve(situation) if price_per_kwh is None else price_per_kwh
        belief = situation.belief_per_kwh
        return belief + (goal - belief) * self.step_permille // PERMILLE


STRATEGIES: dict[str, Strategy] = {strategy.name: strategy for strategy in (ZeroIntelligence(), Adaptive())}


def strategy_named(name: str) -> Strategy:
    """A strategy of the table. Raises KeyError naming the known ones."""
    try:
        return STRATEGIES[name]
    except KeyError:
        raise KeyError(
            f"strategy {name!r} is unknown; choose one of {', '.join(sorted(STRATEGIES))}"
        ) from None
