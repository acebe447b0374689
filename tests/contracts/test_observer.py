"""What somebody sees who reads the whole ledger: every transaction's calldata, every event, every block.

The observer's question is which participant (root key) is behind a session key or a note. Its two tools here:
what occurs together in a transaction belongs together (`linked`), and the blocks themselves (`transcript`).
Out of reach of both are guesses from amounts and times; `docs/adr/0010-claims.md` says what remains of those.

With credit notes nothing is seen until a claim is started. With deposits the money's way shows everything: a
session key's tokens come from somewhere, and a browser sends them there from its wallet. The same holds for
earnings that are withdrawn to the wallet.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from credit import TERM
from eth_utils.crypto import keccak
from evm_chain import Chain
from market import COIN, DAY, FAR, Key, Market, Side, make_market

from channels_engine.core.typed_data import digest, struct_hash
from channels_engine.core.types import CreditAgreement, CreditNote, NoteReceipt
from contracts import consents
from contracts.authorizations import AuthorizingToken
from contracts.claims import MerchantClaims, accounts_of
from contracts.encoding import NoteProof, Payment
from contracts.records import AuthorizedTransfer, SignedReceipt

GENESIS = 2_000_000_000
PARTICIPANTS = 4
AMOUNT = 20 * COIN


@dataclass
class Person:
    """A root key, its agreement and the session keys behind which it hides."""

    root: Key
    merchant: int
    terms: CreditAgreement
    sessions: list[Key] = field(default_factory=list)
    receipts: list[SignedReceipt] = field(default_factory=list)

    @property
    def sid(self) -> bytes:
        return struct_hash(self.terms)


@dataclass
class World:
    """Participants of two merchants, and what they do on the ledger; everything is sent by one relayer."""

    market: Market
    people: list[Person] = field(default_factory=list)
    keys: Any = field(default_factory=lambda: count(1000))
    shown: list[tuple[str, str]] = field(default_factory=list)
    read: int = 0

    def join(self, number: int) -> Person:
        market, merchant = self.market, number % 2
        root = Key(200 + number)
        market.mint(root.address, 100 * COIN)
        terms = market.replace(
            market.agreement(root, 10 * COIN), payment_term=TERM, valid_until=market.chain.now + 90 * DAY
        )
        contract, domain = market.merchant(merchant), market.merchant_domain(merchant)
        signatures = [market.sign(key, terms, domain) for key in (market.merchants[merchant], root)]
        permit = market.permit(root, contract.address, terms.collateral)
        market.chain.execute(contract.initialise(terms, *signatures, permit))
        person = Person(root, merchant, terms)
        self.people.append(person)
        return person

    def note(self, person: Person, holder: Key) -> NoteProof:
        """A note on the ledger's side, and the receipt that only participant and merchant know."""
        person.sessions.append(holder)
        serial = keccak(b"serial" + holder.address)  # as random as a client's
        note = CreditNote(serial, holder.address, 2 * AMOUNT, self.market.chain.now + 30 * DAY)
        merchant, domain = (
            self.market.merchants[person.merchant],
            self.market.merchant_domain(person.merchant),
        )
        note = NoteProof(note, self.market.sign(merchant, note, domain))
        said = NoteReceipt(person.sid, note.note.serial, holder.address, note.note.amount)
        signature = person.root.sign(digest(self.market.merchant_domain(person.merchant), said))
        person.receipts.append(SignedReceipt(said.serial, said.holder, said.amount, signature))
        return note

    def session(self) -> Key:
        return Key(next(self.keys))

    def meet(self, a: Key, b: Key) -> Market:
        """The market as these two session keys see it, with terms of their own."""
        terms = self.market.replace(
            self.market.terms,
            party_a=a.address,
            party_b=b.address,
            nonce=next(self.market.counter).to_bytes(32, "big"),
        )
        pair = Market(
            self.market.chain, self.market.deployment, self.market.owner, self.market.merchants, a, b,
            self.market.metering, terms, self.market.counter,
        )  # fmt: skip
        self.market.chain.execute(pair.registry.create(terms, pair.sign(a, terms), pair.sign(b, terms)))
        return pair

    def trade(self, seller: Person, buyer: Person) -> tuple[Key, Key]:
        """A channel between fresh session keys, funded by notes, in which `buyer` pays `seller`."""
        a, b = self.session(), self.session()
        note_a, note_b = self.note(seller, a), self.note(buyer, b)
        pair = self.meet(a, b)
        opening = pair.opening(
            pair.note_side(note_a, AMOUNT, seller.merchant), pair.note_side(note_b, AMOUNT, buyer.merchant)
        )
        pair.open(opening, note_a, note_b)
        pair.chain.execute(pair.registry.finalise(pair.final(opening, 3, AMOUNT + 7 * COIN)))
        return a, b

    def pay(self, person: Person, amount: int) -> None:
        contract, domain = self.market.merchant(person.merchant), self.market.merchant_domain(person.merchant)
        nonce = contract.consent_nonce(self.market.chain.call, person.root.address)
        names = {"sid": person.sid, "owner": person.root.address, "amount": amount, "nonce": nonce}
        consent = person.root.sign(consents.debt_payment(domain, **names))
        permit = self.market.permit(person.root, contract.address, amount)
        payment = Payment(person.root.address, amount, consent, permit)
        self.market.chain.execute(contract.pay(person.sid, payment))

    def claim(self, person: Person) -> None:
        contract, domain = self.market.merchant(person.merchant), self.market.merchant_domain(person.merchant)
        merchant = self.market.merchants[person.merchant]
        nonce = contract.consent_nonce(self.market.chain.call, merchant.address)
        names = {"sid": person.sid, "accounts": accounts_of(person.receipts), "nonce": nonce}
        signature = merchant.sign(consents.claim_start(domain, **names))
        call = MerchantClaims(contract.address).start(person.sid, person.receipts, signature)
        self.market.chain.execute(call)


def make_world() -> World:
    world = World(make_market(Chain(GENESIS)))
    for number in range(PARTICIPANTS):
        world.join(number)
    return world


@pytest.fixture
def world() -> World:
    return make_world()


def transactions(world: World) -> list[tuple[str, str]]:
    """Hash and everything that a transaction shows, as hex: its sender, its calldata, its logs."""
    w3 = world.market.chain.w3
    for number in range(world.read, w3.eth.block_number + 1):
        for transaction in w3.eth.get_block(number, full_transactions=True)["transactions"]:
            logs = w3.eth.get_transaction_receipt(transaction["hash"])["logs"]
            words = [b"".join([*log["topics"], log["data"]]).hex() for log in logs]
            shown = [transaction["from"].lower(), bytes(transaction["data"]).hex(), *words]
            world.shown.append((transaction["hash"].hex(), " ".join(shown)))
        world.read = number + 1
    return world.shown


def linked(world: World, start: bytes, *wanted: bytes) -> bool:
    """Whether an identifier is connected with any of the others by what occurs together in transactions."""
    people = world.people
    roots = [person.root.address for person in people] + [person.sid for person in people]
    sessions = [key.address for person in people for key in person.sessions]
    serials = [receipt.serial for person in people for receipt in person.receipts]
    things = {item: item.hex() for item in (*roots, *sessions, *serials, start, *wanted)}
    neighbours = defaultdict(set)
    for _, shown in transactions(world):
        present = {item for item, text in things.items() if text in shown}
        for item in present:
            neighbours[item] |= present
    reached, edge = set(), {start}
    while edge:
        reached |= edge
        edge = set().union(*(neighbours[item] for item in edge)) - reached
    return not reached.isdisjoint(wanted)


def hidden(world: World, person: Person) -> bool:
    """Whether neither session keys nor notes of a person lead to its root key or agreement."""
    things = [key.address for key in person.sessions] + [receipt.serial for receipt in person.receipts]
    known = [one.root.address for one in world.people] + [one.sid for one in world.people]
    return not any(linked(world, thing, *known) for thing in things)


def test_notes_lead_to_nobody_however_much_is_traded_and_paid(world: World) -> None:
    people = world.people
    for seller, buyer in zip(people, [*people[1:], people[0]], strict=True):
        world.trade(seller, buyer)
    world.pay(people[1], 7 * COIN)
    assert all(len(person.sessions) == 2 for person in people)
    assert all(hidden(world, person) for person in people)


def test_a_session_key_and_its_note_are_seen_together(world: World) -> None:
    """So that the tool that finds nothing above is known to find something."""
    a, _ = world.trade(world.people[0], world.people[1])
    assert linked(world, a.address, world.people[0].receipts[0].serial)


def test_a_claim_shows_the_defaulter_and_nobody_else(world: World) -> None:
    seller, buyer, *others = world.people
    world.trade(seller, buyer)
    world.trade(others[0], others[1])
    world.market.chain.advance(30 * DAY + TERM + 10)
    assert hidden(world, buyer)
    world.claim(buyer)
    assert linked(world, buyer.sessions[0].address, buyer.root.address)
    assert linked(world, buyer.receipts[0].serial, buyer.sid)
    assert all(hidden(world, person) for person in others)
    # The seller traded with the defaulter's session key; its own root is still nobody's to see.
    assert not linked(world, seller.sessions[0].address, seller.root.address)


def transcript(*, swapped: bool, claimed: bool = False) -> list[str]:
    """All transactions, their events and the last state of a market in which two participants may be exchanged."""
    world = make_world()
    first, second = world.people[0], world.people[2]
    owners = (second, first) if swapped else (first, second)
    world.trade(owners[0], owners[1])
    world.trade(owners[1], owners[0])
    if claimed:
        world.market.chain.advance(30 * DAY + TERM + 10)
        world.claim(first)
    chain = world.market.chain
    state = chain.w3.eth.get_block("latest")["stateRoot"].hex()
    return [part for shown in transactions(world) for part in shown] + [state]


def test_who_is_behind_a_session_key_changes_no_bit_of_the_ledger() -> None:
    """Two worlds that differ only in who holds which session key: every transaction, event and word is the same.

    So nothing that reads the ledger can tell them apart, not even by amounts and times (here both are equal).
    """
    assert transcript(swapped=False) == transcript(swapped=True)


def test_a_claim_tells_the_two_worlds_apart() -> None:
    assert transcript(swapped=False, claimed=True) != transcript(swapped=True, claimed=True)


def test_deposits_show_whose_session_key_it_is(world: World) -> None:
    """A session key's tokens come from the wallet, by an ERC-3009 transfer as the browser makes it."""
    person, key = world.people[0], world.session()
    person.sessions.append(key)
    market = world.market
    token = market.token.domain(market.chain.call)
    wanted = AuthorizedTransfer(person.root.address, key.address, AMOUNT, FAR, b"\x31" * 32)
    signature = person.root.sign(consents.transfer_authorization(token, wanted))
    market.chain.execute(AuthorizingToken(market.token.address).transfer(wanted, signature))
    other = world.session()
    pair = world.meet(key, other)
    opening = pair.opening(Side(AMOUNT), Side(0))
    pair.open(opening, pair.permit(key, pair.registry.address, AMOUNT))
    assert linked(world, key.address, person.root.address)


def test_a_deposit_that_reaches_a_session_key_from_outside_shows_no_wallet(world: World) -> None:
    """As in a replay, whose session keys get test tokens straight from the mint: an exchange would be as good."""
    key, other = world.session(), world.session()
    world.people[0].sessions.append(key)
    world.market.mint(key.address, AMOUNT)
    pair = world.meet(key, other)
    pair.open(pair.opening(Side(AMOUNT), Side(0)), pair.permit(key, pair.registry.address, AMOUNT))
    assert hidden(world, world.people[0])


@pytest.mark.parametrize(("to_wallet", "shown"), [(True, True), (False, False)])
def test_earnings_withdrawn_to_the_wallet_show_whose_they_are(
    world: World, *, to_wallet: bool, shown: bool
) -> None:
    seller, buyer = world.people[0], world.people[2]
    key, _ = world.trade(seller, buyer)
    contract = world.market.merchant(seller.merchant)
    to = seller.root.address if to_wallet else Key(77).address
    names = {"serial": seller.receipts[0].serial, "holder": key.address, "to": to, "nonce": 0}
    domain = world.market.merchant_domain(seller.merchant)
    signature = key.sign(consents.earnings_withdrawal(domain, **names))
    world.market.chain.execute(contract.withdraw_earnings(names["serial"], key.address, to, signature))
    assert linked(world, key.address, seller.root.address) is shown
