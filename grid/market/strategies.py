"""How an agent prices and how much it offers; the rules of the mechanism do the rest.

To add one, write a class that inherits `Strategy`, with `name`, `reserve`, `target` and, where it learns, `learn`, and
name it in the scenario (docs/market.md). Prices are micro-units per kWh and mean what the agent gets or pays in all,
grid fees included. `draw` is a number in [0, 1) from the scenario's seed: strategies never make their own chance.
"""

from abc import abstractmethod
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
        imbalance_per_kwh: what a seller pays for a kWh that it sold and does not deliver, or the trade's price if
            that is more.
    """

    sells: bool
    flexible: bool
    retail_per_kwh: int
    feed_in_per_kwh: int
    belief_per_kwh: int
    round: int
    rounds: int
    imbalance_per_kwh: int


class Strategy(Protocol):
    """How an agent prices, and how much it offers; pure: no chance, no clock and no memory of its own."""

    name: str

    @abstractmethod
    def reserve(self, situation: Situation) -> int:
        """The worst price at which this side still trades."""

    @abstractmethod
    def target(self, situation: Situation, draw: float) -> int:
        """The price that this side asks for, or bids, in this round."""

    def learn(self, situation: Situation, price_per_kwh: int | None) -> int:  # noqa: ARG002  whoever learns overrides it
        """The belief after a negotiation that ended at a price, or in failure (None); unchanged by default."""
        return situation.belief_per_kwh

    def offered_wh(self, situation: Situation, expected_wh: int, deviation_wh: int) -> int:  # noqa: ARG002  whoever doubts its forecast overrides it
        """How much of an expected surplus to offer, given the forecast's standard deviation; all of it by default."""
        return expected_wh


def rational_reserve(situation: Situation) -> int:
    """Nobody trades worse than with the supplier: sellers get feed-in at least, buyers pay retail at most.

    Energy for the battery is worth what it saves later; energy out of it costs what it would have saved.
    """
    stored = situation.retail_per_kwh * STORAGE_VALUE_PERMILLE // PERMILLE
    if situation.sells:
        return max(situation.feed_in_per_kwh, stored) if situation.flexible else situation.feed_in_per_kwh
    return max(situation.feed_in_per_kwh, stored) if situation.flexible else situation.retail_per_kwh


class ZeroIntelligence(Strategy):
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


class Adaptive(Strategy):
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


_NORMAL_PERMILLE = (-3291, -1645, -1282, -1036, -842, -674, -524, -385, -253, -126, 0)
"""Quantiles of the standard normal law, in thousandths, at 0 (taken as 0.0005), 5, 10 ... 50 %. A table, since
logarithms differ in their last digit from machine to machine."""
_STEP_PERMILLE = 50


class RiskAverse(Adaptive):
    """Sells less than it expects to have, and gives way on the price for a surer deal.

    A seller that lacks energy refunds it at the imbalance price, one that kept some back feeds it in. With price p,
    feed-in f and imbalance price m the best quantity is the forecast's quantile (p - f) / (m - f), the newsvendor's
    (Pinson, Chevallier & Kariniotakis, IEEE Trans. Power Systems 22 (2007) 1148-1156). Who maximises the mean of the
    worst `tail_permille` of outcomes, the conditional value at risk, takes that share of the quantile (Gotoh & Takano,
    European J. Operational Research 179 (2007) 80-96; income grows with the surplus, so the worst outcomes are the
    smallest ones). The price expected is the belief, the forecast's law normal.
    """

    name = "risk-averse"
    margin_permille = 40
    tail_permille = 500

    def offered_wh(self, situation: Situation, expected_wh: int, deviation_wh: int) -> int:
        """The cautious quantile of the surplus; buyers ask for all that they need, retail is their only risk."""
        feed_in, price = situation.feed_in_per_kwh, situation.belief_per_kwh
        over = max(situation.imbalance_per_kwh, price) - feed_in
        if not situation.sells or over <= 0:
            return expected_wh
        quantile = self.tail_permille * min(max(0, price - feed_in), over) // over
        cautious = _NORMAL_PERMILLE[min(quantile // _STEP_PERMILLE, len(_NORMAL_PERMILLE) - 1)]
        return max(0, expected_wh + deviation_wh * cautious // PERMILLE)


STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy for strategy in (ZeroIntelligence(), Adaptive(), RiskAverse())
}
"""The strategies that come along, by name."""
