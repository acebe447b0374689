"""The receipts that households give their supplier for credit notes; no note is used before its receipt is kept."""

from collections.abc import Iterable

from channels_engine.core.signing import LocalSigner, canonical
from channels_engine.core.typed_data import digest
from channels_engine.core.types import CreditNote, Domain, NoteReceipt
from marketplace.accounts.hexadecimal import to_hex
from marketplace.trading.models import HouseholdReceipt


def receipt_of(domain: Domain, sid: bytes, note: CreditNote, root: LocalSigner) -> HouseholdReceipt:
    """The household signs that the note is its own under the agreement; the supplier checks it.

    Raises:
        SignatureError: the root key is not the one that the signature is of.
    """
    said = NoteReceipt(sid, note.serial, note.holder, note.amount)
    message = digest(domain, said)
    signature = canonical(message, root.sign(message), root.address)
    return HouseholdReceipt(
        serial=to_hex(said.serial),
        sid=to_hex(sid),
        holder=to_hex(said.holder),
        amount=said.amount,
        signature=to_hex(signature),
    )


def keep(receipts: Iterable[HouseholdReceipt]) -> None:
    """Store them; those that are stored already (a run that goes on after a crash) stay as they are."""
    HouseholdReceipt.objects.bulk_create(receipts, batch_size=500, ignore_conflicts=True)
