"""Two people with a channel, made by their programs within a second or two; their browsers find it with their keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

import msgspec
from residents import Resident
from whole_site import WholeSite

from channels_engine.agent import Accept, Answer
from channels_engine.codec import parse_hex, to_hex
from channels_engine.core import messages as m
from channels_engine.core.state import CoSigned, Endpoint
from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import ChannelOpen, EntityContract, Offer, Side
from contracts.bindings import EntityContracts, SignedState
from contracts.connection import LedgerClient
from contracts.consents import dispute_request
from contracts.devnode.accounts import dev_key
from contracts.gateway import Sender
from marketplace.client.desk import PATIENCE_S, Desk
from marketplace.client.funding import Purse
from marketplace.client.shapes import Funding

STRANGER = 3
"""An account of the development chain that the site doesn't send with."""
ZERO_SOURCE, ZERO_NOTE = to_hex(bytes(20)), to_hex(bytes(32))


@dataclass
class Willing:
    """Joins, brings a deposit, and takes what is offered."""

    person: Resident
    nonces: dict[bytes, bytes] = field(default_factory=dict)

    def join(self, terms: EntityContract, peer: str) -> bytes | None:
        session = self.person.wallet.session(terms.nonce).address
        self.nonces[struct_hash(msgspec.structs.replace(terms, party_b=session))] = terms.nonce
        return session

    def fund(self, opening: ChannelOpen, side: Side, peer: str) -> m.Funding | None:
        purse = Purse(self.person.client, self.person.wallet)
        permit = purse.deposit(self.nonces[opening.scid], opening.funding_b, opening.open_by)
        return m.DepositFunding(permit.deadline, permit.signature)

    def answer(self, offer: Offer, endpoint: Endpoint, peer: str) -> Answer:
        return Accept()


@dataclass(frozen=True)
class Opened:
    """A channel of `a`, who opened it, and `b`, with the states that both signed."""

    a: Resident
    b: Resident
    terms: EntityContract
    opening: ChannelOpen
    id: bytes
    signed: list[CoSigned]

    @property
    def name(self) -> str:
        return to_hex(self.id)


@contextmanager
def at_desks(a: Resident, b: Resident) -> Iterator[Desk]:
    """Both programs connected; the second one answers while the first one is asked to do things."""
    over, desk, other = Event(), Desk(a.client, a.wallet), Desk(b.client, b.wallet, Willing(b))
    thread = Thread(target=lambda: other.listen(PATIENCE_S, over.is_set), daemon=True)
    thread.start()
    try:
        yield desk
    finally:
        over.set()
        thread.join(PATIENCE_S)
        desk.close()
        other.close()


def open_pair(a: Resident, b: Resident, deposits: tuple[int, int], wishes: list[dict[str, Any]]) -> Opened:
    """A channel by deposits (micro-units) with these trades in it; a wish is what `Desk.offer` takes, from a's side."""
    with at_desks(a, b) as desk:
        terms = desk.agree(b.client.me().owner)
        theirs = Funding(source=ZERO_SOURCE, note=ZERO_NOTE, amount=deposits[1])
        channel = desk.open_by_deposit(terms, amount=deposits[0], theirs=theirs, their_amount=deposits[1])
        signed = []
        for wish in wishes:
            assert desk.agreed(channel, desk.offer(channel, **wish))
            current = desk.endpoint(channel).current
            assert current is not None
            signed.append(current)
        return Opened(a, b, terms, desk.endpoint(channel).opening, channel, signed)


def offer_and_hang_up(who: Resident, pair: Opened, wish: dict[str, Any]) -> None:
    """A program comes back to its channel, offers, and is gone."""
    desk = Desk(who.client, who.wallet)
    desk.catch_up()
    desk.offer(pair.id, **wish)
    desk.close()


class Chain:
    """The ledger itself, past the site: what it holds, and what anybody may send it."""

    def __init__(self, site: WholeSite, registry: str) -> None:
        self.client = LedgerClient(site.ledger_url)
        self.registry = EntityContracts(parse_hex(registry, 20))
        self._sender = Sender(self.client, dev_key(STRANGER))

    def dispute(self, pair: Opened, shown: CoSigned, by: Side) -> None:
        """With a state of one's choice, signed by a party's own key, as somebody does who means harm."""
        who = (pair.a, pair.b)[by]
        state = SignedState(pair.terms, pair.opening, shown.state, shown.signature_a, shown.signature_b)
        domain = Desk(who.client, who.wallet).domain
        asked = dispute_request(domain, channel=pair.id, version=shown.state.version)
        consent = who.wallet.session(pair.terms.nonce).sign(asked)
        self._sender.wait(self._sender.send(self.registry.dispute(state, consent)))

    def record(self, pair: Opened) -> Any:
        """What it knows of a channel."""
        return self.registry.record_of(self.client.call, pair.id)

    @contextmanager
    def holding_blocks(self) -> Iterator[None]:
        """Nothing is mined for a while, as on a busy ledger; what is sent waits."""
        self.client.request("evm_setAutomine", False)  # noqa: FBT003  the RPC's own
        try:
            yield
        finally:
            self.client.request("evm_setAutomine", True)  # noqa: FBT003  the RPC's own
            self.client.request("evm_mine")
