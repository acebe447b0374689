"""A participant under a credit agreement, its notes and receipts: what the tests of claims act with."""

from dataclasses import dataclass, field

from evm_chain import Chain
from market import COIN, DAY, Key, Market

from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import ChannelOpen, CreditAgreement, NoteReceipt
from contracts import consents
from contracts.calls import Call
from contracts.claims import MerchantClaims, accounts_of
from contracts.encoding import NoteProof, Payment
from contracts.events import Event
from contracts.records import Agreement, ClaimedNote, NoteAccount, SignedReceipt

TERM = 14 * DAY
COLLATERAL = 100 * COIN


@dataclass
class Credit:
    """Root key `root` has an agreement with merchant 0; session key A of the market is its own."""

    market: Market
    root: Key
    terms: CreditAgreement
    notes: list[NoteProof] = field(default_factory=list)
    receipts: list[SignedReceipt] = field(default_factory=list)

    @property
    def sid(self) -> bytes:
        return struct_hash(self.terms)

    @property
    def chain(self) -> Chain:
        return self.market.chain

    @property
    def claims(self) -> MerchantClaims:
        return MerchantClaims(self.market.merchant().address)

    @property
    def merchant(self) -> Key:
        return self.market.merchants[0]

    def standing(self) -> Agreement:
        return self.market.merchant().agreement_of(self.chain.call, self.sid)

    def receipt(self, note: NoteProof, *, by: Key | None = None, amount: int | None = None) -> SignedReceipt:
        amount = note.note.amount if amount is None else amount
        said = NoteReceipt(self.sid, note.note.serial, note.note.holder, amount)
        signature = self.market.sign(by or self.root, said, self.market.merchant_domain())
        return SignedReceipt(said.serial, said.holder, amount, signature)

    def issue(self, amount: int, holder: Key | None = None) -> NoteProof:
        note = self.market.note(holder or self.market.a, amount)
        self.notes.append(note)
        self.receipts.append(self.receipt(note))
        return note

    def open(self, note: NoteProof, funding: int) -> ChannelOpen:
        """A channel with B, who brings nothing and is paid in a note of the second merchant."""
        earning = self.market.note(self.market.b, COIN, 1)
        sides = self.market.note_side(note, funding), self.market.note_side(earning, 0, 1)
        opening = self.market.opening(*sides)
        self.market.open(opening, note, earning)
        return opening

    def close(self, opening: ChannelOpen, kept: int) -> None:
        self.chain.execute(self.market.registry.finalise(self.market.final(opening, 3, kept)))

    def spend(self, note: NoteProof, amount: int) -> None:
        self.close(self.open(note, amount), 0)

    def account(self, note: NoteProof) -> NoteAccount:
        contract = self.market.merchant()
        return contract.note_of(self.chain.call, note.note.serial, note.note.holder)

    def after_due(self) -> None:
        """One second after the debt of every note so far is due."""
        self.chain.advance(30 * DAY + TERM + 1)

    def nonce(self) -> int:
        return self.market.merchant().consent_nonce(self.chain.call, self.merchant.address)

    def start_call(self, receipts: list[SignedReceipt] | None = None, *, by: Key | None = None) -> Call:
        receipts = self.receipts if receipts is None else receipts
        names = {"sid": self.sid, "accounts": accounts_of(receipts), "nonce": self.nonce()}
        message = consents.claim_start(self.market.merchant_domain(), **names)
        return self.claims.start(self.sid, receipts, (by or self.merchant).sign(message))

    def start(self, receipts: list[SignedReceipt] | None = None) -> list[Event]:
        return self.chain.events(self.start_call(receipts))

    def hold(self, receipts: list[SignedReceipt] | None = None) -> list[Event]:
        receipts = self.receipts if receipts is None else receipts
        names = {"sid": self.sid, "accounts": accounts_of(receipts), "nonce": self.nonce()}
        message = consents.collateral_hold(self.market.merchant_domain(), **names)
        call = self.claims.hold_collateral(self.sid, receipts, self.merchant.sign(message))
        return self.chain.events(call)

    def execute(self, *notes: ClaimedNote) -> list[Event]:
        return self.chain.events(self.claims.execute(self.sid, notes))

    def pay(self, amount: int) -> None:
        merchant = self.market.merchant()
        permit = self.market.permit(self.root, merchant.address, amount)
        payment = Payment(self.root.address, amount, permit=permit)
        self.chain.execute(merchant.pay(self.sid, payment), self.root.address)

    def withdraw(self) -> int:
        """What of the collateral came back."""
        before = self.market.balance(self.root.address)
        self.chain.execute(self.market.merchant().withdraw_collateral(self.sid))
        return self.market.balance(self.root.address) - before

    @staticmethod
    def claimed(note: NoteProof, due: int) -> ClaimedNote:
        return ClaimedNote(note.note.serial, note.note.holder, due)


def make_credit(market: Market, *, life: int = 30 * DAY, collateral: int = COLLATERAL) -> Credit:
    root = Key(50)
    market.chain.adopt(root.secret, root.address)
    market.mint(root.address, 1000 * COIN)
    terms = market.agreement(root, collateral)
    terms = market.replace(terms, payment_term=TERM, valid_until=market.chain.now + life)
    contract = market.merchant()
    signed = market.sign(market.merchants[0], terms, market.merchant_domain())
    permit = market.permit(root, contract.address, collateral)
    consent = market.sign(root, terms, market.merchant_domain())
    market.chain.execute(contract.initialise(terms, signed, consent, permit))
    return Credit(market, root, terms)
