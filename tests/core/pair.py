"""Two endpoints joined in memory: the main tool of the core's tests.

`Party` holds one side's key and view. What it sends lands in its peer's `inbox`, and nothing is delivered
until a test says so: order, loss and repetition are the test's choice.
"""

from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

from channels_engine.core import effects as fx
from channels_engine.core import inputs, messages, negotiation, signing
from channels_engine.core.errors import RemoteProtocolError
from channels_engine.core.keeper import Keeper
from channels_engine.core.messages import DepositFunding, Permit
from channels_engine.core.state import Endpoint, Phase, Policy
from channels_engine.core.transition import apply
from channels_engine.core.typed_data import Signable, struct_hash
from channels_engine.core.types import (
    ZERO_ADDRESS,
    ZERO_HASH,
    ChannelOpen,
    ChannelState,
    Delivery,
    Domain,
    EntityContract,
    FundingChange,
    Offer,
    Side,
)

T = TypeVar("T", bound=Signable)

DOMAIN = Domain(31337, b"\x5c" * 20)
KEYS = (signing.LocalSigner(b"\x0a" * 32), signing.LocalSigner(b"\x0b" * 32))
METERING = signing.LocalSigner(b"\x0d" * 32)
STRANGER = signing.LocalSigner(b"\x0e" * 32)
TERMS = EntityContract(KEYS[0].address, KEYS[1].address, METERING.address, 600, 10, 5_000, b"\x01" * 32)
START = 1_750_000_000
FUNDING = 10_000_000
SLOT = START - START % 900 + 9000
DEPOSIT = DepositFunding(START + 600, bytes(65))
PERMIT = Permit(START + 600, bytes(65))


def opening_of(**changes: Any) -> ChannelOpen:
    fields = {
        "scid": struct_hash(TERMS),
        "index": 0,
        "funding_a": FUNDING,
        "funding_b": FUNDING,
        "source_a": ZERO_ADDRESS,
        "note_a": ZERO_HASH,
        "source_b": ZERO_ADDRESS,
        "note_b": ZERO_HASH,
        "open_by": START + 600,
        "expiry": START + 30 * 86400,
    }
    return ChannelOpen(**(fields | changes))


class Party:
    """One side: its key, its view, what came in, and the effects that its machine wanted."""

    def __init__(self, side: Side, opening: ChannelOpen, policy: Policy) -> None:
        self.side = side
        self.key = KEYS[side]
        self.opening = opening
        self.policy = policy
        self.view: Endpoint | None = None
        self.inbox: deque[Any] = deque()
        self.effects: list[fx.Effect] = []
        self.signed: list[inputs.Verified[ChannelState]] = []
        self.offers: dict[Offer, bytes] = {}
        self.versioned: list[inputs.Verified[Any]] = []
        self.changes: list[inputs.Verified[FundingChange]] = []
        self.ledger_time = 0
        self.staged: set[int] = set()
        self.keeper = Keeper()
        self.peer: Party = self
        self._ids = count(1)

    @property
    def endpoint(self) -> Endpoint:
        assert self.view is not None
        return self.view

    @property
    def phase(self) -> Phase:
        return self.endpoint.phase

    @property
    def state(self) -> ChannelState:
        assert self.endpoint.current is not None
        return self.endpoint.current.state

    def feed(self, change: inputs.Input, now: int = START) -> tuple[fx.Effect, ...]:
        """Apply an input; messages go to the peer's inbox, the other effects are kept."""
        self.view, effects = apply(self.view, change, now)
        if isinstance(change, inputs.LedgerTimePassed):
            self.ledger_time = max(self.ledger_time, change.at)
        self.effects.extend(effects)
        if self.endpoint.staged is not None:
            self.staged.add(self.endpoint.staged.state.version)
        self.peer.inbox.extend(effect.body for effect in effects if isinstance(effect, fx.SendMessage))
        return effects

    def wanted(self, kind: type) -> list[Any]:
        """Effects of a kind so far."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def sign(self, value: T) -> inputs.Verified[T]:
        proof = signing.sign_value(DOMAIN, value, self.key)
        if isinstance(proof.value, ChannelState):
            self.keeper = self.keeper.after(proof.value, self.ledger_time)
            self.signed.append(proof)
            self.versioned.append(proof)
        if isinstance(proof.value, Offer):
            self.offers[proof.value] = proof.signature
        if isinstance(proof.value, FundingChange):
            self.keeper = self.keeper.after(proof.value, self.ledger_time)
            self.changes.append(proof)
            self.versioned.append(proof)
        return proof

    @property
    def top(self) -> int:
        """Highest version that this key ever signed."""
        return self.keeper.highest

    def take(self, body: Any, now: int = START) -> tuple[fx.Effect, ...]:
        """Verify and apply one message of the peer."""
        return self.feed(read(self, body), now)

    def receive(self, now: int = START) -> None:
        """Take the oldest message of the inbox."""
        self.take(self.inbox.popleft(), now)

    # What the user does.

    def request(self, now: int = START) -> None:
        proof = signing.sign_value(DOMAIN, self.opening, self.key)
        self.feed(inputs.ActionRequestOpen(DOMAIN, TERMS, self.side, proof, DEPOSIT, self.policy), now)

    def confirm_open(self, now: int = START) -> None:
        proof = signing.sign_value(DOMAIN, self.opening, self.key)
        self.feed(inputs.ActionConfirmOpen(proof, DEPOSIT), now)

    def offer_of(self, now: int = START, **changes: Any) -> Offer:
        fields = {
            "channel": self.endpoint.channel,
            "base_version": self.state.version,
            "id": bytes((self.side + 1,)) + next(self._ids).to_bytes(31, "big"),
            "offeror_sells": True,
            "quantity_wh": 1500,
            "price_per_kwh": 280_000,
            "imbalance_per_kwh": 350_000,
            "slot_start": SLOT,
            "slot_end": SLOT + 900,
            "valid_until": now + 300,
        }
        return Offer(**(fields | changes))

    def offer(self, now: int = START, *, answers: bytes | None = None, **changes: Any) -> Offer:
        made = self.offer_of(now, **changes)
        self.feed(inputs.ActionOffer(self.sign(made), answers), now)
        return made

    def accept(self, offer: bytes, now: int = START) -> ChannelState:
        state = negotiation.next_state_for_offer(self.endpoint, offer, self.top)
        self.feed(inputs.ActionAccept(offer, self.sign(state)), now)
        return state

    def settle(self, *delivered: tuple[bytes, int], now: int = START) -> ChannelState:
        deliveries = [Delivery(self.endpoint.channel, trade, energy) for trade, energy in delivered]
        state = negotiation.next_state_for_settlement(self.endpoint, deliveries, self.top)
        proofs = tuple(signing.sign_value(DOMAIN, delivery, METERING) for delivery in deliveries)
        self.feed(inputs.ActionSettle(proofs, self.sign(state)), now)
        return state

    def close(self, now: int = START) -> ChannelState:
        state = negotiation.final_state(self.endpoint, self.top)
        self.feed(inputs.ActionClose(self.sign(state)), now)
        return state

    def confirm(self, now: int = START) -> None:
        staged = self.endpoint.staged
        assert staged is not None
        self.feed(inputs.ActionConfirm(self.sign(staged.state)), now)

    def dispute(self, now: int = START) -> None:
        consent = self.sign(negotiation.dispute_request(self.endpoint))
        self.feed(inputs.ActionDispute("no answer", consent), now)

    def change(self, to_a: int, to_b: int, now: int = START, valid_for: int = 600) -> FundingChange:
        """Ask for these new fundings, with a permit for what this side puts in."""
        wanted = negotiation.next_change(self.endpoint, to_a, to_b, now + valid_for, self.top)
        self.feed(inputs.ActionRequestFunding(self.sign(wanted), self.permit(wanted)), now)
        return wanted

    def agree(self, now: int = START) -> None:
        """Confirm the staged change of the funding."""
        staged = self.endpoint.staged
        assert staged is not None
        assert staged.change is not None
        self.feed(inputs.ActionConfirmFunding(self.sign(staged.change), self.permit(staged.change)), now)

    def permit(self, change: FundingChange) -> Permit | None:
        before, after = (
            (change.balance_a, change.funding_a)
            if self.side is Side.A
            else (change.balance_b, change.funding_b)
        )
        return PERMIT if after > before else None

    def enforce(self, offer: Offer, now: int = START) -> tuple[fx.Effect, ...]:
        return self.feed(inputs.ActionEnforceOffer(self.sign(offer)), now)

    def show_deliveries(self, *delivered: tuple[bytes, int], now: int = START) -> tuple[fx.Effect, ...]:
        proofs = tuple(
            signing.sign_value(DOMAIN, Delivery(self.endpoint.channel, trade, energy), METERING)
            for trade, energy in delivered
        )
        return self.feed(inputs.ActionEnforceDelivery(proofs), now)

    def checkpoint(self, now: int = START) -> tuple[fx.Effect, ...]:
        return self.feed(inputs.ActionCheckpoint(self.state.version), now)

    def ring(self, now: int) -> tuple[fx.Effect, ...]:
        return self.feed(inputs.TimerElapsed(), now)


def pair(policy: Policy = Policy(), **changes: Any) -> tuple[Party, Party]:  # noqa: B008  a frozen value
    """Two parties that know of each other and have no channel yet."""
    opening = opening_of(**changes)
    a, b = Party(Side.A, opening, policy), Party(Side.B, opening, policy)
    a.peer, b.peer = b, a
    return a, b


def open_pair(policy: Policy = Policy(), **changes: Any) -> tuple[Party, Party]:  # noqa: B008  a frozen value
    """Two parties with an open channel."""
    a, b = pair(policy, **changes)
    a.request()
    b.receive()
    b.confirm_open()
    a.receive()
    for party in (a, b):
        party.feed(inputs.LedgerOpened())
    return a, b


def settle_down(a: Party, b: Party, now: int = START) -> None:
    """Deliver everything until both are silent."""
    while a.inbox or b.inbox:
        for party in (a, b):
            if party.inbox:
                party.receive(now)


def trade(seller: Party, buyer: Party, now: int = START, **changes: Any) -> bytes:
    """One whole trade, offered by the seller; returns its id."""
    made = seller.offer(now, **changes)
    settle_down(seller, buyer, now)
    buyer.accept(made.id, now)
    settle_down(seller, buyer, now)
    seller.confirm(now)
    settle_down(seller, buyer, now)
    return struct_hash(made)


def read(party: Party, body: Any) -> inputs.Input:
    """A peer's message as a verified input of `party`, or an error: what a machine on its own would do."""
    return _READERS[type(body)](party, body)


def _verified(party: Party, value: T, signature: bytes) -> inputs.Verified[T]:
    return signing.verify(DOMAIN, value, signature, party.peer.key.address)


def _open_request(party: Party, body: messages.OpenRequest) -> inputs.Input:
    proof = _verified(party, body.open, body.signature)
    return inputs.ReceiveOpenRequest(DOMAIN, TERMS, party.side, proof, body.funding, party.policy)


def _confirm(party: Party, body: Any) -> inputs.Input:
    state = negotiation.state_of_version(party.endpoint, body.version)
    if state is None:
        raise RemoteProtocolError("not_staged", "Nothing of this version is known.")
    return inputs.ReceiveConfirm(_verified(party, state, body.signature))


def _settle_request(party: Party, body: messages.SettleRequest) -> inputs.Input:
    deliveries = tuple(
        signing.verify(DOMAIN, signed.delivery, signed.signature, METERING.address)
        for signed in body.deliveries
    )
    return inputs.ReceiveSettleRequest(deliveries, _verified(party, body.state, body.signature))


def _answer(_: Party, body: messages.DisputeAnswer) -> inputs.Input:
    return inputs.ReceiveDisputeAnswer(
        signing.verify(DOMAIN, body.state, body.signature_a, KEYS[0].address),
        signing.verify(DOMAIN, body.state, body.signature_b, KEYS[1].address),
    )


def _funding_confirm(party: Party, body: messages.FundingConfirm) -> inputs.Input:
    change = negotiation.change_of_version(party.endpoint, body.version)
    if change is None:
        raise RemoteProtocolError("not_staged", "No change of this version is known.")
    return inputs.ReceiveFundingConfirm(_verified(party, change, body.signature), body.permit)


def _funding_answer(_: Party, body: messages.FundingAnswer) -> inputs.Input:
    return inputs.ReceiveFundingAnswer(
        signing.verify(DOMAIN, body.change, body.signature_a, KEYS[0].address),
        signing.verify(DOMAIN, body.change, body.signature_b, KEYS[1].address),
    )


def _enforce_offer(party: Party, body: messages.EnforceOffer) -> inputs.Input:
    live = negotiation.accepted_offer(party.peer.endpoint, body.offer)
    if live is None:
        raise RemoteProtocolError("not_accepted", "No such offer was accepted.")
    return inputs.ReceiveEnforceOffer(_verified(party, live.offer, body.signature))


def _enforce_delivery(_: Party, body: messages.EnforceDelivery) -> inputs.Input:
    return inputs.ReceiveEnforceDelivery(
        tuple(
            signing.verify(DOMAIN, signed.delivery, signed.signature, METERING.address)
            for signed in body.deliveries
        )
    )


_READERS: dict[type, Callable[[Party, Any], inputs.Input]] = {
    messages.OpenRequest: _open_request,
    messages.OpenConfirm: lambda p, m: inputs.ReceiveOpenConfirm(
        _verified(p, p.opening, m.signature), m.funding
    ),
    messages.OpenAbort: lambda _, m: inputs.ReceiveOpenAbort(m.reason),
    messages.OfferMade: lambda p, m: inputs.ReceiveOffer(_verified(p, m.offer, m.signature)),
    messages.Counter: lambda p, m: inputs.ReceiveOffer(_verified(p, m.offer, m.signature), m.answers),
    messages.Reject: lambda _, m: inputs.ReceiveReject(m.offer, m.reason),
    messages.Withdraw: lambda _, m: inputs.ReceiveWithdraw(m.offer),
    messages.UpdateRequest: lambda p, m: inputs.ReceiveUpdateRequest(
        m.offer, _verified(p, m.state, m.signature)
    ),
    messages.UpdateConfirm: _confirm,
    messages.SettleConfirm: _confirm,
    messages.CloseConfirm: _confirm,
    messages.UpdateAbort: lambda _, m: inputs.ReceiveUpdateAbort(m.version, m.reason),
    messages.UpdateFallback: lambda _, m: inputs.ReceiveUpdateFallback(m.version),
    messages.SettleRequest: _settle_request,
    messages.CloseRequest: lambda p, m: inputs.ReceiveCloseRequest(_verified(p, m.state, m.signature)),
    messages.DisputeRaise: lambda _, m: inputs.ReceiveDisputeRaise(m.version, m.reason),
    messages.DisputeAnswer: _answer,
    messages.FundingRequest: lambda p, m: inputs.ReceiveFundingRequest(
        _verified(p, m.change, m.signature), m.permit
    ),
    messages.FundingConfirm: _funding_confirm,
    messages.FundingAnswer: _funding_answer,
    messages.EnforceOffer: _enforce_offer,
    messages.EnforceDelivery: _enforce_delivery,
    messages.Checkpoint: lambda _, m: inputs.ReceiveCheckpoint(m.version),
}
