"""Brings a run's money onto the ledger: the supplier's treasury, collateral and agreements, or deposits.

Every step looks at the ledger first, so that repeating it after a crash adds nothing.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from channels_engine.core.messages import DepositFunding, Funding, NoteFunding
from channels_engine.core.signing import LocalSigner
from channels_engine.core.typed_data import digest, struct_hash
from channels_engine.core.types import ZERO_ADDRESS, ZERO_HASH, CreditAgreement, CreditNote, Domain, Side
from contracts.bindings import MerchantContract, MerchantFactory, Stablecoin
from contracts.calls import Call, Receipt
from contracts.connection import LedgerError
from contracts.consents import token_permit
from contracts.deploy import create_merchant
from contracts.encoding import PermitProof
from contracts.gateway import LedgerTimeoutError, Sender
from grid.scenarios.sections import FundingSection
from marketplace.trading.models import HouseholdReceipt
from marketplace.trading.replay.cast import Cast, Couple, Household
from marketplace.trading.replay.receipts import keep, receipt_of

FOREVER = 2**32 - 1
CALL_GAS = 400_000
"""More than any call here needs (contracts/gas.json); to ask the ledger for each would run each twice."""
BATCH = 40
IN_FLIGHT_S = 60
LOOK_AGAIN_S = 0.1


@dataclass(frozen=True, slots=True)
class Contracts:
    """Addresses that a run works with."""

    token: bytes
    factory: bytes
    registry: bytes


class Purse:
    """The money side of one run's preparation.

    Args:
        sender: Relays; must be allowed to mint the test token.
        contracts: Where the contracts are.
        cast: Who takes part.
        terms: The scenario's funding.
    """

    def __init__(self, sender: Sender, contracts: Contracts, cast: Cast, terms: FundingSection) -> None:
        self._sender, self._cast, self._terms = sender, cast, terms
        self._contracts = contracts
        self._in_flight: list[bytes] = []
        self._receipts: list[HouseholdReceipt] = []
        self._land()
        self.token = Stablecoin(contracts.token)
        self._token_domain = self.token.domain(sender.client.call)
        factory = MerchantFactory(contracts.factory)
        self.merchant = MerchantContract(
            create_merchant(self._execute, sender.client.call, factory, cast.supplier.address)
        )
        self.domain = Domain(self._token_domain.chain_id, self.merchant.address)

    @property
    def channel_funding(self) -> int:
        """Micro-units that each side brings into a channel."""
        return self._terms.channel_funding

    @property
    def metering(self) -> bytes:
        """Address of the run's metering key."""
        return self._cast.metering.address

    @property
    def mode(self) -> str:
        """`notes` or `deposits`."""
        return self._terms.mode

    def fill(self, unopened: Sequence[Couple], *, spare_channels: int = 0) -> None:
        """Put in what the run needs, as far as it is not there yet.

        Args:
            unopened: Couples whose channel is not on the ledger yet: the others have had their money.
            spare_channels: For how many channels beside the couples' the treasury shall stand.
        """
        self._land()
        if self._terms.mode == "notes":
            self._fill_treasury(2 * len(self._cast.couples) + spare_channels)
            self._initialise_agreements()
        else:
            self._mint_up_to(
                {
                    signer.address: self._terms.channel_funding
                    for couple in unopened
                    for signer in couple.signers
                }
            )

    def source(self) -> bytes:
        """Where a channel's funding comes from: the supplier's contract, or zero for a deposit."""
        return self.merchant.address if self._terms.mode == "notes" else ZERO_ADDRESS

    def serial(self, couple: Couple, side: Side) -> bytes:
        """Serial of the note that funds a side; zero for a deposit."""
        return couple.serials[side] if self._terms.mode == "notes" else ZERO_HASH

    def funding(self, couple: Couple, side: Side) -> Funding:
        """Proof of funding of one side of a channel."""
        signer = couple.signers[side]
        if self._terms.mode == "notes":
            household = couple.a if side is Side.A else couple.b
            return self.note(household, couple.serials[side], signer.address)
        permit = self._permit(signer, self._contracts.registry, self._terms.channel_funding, nonce=0)
        return DepositFunding(permit.deadline, permit.signature)

    def note(self, household: Household, serial: bytes, holder: bytes) -> NoteFunding:
        """The supplier's note over one channel's funding, against the household's receipt."""
        note = CreditNote(serial, holder, self._terms.channel_funding, FOREVER)
        sid = struct_hash(self.agreement(household))
        self._receipts.append(receipt_of(self.domain, sid, note, household.root))
        return NoteFunding(note, self._cast.supplier.sign(digest(self.domain, note)))

    def keep_receipts(self) -> None:
        """Store the receipts of the notes that were issued; before any of them is used."""
        keep(self._receipts)
        self._receipts.clear()

    def agreement(self, household: Household) -> CreditAgreement:
        """What the supplier grants a household."""
        nonce = hashlib.sha256(f"{household.owner}/agreement".encode()).digest()
        return CreditAgreement(
            participant=household.root.address,
            credit_limit=self._terms.credit_limit,
            collateral=self._terms.collateral,
            billing_period=30 * 86_400,
            payment_term=14 * 86_400,
            valid_until=FOREVER,
            documents_hash=ZERO_HASH,
            nonce=nonce,
        )

    def _fill_treasury(self, fundings: int) -> None:
        needed = fundings * self._terms.channel_funding
        treasury = self.merchant.treasury(self._sender.client.call)
        missing = needed - (treasury.free + treasury.reserved + treasury.earnings)
        if missing <= 0:
            return
        self._mint_up_to({self._sender.address: missing})
        self._execute_all([self.token.approve(self.merchant.address, missing)])
        self._execute_all([self.merchant.deposit_treasury(missing)])

    def _initialise_agreements(self) -> None:
        eth_call = self._sender.client.call
        waiting = [
            household
            for household in self._cast.households
            if not any(
                self.merchant.agreement_of(eth_call, struct_hash(self.agreement(household))).participant
            )
        ]
        if self._terms.collateral:
            self._mint_up_to({household.root.address: self._terms.collateral for household in waiting})
        self._execute_all([self._initialisation(household) for household in waiting])

    def _initialisation(self, household: Household) -> Call:
        agreement = self.agreement(household)
        message = digest(self.domain, agreement)
        permit = None
        if agreement.collateral:
            permit = self._permit(household.root, self.merchant.address, agreement.collateral, nonce=0)
        return self.merchant.initialise(
            agreement, self._cast.supplier.sign(message), household.root.sign(message), permit
        )

    def _mint_up_to(self, wanted: dict[bytes, int]) -> None:
        """Mint what is missing to these balances."""
        eth_call = self._sender.client.call
        missing = {who: amount - self.token.balance_of(eth_call, who) for who, amount in wanted.items()}
        self._execute_all([self.token.mint(who, amount) for who, amount in missing.items() if amount > 0])

    def _permit(self, owner: LocalSigner, spender: bytes, amount: int, nonce: int) -> PermitProof:
        message = token_permit(
            self._token_domain,
            owner=owner.address,
            spender=spender,
            amount=amount,
            nonce=nonce,
            deadline=FOREVER,
        )
        return PermitProof(FOREVER, owner.sign(message))

    def _land(self) -> None:
        """Wait for what is on its way, sent by this process or by one that crashed: no balance counts it yet."""
        _raise_rejection(self._sender.wait_many(self._in_flight))
        self._in_flight = []
        client, address = self._sender.client, self._sender.address
        deadline = time.monotonic() + IN_FLIGHT_S
        while client.nonce(address, pending=True) > client.nonce(address):
            if time.monotonic() > deadline:
                raise LedgerTimeoutError(
                    f"transactions of 0x{address.hex()} stay unmined; is the ledger mining?"
                )
            time.sleep(LOOK_AGAIN_S)

    def _execute(self, call: Call) -> Receipt:
        return self._sender.wait(self._sender.send(call))

    def _execute_all(self, calls: Sequence[Call]) -> None:
        """Send in pieces and wait for each piece; raise on the first that the ledger refused."""
        for start in range(0, len(calls), BATCH):
            limited = [replace(call, gas=CALL_GAS) for call in calls[start : start + BATCH]]
            sent = self._sender.send_many(limited)
            self._in_flight = [item for item in sent if isinstance(item, bytes)]
            _raise_rejection(sent)
            _raise_rejection(self._sender.wait_many(self._in_flight))
            self._in_flight = []


def _raise_rejection(outcomes: Sequence[object]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, LedgerError):
            raise outcome
