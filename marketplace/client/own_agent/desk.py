"""A desk that signs without asking: the step in hand, what follows from own offers, and what the meter settles.

It opens, funds, closes and disputes nothing: such signatures can't be had from it at all.
"""

import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec

from channels_engine.agent import Agent, Move
from channels_engine.agreements import Agreement
from channels_engine.codec import parse_hex, to_hex
from channels_engine.core.errors import ProtocolError
from channels_engine.core.negotiation import next_state_for_offer
from channels_engine.core.state import Endpoint, LiveOffer, Purpose, Staged
from channels_engine.core.typed_data import Signable, struct_hash
from channels_engine.core.types import ChannelState, Offer, Side
from marketplace.client.api import Client
from marketplace.client.desk import Desk, Quiet
from marketplace.client.own_agent.bounds import SLOT_S, BoundsError, Promised, bound, promised, promised_in
from marketplace.client.own_agent.memory import Memory
from marketplace.client.own_agent.plans import Step
from marketplace.client.wallet import Wallet

Teller: TypeAlias = Callable[[str], None]
OFFER_LIFE_S = 120


class Countersigner(Agent):
    """Answers partners' acceptances of own offers, and settlements; the state machine has checked both."""

    def __init__(self, desk: "AgentDesk") -> None:
        super().__init__(desk.owner, desk.domain, Quiet(), desk.wallet.sessions.__getitem__)
        self._desk = desk

    def moves(self, endpoint: Endpoint, peer: str) -> Iterator[Move]:
        """The countersignature that this state calls for, if it does."""
        del peer
        staged = endpoint.staged
        if staged is None or staged.proposer is endpoint.me or not _is_countersigned(staged.purpose):
            return
        try:
            yield self._countersign(endpoint, staged)
        except (BoundsError, ProtocolError) as error:
            self._desk.tell(f"not countersigned: {error}")
        else:
            self._desk.tell(_in_words(staged, endpoint.me))

    def contract_moves(self, agreement: Agreement) -> Iterator[Move]:
        """Terms are the person's to agree on."""
        del agreement
        return iter(())

    def _sign(self, address: bytes, value: Signable) -> bytes:
        return self._desk.sign(address, value)


def _is_countersigned(purpose: Purpose) -> bool:
    return purpose in (Purpose.TRADE, Purpose.SETTLE)


def _in_words(staged: Staged, me: Side) -> str:
    trade = staged.trade
    if trade is None:
        return f"settled: {len(staged.settles)} trades, {staged.refund} given back for what was not delivered"
    return (
        f"agreed: {'sell' if trade.seller is me else 'buy'} {trade.quantity_wh} Wh at {trade.price_per_kwh}"
    )


class AgentDesk(Desk):
    """What the agent of one wallet signs; `tell` gets a line for what partners and meter make of it."""

    def __init__(self, client: Client, wallet: Wallet, memory: Memory, tell: Teller) -> None:
        self.memory, self.tell = memory, tell
        self.declined: list[tuple[bytes, str]] = []
        self._step: Step | None = None
        super().__init__(client, wallet)

    def _agent(self) -> Agent:
        return Countersigner(self)

    def _move(self, text: str) -> None:
        super()._move(text)
        frame = msgspec.json.decode(text)
        endpoint = self.endpoints.get(parse_hex(frame["channel"], 32)) if frame.get("channel") else None
        if endpoint is not None:
            self.memory.traded(one.id for one in promised_in(endpoint) if one.traded)
        if frame["kind"] == "message" and frame["type"] == "reject":
            self.declined.append((parse_hex(frame["body"]["offer"], 32), str(frame["body"]["reason"])))

    def bound(self) -> list[Promised]:
        """All that binds this person, as far as it is known here."""
        return bound(self.endpoints.values(), self.memory.promises, time.time())

    def take(self, step: Step) -> Offer:
        """Take a step that was checked: what was offered or accepted.

        Raises:
            BoundsError: The offer is gone, or is not the one that was planned for.
            RefusedError: The relay, or the grid, refuses.
            LocalProtocolError: The channel can't carry it now.
        """
        channel = parse_hex(step.channel, 32)
        self._step = step
        try:
            if step.kind != "accept":
                return self._offer(channel, step)
            live = self._live(self.endpoint(channel), step)
            self.accept(channel, live.offer.id, above=self.memory.highest(self.endpoint(channel)))
            return live.offer
        finally:
            self._step = None

    def _offer(self, channel: bytes, step: Step) -> Offer:
        return self.offer(
            channel,
            sells=step.sells,
            quantity_wh=step.quantity_wh,
            price_per_kwh=step.price_per_kwh,
            imbalance_per_kwh=step.imbalance_per_kwh,
            slot_start=step.slot_start,
            answers=parse_hex(step.offer, 32) if step.kind == "counter" else b"",
            valid_s=OFFER_LIFE_S,
        )

    def sign(self, address: bytes, value: Signable) -> bytes:
        """A session key's signature, where the mandate allows it; it is remembered before it is made.

        Raises:
            BoundsError: It does not.
            LocalProtocolError: It would stand against what was signed before.
        """
        if isinstance(value, Offer):
            self._require_own_offer(value)
        elif isinstance(value, ChannelState):
            self._require_follows(value)
        else:
            raise BoundsError("nothing_else")
        return super().sign(address, value)

    def _require_own_offer(self, offer: Offer) -> None:
        step, endpoint = self._step, self.endpoint(offer.channel)
        if step is None or step.kind == "accept" or not _is_of(offer, step, sells=step.sells):
            raise BoundsError("nothing_else")
        self.memory.promise(promised(offer, endpoint.me, endpoint.me))

    def _require_follows(self, state: ChannelState) -> None:
        endpoint = self.endpoint(state.channel)
        staged = endpoint.staged
        theirs = staged is not None and staged.proposer is not endpoint.me and staged.state == state
        is_theirs = theirs and staged is not None and _is_countersigned(staged.purpose)
        if not is_theirs and state != self._due:
            live = self._live(endpoint, self._step)
            if next_state_for_offer(endpoint, live.offer.id, self.memory.highest(endpoint)) != state:
                raise BoundsError("nothing_else")
            self.memory.promise(promised(live.offer, live.offeror, endpoint.me))
        self.memory.before_signing(endpoint, state, int(time.time()))

    @staticmethod
    def _live(endpoint: Endpoint, step: Step | None) -> LiveOffer:
        """The partner's offer that the step accepts."""
        if step is None or step.kind != "accept":
            raise BoundsError("nothing_else")
        for live in endpoint.offers:
            is_theirs = live.offeror is not endpoint.me and to_hex(live.offer.id) == step.offer
            if is_theirs and _is_of(live.offer, step, sells=not step.sells):
                return live
        raise BoundsError("offer_gone")


def _is_of(offer: Offer, step: Step, *, sells: bool) -> bool:
    """Whether an offer is the step's: the imbalance price of a partner's offer is the partner's to name."""
    slot = step.slot_start, step.slot_start + SLOT_S
    same = (offer.slot_start, offer.slot_end) == slot and offer.offeror_sells is sells
    figures = (offer.quantity_wh, offer.price_per_kwh) == (step.quantity_wh, step.price_per_kwh)
    is_own = sells is step.sells
    imbalance = not is_own or offer.imbalance_per_kwh == step.imbalance_per_kwh
    return same and figures and imbalance and to_hex(offer.channel) == step.channel


def trade_of(offer: Offer) -> str:
    """By which a trade is found again."""
    return to_hex(struct_hash(offer))
