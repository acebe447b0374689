"""Drives whole markets in one process: thousands of pairs in a few group commits.

`Floor` sends, for participants whose keys are at hand (server-side agents, replays), the very messages
that browsers send: each is signed, verified once by the runtime and durable before the next step, three
messages a trade. What it saves is the agents' own copy: an agent in the relay's process reads its side of
the channel from the runtime, which has just verified the peer's signatures, instead of verifying and
applying everything a second and third time. An agent elsewhere can't, and doesn't (see `agent.Agent`).

Every method takes a batch and gives one result for each item, in order; a refusal concerns its item only.
All may be repeated after a crash: what is durable already is found and not done twice.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any, NamedTuple, TypeAlias

import msgspec

from channels_engine.codec import to_hex
from channels_engine.core import messages as m
from channels_engine.core.errors import LocalProtocolError, ProtocolError
from channels_engine.core.keccak import keccak256
from channels_engine.core.negotiation import final_state, next_state_for_offer, next_state_for_settlement
from channels_engine.core.offers import find_offer
from channels_engine.core.state import Endpoint, LiveOffer, Purpose
from channels_engine.core.typed_data import Signable, digest, struct_hash
from channels_engine.core.types import ZERO_ADDRESS, ChannelOpen, EntityContract, Offer, Side
from channels_engine.frames import message_of
from channels_engine.ports import Signer
from channels_engine.relay import Hosting
from channels_engine.runtime import Runtime
from channels_engine.stopwatch import phase
from channels_engine.submissions import Accepted, Outcome, Refused, Said

CHUNK = 2000
SignerOf: TypeAlias = Callable[[bytes], Signer]
"""The signer of a session address; raises KeyError if the key isn't here."""


class Pairing(msgspec.Struct, frozen=True):
    """An entity contract to be made: complete terms, the owners of both session keys."""

    owner_a: str
    owner_b: str
    terms: EntityContract


class Opening(msgspec.Struct, frozen=True):
    """A channel to be opened by both sides."""

    opening: ChannelOpen
    owner_a: str
    owner_b: str
    terms: EntityContract
    funding_a: m.Funding
    funding_b: m.Funding


class Deal(msgspec.Struct, frozen=True):
    """A trade that both strategies want. `key` (at most 40 letters, digits, `._:-`) names it across restarts."""

    key: str
    channel: bytes
    offeror: str
    offeror_sells: bool
    quantity_wh: int
    price_per_kwh: int
    imbalance_per_kwh: int
    slot_start: int
    slot_end: int
    valid_until: int


class Settling(msgspec.Struct, frozen=True):
    """A metered settlement to be proposed by `proposer` and confirmed by the other side."""

    key: str
    channel: bytes
    proposer: str
    deliveries: tuple[m.SignedDelivery, ...]


class Closing(msgspec.Struct, frozen=True):
    """A channel to be closed cooperatively."""

    channel: bytes
    proposer: str


class _Line(msgspec.Struct, frozen=True):
    """One message of one participant; `body` None where the step was done before."""

    owner: str
    message_id: str
    channel: bytes
    body: m.Body | None


OnChannel: TypeAlias = Deal | Settling | Closing
Item: TypeAlias = Pairing | Opening | OnChannel
Step: TypeAlias = Callable[[Any, Hosting | None], _Line]


class _Commit(NamedTuple):
    """A chunk of messages on its way to the disk."""

    chunk: range
    indices: list[int]
    outcomes: "Future[list[Outcome]]"

    def collect(self, results: dict[int, Outcome]) -> None:
        results.update(zip(self.indices, self.outcomes.result(), strict=True))


class Floor:
    """Drives many participants through one runtime; use one a thread.

    With an `executor` of one thread (its own database connection), drafting and signing run beside the commits.
    """

    def __init__(self, runtime: Runtime, signer_of: SignerOf, executor: Executor | None = None) -> None:
        self.runtime = runtime
        self._signer_of = signer_of
        self._executor = executor

    def agree_many(self, pairings: Sequence[Pairing]) -> list[Outcome]:
        """Propose, accept and confirm entity contracts. A pairing's scid is the struct hash of its terms."""
        return self._run(pairings, (self._propose, self._accept_terms, self._confirm_terms))

    def open_many(self, openings: Sequence[Opening]) -> list[Outcome]:
        """Request and confirm channels; the outbox then brings them to the ledger."""
        return self._run(openings, (self._request, self._confirm_opening))

    def trade_many(self, deals: Sequence[Deal]) -> list[Outcome]:
        """Offer, accept and confirm trades; deals of one channel run one after the other."""
        return self._rounds(deals, (self._offer, self._accept, self._confirm_trade))

    def settle_many(self, settlings: Sequence[Settling]) -> list[Outcome]:
        """Propose and confirm metered settlements."""
        return self._rounds(settlings, (self._settle, self._confirm_settlement))

    def close_many(self, closings: Sequence[Closing]) -> list[Outcome]:
        """Propose and confirm final states; the outbox then brings them to the ledger."""
        return self._rounds(closings, (self._close, self._confirm_closing))

    def _rounds(self, items: Sequence[OnChannel], steps: Sequence[Step]) -> list[Outcome]:
        """Run items whose channels differ together, the second ones of a channel after the first ones."""
        results: dict[int, Outcome] = self._done_before(items)
        waiting = [index for index in range(len(items)) if index not in results]
        while waiting:
            first = {items[index].channel: index for index in reversed(waiting)}
            now = [index for index in waiting if first[items[index].channel] == index]
            outcomes = self._run([items[index] for index in now], steps)
            results.update(zip(now, outcomes, strict=True))
            waiting = [index for index in waiting if index not in results]
        return [results[index] for index in range(len(items))]

    def _done_before(self, items: Sequence[OnChannel]) -> dict[int, Outcome]:
        """Items whose last message is in the log: an earlier run did them."""
        hostings = self.runtime.hostings({item.channel for item in items})
        keys = {}
        for index, item in enumerate(items):
            hosting = hostings.get(item.channel)
            side = None if hosting is None else hosting.side_of(_last_speaker(item, hosting))
            if side is not None:
                keys[index] = (item.channel, int(side), _last_id(item))
        known = self.runtime.find_known(list(keys.values()))
        return {
            index: Accepted(known[key].seq, known[key].at, repeated=True)
            for index, key in keys.items()
            if key in known
        }

    def _run(self, items: Sequence[Item], steps: Sequence[Step]) -> list[Outcome]:
        """All steps of all items, in chunks; with an executor, one chunk is drafted while another is committed."""
        results: dict[int, Outcome] = {}
        size = CHUNK if self._executor is None else min(CHUNK, len(items) // 2 + 1)
        chunks = [range(start, min(start + size, len(items))) for start in range(0, len(items), size)]
        committing: deque[_Commit] = deque()
        for step in steps:
            for chunk in chunks:
                while committing and (committing[0].chunk is chunk or len(committing) > 1):
                    committing.popleft().collect(results)
                with phase("messages"):
                    said = self._draft(step, items, chunk, results)
                committing.append(_Commit(chunk, list(said), self._process(list(said.values()))))
        for commit in committing:
            commit.collect(results)
        return [results[index] for index in range(len(items))]

    def _process(self, batch: Sequence[Said]) -> "Future[list[Outcome]]":
        if self._executor is not None:
            return self._executor.submit(self.runtime.process, batch)
        done: Future[list[Outcome]] = Future()
        done.set_result(self.runtime.process(batch))
        return done

    def _draft(
        self, step: Step, items: Sequence[Item], chunk: range, results: dict[int, Outcome]
    ) -> dict[int, Said]:
        """The messages of one step, signed, by the item's position."""
        active = [index for index in chunk if not isinstance(results.get(index), Refused)]
        hostings = self.runtime.peek({_channel(items[index]) for index in active})
        said: dict[int, Said] = {}
        for index in active:
            try:
                line = step(items[index], hostings.get(_channel(items[index])))
            except ProtocolError as error:
                results[index] = Refused(error.code, error.message)
                continue
            results.setdefault(index, Accepted(0, 0, repeated=True))
            if line.body is not None:
                said[index] = Said(line.owner, message_of(line.message_id, line.channel, line.body))
        return said

    def _sign(self, signer: bytes, value: Signable) -> bytes:
        return self._signer_of(signer).sign(digest(self.runtime.domain, value))

    def _propose(self, item: Pairing, _: Hosting | None) -> _Line:
        terms = msgspec.structs.replace(item.terms, party_b=ZERO_ADDRESS)
        return _Line(item.owner_a, "propose", terms.nonce, m.EscPropose(item.owner_b, terms))

    def _accept_terms(self, item: Pairing, _: Hosting | None) -> _Line:
        body = m.EscAccept(item.terms, self._sign(item.terms.party_b, item.terms))
        return _Line(item.owner_b, "accept", item.terms.nonce, body)

    def _confirm_terms(self, item: Pairing, _: Hosting | None) -> _Line:
        body = m.EscConfirm(self._sign(item.terms.party_a, item.terms))
        return _Line(item.owner_a, "confirm", item.terms.nonce, body)

    def _request(self, item: Opening, _: Hosting | None) -> _Line:
        body = m.OpenRequest(item.opening, self._sign(item.terms.party_a, item.opening), item.funding_a)
        return _Line(item.owner_a, "request", struct_hash(item.opening), body)

    def _confirm_opening(self, item: Opening, _: Hosting | None) -> _Line:
        body = m.OpenConfirm(self._sign(item.terms.party_b, item.opening), item.funding_b)
        return _Line(item.owner_b, "confirm", struct_hash(item.opening), body)

    def _offer(self, item: Deal, hosting: Hosting | None) -> _Line:
        """A fresh offer, unless one of this deal is live or staged from before a crash."""
        endpoint = _endpoint(hosting, item.offeror)
        if _staged_deal(endpoint, item) or _live(endpoint, item, offeror=True):
            return _Line(item.offeror, "", item.channel, None)
        version = endpoint.current.state.version if endpoint.current else 0
        offer = Offer(
            item.channel,
            version,
            _offer_id(item, endpoint.highest_version),
            item.offeror_sells,
            item.quantity_wh,
            item.price_per_kwh,
            item.imbalance_per_kwh,
            item.slot_start,
            item.slot_end,
            item.valid_until,
        )
        body = m.OfferMade(offer, self._sign(endpoint.terms.party(endpoint.me), offer))
        return _Line(item.offeror, f"offer:{to_hex(offer.id)[:34]}", item.channel, body)

    def _accept(self, item: Deal, hosting: Hosting | None) -> _Line:
        endpoint = _other_endpoint(hosting, item.offeror)
        owner = _other_owner(hosting, item.offeror)
        if _staged_deal(endpoint, item):
            return _Line(owner, "", item.channel, None)
        live = _live(endpoint, item, offeror=False)
        if live is None:
            raise LocalProtocolError("unknown_offer", "The deal's offer is gone; try the deal again.")
        state = next_state_for_offer(endpoint, live.offer.id)
        body = m.UpdateRequest(live.offer.id, state, self._sign(endpoint.terms.party(endpoint.me), state))
        return _Line(owner, f"accept:{to_hex(live.offer.id)[:34]}", item.channel, body)

    def _confirm_trade(self, item: Deal, hosting: Hosting | None) -> _Line:
        endpoint = _endpoint(hosting, item.offeror)
        body = m.UpdateConfirm(*self._countersigned(endpoint, Purpose.TRADE))
        return _Line(item.offeror, _last_id(item), item.channel, body)

    def _settle(self, item: Settling, hosting: Hosting | None) -> _Line:
        endpoint = _endpoint(hosting, item.proposer)
        deliveries = tuple(signed.delivery for signed in item.deliveries)
        if endpoint.staged is not None and endpoint.staged.settles == tuple(d.trade for d in deliveries):
            return _Line(item.proposer, "", item.channel, None)
        state = next_state_for_settlement(endpoint, deliveries)
        body = m.SettleRequest(item.deliveries, state, self._sign(endpoint.terms.party(endpoint.me), state))
        return _Line(item.proposer, f"settle:{item.key}:{state.version}", item.channel, body)

    def _confirm_settlement(self, item: Settling, hosting: Hosting | None) -> _Line:
        endpoint = _other_endpoint(hosting, item.proposer)
        body = m.SettleConfirm(*self._countersigned(endpoint, Purpose.SETTLE))
        return _Line(_other_owner(hosting, item.proposer), _last_id(item), item.channel, body)

    def _close(self, item: Closing, hosting: Hosting | None) -> _Line:
        endpoint = _endpoint(hosting, item.proposer)
        if endpoint.staged is not None and endpoint.staged.purpose is Purpose.CLOSE:
            return _Line(item.proposer, "", item.channel, None)
        state = final_state(endpoint)
        body = m.CloseRequest(state, self._sign(endpoint.terms.party(endpoint.me), state))
        return _Line(item.proposer, f"close:{state.version}", item.channel, body)

    def _confirm_closing(self, item: Closing, hosting: Hosting | None) -> _Line:
        endpoint = _other_endpoint(hosting, item.proposer)
        body = m.CloseConfirm(*self._countersigned(endpoint, Purpose.CLOSE))
        return _Line(_other_owner(hosting, item.proposer), _last_id(item), item.channel, body)

    def _countersigned(self, endpoint: Endpoint, purpose: Purpose) -> tuple[int, bytes]:
        staged = endpoint.staged
        if staged is None or staged.purpose is not purpose or staged.proposer is endpoint.me:
            raise LocalProtocolError("not_staged", "The other side's proposal is gone; try again.")
        return staged.state.version, self._sign(endpoint.terms.party(endpoint.me), staged.state)


def _channel(item: Item) -> bytes:
    if isinstance(item, Pairing):
        return item.terms.nonce
    return struct_hash(item.opening) if isinstance(item, Opening) else item.channel


def _offer_id(item: Deal, known: int) -> bytes:
    """Of the attempt made while `known` is the highest version: one that falls back uses a version up.

    So a repeated attempt is the same offer, and one after a fall-back another.
    """
    return keccak256(f"{item.key}:{known}:{item.valid_until}".encode())


def _live(endpoint: Endpoint, item: Deal, *, offeror: bool) -> LiveOffer | None:
    identity = _offer_id(item, endpoint.highest_version)
    return find_offer(endpoint, identity, endpoint.me if offeror else endpoint.peer)


def _staged_deal(endpoint: Endpoint, item: Deal) -> bool:
    """Whether what is staged is this deal: its version is one or, for the parity, two above the then known."""
    staged = endpoint.staged
    if staged is None or staged.offer is None:
        return False
    return any(
        staged.offer.offer.id == _offer_id(item, known)
        for known in (staged.state.version - 1, staged.state.version - 2)
    )


def _last_id(item: OnChannel) -> str:
    if isinstance(item, Deal):
        return f"trade:{item.key}"
    return f"settled:{item.key}" if isinstance(item, Settling) else "closed"


def _last_speaker(item: OnChannel, hosting: Hosting) -> str:
    return item.offeror if isinstance(item, Deal) else _other_owner(hosting, item.proposer)


def _sides(hosting: Hosting | None, owner: str) -> tuple[Hosting, Side]:
    side = None if hosting is None else hosting.side_of(owner)
    if hosting is None or side is None:
        raise LocalProtocolError("unknown_channel", f"{owner} has no such channel.")
    return hosting, side


def _endpoint(hosting: Hosting | None, owner: str) -> Endpoint:
    found, side = _sides(hosting, owner)
    return found.endpoint(side)


def _other_endpoint(hosting: Hosting | None, owner: str) -> Endpoint:
    found, side = _sides(hosting, owner)
    return found.endpoint(side.other)


def _other_owner(hosting: Hosting | None, owner: str) -> str:
    found, side = _sides(hosting, owner)
    return found.owners[side.other]
