"""Two session keys, two merchants and a ledger: what the contracts' tests act with."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec
from coincurve import PrivateKey
from evm_chain import Chain

from channels_engine.core import signing
from channels_engine.core.typed_data import digest, struct_hash
from channels_engine.core.types import (
    ZERO_ADDRESS,
    ZERO_HASH,
    ChannelOpen,
    ChannelState,
    CreditAgreement,
    CreditNote,
    Domain,
    EntityContract,
)
from contracts.bindings import EntityContracts, MerchantContract, SignedState, Stablecoin
from contracts.calls import Receipt
from contracts.consents import token_permit
from contracts.deploy import Deployment, deploy
from contracts.encoding import NoteProof, PermitProof

COIN = 10**6
CHALLENGE = 3600
PENALTY = 2 * COIN
DAY = 86_400
FAR = 2**32 - 1


class Key:
    """A private key of a test."""

    def __init__(self, number: int) -> None:
        self.secret = (0x5EC4E7 << 64 | number).to_bytes(32, "big")
        self.address = signing.address_of(PrivateKey(self.secret).public_key)

    def sign(self, message: bytes) -> bytes:
        return signing.sign(message, self.secret)


@dataclass
class Side:
    """How one side of a channel is funded."""

    funding: int
    source: bytes = ZERO_ADDRESS
    note: bytes = ZERO_HASH


@dataclass
class Market:
    chain: Chain
    deployment: Deployment
    owner: Key
    merchants: tuple[Key, Key]
    a: Key
    b: Key
    metering: Key
    terms: EntityContract
    counter: Any = field(default_factory=lambda: count(1))

    @property
    def registry(self) -> EntityContracts:
        return EntityContracts(self.deployment.registry)

    @property
    def token(self) -> Stablecoin:
        return Stablecoin(self.deployment.token)

    @property
    def domain(self) -> Domain:
        return Domain(self.chain.chain_id, self.deployment.registry)

    @property
    def scid(self) -> bytes:
        return struct_hash(self.terms)

    def merchant(self, number: int = 0) -> MerchantContract:
        return MerchantContract(self.deployment.merchants[self.merchants[number].address])

    def merchant_domain(self, number: int = 0) -> Domain:
        return Domain(self.chain.chain_id, self.merchant(number).address)

    def balance(self, account: bytes) -> int:
        return self.token.balance_of(self.chain.call, account)

    def mint(self, account: bytes, amount: int) -> None:
        self.chain.execute(self.token.mint(account, amount), self.owner.address)

    def sign(self, key: Key, value: Any, domain: Domain | None = None) -> bytes:
        return key.sign(digest(domain or self.domain, value))

    def permit(self, key: Key, spender: bytes, amount: int) -> PermitProof:
        nonce = self.token.permit_nonce(self.chain.call, key.address)
        names = {"owner": key.address, "spender": spender, "amount": amount}
        domain = self.token.domain(self.chain.call)
        message = token_permit(domain, **names, nonce=nonce, deadline=FAR)
        return PermitProof(FAR, key.sign(message))

    def note(self, holder: Key, amount: int, number: int = 0) -> NoteProof:
        serial = next(self.counter).to_bytes(32, "big")
        note = CreditNote(serial, holder.address, amount, self.chain.now + 30 * DAY)
        return NoteProof(note, self.sign(self.merchants[number], note, self.merchant_domain(number)))

    def note_side(self, proof: NoteProof, funding: int, number: int = 0) -> Side:
        return Side(funding, self.merchant(number).address, proof.note.serial)

    def opening(self, a: Side, b: Side) -> ChannelOpen:
        return ChannelOpen(
            scid=self.scid,
            index=next(self.counter),
            funding_a=a.funding,
            funding_b=b.funding,
            source_a=a.source,
            note_a=a.note,
            source_b=b.source,
            note_b=b.note,
            open_by=self.chain.now + 600,
            expiry=self.chain.now + DAY,
        )

    def open(self, opening: ChannelOpen, proof_a: Any = None, proof_b: Any = None) -> Receipt:
        signatures = self.sign(self.a, opening), self.sign(self.b, opening)
        proofs = {"funding_a": proof_a, "funding_b": proof_b}
        return self.chain.execute(self.registry.open_channel(self.terms, opening, *signatures, **proofs))

    def agreement(self, participant: Key, collateral: int) -> CreditAgreement:
        return CreditAgreement(
            participant=participant.address,
            credit_limit=500 * COIN,
            collateral=collateral,
            billing_period=30 * DAY,
            payment_term=14 * DAY,
            valid_until=self.chain.now + 365 * DAY,
            documents_hash=b"\x07" * 32,
            nonce=next(self.counter).to_bytes(32, "big"),
        )

    def state(self, opening: ChannelOpen, version: int, balance_a: int, **changes: Any) -> ChannelState:
        state = ChannelState(
            channel=struct_hash(opening),
            version=version,
            base=version - 1,
            balance_a=balance_a,
            balance_b=opening.funding_a + opening.funding_b - balance_a,
            energy_to_a=1500,
            energy_to_b=0,
            trades_root=b"\x09" * 32,
            is_final=False,
        )
        return self.replace(state, **changes)

    def co_sign(self, opening: ChannelOpen, state: ChannelState) -> SignedState:
        return SignedState(self.terms, opening, state, self.sign(self.a, state), self.sign(self.b, state))

    def final(self, opening: ChannelOpen, version: int, balance_a: int) -> SignedState:
        return self.co_sign(opening, self.state(opening, version, balance_a, is_final=True))

    @staticmethod
    def replace(value: Any, **changes: Any) -> Any:
        return msgspec.structs.replace(value, **changes)

    def require_solvent(self, number: int = 0) -> None:
        contract = self.merchant(number)
        assert contract.treasury(self.chain.call).total == self.balance(contract.address)


def make_market(chain: Chain, token: bytes | None = None) -> Market:
    owner, first, second, a, b, metering = (Key(number) for number in range(1, 7))
    for key in (owner, first, second, a, b):
        chain.adopt(key.secret, key.address)
    merchants = (first.address, second.address)
    deployment = deploy(chain.execute, chain.call, owner=owner.address, merchants=merchants, token=token)
    terms = EntityContract(a.address, b.address, metering.address, CHALLENGE, 3, PENALTY, b"\x01" * 32)
    market = Market(chain, deployment, owner, (first, second), a, b, metering, terms)
    _fill(market)
    return market


def _fill(market: Market) -> None:
    chain = market.chain
    for key in (*market.merchants, market.a, market.b):
        market.mint(key.address, 1000 * COIN)
    for number, merchant in enumerate(market.merchants):
        contract = market.merchant(number)
        permit = market.permit(merchant, contract.address, 900 * COIN)
        chain.execute(contract.deposit_treasury(900 * COIN, permit), merchant.address)
    signatures = market.sign(market.a, market.terms), market.sign(market.b, market.terms)
    chain.execute(market.registry.create(market.terms, *signatures))


__all__ = ["CHALLENGE", "COIN", "DAY", "PENALTY", "Key", "Market", "Side", "make_market"]
