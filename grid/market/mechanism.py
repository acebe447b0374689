"""What every market mechanism shares: a slot to trade in, and the trades that come of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from grid.gate import Gate
from grid.market.matching import Pair
from grid.metering import TradeTerms
from grid.sections import MarketSection
from grid.simulation import SlotPlan
from grid.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class TradingSlot:
    """One slot before it is traded.

    Attributes:
        plan: what everybody expects.
        gate: asked before a trade binds; what it has accepted already is taken as traded.
        pairs: who keeps a channel with whom; only bilateral trade is bound to them.
        beliefs: what each agent has learnt a kWh to be worth, micro-units per kWh, per connection.
        market: the scenario's rules.
        seed: of all chance.
        resting: connections whose agents do not trade, since people do.
    """

    plan: SlotPlan
    gate: Gate
    pairs: Sequence[Pair]
    beliefs: Sequence[int]
    market: MarketSection
    seed: int
    resting: frozenset[int] = frozenset()


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
