"""One typed class a contract: calldata in, frozen dataclasses out, no policy and no keys.

Writes give a `Call` that anybody may send, for all authority is in signatures; views take an `EthCall`.
Addresses are 20 raw bytes, hashes and ids 32, signatures 65 (r, s, v); money is in micro-units.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from channels_engine.core.types import ChannelOpen, ChannelState, CreditAgreement, EntityContract
from contracts.calls import Call
from contracts.encoding import (
    AGREEMENT,
    CLOSING,
    OPENING,
    SIGNATURE,
    STATE,
    TERMS,
    EthCall,
    FundingProof,
    Payment,
    PermitProof,
    calldata,
    compact,
    creation,
    decoded,
    funding_bytes,
    optional_signature,
)
from contracts.records import (
    Agreement,
    Channel,
    ChannelStatus,
    DisputeCounts,
    Disputer,
    NoteAccount,
    Record,
    TokenDomain,
    Treasury,
)


@dataclass(frozen=True, slots=True)
class SignedState:
    """A co-signed channel state with its pair's terms and its opening, as the registry wants it."""

    terms: EntityContract
    opening: ChannelOpen
    state: ChannelState
    signature_a: bytes
    signature_b: bytes

    def words(self) -> tuple[Any, ...]:
        """The five arguments in the order of the contract's `Closing`."""
        signatures = compact(self.signature_a), compact(self.signature_b)
        return _terms(self.terms), _opening(self.opening), _state(self.state), *signatures


@dataclass(frozen=True, slots=True)
class _Contract:
    """A contract at an address."""

    address: bytes

    def _write(self, label: str, function: str, types: Sequence[str], values: Sequence[Any]) -> Call:
        return Call(to=self.address, data=calldata(function, types, values), label=label)

    def _read(
        self, eth_call: EthCall, function: str, types: Sequence[str], values: Sequence[Any], returns: str
    ) -> Any:
        call = self._write(f"read {function}", function, types, values)
        (value,) = decoded([returns], eth_call(call))
        return value


@dataclass(frozen=True, slots=True)
class Stablecoin(_Contract):
    """Any ERC-20 with ERC-2612 permits; `mint` and `set_minter` exist on `TestStablecoin` only."""

    @staticmethod
    def creation(owner: bytes) -> Call:
        """Creates a `TestStablecoin` whose `owner` may mint."""
        return creation("TestStablecoin", ["address"], [owner])

    def mint(self, to: bytes, amount: int) -> Call:
        """Makes `amount` for `to`; by the owner or a minter."""
        return self._write("mint test coins", "mint", ["address", "uint256"], [to, amount])

    def set_minter(self, account: bytes, *, allowed: bool) -> Call:
        """Names or removes a minter; by the owner."""
        return self._write("name a minter", "setMinter", ["address", "bool"], [account, allowed])

    def is_minter(self, eth_call: EthCall, account: bytes) -> bool:
        """Whether `set_minter` has named the account."""
        return bool(self._read(eth_call, "isMinter", ["address"], [account], "bool"))

    def transfer(self, to: bytes, amount: int) -> Call:
        """Sends the sender's tokens."""
        return self._write("transfer tokens", "transfer", ["address", "uint256"], [to, amount])

    def approve(self, spender: bytes, amount: int) -> Call:
        """Lets `spender` take up to `amount` of the sender's tokens."""
        return self._write("approve tokens", "approve", ["address", "uint256"], [spender, amount])

    def balance_of(self, eth_call: EthCall, account: bytes) -> int:
        """Micro-units that `account` holds."""
        return int(self._read(eth_call, "balanceOf", ["address"], [account], "uint256"))

    def allowance(self, eth_call: EthCall, owner: bytes, spender: bytes) -> int:
        """Micro-units of `owner` that `spender` may take."""
        return int(self._read(eth_call, "allowance", ["address", "address"], [owner, spender], "uint256"))

    def total_supply(self, eth_call: EthCall) -> int:
        """Micro-units in existence."""
        return int(self._read(eth_call, "totalSupply", [], [], "uint256"))

    def permit_nonce(self, eth_call: EthCall, owner: bytes) -> int:
        """Nonce of the owner's next permit (ERC-2612)."""
        return int(self._read(eth_call, "nonces", ["address"], [owner], "uint256"))

    def domain(self, eth_call: EthCall) -> TokenDomain:
        """The EIP-712 domain under which the token's permits are signed (EIP-5267)."""
        types = ["bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]"]
        answer = eth_call(self._write("read eip712Domain", "eip712Domain", [], []))
        _, name, version, chain_id, contract, _, _ = decoded(types, answer)
        return TokenDomain(name=name, version=version, chain_id=chain_id, verifying_contract=contract)


@dataclass(frozen=True, slots=True)
class MerchantFactory(_Contract):
    """Makes merchant contracts and, in its own constructor, the one registry that trusts them."""

    @staticmethod
    def creation(token: bytes) -> Call:
        """Creates the factory and its registry for an ERC-20."""
        return creation("MerchantFactory", ["address"], [token])

    def create(self, merchant: bytes) -> Call:
        """Creates the contract of a merchant key; anybody may, once for each key."""
        return self._write("create merchant contract", "create", ["address"], [merchant])

    def contract_of(self, eth_call: EthCall, merchant: bytes) -> bytes:
        """The contract of a merchant key; the zero address if it has none."""
        return bytes(self._read(eth_call, "contractOf", ["address"], [merchant], "address"))

    def registry(self, eth_call: EthCall) -> bytes:
        """The entity-contract registry."""
        return bytes(self._read(eth_call, "registry", [], [], "address"))

    def token(self, eth_call: EthCall) -> bytes:
        """The ERC-20 in which everything is paid."""
        return bytes(self._read(eth_call, "token", [], [], "address"))


@dataclass(frozen=True, slots=True)
class _Payouts(_Contract):
    """Payouts that a token refused and that their owner claims (both kinds of contract have them)."""

    def claim_payout(self, owner: bytes, to: bytes, signature: bytes | None = None) -> Call:
        """Sends all held for `owner` to `to`; signed over `PayoutClaim` unless the owner sends it."""
        values = [owner, to, optional_signature(signature)]
        return self._write("claim held payout", "claimPayout", ["address", "address", "bytes"], values)

    def held_payout(self, eth_call: EthCall, owner: bytes) -> int:
        """Micro-units held for `owner`."""
        return int(self._read(eth_call, "heldPayout", ["address"], [owner], "uint256"))

    def consent_nonce(self, eth_call: EthCall, owner: bytes) -> int:
        """Nonce of the owner's next `PayoutClaim` or `EarningsWithdrawal` at this contract."""
        return int(self._read(eth_call, "nonces", ["address"], [owner], "uint256"))


@dataclass(frozen=True, slots=True)
class MerchantContract(_Payouts):
    """A merchant's contract (the paper's MSC)."""

    def deposit_treasury(self, amount: int, permit: PermitProof | None = None) -> Call:
        """Puts the sender's tokens into the treasury."""
        values = [amount, funding_bytes(permit)]
        return self._write("deposit into treasury", "depositTreasury", ["uint96", "bytes"], values)

    def withdraw_treasury(self, to: bytes, amount: int) -> Call:
        """Takes out of the free part; by the merchant."""
        return self._write("withdraw from treasury", "withdrawTreasury", ["address", "uint96"], [to, amount])

    def initialise(
        self,
        agreement: CreditAgreement,
        merchant_signature: bytes,
        participant_signature: bytes | None = None,
        permit: PermitProof | None = None,
    ) -> Call:
        """Starts an agreement and takes its collateral; signed by the participant unless it sends it."""
        proofs = [optional_signature(participant_signature), funding_bytes(permit)]
        values = [_agreement(agreement), compact(merchant_signature), *proofs]
        types = [AGREEMENT, SIGNATURE, "bytes", "bytes"]
        return self._write("initialise credit agreement", "initialise", types, values)

    def top_up_collateral(self, sid: bytes, payment: Payment) -> Call:
        """Adds to an agreement's collateral; signed over `CollateralTopUp` unless the owner sends it."""
        return self._payment("top up collateral", "topUpCollateral", sid, payment)

    def pay(self, sid: bytes, payment: Payment) -> Call:
        """Pays towards the debts under an agreement; signed over `DebtPayment` unless the owner sends it."""
        return self._payment("pay debt", "pay", sid, payment)

    def _payment(self, label: str, function: str, sid: bytes, payment: Payment) -> Call:
        proofs = [optional_signature(payment.signature), funding_bytes(payment.permit)]
        types = ["bytes32", "address", "uint96", "bytes", "bytes"]
        return self._write(label, function, types, [sid, payment.owner, payment.amount, *proofs])

    def release_collateral(self, sid: bytes, merchant_signature: bytes | None = None) -> Call:
        """Frees the collateral early; signed over `CollateralRelease` unless the merchant sends it."""
        values = [sid, optional_signature(merchant_signature)]
        return self._write("release collateral", "releaseCollateral", ["bytes32", "bytes"], values)

    def withdraw_collateral(self, sid: bytes) -> Call:
        """Returns the collateral to the participant, once released or after the agreement's end."""
        return self._write("withdraw collateral", "withdrawCollateral", ["bytes32"], [sid])

    def withdraw_earnings(
        self, serial: bytes, holder: bytes, to: bytes, signature: bytes | None = None
    ) -> Call:
        """Sends a note's earnings to `to`; signed over `EarningsWithdrawal` unless the holder sends it."""
        values = [serial, holder, to, optional_signature(signature)]
        types = ["bytes32", "address", "address", "bytes"]
        return self._write("withdraw earnings", "withdrawEarnings", types, values)

    def merchant(self, eth_call: EthCall) -> bytes:
        """The merchant key."""
        return bytes(self._read(eth_call, "merchant", [], [], "address"))

    def treasury(self, eth_call: EthCall) -> Treasury:
        """Where the contract's tokens belong."""
        return Treasury(*self._read(eth_call, "treasury", [], [], "(uint64,uint64,uint64,uint64)"))

    def agreement_of(self, eth_call: EthCall, sid: bytes) -> Agreement:
        """A participant's standing; its participant is the zero address if the agreement is unknown."""
        returns = "(address,uint64,uint32,uint96,uint64,uint64,bool)"
        return Agreement(*self._read(eth_call, "agreementOf", ["bytes32"], [sid], returns))

    def note_of(self, eth_call: EthCall, serial: bytes, holder: bytes) -> NoteAccount:
        """A note's account; all zero before its first use."""
        returns = "(uint64,uint64,int64,uint32,uint32)"
        return NoteAccount(*self._read(eth_call, "noteOf", ["bytes32", "address"], [serial, holder], returns))


@dataclass(frozen=True, slots=True)
class EntityContracts(_Payouts):
    """The registry of pairs, their channels and disputes (the paper's ESC)."""

    _OPEN: ClassVar[tuple[str, ...]] = (OPENING, SIGNATURE, SIGNATURE, "bytes", "bytes")
    _CO_SIGNED: ClassVar[tuple[str, ...]] = (TERMS, OPENING, STATE, SIGNATURE, SIGNATURE)

    def create(self, terms: EntityContract, signature_a: bytes, signature_b: bytes) -> Call:
        """Makes a pair from terms that both session keys signed."""
        values = [_terms(terms), compact(signature_a), compact(signature_b)]
        return self._write("create entity contract", "create", [TERMS, SIGNATURE, SIGNATURE], values)

    def open_channel(
        self,
        terms: EntityContract,
        opening: ChannelOpen,
        signature_a: bytes,
        signature_b: bytes,
        *,
        funding_a: FundingProof = None,
        funding_b: FundingProof = None,
    ) -> Call:
        """Opens a channel and funds both sides in one transaction."""
        values = _open_values(opening, signature_a, signature_b, funding_a, funding_b)
        types = [TERMS, *self._OPEN]
        return self._write("open channel", "openChannel", types, [_terms(terms), *values])

    def create_and_open(
        self,
        *,
        terms: EntityContract,
        terms_a: bytes,
        terms_b: bytes,
        opening: ChannelOpen,
        signature_a: bytes,
        signature_b: bytes,
        funding_a: FundingProof = None,
        funding_b: FundingProof = None,
    ) -> Call:
        """Makes the pair, unless it is there already, and opens its channel."""
        signed = [_terms(terms), compact(terms_a), compact(terms_b)]
        values = _open_values(opening, signature_a, signature_b, funding_a, funding_b)
        types = [TERMS, SIGNATURE, SIGNATURE, *self._OPEN]
        return self._write("create entity contract and open channel", "createAndOpen", types, signed + values)

    def finalise(self, closing: SignedState) -> Call:
        """Closes at once by a co-signed final state."""
        return self._write("close channel", "finalise", self._CO_SIGNED, closing.words())

    def finalise_many(self, closings: Sequence[SignedState]) -> Call:
        """Closes many channels; those not open (any more) are passed over."""
        values = [[closing.words() for closing in closings]]
        return self._write(f"close {len(closings)} channels", "finaliseMany", [f"{CLOSING}[]"], values)

    def dispute(self, disputed: SignedState, consent: bytes | None = None) -> Call:
        """Starts the challenge period; signed over `DisputeRequest` by a party unless one sends it."""
        values = [*disputed.words(), optional_signature(consent)]
        return self._write("dispute channel", "dispute", [*self._CO_SIGNED, "bytes"], values)

    def dispute_known(
        self, terms: EntityContract, opening: ChannelOpen, consent: bytes | None = None
    ) -> Call:
        """Starts the challenge period with what the ledger knows (version 0, or an earlier dispute's state).

        Signed over `DisputeRequest` by a party unless one sends it; after the expiry by anybody.
        """
        values = [_terms(terms), _opening(opening), optional_signature(consent)]
        return self._write("dispute channel as known", "disputeKnown", [TERMS, OPENING, "bytes"], values)

    def resolve(self, newer: SignedState) -> Call:
        """Answers a dispute by a newer co-signed state."""
        return self._write("answer dispute", "resolve", self._CO_SIGNED, newer.words())

    def finalise_disputed(self, terms: EntityContract, opening: ChannelOpen) -> Call:
        """Pays out after the challenge period."""
        values = [_terms(terms), _opening(opening)]
        return self._write("pay out disputed channel", "finaliseDisputed", [TERMS, OPENING], values)

    def factory(self, eth_call: EthCall) -> bytes:
        """The factory that made this registry."""
        return bytes(self._read(eth_call, "factory", [], [], "address"))

    def is_merchant_contract(self, eth_call: EthCall, source: bytes) -> bool:
        """Whether notes of the contract `source` can fund channels."""
        return bool(self._read(eth_call, "isMerchantContract", ["address"], [source], "bool"))

    def disputes_of(self, eth_call: EthCall, scid: bytes) -> DisputeCounts:
        """A pair's dispute record; `created` is false if the pair is unknown."""
        returns = "(bool,uint32,uint32,uint32,uint32)"
        return DisputeCounts(*self._read(eth_call, "disputesOf", ["bytes32"], [scid], returns))

    def channel_of(self, eth_call: EthCall, channel: bytes) -> Channel:
        """A channel's status and fundings."""
        returns = "(uint8,bool,uint96,uint96)"
        status, *rest = self._read(eth_call, "channelOf", ["bytes32"], [channel], returns)
        return Channel(ChannelStatus(status), *rest)

    def record_of(self, eth_call: EthCall, channel: bytes) -> Record:
        """The newest state that the ledger knows, and the dispute that runs on it."""
        returns = "(uint64,uint96,uint40,uint8,uint8,uint8)"
        answer = self._read(eth_call, "recordOf", ["bytes32"], [channel], returns)
        version, balance_a, deadline, disputer, *stale = answer
        return Record(version, balance_a, deadline, Disputer(disputer), *stale)


def _open_values(
    opening: ChannelOpen,
    signature_a: bytes,
    signature_b: bytes,
    funding_a: FundingProof,
    funding_b: FundingProof,
) -> list[Any]:
    signatures = [compact(signature_a), compact(signature_b)]
    return [_opening(opening), *signatures, funding_bytes(funding_a), funding_bytes(funding_b)]


def _terms(t: EntityContract) -> tuple[Any, ...]:
    limits = t.challenge_period, t.dispute_limit, t.stale_penalty
    return t.party_a, t.party_b, t.metering, *limits, t.nonce


def _opening(o: ChannelOpen) -> tuple[Any, ...]:
    sources = o.source_a, o.note_a, o.source_b, o.note_b
    return o.scid, o.index, o.funding_a, o.funding_b, *sources, o.open_by, o.expiry


def _state(s: ChannelState) -> tuple[Any, ...]:
    money_and_energy = s.balance_a, s.balance_b, s.energy_to_a, s.energy_to_b
    return s.version, s.base, *money_and_energy, s.trades_root, s.is_final


def _agreement(a: CreditAgreement) -> tuple[Any, ...]:
    amounts = a.credit_limit, a.collateral
    times = a.billing_period, a.payment_term, a.valid_until
    return a.participant, *amounts, *times, a.documents_hash, a.nonce
