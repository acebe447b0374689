"""Channels over the websocket, from terms to the last payout, on a copy that is verified here (docs/clients.md).

What the partner signs is held against what follows from the own book, by the same machine as at the site. Acceptances of
own offers, settlements by the meter and closings are countersigned by themselves; a strategy answers what others ask.
"""

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeVar

import msgspec
from websockets.sync.client import connect
from websockets.typing import Origin

from channels_engine.agent import Agent, Answer, Strategy
from channels_engine.agreements import Agreement, AgreementPhase
from channels_engine.codec import parse_hex, to_hex
from channels_engine.core import messages as m
from channels_engine.core.negotiation import final_state
from channels_engine.core.state import Endpoint, Phase
from channels_engine.core.typed_data import Signable, digest, struct_hash
from channels_engine.core.types import ChannelOpen, Domain, EntityContract, Offer, Side
from channels_engine.replica import RemoteAgent
from contracts.consents import token_permit, transfer_authorization
from contracts.records import AuthorizedTransfer, TokenDomain
from marketplace.client import shapes
from marketplace.client.api import Client
from marketplace.client.errors import RefusedError
from marketplace.client.wallet import Wallet

T = TypeVar("T")
SLOT_S = 900
OFFER_LIFE_S, TRANSFER_LIFE_S, LIFE_S = 60, 600, 30 * 86_400
PATIENCE_S = 60.0


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


class Desk:
    """A person's end of the websocket. Needs a session: `Client.sign_in`."""

    def __init__(self, client: Client, wallet: Wallet, strategy: Strategy | None = None) -> None:
        self.client, self.wallet, self._strategy = client, wallet, strategy or Quiet()
        cookies = "; ".join(f"{name}={value}" for name, value in client.http.cookies.items())
        address = client.url.replace("http", "ws", 1) + "/ws/channels/"
        head, origin = {"Cookie": cookies}, Origin(client.url)
        self._hold = ExitStack()
        self._socket = self._hold.enter_context(
            connect(address, additional_headers=head, origin=origin, proxy=None)
        )
        hello = msgspec.json.decode(self._socket.recv(PATIENCE_S))
        said = hello["domain"]
        self.domain = Domain(int(said["chainId"]), parse_hex(said["verifyingContract"], 20))
        agent = Agent(hello["owner"], self.domain, self._strategy, wallet.sessions.__getitem__)
        self._remote = RemoteAgent(agent, self.domain)
        self._refusals: dict[str, RefusedError] = {}
        self._move(msgspec.json.encode(hello).decode())

    def close(self) -> None:
        """Hang up; what is open goes on, and is found again."""
        self._hold.close()

    def _move(self, text: str) -> None:
        frame: dict[str, Any] = msgspec.json.decode(text)
        if frame["kind"] == "refused" and frame.get("id"):
            self._refusals[frame["id"]] = RefusedError(frame["code"], frame["message"])
        if frame["kind"] == "channels":
            for contract in frame["contracts"]:
                self.wallet.session(parse_hex(contract["conversation"], 32))
        for answer in self._remote.handle(text):
            self._socket.send(answer)

    def until(self, found: Callable[[], T | None], seconds: float = PATIENCE_S) -> T:
        """Take frames until something is there.

        Raises:
            TimeoutError: It did not come.
        """
        end = time.monotonic() + seconds
        while (thing := found()) is None:
            self._move(str(self._socket.recv(max(0.01, end - time.monotonic()))))
        return thing

    def say(self, channel: bytes, body: m.Body) -> None:
        """Send a message of one's own, and wait until it is stored.

        Raises:
            RefusedError: The relay refuses it; nothing changed.
        """
        name = secrets.token_hex(12)
        before = self._remote.replica.positions.get(channel, 0)
        for frame in self._remote.say(channel, (name, body)):
            self._socket.send(frame)
        positions = self._remote.replica.positions
        self.until(lambda: True if name in self._refusals or positions.get(channel, 0) > before else None)
        if name in self._refusals:
            raise self._refusals.pop(name)

    def endpoint(self, channel: bytes) -> Endpoint:
        """What this side holds, verified."""
        return self._remote.replica.endpoints[channel]

    def _sign(self, address: bytes, value: Signable) -> bytes:
        return self.wallet.sessions[address].sign(digest(self.domain, value))

    def agree(self, owner: str) -> EntityContract:
        """Propose the site's usual terms, and agree on them once the partner has signed.

        Raises:
            RefusedError: It declines.
        """
        usual, nonce = self.client.ledger(), secrets.token_bytes(32)
        mine = self.wallet.session(nonce).address
        periods = usual.challenge_period, usual.dispute_limit, usual.stale_penalty
        terms = EntityContract(
            mine, bytes(20), parse_hex(usual.metering or "0x" + "00" * 20, 20), *periods, nonce
        )
        self.say(nonce, m.EscPropose(owner, terms))

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
        now = int(time.time())
        open_by = now + TRANSFER_LIFE_S
        sides = bytes(20), bytes(32), parse_hex(theirs.source, 20), parse_hex(theirs.note, 32)
        scid = struct_hash(terms)
        opening = ChannelOpen(scid, 0, amount, their_amount, *sides, open_by, now + LIFE_S)
        channel = struct_hash(opening)
        funding = self._deposit(terms, amount, open_by)
        self.say(channel, m.OpenRequest(opening, self._sign(terms.party_a, opening), funding))
        waiting = (Phase.REQUESTED, Phase.FUNDING)
        phase = self.until(
            lambda: None if self.endpoint(channel).phase in waiting else self.endpoint(channel).phase
        )
        if phase is not Phase.OPEN:
            raise RefusedError("not_opened", f"The channel is {phase.value}.")
        return channel

    def _deposit(self, terms: EntityContract, amount: int, open_by: int) -> m.DepositFunding:
        usual, key = self.client.ledger(), terms.party_a
        token = TokenDomain(
            usual.token.name, usual.token.version, usual.chain_id, parse_hex(usual.token.address, 20)
        )
        self._bring(
            token, AuthorizedTransfer(self.wallet.address, key, amount, open_by, secrets.token_bytes(32))
        )
        held = self.client.get(f"wallet/session-keys/{to_hex(terms.nonce)}/", shapes.SessionKey)
        spender = parse_hex(usual.registry, 20)
        permit = token_permit(
            token, owner=key, spender=spender, amount=amount, nonce=held.permit_nonce, deadline=open_by
        )
        return m.DepositFunding(open_by, self.wallet.sessions[key].sign(permit))

    def _bring(self, token: TokenDomain, wanted: AuthorizedTransfer) -> None:
        signature = self.wallet.signer.sign(transfer_authorization(token, wanted))
        body = {"source": to_hex(wanted.source), "to": to_hex(wanted.to), "value": str(wanted.amount)}
        body |= {
            "valid_before": str(wanted.valid_before),
            "nonce": to_hex(wanted.nonce),
            "signature": to_hex(signature),
        }
        self.client.post("wallet/transfer/", dict, {**body, "valid_before": wanted.valid_before})

    def offer(
        self,
        channel: bytes,
        *,
        sells: bool,
        quantity_wh: int,
        price_per_kwh: int,
        imbalance_per_kwh: int,
        slot_start: int,
    ) -> Offer:
        """Offer a trade; the partner's acceptance is countersigned by itself, if it is exactly what follows."""
        endpoint, now = self.endpoint(channel), int(time.time())
        figures = (
            quantity_wh,
            price_per_kwh,
            imbalance_per_kwh,
            slot_start,
            slot_start + SLOT_S,
            now + OFFER_LIFE_S,
        )
        version = endpoint.current.state.version if endpoint.current else 0
        made = Offer(channel, version, secrets.token_bytes(32), sells, *figures)
        self.say(channel, m.OfferMade(made, self._sign(endpoint.terms.party(endpoint.me), made)))
        return made

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

    def settle(self, channel: bytes, seconds: float = 2 * PATIENCE_S) -> None:
        """Wait until the meters' word on every trade was signed by both."""
        self.until(lambda: True if not self.endpoint(channel).open_trades else None, seconds)

    def finish(self, channel: bytes) -> Endpoint:
        """Close with the partner, and wait for the ledger's payout."""
        endpoint = self.endpoint(channel)
        last = final_state(endpoint)
        self.say(channel, m.CloseRequest(last, self._sign(endpoint.terms.party(endpoint.me), last)))
        self.until(lambda: True if self.endpoint(channel).phase is Phase.CLOSED else None)
        return self.endpoint(channel)
