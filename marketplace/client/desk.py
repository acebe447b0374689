"""Channels over the websocket, from terms to the last payout, on a copy that is verified here (docs/clients.md).

What the partner signs is held against what follows from the own book, by the same machine as at the site. Acceptances of
own offers, settlements by the meter and closings are countersigned by themselves; a strategy answers what others ask.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from channels_engine.agent import Agent, Answer, Strategy
from channels_engine.agreements import Agreement, AgreementPhase
from channels_engine.codec import json_form, parse_hex, to_hex
from channels_engine.core import messages as m
from channels_engine.core.errors import SignatureError
from channels_engine.core.negotiation import (
    final_state,
    next_change,
    next_state_for_offer,
    next_state_for_settlement,
)
from channels_engine.core.signing import recover
from channels_engine.core.state import Endpoint, Phase
from channels_engine.core.typed_data import Signable, digest, struct_hash
from channels_engine.core.types import (
    ChannelOpen,
    ChannelState,
    Domain,
    EntityContract,
    FundingChange,
    Offer,
    Side,
)
from channels_engine.replica import RemoteAgent
from marketplace.client import shapes
from marketplace.client.api import Client
from marketplace.client.errors import RefusedError
from marketplace.client.funding import Purse
from marketplace.client.line import Line
from marketplace.client.wallet import Wallet

T = TypeVar("T")
SLOT_S = 900
OFFER_LIFE_S, OPEN_WITHIN_S, CHANGE_LIFE_S, LIFE_S = 60, 600, 900, 30 * 86_400
PATIENCE_S = 60.0
LOOK_S = 0.5


class Quiet:
    """A strategy that leaves everything that others ask to the person."""

    def join(self, terms: EntityContract, peer: str) -> bytes | None:
        """No contract of others' making."""
        del terms, peer
        return None

    def fund(self, opening: ChannelOpen, side: Side, peer: str) -> m.Funding | None:
        """No channel of others' making."""
        del opening, side, peer
        return None

    def answer(self, offer: Offer, endpoint: Endpoint, peer: str) -> Answer:
        """Leave offers open."""
        del offer, endpoint, peer
        return None


def _opening(
    terms: EntityContract,
    amounts: tuple[int, int],
    source: tuple[bytes, bytes],
    theirs: shapes.Funding,
    open_by: int,
) -> ChannelOpen:
    """The first channel under these terms, the own side being A."""
    sides = *source, parse_hex(theirs.source, 20), parse_hex(theirs.note, 32)
    return ChannelOpen(struct_hash(terms), 0, *amounts, *sides, open_by, int(time.time()) + LIFE_S)


class Desk:
    """A person's end of the websocket, by the client's token (scope `trade:write`) or its session."""

    def __init__(self, client: Client, wallet: Wallet, strategy: Strategy | None = None) -> None:
        self.client, self.wallet, self._strategy = client, wallet, strategy or Quiet()
        self._purse = Purse(client, wallet)
        self._line = Line(client)
        self._refusals: dict[str, RefusedError] = {}
        self.aborted: dict[bytes, int] = {}
        self._is_listed = False
        self._due: ChannelState | None = None
        try:
            self._greet()
        except BaseException:
            self.close()
            raise

    def _greet(self) -> None:
        text = self._line.heard(PATIENCE_S)
        hello = msgspec.json.decode(text)
        said = hello["domain"]
        self.owner: str = hello["owner"]
        self.domain = Domain(int(said["chainId"]), parse_hex(said["verifyingContract"], 20))
        self._remote = RemoteAgent(self._agent(), self.domain)
        self._move(text)

    def _agent(self) -> Agent:
        """Who answers what comes."""
        return Agent(self.owner, self.domain, self._strategy, self.wallet.sessions.__getitem__)

    def close(self) -> None:
        """Hang up; what is open goes on, and is found again."""
        self._line.close()

    def _move(self, text: str) -> None:
        frame: dict[str, Any] = msgspec.json.decode(text)
        if frame["kind"] == "refused" and frame.get("id"):
            self._refusals[frame["id"]] = RefusedError(frame["code"], frame["message"])
        if frame["kind"] == "channels":
            self._is_listed = True
            for contract in frame["contracts"]:
                self.wallet.session(parse_hex(contract["conversation"], 32))
        if frame["kind"] == "message" and frame["type"].startswith("esc."):
            self.wallet.session(parse_hex(frame["channel"], 32))
        if frame["kind"] == "message" and frame["type"] == "update.abort":
            self.aborted[parse_hex(frame["channel"], 32)] = int(frame["body"]["version"])
        for answer in self._remote.handle(text):
            self._line.send(answer)

    def until(self, found: Callable[[], T | None], seconds: float = PATIENCE_S) -> T:
        """Take frames until something is there.

        Raises:
            TimeoutError: It did not come.
        """
        end = time.monotonic() + seconds
        while (thing := found()) is None:
            self._move(self._line.heard(end - time.monotonic()))
        return thing

    def catch_up(self) -> None:
        """Take frames until the copy has all that the relay has.

        Raises:
            TimeoutError: It did not come.
        """
        self.until(lambda: True if self._is_listed and self._remote.is_caught_up() else None)

    def listen(self, seconds: float, is_over: Callable[[], bool]) -> None:
        """Take what comes for so long, or until it is over."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not is_over():
            try:
                text = self._line.heard(min(left, LOOK_S))
            except TimeoutError:
                continue
            self._move(text)

    def say(self, channel: bytes, body: m.Body) -> None:
        """Send a message of one's own, and wait until it is stored.

        Raises:
            RefusedError: The relay refuses it; nothing changed.
        """
        name = secrets.token_hex(12)
        before = self._remote.replica.positions.get(channel, 0)
        for frame in self._remote.say(channel, (name, body)):
            self._line.send(frame)
        positions = self._remote.replica.positions
        self.until(lambda: True if name in self._refusals or positions.get(channel, 0) > before else None)
        if name in self._refusals:
            raise self._refusals.pop(name)

    @property
    def endpoints(self) -> dict[bytes, Endpoint]:
        """All channels of this side, as far as they are known."""
        return self._remote.replica.endpoints

    def endpoint(self, channel: bytes) -> Endpoint:
        """What this side holds, verified."""
        return self._remote.replica.endpoints[channel]

    def current(self, channel: bytes) -> ChannelState:
        """The newest co-signed state.

        Raises:
            RefusedError: The channel is not open yet.
        """
        found = self.endpoint(channel).current
        if found is None:
            raise RefusedError("not_open", "The channel has no co-signed state yet; wait until it is open.")
        return found.state

    def sign(self, address: bytes, value: Signable) -> bytes:
        """A session key's EIP-712 signature: everything that this desk signs passes here."""
        return self.wallet.sessions[address].sign(digest(self.domain, value))

    def propose(self, owner: str) -> EntityContract:
        """Propose the site's usual terms; they are the partner's to accept."""
        usual, nonce = self.client.ledger(), secrets.token_bytes(32)
        mine = self.wallet.session(nonce).address
        periods = usual.challenge_period, usual.dispute_limit, usual.stale_penalty
        metering = parse_hex(usual.metering or to_hex(bytes(20)), 20)
        terms = EntityContract(mine, bytes(20), metering, *periods, nonce)
        self.say(nonce, m.EscPropose(owner, terms))
        return terms

    def agree(self, owner: str) -> EntityContract:
        """Propose the site's usual terms, and agree on them once the partner has signed.

        Raises:
            RefusedError: It declines.
        """
        nonce = self.propose(owner).nonce

        def agreed() -> Agreement | None:
            known = self._remote.replica.agreements[nonce]
            return known if known.phase not in (AgreementPhase.PROPOSED, AgreementPhase.ACCEPTED) else None

        found = self.until(agreed)
        if found.phase is not AgreementPhase.AGREED:
            raise RefusedError("declined", "The partner declines these terms.")
        return found.terms

    def open_by_deposit(
        self, terms: EntityContract, *, amount: int, theirs: shapes.Funding, their_amount: int
    ) -> bytes:
        """Open a channel: bring `amount` to the session key, permit the registry to take it; gives the channel's id.

        Raises:
            RefusedError: The partner or the ledger declines.
        """
        open_by = int(time.time()) + OPEN_WITHIN_S
        permit = self._purse.deposit(terms.nonce, amount, open_by)
        opening = _opening(terms, (amount, their_amount), (bytes(20), bytes(32)), theirs, open_by)
        return self._open(opening, terms, m.DepositFunding(permit.deadline, permit.signature))

    def open_by_note(
        self,
        terms: EntityContract,
        *,
        agreement: shapes.Agreement,
        amount: int,
        theirs: shapes.Funding,
        their_amount: int,
    ) -> bytes:
        """Open a channel with a credit note of `amount` under an agreement; gives the channel's id.

        Raises:
            RefusedError: The partner or the ledger declines.
            ProblemError: The merchant gives no such note.
        """
        funding = self._purse.note(agreement, terms.party_a, amount)
        open_by = min(int(time.time()) + OPEN_WITHIN_S, funding.note.valid_until)
        source = parse_hex(agreement.merchant.msc, 20), funding.note.serial
        return self._open(_opening(terms, (amount, their_amount), source, theirs, open_by), terms, funding)

    def _open(self, opening: ChannelOpen, terms: EntityContract, funding: m.Funding) -> bytes:
        channel = struct_hash(opening)
        self.say(channel, m.OpenRequest(opening, self.sign(terms.party_a, opening), funding))
        waiting = (Phase.REQUESTED, Phase.FUNDING)
        phase = self.until(
            lambda: None if self.endpoint(channel).phase in waiting else self.endpoint(channel).phase
        )
        if phase is not Phase.OPEN:
            raise RefusedError("not_opened", f"The channel is {phase.value}.")
        return channel

    def fund(self, channel: bytes, by: int) -> None:
        """Put `by` micro-units more into the own side, or take out (below zero), while the channel stays open.

        A deposit grows out of the wallet, a note as far as its amount reaches.

        Raises:
            RefusedError: The relay or the partner refuses.
            TimeoutError: It isn't on the ledger yet; it may still come there for a quarter of an hour.
        """
        endpoint, until = self.endpoint(channel), int(time.time()) + CHANGE_LIFE_S
        state, opening, is_a = self.current(channel), endpoint.opening, endpoint.me is Side.A
        more_a, more_b = (by, 0) if is_a else (0, by)
        change = next_change(endpoint, state.balance_a + more_a, state.balance_b + more_b, until)
        is_deposit = (opening.source_a if is_a else opening.source_b) == bytes(20)
        permit = self._purse.deposit(endpoint.terms.nonce, by, until) if by > 0 and is_deposit else None
        signature = self.sign(endpoint.terms.party(endpoint.me), change)
        self.say(channel, m.FundingRequest(change, signature, permit))
        self.until(lambda: self._funded(channel, change), 2 * PATIENCE_S)

    def _funded(self, channel: bytes, change: FundingChange) -> bool | None:
        if self.endpoint(channel).funded == change:
            return True
        if self.aborted.get(channel) == change.version:
            raise RefusedError("not_funded", "The partner refuses.")
        return None

    def offer(
        self,
        channel: bytes,
        *,
        sells: bool,
        quantity_wh: int,
        price_per_kwh: int,
        imbalance_per_kwh: int,
        slot_start: int,
        answers: bytes = b"",
        valid_s: int = OFFER_LIFE_S,
    ) -> Offer:
        """Offer a trade; the partner's acceptance is countersigned by itself, if it is exactly what follows.

        With `answers`, the id of an offer of the partner's, it counters that one.
        """
        endpoint, now = self.endpoint(channel), int(time.time())
        slot = slot_start, slot_start + SLOT_S
        figures = quantity_wh, price_per_kwh, imbalance_per_kwh, *slot, now + valid_s
        made = Offer(channel, self.current(channel).version, secrets.token_bytes(32), sells, *figures)
        signature = self.sign(endpoint.terms.party(endpoint.me), made)
        self.say(channel, m.Counter(answers, made, signature) if answers else m.OfferMade(made, signature))
        return made

    def accept(self, channel: bytes, offer: bytes, *, above: int = 0) -> None:
        """Take the partner's live offer with this `Offer.id`; it is a trade once the partner has countersigned.

        `above` is the highest version that this key ever signed, where more is known than the log tells.
        """
        endpoint = self.endpoint(channel)
        state = next_state_for_offer(endpoint, offer, above)
        self.say(channel, m.UpdateRequest(offer, state, self.sign(endpoint.terms.party(endpoint.me), state)))

    def agreed(self, channel: bytes, offer: Offer, seconds: float = PATIENCE_S) -> bool:
        """Whether the offer became a trade; False where the partner rejects or counters it."""
        trade = struct_hash(offer)

        def outcome() -> bool | None:
            endpoint = self.endpoint(channel)
            if any(one.id == trade for one in endpoint.open_trades):
                return True
            alive = any(one.offer.id == offer.id for one in endpoint.offers)
            return None if alive or endpoint.phase is not Phase.OPEN else False

        return self.until(outcome, seconds)

    def settle_metered(self, channel: bytes, *, above: int = 0) -> int:
        """Propose what the meters read of open trades: between people nobody else does. How many trades; 0 for none.

        Raises:
            SignatureError: A reading is not the metering operator's.
            RefusedError: The partner spoke first.
        """
        endpoint = self.endpoint(channel)
        metered = self.metered(channel)
        if metered:
            readings = [one.delivery for one in metered]
            self._due = next_state_for_settlement(endpoint, readings, above)
            signature = self.sign(endpoint.terms.party(endpoint.me), self._due)
            self.say(channel, m.SettleRequest(metered, self._due, signature))
        return len(metered)

    def metered(self, channel: bytes) -> tuple[m.SignedDelivery, ...]:
        """What the meters read of this channel's open trades, with the metering operator's signatures.

        Raises:
            SignatureError: One is somebody else's.
        """
        endpoint = self.endpoint(channel)
        rows = msgspec.json.decode(self.client.call("GET", f"channels/{to_hex(channel)}/deliveries/"))
        form, is_open = json_form(m.SignedDelivery), {trade.id for trade in endpoint.open_trades}
        said = [form.decode(msgspec.json.encode(row)) for row in rows]
        found = tuple(one for one in said if one.delivery.trade in is_open)
        for one in found:
            if recover(digest(self.domain, one.delivery), one.signature) != endpoint.terms.metering:
                raise SignatureError("wrong_signer", "A reading is not signed by the metering operator.")
        return found

    def settle(self, channel: bytes, seconds: float = 2 * PATIENCE_S) -> None:
        """Wait until the meters' word on every trade was signed by both."""
        self.until(lambda: True if not self.endpoint(channel).open_trades else None, seconds)

    def finish(self, channel: bytes) -> Endpoint:
        """Close with the partner, and wait for the ledger's payout."""
        endpoint = self.endpoint(channel)
        last = final_state(endpoint)
        self.say(channel, m.CloseRequest(last, self.sign(endpoint.terms.party(endpoint.me), last)))
        self.until(lambda: True if self.endpoint(channel).phase is Phase.CLOSED else None)
        return self.endpoint(channel)
