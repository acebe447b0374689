"""The households' agents as people meet them: they join contracts, fund their side, and answer offers."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from channels_engine.agent import Accept, Agent, Answer, CounterWith, Decline
from channels_engine.agents import Agents
from channels_engine.codec import to_hex
from channels_engine.core import messages as m
from channels_engine.core.errors import ProtocolError
from channels_engine.core.rules import balance_of, current_of
from channels_engine.core.signing import LocalSigner
from channels_engine.core.state import Endpoint
from channels_engine.core.types import ChannelOpen, EntityContract, Offer, Side
from channels_engine.ports import Signer, TradeDraft
from channels_engine.runtime import Runtime
from channels_engine.store.models import Contract
from grid.gate.verdicts import Verdict
from grid.market import bilateral
from marketplace.credit.ledger import the_ledger
from marketplace.trading.live.gate import ask_grid, keep_decision
from marketplace.trading.live.view import (
    MarketView,
    live_run,
    lives_somebody,
    market_view,
    simulation_of,
)
from marketplace.trading.replay.cast import Cast, Household
from marketplace.trading.replay.purse import Purse

OFFER_LIFE_S = 300
LONGEST_CHALLENGE_S = 24 * 3600


def guest_label(conversation: bytes) -> str:
    """What a household's session key for a contract with a person derives from."""
    return f"guest/{conversation.hex()}"


def guest_serial(owner: str, scid: bytes, index: int) -> bytes:
    """Serial of the note by which a household funds its side of one channel under a contract with a person."""
    return hashlib.sha256(f"{owner}/{scid.hex()}/{index}/note".encode()).digest()


def guest_funding(owner: str, scid: bytes, index: int) -> dict[str, Any] | None:
    """Source, note and amount of a household's side of a channel with a person; None before the market runs."""
    run = live_run()
    if run is None or "merchant" not in run.ledger:
        return None
    amount = simulation_of(run.scenario).scenario.funding.channel_funding
    return {
        "source": run.ledger["merchant"],
        "note": to_hex(guest_serial(owner, scid, index)),
        "amount": amount,
    }


class KeyRing:
    """Session keys of the households for their contracts with people; all derive from the households' secrets."""

    def __init__(self, cast: Cast) -> None:
        self._signers: dict[bytes, LocalSigner] = {}
        households = cast.by_owner()
        rows = Contract.objects.exclude(owner_a__in=households, owner_b__in=households)
        for conversation, *owners in rows.values_list("conversation", "owner_a", "owner_b"):
            for owner in owners:
                if owner in households:
                    self.make(households[owner], bytes.fromhex(conversation[2:]))

    def make(self, household: Household, conversation: bytes) -> LocalSigner:
        """The household's key for one conversation."""
        signer = LocalSigner(household.session_secret(guest_label(conversation)))
        self._signers[signer.address] = signer
        return signer

    def __call__(self, address: bytes) -> Signer:
        """The signer of a session address; raises KeyError if it is nobody's here."""
        return self._signers[address]


@dataclass(frozen=True)
class HouseholdStrategy:
    """What one household's agent wants (`channels_engine.agent.Strategy`)."""

    household: Household
    purse: Purse
    keys: KeyRing
    now: Callable[[], int]

    def join(self, terms: EntityContract, _peer: str) -> bytes | None:
        """Joins the site's own terms, or others that are no harder: its watchtower needs time to answer."""
        usual = the_ledger()
        fits = (
            terms.metering == self.purse.metering
            and usual.challenge_period <= terms.challenge_period <= LONGEST_CHALLENGE_S
            and terms.stale_penalty <= usual.stale_penalty
        )
        return self.keys.make(self.household, terms.nonce).address if fits else None

    def fund(self, opening: ChannelOpen, side: Side, _peer: str) -> m.Funding | None:
        """Funds by the supplier's note, up to the scenario's channel funding."""
        mine = (opening.source_a, opening.note_a, opening.funding_a)
        source, serial, amount = (
            mine if side is Side.A else (opening.source_b, opening.note_b, opening.funding_b)
        )
        wanted = guest_serial(self.household.owner, opening.scid, opening.index)
        if (source, serial) != (self.purse.merchant.address, wanted) or amount > self.purse.channel_funding:
            return None
        holder = self._session(opening.scid, side)
        if not holder:
            return None
        funding = self.purse.note(self.household, serial, holder)
        self.purse.keep_receipts()
        return funding

    def answer(self, offer: Offer, endpoint: Endpoint, peer: str) -> Answer:
        """Accepts what is as good as its own target, counters what is not, declines what nobody can use."""
        market, sells = market_view(), not offer.offeror_sells
        if market is None or offer.slot_start not in market.open_slots:
            return Decline("slot_closed")
        if lives_somebody(self.household.name):
            return Decline("lived_in")
        wanted = self._wanted(market, offer.slot_start, sells=sells)
        if wanted < market.simulation.scenario.market.min_trade_wh:
            return Decline("nothing_to_sell" if sells else "nothing_to_buy")
        wish = self._respond(market, offer, wanted, sells=sells)
        if isinstance(wish, bilateral.Reject):
            return Decline(wish.reason)
        if isinstance(wish, bilateral.Counter):
            return self._within_limits(market, offer, wish.proposal, endpoint, peer)
        return self._within_limits(
            market, offer, bilateral.Proposal(offer.quantity_wh, offer.price_per_kwh), endpoint, peer
        )

    def _within_limits(
        self, market: MarketView, offer: Offer, wish: bilateral.Proposal, endpoint: Endpoint, peer: str
    ) -> Answer:
        """What money and grid let through of a wish: nobody is asked to sign what is refused afterwards."""
        least = market.simulation.scenario.market.min_trade_wh
        buyer = endpoint.me if offer.offeror_sells else endpoint.peer
        payable = _payable_wh(endpoint, wish.price_per_kwh, buyer)
        wish = replace(wish, quantity_wh=min(wish.quantity_wh, payable))
        if wish.quantity_wh < least:
            return Decline("cannot_pay")
        try:
            verdict = self._ask_grid(market, offer, self._counter(offer, wish), peer)
        except ProtocolError as error:
            return Decline(error.code)
        if verdict.max_passing_wh < least:
            return Decline("grid_limit")
        wish = replace(wish, quantity_wh=min(wish.quantity_wh, verdict.max_passing_wh))
        same = (wish.quantity_wh, wish.price_per_kwh) == (offer.quantity_wh, offer.price_per_kwh)
        return Accept() if same else CounterWith(self._counter(offer, wish))

    def _ask_grid(self, market: MarketView, offer: Offer, answer: Offer, peer: str) -> Verdict:
        """The grid's word on what this household would answer; a refusal is kept, and what a trade would cost others.

        It is kept under the answer's id, or where nothing fits and there will be none, under that of the peer's offer.
        """
        seller, buyer = (self.household.owner, peer)[:: 1 if answer.offeror_sells else -1]
        draft = TradeDraft(offer.channel, answer, seller, buyer)
        verdict = ask_grid(market, draft)
        if not verdict.accepted or verdict.remedies:
            declined = verdict.max_passing_wh < market.simulation.scenario.market.min_trade_wh
            keep_decision(draft, verdict, about=offer if declined else answer)
        return verdict

    def _respond(self, market: MarketView, offer: Offer, wanted: int, *, sells: bool) -> bilateral.Answer:
        rules, index = market.simulation.scenario.market, self.household.index
        mine = bilateral.situation_of(
            market.simulation.scenario.tariff,
            sells=sells,
            flexible=False,
            belief_per_kwh=market.checkpoint.beliefs[index],
            turn=1,
            rounds=max(3, rules.rounds),
        )
        offered = bilateral.Proposal(offer.quantity_wh, offer.price_per_kwh)
        chance = bilateral.draw(market.simulation.scenario.seed, offer.slot_start, index)
        return bilateral.respond(market.simulation.scenario.strategy, mine, offered, wanted, chance)

    def _counter(self, offer: Offer, proposal: bilateral.Proposal) -> Offer:
        return Offer(
            channel=offer.channel,
            base_version=offer.base_version,
            id=hashlib.sha256(b"counter" + offer.id).digest(),
            offeror_sells=not offer.offeror_sells,
            quantity_wh=proposal.quantity_wh,
            price_per_kwh=proposal.price_per_kwh,
            imbalance_per_kwh=offer.imbalance_per_kwh,
            slot_start=offer.slot_start,
            slot_end=offer.slot_end,
            valid_until=self.now() + OFFER_LIFE_S,
        )

    def _wanted(self, market: MarketView, slot_start: int, *, sells: bool) -> int:
        """What is left of the expected surplus or need after the trades that are binding already."""
        position = market.plan(slot_start).positions[self.household.index]
        trades = market.trades(slot_start)
        if sells:
            sold = sum(t.quantity_wh for t in trades if t.seller == self.household.owner)
            return position.surplus_wh - sold
        bought = sum(t.quantity_wh for t in trades if t.buyer == self.household.owner)
        return position.deficit_wh - bought

    def _session(self, scid: bytes, side: Side) -> bytes | None:
        """The household's own session address under a contract."""
        row = (
            Contract.objects.filter(scid=to_hex(scid))
            .values_list("conversation", "owner_a", "owner_b")
            .first()
        )
        if row is None or row[1 + side] != self.household.owner:
            return None
        return self.keys.make(self.household, bytes.fromhex(row[0][2:])).address


def _payable_wh(endpoint: Endpoint, price_per_kwh: int, buyer: Side) -> int:
    """The most that a side's balance buys at a price: the amount of a trade is rounded up."""
    return balance_of(current_of(endpoint).state, buyer) * 1000 // max(1, price_per_kwh)


def agents_for(runtime: Runtime, cast: Cast, purse: Purse) -> tuple[Agents, Mapping[str, Agent], KeyRing]:
    """Agents of all households, ready to answer people; and their keys."""
    keys = KeyRing(cast)
    agents = {
        household.owner: Agent(
            household.owner,
            runtime.domain,
            HouseholdStrategy(household, purse, keys, runtime.clock.now),
            keys,
        )
        for household in cast.households
    }
    return Agents(runtime, agents), agents, keys
