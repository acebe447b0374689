"""One slot of a replay: the agents' deals become co-signed trades, the meters count, the difference is settled.

Everything is a function of the checkpoint and of what the engine has stored, so that a slot that was
interrupted anywhere is simply played again: what is durable already is found, not done twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import msgspec
from django.db.models import Q

from channels_engine.codec import to_hex
from channels_engine.core.amounts import amount_of
from channels_engine.core.messages import SignedDelivery
from channels_engine.core.rules import balance_of, current_of
from channels_engine.core.typed_data import digest
from channels_engine.core.types import Delivery, Domain
from channels_engine.drivers import Deal, Floor, Settling
from channels_engine.relay import Hosting
from channels_engine.stopwatch import phase
from channels_engine.store.models import TradeRecord
from channels_engine.submissions import Outcome, Refused
from grid.charges import GridCharges, GridOperator
from grid.fees import PairFees
from grid.gate.check import Gate
from grid.gate.nominations import Nomination
from grid.gate.remedies import remedies_for
from grid.gate.verdicts import Verdict
from grid.market.matching import Pair
from grid.market.mechanism import SlotTrades, trading_slot
from grid.market.mechanisms import MECHANISMS
from grid.market.misconduct import play, sort_out
from grid.market.welfare import Welfare, slot_welfare
from grid.metering import SlotSettlement, TradeTerms
from grid.metering.operator import Metered, MeteringState
from grid.readout import facts_of, metering_of
from grid.simulation import Simulation, SimulationState, SlotOutcome, SlotPlan
from marketplace.trading.replay.cast import Cast, owner_prefix
from marketplace.trading.replay.patience import insist


class ReplayError(RuntimeError):
    """A replay can't go on; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a run carries from slot to slot."""

    simulation: SimulationState
    beliefs: tuple[int, ...]
    metering: MeteringState = field(default_factory=MeteringState)

    def to_json(self) -> dict[str, Any]:
        """For the run's row."""
        return {
            "simulation": self.simulation.to_json(),
            "beliefs": list(self.beliefs),
            "metering": msgspec.json.encode(self.metering).decode(),
        }

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> "Checkpoint":
        """Back from the run's row."""
        return Checkpoint(
            SimulationState.from_json(content["simulation"]),
            tuple(content["beliefs"]),
            msgspec.json.decode(content["metering"], type=MeteringState),
        )


@dataclass(frozen=True, slots=True)
class PlayedSlot:
    """All that a slot brought; `final` are the trades, of this and earlier slots, whose delivery is now certain."""

    plan: SlotPlan
    agreed: tuple[TradeRecord, ...]
    refusals: tuple[Verdict, ...]
    outcome: SlotOutcome
    metered: Metered
    final: tuple[TradeRecord, ...]
    after: Checkpoint
    charges: GridCharges
    welfare: Welfare

    @property
    def settlement(self) -> SlotSettlement:
        """On what was validated."""
        return self.metered.settlement


class Market:
    """The households of one run at their trade.

    Args:
        simulation: The feeder.
        cast: Who trades.
        floor: Drives their channels.
        channels: Channel id by (owner a, owner b).
        domain: Under which deliveries are signed.
        valid_until: Of every offer, epoch seconds; fixed for the run, so that an offer made before a crash is
            the same one after it.
        pump: Brings timers that are due, and the ledger's events.
        since: When the run began, epoch seconds: a live market plays the same days again, and what was agreed
            for them in an earlier run is over.
    """

    def __init__(
        self,
        *,
        simulation: Simulation,
        cast: Cast,
        floor: Floor,
        channels: Mapping[frozenset[str], bytes],
        domain: Domain,
        valid_until: int,
        pump: Callable[[], bool],
        since: int = 0,
    ) -> None:
        self.simulation, self.cast = simulation, cast
        self._operator = GridOperator(simulation)
        self._floor, self._channels, self._domain = floor, channels, domain
        self._valid_until, self._pump, self._since = valid_until, pump, since
        self._households = {household.owner: household.index for household in cast.households}
        self._connection: Mapping[str, int] = self._households
        self.metering = metering_of(simulation)
        self._pairs = tuple(Pair(couple.a.index, couple.b.index, 0.0) for couple in cast.couples)

    def play(self, checkpoint: Checkpoint, residents: Mapping[str, int] = MappingProxyType({})) -> PlayedSlot:
        """Play the checkpoint's slot.

        Args:
            checkpoint: Where the run stands.
            residents: Connections of people, by owner: they trade for themselves, their household's agent rests,
                and what they have traded for this slot takes its room in the grid first.
        """
        self._connection = {**self._households, **residents}
        with phase("grid"):
            plan = self.simulation.plan(checkpoint.simulation)
        before = self.agreed(plan.slot_start) if residents else ()
        binding = [self._nomination(trade) for trade in before if self._is_guest(trade)]
        with phase("grid"):
            gate = self.simulation.gate(plan, binding)
            fees = self._operator.fees(plan)
        with phase("market"):
            deals, defied = self._negotiate(plan, gate, checkpoint, frozenset(residents.values()), fees)
        self._sign(deals.trades)
        with phase("storage"):
            agreed = self.agreed(plan.slot_start)
        with phase("grid"):
            outcome = self._close(plan, gate, agreed, defied)
        with phase("settlement"):
            terms = self._terms(agreed)
            metered = self.metering.close(checkpoint.metering, facts_of(plan, outcome, terms))
            final = self._settle(plan, agreed, metered.delivered)
            settlement, charges = self._operator.charge(outcome, metered.settlement, fees)
        return PlayedSlot(
            plan=plan,
            agreed=agreed,
            refusals=deals.refusals,
            outcome=outcome,
            metered=replace(metered, settlement=settlement),
            final=final,
            after=Checkpoint(outcome.state, deals.beliefs, metered.state),
            charges=charges,
            welfare=slot_welfare(plan, terms, self.simulation.scenario.market.min_trade_wh),
        )

    def _close(
        self, plan: SlotPlan, gate: Gate, agreed: Sequence[TradeRecord], defied: Sequence[Nomination]
    ) -> SlotOutcome:
        """What flows with the trades that came about, and with what others are bound to do for them."""
        accepted, unaccepted = sort_out([self._nomination(trade) for trade in agreed], defied)
        return self.simulation.close(plan, accepted, unaccepted, remedies_for(accepted, gate.remedies))

    def agreed(self, slot_start: int) -> tuple[TradeRecord, ...]:
        """Co-signed trades of this run in a slot, in a fixed order."""
        prefix = owner_prefix(self.cast.population)
        residents = [owner for owner in self._connection if owner not in self._households]
        sold = Q(seller__startswith=prefix) | Q(seller__in=residents)
        bought = Q(buyer__startswith=prefix) | Q(buyer__in=residents)
        found = TradeRecord.objects.filter(sold & bought, slot_start=slot_start)
        # Not by id, which differs from run to run: who comes first is owed the remainder of a short delivery.
        return tuple(found.order_by("seller", "buyer", "version"))

    def _is_guest(self, trade: TradeRecord) -> bool:
        return trade.seller not in self._households or trade.buyer not in self._households

    def _negotiate(
        self,
        plan: SlotPlan,
        gate: Gate,
        checkpoint: Checkpoint,
        occupied: frozenset[int],
        fees: PairFees,
    ) -> tuple[SlotTrades, tuple[Nomination, ...]]:
        """What the agents agree on, and which of it the gate never accepted."""
        slot = trading_slot(
            self.simulation, plan, gate, self._pairs, checkpoint.beliefs, fees=fees, resting=occupied
        )
        return play(MECHANISMS["bilateral"], slot, self.simulation.timeline)

    def _sign(self, trades: Sequence[TradeTerms]) -> None:
        deals = self._affordable([self._deal(trade) for trade in trades])
        raise_refusals(insist(lambda: self._floor.trade_many(deals), self._pump))

    def _affordable(self, deals: Sequence[Deal]) -> list[Deal]:
        """Without the deals whose buyer's side of the channel is used up: nobody offers what can't be paid.

        After a crash some are done already; to leave them out then changes nothing.
        """
        hostings = self._floor.runtime.hostings({deal.channel for deal in deals})
        return [deal for deal in deals if _can_pay(hostings[deal.channel], deal)]

    def _deal(self, trade: TradeTerms) -> Deal:
        seller, buyer = self.cast.households[trade.seller], self.cast.households[trade.buyer]
        slot_start = int(trade.id.split("-", 1)[0])
        return Deal(
            key=f"{slot_start}-{trade.seller}-{trade.buyer}",
            channel=self._channels[frozenset((seller.owner, buyer.owner))],
            offeror=seller.owner,
            offeror_sells=True,
            quantity_wh=trade.quantity_wh,
            price_per_kwh=trade.price_per_kwh,
            imbalance_per_kwh=trade.imbalance_per_kwh,
            slot_start=slot_start,
            slot_end=slot_start + 900,
            valid_until=self._valid_until,
        )

    def _nomination(self, trade: TradeRecord) -> Nomination:
        seller, buyer = self._connection[trade.seller], self._connection[trade.buyer]
        return Nomination(trade.trade, seller, buyer, trade.slot_start, trade.quantity_wh)

    def _terms(self, agreed: Sequence[TradeRecord]) -> list[TradeTerms]:
        return [
            TradeTerms(
                trade.trade,
                self._connection[trade.seller],
                self._connection[trade.buyer],
                trade.quantity_wh,
                trade.price_per_kwh,
                trade.imbalance_per_kwh,
            )
            for trade in agreed
        ]

    def _settle(
        self, plan: SlotPlan, agreed: Sequence[TradeRecord], delivered: Mapping[str, int]
    ) -> tuple[TradeRecord, ...]:
        """Settle in the channels what is certain; a channel settles a trade once, so an estimate waits for its meter."""
        final = self._certain(agreed, delivered)
        own = [trade for trade in final if not self._is_guest(trade)]
        settlings = self._settlings(plan.slot_start, own, delivered)
        raise_refusals(insist(lambda: self._floor.settle_many(settlings), self._pump))
        return final

    def _certain(
        self, agreed: Sequence[TradeRecord], delivered: Mapping[str, int]
    ) -> tuple[TradeRecord, ...]:
        """Trades with a final delivery, of this slot or of earlier ones, in a fixed order."""
        ours = {trade.trade for trade in agreed}
        earlier = [trade for trade in delivered if trade not in ours]
        found = TradeRecord.objects.filter(trade__in=earlier) if earlier else TradeRecord.objects.none()
        before = found.order_by("slot_start", "seller", "buyer", "version")
        return (*before, *(trade for trade in agreed if trade.trade in delivered))

    def _settlings(
        self, slot_start: int, trades: Sequence[TradeRecord], delivered: Mapping[str, int]
    ) -> list[Settling]:
        by_channel: dict[str, list[TradeRecord]] = {}
        for trade in trades:
            by_channel.setdefault(trade.channel, []).append(trade)
        return [
            Settling(
                key=f"settle-{slot_start}",
                channel=_raw(channel),
                proposer=rows[0].buyer,
                deliveries=tuple(self.delivery(trade, delivered[trade.trade]) for trade in rows),
            )
            for channel, rows in by_channel.items()
        ]

    def delivery(self, trade: TradeRecord, delivered_wh: int) -> SignedDelivery:
        """The metering operator's word on one trade."""
        delivery = Delivery(_raw(trade.channel), _raw(trade.trade), delivered_wh)
        return SignedDelivery(delivery, self.cast.metering.sign(digest(self._domain, delivery)))


def _can_pay(hosting: Hosting, deal: Deal) -> bool:
    seller = hosting.side_of(deal.offeror)
    if seller is None:
        raise ReplayError(f"{deal.offeror} is no party of channel {to_hex(deal.channel)}.")
    balance = balance_of(current_of(hosting.endpoint(seller.other)).state, seller.other)
    return balance >= amount_of(deal.quantity_wh, deal.price_per_kwh)


def _raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def raise_refusals(outcomes: Sequence[Outcome]) -> None:
    """A refusal that no agent could foresee is an error of ours: stop before anything builds on it."""
    for outcome in outcomes:
        if isinstance(outcome, Refused):
            raise ReplayError(f"The engine refused ({outcome.code}): {outcome.message}")
