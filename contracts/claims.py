"""Claims against collateral, limits and cancelled notes of a merchant contract: calldata in, records out.

Each write but `execute` is the merchant's: signed (see `contracts.consents`) unless the merchant sends it.
Receipts and notes may come in any order: the contract wants them by account, and here they are sorted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from contracts.calls import Call
from contracts.consents import note_account
from contracts.encoding import SIGNATURE, EthCall, calldata, compact, decoded, optional_signature
from contracts.records import Claim, ClaimedNote, SignedReceipt

_RECEIPTS = f"(bytes32,address,uint96,{SIGNATURE})[]"
_NOTES = "(bytes32,address,uint64)[]"


def accounts_of(notes: Iterable[SignedReceipt | ClaimedNote]) -> list[bytes]:
    """The accounts of notes in the order in which the contract takes them."""
    return sorted(note_account(note.serial, note.holder) for note in notes)


@dataclass(frozen=True, slots=True)
class MerchantClaims:
    """The merchant contract at an address, as far as claims go."""

    address: bytes

    def start(
        self, sid: bytes, receipts: Iterable[SignedReceipt], merchant_signature: bytes | None = None
    ) -> Call:
        """Claims what is due of the notes; signed over `ClaimStart`."""
        values = [sid, _receipts(receipts), optional_signature(merchant_signature)]
        return self._call("start claim", "startClaim", ["bytes32", _RECEIPTS, "bytes"], values)

    def execute(self, sid: bytes, notes: Iterable[ClaimedNote]) -> Call:
        """Pays the claimed debts after the window; anybody may send it."""
        ordered = sorted(notes, key=lambda note: note_account(note.serial, note.holder))
        values = [sid, [(note.serial, note.holder, note.due) for note in ordered]]
        return self._call("execute claim", "executeClaim", ["bytes32", _NOTES], values)

    def cancel(self, sid: bytes, merchant_signature: bytes | None = None) -> Call:
        """Drops the claim; signed over `ClaimCancellation`."""
        values = [sid, optional_signature(merchant_signature)]
        return self._call("cancel claim", "cancelClaim", ["bytes32", "bytes"], values)

    def hold_collateral(
        self, sid: bytes, receipts: Iterable[SignedReceipt], merchant_signature: bytes | None = None
    ) -> Call:
        """Keeps the collateral of an ended agreement for two more terms; signed over `CollateralHold`."""
        values = [sid, _receipts(receipts), optional_signature(merchant_signature)]
        return self._call("hold collateral", "holdCollateral", ["bytes32", _RECEIPTS, "bytes"], values)

    def change_limit(self, sid: bytes, credit_limit: int, merchant_signature: bytes | None = None) -> Call:
        """Changes what notes may add up to; signed over `LimitChange`."""
        values = [sid, credit_limit, optional_signature(merchant_signature)]
        return self._call("change limit", "changeLimit", ["bytes32", "uint96", "bytes"], values)

    def cancel_note(self, serial: bytes, holder: bytes, merchant_signature: bytes | None = None) -> Call:
        """Ends a note; signed over `NoteCancellation`."""
        values = [serial, holder, optional_signature(merchant_signature)]
        return self._call("cancel note", "cancelNote", ["bytes32", "address", "bytes"], values)

    def open_claim(self, eth_call: EthCall, sid: bytes) -> Claim:
        """The claim that waits for its window; all zero if there is none."""
        answer = eth_call(self._call("read claimOf", "claimOf", ["bytes32"], [sid]))
        (claim,) = decoded(["(bytes32,uint64,uint64)"], answer)
        return Claim(*claim)

    def locked_until(self, eth_call: EthCall, sid: bytes) -> int:
        """Epoch seconds up to which the collateral stays without the merchant's release; 0 once released."""
        call = self._call("read collateralLockedUntil", "collateralLockedUntil", ["bytes32"], [sid])
        (until,) = decoded(["uint256"], eth_call(call))
        return int(until)

    def _call(self, label: str, function: str, types: list[str], values: list[Any]) -> Call:
        return Call(to=self.address, data=calldata(function, types, values), label=label)


def _receipts(receipts: Iterable[SignedReceipt]) -> list[Any]:
    ordered = sorted(receipts, key=lambda receipt: note_account(receipt.serial, receipt.holder))
    return [(r.serial, r.holder, r.amount, compact(r.signature)) for r in ordered]
