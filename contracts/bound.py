"""What the typed classes of all contracts have in common: an address, writes, views, held payouts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contracts.calls import Call
from contracts.encoding import EthCall, calldata, decoded, optional_signature


@dataclass(frozen=True, slots=True)
class BoundContract:
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
class PayingContract(BoundContract):
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
