"""One typed class a contract: calldata in, frozen dataclasses out, no policy and no keys.

Writes give a `Call` that anybody may send, for all authority is in signatures; views take an `EthCall`.
Addresses are 20 raw bytes, hashes and ids 32, signatures 65 (r, s, v); money is in micro-units.
"""

from dataclasses import dataclass
from typing import Any

from channels_engine.core.types import CreditAgreement
from contracts.bound import BoundContract, PayingContract
from contracts.calls import Call
from contracts.encoding import (
    AGREEMENT,
    SIGNATURE,
    EthCall,
    Payment,
    PermitProof,
    compact,
    creation,
    decoded,
    funding_bytes,
    optional_signature,
)
from contracts.records import (
    Agreement,
    NoteAccount,
    TokenDomain,
    Treasury,
)
from contracts.registry import EntityContracts, SignedState

__all__ = ["EntityContracts", "MerchantContract", "MerchantFactory", "SignedState", "Stablecoin"]


@dataclass(frozen=True, slots=True)
class Stablecoin(BoundContract):
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
class MerchantFactory(BoundContract):
    """Makes merchant contracts and, in its own constructor, the one registry that trusts them."""

    @staticmethod
    def extension_creation(token: bytes) -> Call:
        """Creates the code that the registry runs for its rarely used functions; comes before the factory."""
        return creation("RegistryExtension", ["address"], [token])

    @staticmethod
    def creation(token: bytes, extension: bytes) -> Call:
        """Creates the factory and its registry for an ERC-20; `extension` is a `RegistryExtension` for it."""
        return creation("MerchantFactory", ["address", "address"], [token, extension])

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
class MerchantContract(PayingContract):
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


def _agreement(a: CreditAgreement) -> tuple[Any, ...]:
    amounts = a.credit_limit, a.collateral
    times = a.billing_period, a.payment_term, a.valid_until
    return a.participant, *amounts, *times, a.documents_hash, a.nonce
