"""Merchants, participants and their channels on a real ledger: what the tests of claims and billing act with."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone
from people import Person, Shop

from channels_engine.core import types
from channels_engine.core.signing import LocalSigner, sign_value
from channels_engine.core.typed_data import digest, struct_hash
from contracts.bindings import EntityContracts, SignedState, Stablecoin
from contracts.calls import Receipt
from contracts.consents import token_permit
from contracts.encoding import NoteProof, PermitProof
from marketplace.accounts.hexadecimal import to_hex
from marketplace.credit import ledger
from marketplace.credit.decisions import approve_application
from marketplace.credit.issuing import domain_of, raw, terms_of
from marketplace.credit.models import Agreement, CreditNote, Merchant
from marketplace.credit.notes import NoteRequest, issue_note

COIN = 1_000_000
LIMIT, COLLATERAL = 100 * COIN, 20 * COIN
TERM = 30
"""Seconds, and notes live two of them; who can't move the ledger's clock gives the merchant a shorter one."""


def as_lender(shop: Shop, *, treasury: int = 500 * COIN, life: int = 10**6) -> Merchant:
    """The shop with a contract, money in it and short terms: shorter ones that it has, it keeps."""
    merchant = shop.merchant
    merchant.payment_term = min(merchant.payment_term, TERM)
    merchant.note_life, merchant.agreement_life = 2 * merchant.payment_term, life
    merchant.save()
    ledger.ensure_merchant_contract(merchant=merchant)
    contract = ledger.MerchantContract(raw(merchant.msc))
    token = Stablecoin(raw(ledger.the_ledger().token))
    relayer = ledger.Sender(ledger.client(), ledger._relayer_key()).address
    ledger.relay(token.mint(relayer, treasury))
    ledger.relay(token.approve(contract.address, treasury))
    ledger.relay(contract.deposit_treasury(treasury))
    return merchant


def agreed(person: Person, shop: Shop, application: Any, *, collateral: int = COLLATERAL) -> Agreement:
    """An agreement that is active on the ledger, with its collateral."""
    agreement = approve_application(
        application=application, operator=shop.operator, limit=LIMIT, collateral=collateral
    )
    ledger.mint_test_money(address=to_hex(person.signer.address))
    permit = permit_of(person.signer, raw(agreement.msc), collateral)
    signed = sign_value(domain_of(agreement), terms_of(agreement), person.signer)
    return ledger.initialise_agreement(
        agreement=agreement,
        signature=signed.signature,
        permit_signature=permit.signature,
        permit_deadline=permit.deadline,
    )


def permit_of(signer: LocalSigner, spender: bytes, amount: int) -> PermitProof:
    token = Stablecoin(raw(ledger.the_ledger().token))
    nonce = ledger.read(token.permit_nonce, signer.address)
    names = {"owner": signer.address, "spender": spender, "amount": amount}
    deadline = int(timezone.now().timestamp()) + 3600
    domain = ledger.read(token.domain)
    return PermitProof(deadline, signer.sign(token_permit(domain, **names, nonce=nonce, deadline=deadline)))


def noted(person: Person, agreement: Agreement, amount: int, holder: LocalSigner) -> CreditNote:
    """A note for a session key, against the root key's receipt."""
    serial = secrets.token_bytes(32)
    receipt = types.NoteReceipt(raw(agreement.sid), serial, holder.address, amount)
    signature = person.signer.sign(digest(domain_of(agreement), receipt))
    return issue_note(agreement=agreement, request=NoteRequest(serial, holder.address, amount, signature))


def proof_of(note: CreditNote) -> NoteProof:
    signed = types.CreditNote(raw(note.serial), raw(note.holder), note.amount, note.valid_until)
    return NoteProof(signed, raw(note.merchant_signature))


def session_key() -> LocalSigner:
    return LocalSigner(secrets.token_bytes(32))


@dataclass
class Funds:
    """How a side is funded: by a note, or by a deposit of its session key's tokens."""

    amount: int = 0
    note: CreditNote | None = None

    @property
    def source(self) -> bytes:
        return raw(self.note.agreement.msc) if self.note else types.ZERO_ADDRESS

    @property
    def serial(self) -> bytes:
        return raw(self.note.serial) if self.note else types.ZERO_HASH

    @property
    def proof(self) -> NoteProof | None:
        return proof_of(self.note) if self.note else None


@dataclass
class Pair:
    """An entity contract between two session keys, made with its first channel."""

    a: LocalSigner = field(default_factory=session_key)
    b: LocalSigner = field(default_factory=session_key)
    dispute_limit: int = 5
    nonce: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    opened: int = 0

    @property
    def terms(self) -> types.EntityContract:
        addresses = self.a.address, self.b.address, b"\x44" * 20
        return types.EntityContract(*addresses, 60, self.dispute_limit, 0, self.nonce)

    @property
    def registry(self) -> EntityContracts:
        return EntityContracts(raw(ledger.the_ledger().registry))

    @property
    def domain(self) -> types.Domain:
        return types.Domain(ledger.the_ledger().chain_id, self.registry.address)

    def both(self, value: Any) -> tuple[bytes, bytes]:
        message = digest(self.domain, value)
        return self.a.sign(message), self.b.sign(message)

    def open(self, a: Funds, b: Funds) -> types.ChannelOpen:
        now = int(time.time())
        opening = types.ChannelOpen(
            struct_hash(self.terms), self.opened, a.amount, b.amount,
            a.source, a.serial, b.source, b.serial, now + 600, now + 86_400,
        )  # fmt: skip
        terms_a, terms_b = self.both(self.terms)
        signature_a, signature_b = self.both(opening)
        call = self.registry.create_and_open(
            terms=self.terms, terms_a=terms_a, terms_b=terms_b, opening=opening,
            signature_a=signature_a, signature_b=signature_b,
            funding_a=a.proof or self._deposit(self.a, a), funding_b=b.proof or self._deposit(self.b, b),
        )  # fmt: skip
        ledger.relay(call)
        self.opened += 1
        return opening

    def _deposit(self, signer: LocalSigner, funds: Funds) -> PermitProof | None:
        return permit_of(signer, self.registry.address, funds.amount) if funds.amount else None

    def state(
        self, opening: types.ChannelOpen, balance_a: int, *, version: int = 3, final: bool = True
    ) -> SignedState:
        total = opening.funding_a + opening.funding_b
        state = types.ChannelState(
            struct_hash(opening),
            version,
            version - 1,
            balance_a,
            total - balance_a,
            1500,
            0,
            bytes(32),
            final,
        )
        return SignedState(self.terms, opening, state, *self.both(state))

    def close(self, opening: types.ChannelOpen, balance_a: int) -> Receipt:
        return ledger.relay(self.registry.finalise(self.state(opening, balance_a)))

    def spend(self, note: CreditNote, amount: int) -> Receipt:
        """A channel in which A spends all of `amount` to B, who is paid in tokens."""
        return self.close(self.open(Funds(amount, note), Funds()), 0)
