"""Channels on a real ledger whose time the test moves: both sides' keys, deposits and credit notes."""

from typing import Any

import msgspec
from engine_parties import METER, Pair
from test_ledger import FUNDING, Chain, Operations

from channels_engine.codec import to_hex
from channels_engine.core import messages as m
from channels_engine.core.keccak import keccak256
from channels_engine.core.negotiation import dispute_request, next_state_for_offer
from channels_engine.core.signing import LocalSigner, canonical
from channels_engine.core.state import CoSigned, Phase
from channels_engine.core.typed_data import digest, struct_hash
from channels_engine.core.types import CreditNote, Delivery, DisputeRequest, Domain, Offer, Side
from channels_engine.drivers import Opening, Pairing, Settling
from channels_engine.fundings import FundingDesk, Refunding
from channels_engine.store.models import LedgerEvent, OutboxItem
from channels_engine.submissions import Accepted, Outcome
from contracts.bindings import MerchantContract, MerchantFactory, SignedState
from contracts.consents import token_permit
from contracts.devnode.accounts import dev_key

TREASURY = 1_000_000_000


class Life(Operations):
    """The engine on a ledger; its clock goes with the ledger's."""

    def __init__(self, chain: Chain) -> None:
        super().__init__(chain)
        self.runtime.clock.set(self.ledger_time())  # type: ignore[attr-defined]  the tests' clock
        self.desk = FundingDesk(self.runtime, self.world.keys.__getitem__)
        self.merchant = LocalSigner(dev_key(5))

    def ledger_time(self) -> int:
        block = self.chain.client.request("eth_getBlockByNumber", "latest", False)  # noqa: FBT003  the RPC's own
        return int(block["timestamp"], 16)

    def advance(self, seconds: int) -> None:
        """Let time pass on the ledger and here, then do all that is due."""
        self.chain.client.request("evm_increaseTime", seconds)
        self.chain.client.request("evm_mine")
        self.runtime.clock.set(self.ledger_time())  # type: ignore[attr-defined]  the tests' clock
        self.work()

    def work(self) -> None:
        """Outbox, timers and watchtower, until there is nothing to do."""
        for _ in range(12):
            done = self.outbox.tick() + self.runtime.tick()
            if not done and self.tower.tick().idle:
                return
        raise AssertionError("the engine never comes to rest")

    def permit(self, signer: LocalSigner, amount: int) -> m.Permit:
        """A permit of the session key for what its deposit grows by, the money for it minted."""
        call, token = self.chain.client.call, self.chain.token
        self.chain.execute(token.mint(signer.address, amount))
        message = token_permit(
            token.domain(call),
            owner=signer.address,
            spender=self.chain.registry.address,
            amount=amount,
            nonce=token.permit_nonce(call, signer.address),
            deadline=2**40,
        )
        return m.Permit(2**40, signer.sign(message))

    def merchant_contract(self) -> MerchantContract:
        """The merchant's contract with a treasury, made where there is none yet."""
        factory = MerchantFactory(self.chain.deployment.factory)
        found = factory.contract_of(self.chain.client.call, self.merchant.address)
        if not any(found):
            self.chain.execute(factory.create(self.merchant.address))
            found = factory.contract_of(self.chain.client.call, self.merchant.address)
            self.fill(MerchantContract(found))
        return MerchantContract(found)

    def fill(self, contract: MerchantContract) -> None:
        self.chain.execute(self.chain.token.mint(self.chain.sender.address, TREASURY))
        self.chain.execute(self.chain.token.approve(contract.address, TREASURY))
        self.chain.execute(contract.deposit_treasury(TREASURY))

    def noted(self, signer: LocalSigner, amount: int) -> m.NoteFunding:
        contract = self.merchant_contract()
        note = CreditNote(keccak256(signer.address), signer.address, amount, 2**40)
        domain = Domain(self.chain.domain.chain_id, contract.address)
        return m.NoteFunding(note, self.merchant.sign(digest(domain, note)))

    def pair(self, **changes: Any) -> Pair:
        pair = self.world.pair(funding=FUNDING)
        terms = msgspec.structs.replace(pair.terms, **changes)
        opening = msgspec.structs.replace(pair.opening, scid=struct_hash(terms))
        return Pair(pair.owner_a, pair.owner_b, pair.signer_a, pair.signer_b, terms, opening)

    def opened(self, *, note_b: int = 0, **changes: Any) -> Pair:
        """A pair in an open channel; with `note_b` side B brings a credit note of this amount."""
        pair = self.pair(**changes)
        if not note_b:
            self.open(pair)
        else:
            self.open_with_note(pair, note_b)
        self.work()
        assert self.endpoint(pair).phase is Phase.OPEN
        return pair

    def open_with_note(self, pair: Pair, amount: int) -> None:
        funding = self.noted(pair.signer_b, amount)
        source = self.merchant_contract().address
        pair.opening = msgspec.structs.replace(pair.opening, source_b=source, note_b=funding.note.serial)
        self.world.floor.agree_many([Pairing(pair.owner_a, pair.owner_b, pair.terms)])
        deposit = self.chain.deposit(pair.signer_a)
        opening = Opening(pair.opening, pair.owner_a, pair.owner_b, pair.terms, deposit, funding)
        (outcome,) = self.world.floor.open_many([opening])
        assert isinstance(outcome, Accepted), outcome

    def state(self, pair: Pair, side: Side = Side.A) -> CoSigned:
        current = self.endpoint(pair, side).current
        assert current is not None
        return current

    def balances(self, pair: Pair) -> tuple[int, int]:
        state = self.state(pair).state
        return state.balance_a, state.balance_b

    def tokens(self, pair: Pair) -> tuple[int, int]:
        return self.chain.balance(pair.signer_a.address), self.chain.balance(pair.signer_b.address)

    def names(self, pair: Pair) -> list[str]:
        rows = LedgerEvent.objects.filter(channel=to_hex(pair.channel)).order_by("block_number", "log_index")
        return list(rows.values_list("name", flat=True))

    def change(self, pair: Pair, to_a: int, to_b: int, valid_for: int = 600, **permits: Any) -> Outcome:
        until = self.runtime.clock.now() + valid_for
        wanted = Refunding(pair.channel, pair.owner_a, to_a, to_b, until, **permits)
        (outcome,) = self.desk.change_many([wanted])
        return outcome

    def delivery(self, pair: Pair, trade: bytes, delivered_wh: int) -> m.SignedDelivery:
        value = Delivery(pair.channel, trade, delivered_wh)
        return m.SignedDelivery(value, METER.sign(digest(self.chain.domain, value)))

    def settle_all(self, pair: Pair, percent: int = 100) -> None:
        signed = tuple(
            self.delivery(pair, trade.id, trade.quantity_wh * percent // 100)
            for trade in self.endpoint(pair).open_trades
        )
        key = f"s{self.endpoint(pair).highest_version}"
        (settled,) = self.world.floor.settle_many([Settling(key, pair.channel, pair.owner_b, signed)])
        assert isinstance(settled, Accepted), settled

    def say(self, pair: Pair, side: Side, message_id: str, body: m.Body) -> Outcome:
        owner = pair.owner_a if side is Side.A else pair.owner_b
        return self.world.say(owner, message_id, pair.channel, body)

    def sign(self, pair: Pair, side: Side, value: Any) -> bytes:
        return (pair.signer_a, pair.signer_b)[side].sign(digest(self.chain.domain, value))

    def accept_without_answer(self, pair: Pair, key: str, valid_for: int = 600) -> Offer:
        """A offers to sell, B accepts, and A is gone until B's proposal has fallen back."""
        deal = msgspec.structs.replace(
            self.world.deal(pair, key), valid_until=self.runtime.clock.now() + valid_for
        )
        self.world.floor._run([deal], (self.world.floor._offer,))
        (live,) = self.endpoint(pair, Side.B).offers
        state = next_state_for_offer(self.endpoint(pair, Side.B), live.offer.id)
        body = m.UpdateRequest(live.offer.id, state, self.sign(pair, Side.B, state))
        assert isinstance(self.say(pair, Side.B, f"accept:{key}", body), Accepted)
        return live.offer

    def enforce(self, pair: Pair, offer: Offer) -> Outcome:
        body = m.EnforceOffer(offer.id, self.sign(pair, Side.B, offer))
        return self.say(pair, Side.B, f"enforce:{to_hex(offer.id)[:20]}", body)

    def dispute(self, pair: Pair, side: Side) -> None:
        """Off-chain first; the answer is not awaited here."""
        request = dispute_request(self.endpoint(pair, side))
        body = m.DisputeRaise(request.version, "no answer", self.sign(pair, side, request))
        outcome = self.say(pair, side, f"dispute:{request.version}", body)
        assert isinstance(outcome, Accepted), outcome

    def shown(self, pair: Pair, co_signed: CoSigned) -> SignedState:
        message = digest(self.chain.domain, co_signed.state)
        by_a = canonical(message, co_signed.signature_a, pair.signer_a.address)
        by_b = canonical(message, co_signed.signature_b, pair.signer_b.address)
        return SignedState(pair.terms, pair.opening, co_signed.state, by_a, by_b)

    def consent(self, pair: Pair, side: Side, version: int) -> bytes:
        return self.sign(pair, side, DisputeRequest(pair.channel, version))

    def phases(self, pair: Pair) -> set[Phase]:
        return {self.endpoint(pair, side).phase for side in Side}

    def errors(self) -> list[str]:
        return [item.error for item in OutboxItem.objects.exclude(error="")]
