"""What a key signs for the contracts beside the protocol's structures: EIP-712 digests, ready to sign.

These carry no trade; they let anybody send a transaction for a party that has no ether. Each is bound to
chain and contract by its domain, and used up by a nonce or by what it starts.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from channels_engine.core.types import Domain
from contracts.records import AuthorizedTransfer, TokenDomain

CONSENT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "Permit": "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline",
        "TransferWithAuthorization": (
            "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce"
        ),
        "DisputeRequest": "bytes32 channel,uint64 version",
        "PayoutClaim": "address owner,address to,uint256 nonce",
        "EarningsWithdrawal": "bytes32 serial,address holder,address to,uint256 nonce",
        "CollateralRelease": "bytes32 sid",
        "DebtPayment": "bytes32 sid,address from,uint96 amount,uint256 nonce",
        "CollateralTopUp": "bytes32 sid,address from,uint96 amount,uint256 nonce",
        "ClaimStart": "bytes32 sid,bytes32[] accounts,uint256 nonce",
        "ClaimCancellation": "bytes32 sid,uint256 nonce",
        "CollateralHold": "bytes32 sid,bytes32[] accounts,uint256 nonce",
        "LimitChange": "bytes32 sid,uint96 creditLimit,uint256 nonce",
        "NoteCancellation": "bytes32 serial,address holder,uint256 nonce",
    }
)
"""Name of each structure -> its members, as EIP-712's encodeType lists them."""

_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def token_permit(
    domain: TokenDomain, *, owner: bytes, spender: bytes, amount: int, nonce: int, deadline: int
) -> bytes:
    """Digest of an ERC-2612 permit: `spender` may take `amount` of `owner`'s tokens until `deadline`."""
    return _digest(domain, "Permit", (owner, spender, amount, nonce, deadline))


def transfer_authorization(domain: TokenDomain, transfer: AuthorizedTransfer) -> bytes:
    """Digest of an ERC-3009 authorization: exactly this amount goes from its owner to the named receiver."""
    values = (transfer.source, transfer.to, transfer.amount, 0, transfer.valid_before, transfer.nonce)
    return _digest(domain, "TransferWithAuthorization", values)


def dispute_request(domain: Domain, *, channel: bytes, version: int) -> bytes:
    """Digest by which a party disputes `channel` with the state of `version` (0: the opening)."""
    return _digest(_named(domain), "DisputeRequest", (channel, version))


def payout_claim(domain: Domain, *, owner: bytes, to: bytes, nonce: int) -> bytes:
    """Digest by which `owner` has its held payout sent to `to`."""
    return _digest(_named(domain), "PayoutClaim", (owner, to, nonce))


def earnings_withdrawal(domain: Domain, *, serial: bytes, holder: bytes, to: bytes, nonce: int) -> bytes:
    """Digest by which a note's holder has its earnings sent to `to`."""
    return _digest(_named(domain), "EarningsWithdrawal", (serial, holder, to, nonce))


def collateral_release(domain: Domain, *, sid: bytes) -> bytes:
    """Digest by which a merchant frees the collateral of the agreement `sid`."""
    return _digest(_named(domain), "CollateralRelease", (sid,))


def debt_payment(domain: Domain, *, sid: bytes, owner: bytes, amount: int, nonce: int) -> bytes:
    """Digest by which `owner` pays `amount` towards the debts under the agreement `sid`."""
    return _digest(_named(domain), "DebtPayment", (sid, owner, amount, nonce))


def collateral_top_up(domain: Domain, *, sid: bytes, owner: bytes, amount: int, nonce: int) -> bytes:
    """Digest by which `owner` adds `amount` to the collateral of the agreement `sid`."""
    return _digest(_named(domain), "CollateralTopUp", (sid, owner, amount, nonce))


def claim_start(domain: Domain, *, sid: bytes, accounts: Sequence[bytes], nonce: int) -> bytes:
    """Digest by which a merchant claims what is due of the notes with these accounts (ascending)."""
    return _digest(_named(domain), "ClaimStart", (sid, _list_hash(accounts), nonce))


def claim_cancellation(domain: Domain, *, sid: bytes, nonce: int) -> bytes:
    """Digest by which a merchant drops its claim."""
    return _digest(_named(domain), "ClaimCancellation", (sid, nonce))


def collateral_hold(domain: Domain, *, sid: bytes, accounts: Sequence[bytes], nonce: int) -> bytes:
    """Digest by which a merchant keeps collateral, because of the notes with these accounts (ascending)."""
    return _digest(_named(domain), "CollateralHold", (sid, _list_hash(accounts), nonce))


def limit_change(domain: Domain, *, sid: bytes, credit_limit: int, nonce: int) -> bytes:
    """Digest by which a merchant changes the limit of the agreement `sid`."""
    return _digest(_named(domain), "LimitChange", (sid, credit_limit, nonce))


def note_cancellation(domain: Domain, *, serial: bytes, holder: bytes, nonce: int) -> bytes:
    """Digest by which a merchant ends a note."""
    return _digest(_named(domain), "NoteCancellation", (serial, holder, nonce))


def note_account(serial: bytes, holder: bytes) -> bytes:
    """Under which key a merchant contract keeps a note; what `claim_start` lists."""
    return bytes(keccak(encode(["bytes32", "address"], [serial, holder])))


def _list_hash(words: Sequence[bytes]) -> bytes:
    """EIP-712's encoding of a list of 32-byte words."""
    return bytes(keccak(b"".join(words)))


def _named(domain: Domain) -> TokenDomain:
    return TokenDomain("Wattnote", "1", domain.chain_id, domain.verifying_contract)


def _digest(domain: TokenDomain, name: str, values: tuple[bytes | int, ...]) -> bytes:
    members = CONSENT_TYPES[name]
    kinds = [member.split(" ")[0] for member in members.split(",")]
    kinds = ["bytes32" if kind == "bytes32[]" else kind for kind in kinds]  # lists come as their hash
    separator = keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak(text=_DOMAIN_TYPE),
                keccak(text=domain.name),
                keccak(text=domain.version),
                domain.chain_id,
                domain.verifying_contract,
            ],
        )
    )
    struct_hash = keccak(encode(["bytes32", *kinds], [keccak(text=f"{name}({members})"), *values]))
    return bytes(keccak(b"\x19\x01" + separator + struct_hash))
