"""A prosumer that trades by itself, over the same messages as a browser.

What an agent does next follows from what its side of a channel looks like, not from the message that came
last: after a crash, a lost wake-up or a repeated message it looks again and does what is still to be done.
Message ids follow from what they answer, so that doing it twice is harmless.

`Agent.moves` is the whole of it. `agents.Agents` runs many beside a runtime, on the endpoints that the runtime
verified; `replica.RemoteAgent` runs one over a websocket, on a copy that it verifies itself: without Django.
"""

from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias

import msgspec

from channels_engine.agreements import Agreement, AgreementPhase
from channels_engine.codec import to_hex
from channels_engine.core import messages as m
from channels_engine.core.negotiation import next_state_for_offer
from channels_engine.core.state import Endpoint, LiveOffer, Phase, Purpose, Staged
from channels_engine.core.typed_data import Signable, digest
from channels_engine.core.types import ChannelOpen, Domain, EntityContract, FundingChange, Offer, Side
from channels_engine.ports import Signer

SignerOf: TypeAlias = Callable[[bytes], Signer]
Move: TypeAlias = tuple[str, m.Body]
"""A message id and the body to send."""


class Accept(msgspec.Struct, frozen=True):
    """Take the offer as it is."""


class CounterWith(msgspec.Struct, frozen=True):
    """Answer with an offer of one's own; the agent fills in channel and base version."""

    offer: Offer


class Decline(msgspec.Struct, frozen=True):
    """Reject the offer."""

    reason: str


Answer: TypeAlias = Accept | CounterWith | Decline | None


class Strategy(Protocol):
    """What an agent wants. Each may be asked again about the same thing and must then answer the same."""

    def join(self, terms: EntityContract, peer: str) -> bytes | None:
        """Session address for proposed terms (20 bytes, its key known to the agent's signers), or None to decline."""
        ...

    def fund(self, opening: ChannelOpen, side: Side, peer: str) -> m.Funding | None:
        """Own funding of a requested channel, or None to decline it."""
        ...

    def answer(self, offer: Offer, endpoint: Endpoint, peer: str) -> Answer:
        """Answer to the peer's live offer; None leaves it open."""
        ...


class Agent:
    """One owner's automatic behaviour."""

    def __init__(self, owner: str, domain: Domain, strategy: Strategy, signer_of: SignerOf) -> None:
        self.owner = owner
        self._domain = domain
        self._strategy = strategy
        self._signer_of = signer_of

    def moves(self, endpoint: Endpoint, peer: str) -> Iterator[Move]:
        """Messages that this state of the own side calls for, the most urgent first."""
        if endpoint.phase is Phase.REQUESTED and not endpoint.opening_signatures[endpoint.me]:
            yield self._confirm_opening(endpoint, peer)
        staged = endpoint.staged
        if staged is not None and staged.proposer is endpoint.peer:
            yield self._countersign(endpoint, staged)
        if endpoint.phase is Phase.OPEN:
            yield from self._answers(endpoint, peer)

    def contract_moves(self, agreement: Agreement) -> Iterator[Move]:
        """Messages that this state of a conversation calls for."""
        side = agreement.side_of(self.owner)
        if agreement.phase is AgreementPhase.PROPOSED and side is Side.B:
            yield self._join(agreement)
        if agreement.phase is AgreementPhase.ACCEPTED and side is Side.A:
            terms = agreement.terms
            yield "esc.confirm", m.EscConfirm(self._sign(terms.party_a, terms))

    def _sign(self, address: bytes, value: Signable) -> bytes:
        return self._signer_of(address).sign(digest(self._domain, value))

    def _join(self, agreement: Agreement) -> Move:
        session = self._strategy.join(agreement.terms, agreement.owners[Side.A])
        if session is None:
            return "esc.abort", m.EscAbort("declined")
        terms = msgspec.structs.replace(agreement.terms, party_b=session)
        return "esc.accept", m.EscAccept(terms, self._sign(session, terms))

    def _confirm_opening(self, endpoint: Endpoint, peer: str) -> Move:
        funding = self._strategy.fund(endpoint.opening, endpoint.me, peer)
        if funding is None:
            return "open.abort", m.OpenAbort("declined")
        signature = self._sign(endpoint.terms.party(endpoint.me), endpoint.opening)
        return "open.confirm", m.OpenConfirm(signature, funding)

    def _countersign(self, endpoint: Endpoint, staged: Staged) -> Move:
        """The machine staged it because it follows from our own offer, from signed meters, or closes as it is."""
        if staged.change is not None:
            return self._fund_anew(endpoint, staged.change)
        version, signature = staged.state.version, self._sign(endpoint.terms.party(endpoint.me), staged.state)
        confirm = {
            Purpose.TRADE: m.UpdateConfirm,
            Purpose.SETTLE: m.SettleConfirm,
            Purpose.CLOSE: m.CloseConfirm,
        }
        return f"confirm:{version}", confirm[staged.purpose](version, signature)

    def _fund_anew(self, endpoint: Endpoint, change: FundingChange) -> Move:
        """The peer may put in and take out what is its own; the agent's side stays as it is."""
        mine, wanted = (
            (change.balance_a, change.funding_a)
            if endpoint.me is Side.A
            else (change.balance_b, change.funding_b)
        )
        if mine != wanted:
            return f"refuse:{change.version}", m.UpdateAbort(change.version, "my side stays as it is")
        signature = self._sign(endpoint.terms.party(endpoint.me), change)
        return f"confirm:{change.version}", m.FundingConfirm(change.version, signature)

    def _answers(self, endpoint: Endpoint, peer: str) -> Iterator[Move]:
        """At most one acceptance: what comes after it is of another version."""
        for live in endpoint.offers:
            if live.offeror is endpoint.me:
                continue
            answer = self._strategy.answer(live.offer, endpoint, peer)
            if answer is not None:
                yield self._answer(endpoint, live, answer)
            if isinstance(answer, Accept):
                return

    def _answer(self, endpoint: Endpoint, live: LiveOffer, answer: Accept | CounterWith | Decline) -> Move:
        offer, me = live.offer.id, endpoint.terms.party(endpoint.me)
        tag = to_hex(offer)[:42]
        if isinstance(answer, Decline):
            return f"reject:{tag}", m.Reject(offer, answer.reason)
        if isinstance(answer, CounterWith):
            made = msgspec.structs.replace(
                answer.offer,
                channel=endpoint.channel,
                base_version=live.offer.base_version,
            )
            return f"counter:{tag}", m.Counter(offer, made, self._sign(me, made))
        state = next_state_for_offer(endpoint, offer)
        return f"accept:{tag}:{state.version}", m.UpdateRequest(offer, state, self._sign(me, state))
