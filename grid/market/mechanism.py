"""What every market mechanism shares: a slot to trade in, and the trades that come of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from grid.fees import NO_FEES, PairFees
from grid.gate.check import Gate
from grid.gate.verdicts import Verdict
from grid.market.matching import Pair
from grid.market.strategies import Strategy
from grid.market.uncertainty import deviations_wh
from grid.metering import TradeTerms
from grid.scenarios.sections import MarketSection
from grid.simulation import Simulation, SlotPlan


@dataclass(frozen=True, slots=True)
class TradingSlot:
    """One slot before it is traded.

    Attributes:
        plan: what everybody expects.
        gate: asked before a trade binds; what it has accepted already is taken as traded.
        pairs: who keeps a channel with whom; only bilateral trade is bound to them.
        beliefs: what each agent has learnt a kWh to be worth, micro-units per kWh, per connection.
        market: the scenario's rules.
        strategy: how agents price.
        seed: of all chance.
        resting: connections whose agents do not trade, since people do.
        fees: what the grid operator takes per kWh of a trade.
        deviations_wh: per connection the standard deviation of its expected surplus; empty if nobody doubts it.
    """

    plan: SlotPlan
    gate: Gate
    pairs: Sequence[Pair]
    beliefs: Sequence[int]
    market: MarketSection
    strategy: Strategy
    seed: int
    resting: frozenset[int] = frozenset()
    fees: PairFees = field(default=NO_FEES)
    deviations_wh: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class SlotTrades:
    """Binding trades, refusals of the gate, and the agents' new beliefs."""

    trades: tuple[TradeTerms, ...]
    refusals: tuple[Verdict, ...]
    beliefs: tuple[int, ...]


class Mechanism(Protocol):
    """How a slot is traded; pure. The same slot gives the same trades on any machine."""

    name: str
    over_channels: bool
    """Whether its trades are between partners, so that their channels can carry them."""

    def play(self, slot: TradingSlot) -> SlotTrades:
        """Trade the slot; every trade has passed the slot's gate."""


def trading_slot(
    simulation: Simulation,
    plan: SlotPlan,
    gate: Gate,
    pairs: Sequence[Pair],
    beliefs: Sequence[int],
    *,
    fees: PairFees = NO_FEES,
    resting: frozenset[int] = frozenset(),
) -> TradingSlot:
    """A simulation's slot by its scenario's rules."""
    scenario = simulation.scenario
    return TradingSlot(
        plan=plan,
        gate=gate,
        pairs=pairs,
        beliefs=beliefs,
        market=scenario.market,
        strategy=scenario.strategy,
        seed=scenario.seed,
        resting=resting,
        fees=fees,
        deviations_wh=deviations_wh(plan, scenario.forecast),
    )
