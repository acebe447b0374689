"""Tokens that move by a signature that names the receiver (ERC-3009), which not every ERC-20 does.

Addresses are 20 raw bytes, nonces 32, signatures 65 (r, s, v); money is in micro-units.
"""

from dataclasses import dataclass

from contracts.calls import Call
from contracts.encoding import EthCall, calldata, decoded
from contracts.records import AuthorizedTransfer

_TRANSFER = (
    *("address", "address", "uint256", "uint256", "uint256", "bytes32"),
    *("uint8", "bytes32", "bytes32"),
)


@dataclass(frozen=True, slots=True)
class AuthorizingToken:
    """The token at an address, as far as ERC-3009 goes."""

    address: bytes

    def transfer(self, wanted: AuthorizedTransfer, signature: bytes) -> Call:
        """Moves tokens as their owner signed (`contracts.consents.transfer_authorization`); anybody may send it."""
        values = [wanted.source, wanted.to, wanted.amount, 0, wanted.valid_before, wanted.nonce]
        proof = [signature[64], signature[:32], signature[32:64]]
        data = calldata("transferWithAuthorization", _TRANSFER, [*values, *proof])
        return Call(to=self.address, data=data, label="transfer tokens as authorised")

    def is_used(self, eth_call: EthCall, authorizer: bytes, nonce: bytes) -> bool:
        """Whether the authorizer's nonce was used or cancelled.

        Raises:
            LedgerRejectedError: or another error of `eth_call` where the token has no ERC-3009.
        """
        data = calldata("authorizationState", ["address", "bytes32"], [authorizer, nonce])
        (used,) = decoded(["bool"], eth_call(Call(self.address, data, label="read authorizationState")))
        return bool(used)
