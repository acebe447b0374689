"""Credit notes: asked for by a participant with its receipt, signed by the merchant within the limit.

A note is signed only after its receipt (`NoteReceipt`, by the participant's root key) is here: the receipts are
what a claim is proven with, so without one a note would be credit without security.
"""

from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from channels_engine.core import types
from channels_engine.core.errors import SignatureError
from channels_engine.core.signing import canonical, sign_value
from channels_engine.core.typed_data import digest
from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.hexadecimal import to_hex
from marketplace.accounts.services import record
from marketplace.credit.books import fresh_statement_of
from marketplace.credit.issuing import domain_of, raw
from marketplace.credit.keystores import merchant_signer
from marketplace.credit.models import Agreement, CreditNote
from marketplace.credit.selectors import with_outstanding
from marketplace.words import protocol


@dataclass(frozen=True, slots=True)
class NoteRequest:
    """What a participant asks for: a note for the session key `holder` (20 bytes), with the signed receipt.

    `serial` is 32 random bytes of the client's; the same request again gives the same note.
    """

    serial: bytes
    holder: bytes
    amount: int
    receipt_signature: bytes


def issue_note(*, agreement: Agreement, request: NoteRequest) -> CreditNote:
    """Check the participant's receipt, then let the merchant's key sign the note.

    Raises:
        RefusedError: the receipt is not signed by the participant's root key, or the amount is nothing.
        ConflictError: the agreement is not active, the limit is used up, or the serial names another note.
        AwayError: earlier notes have ended, and the ledger can't be asked what is still owed for them.
    """
    if request.amount <= 0 or request.holder == types.ZERO_ADDRESS:
        raise RefusedError(
            "note", _("A note needs a holder and an amount above 0."), {"amount": [_("Must be above 0.")]}
        )
    receipt = _checked_receipt(agreement, request)
    left = _still_owed(agreement)
    with transaction.atomic():
        locked = with_outstanding(
            Agreement.objects.select_for_update(of=("self",)).select_related("merchant", "user")
        )
        agreement = locked.get(pk=agreement.pk)
        found = CreditNote.objects.filter(serial=to_hex(request.serial)).first()
        if found is not None:
            return _same_note(found, agreement, request)
        return _signed_note(agreement, request, receipt, left)


def _checked_receipt(agreement: Agreement, request: NoteRequest) -> bytes:
    receipt = types.NoteReceipt(raw(agreement.sid), request.serial, request.holder, request.amount)
    try:
        message = digest(domain_of(agreement), receipt)
        return canonical(message, request.receipt_signature, raw(agreement.participant))
    except SignatureError as error:
        words = protocol.refusal(error)
        raise RefusedError(error.code, words, {"receipt_signature": [words]}) from error


def _same_note(found: CreditNote, agreement: Agreement, request: NoteRequest) -> CreditNote:
    asked = (agreement.pk, to_hex(request.holder), request.amount)
    if (found.agreement_id, found.holder, found.amount) != asked:
        raise ConflictError("serial_used", _("This serial names another note: draw a new one."))
    return found


def _still_owed(agreement: Agreement) -> int:
    """What notes that have ended may still come to cost, less what was paid; negative if more was paid.

    A new note for each billing period must not grant the whole limit again while the old ones are not paid.
    """
    now = int(timezone.now().timestamp())
    if not agreement.notes.filter(valid_until__lt=now).exists():
        return 0
    books = fresh_statement_of(agreement, now=now)
    good = sum(standing.note.amount for standing in books.notes if now <= standing.ends_at)
    return books.exposure - good


def _signed_note(agreement: Agreement, request: NoteRequest, receipt: bytes, still_owed: int) -> CreditNote:
    now = int(timezone.now().timestamp())
    if agreement.state != Agreement.State.ACTIVE or agreement.valid_until <= now:
        raise ConflictError("agreement_not_active", _("The agreement is not active on the ledger."))
    available = agreement.limit - agreement.outstanding - still_owed
    if request.amount > available:
        problem = _("At most %(available)s micro-units are left of the limit.") % {
            "available": max(0, available)
        }
        raise ConflictError("limit_used_up", problem, {"amount": [problem]})
    until = min(now + agreement.merchant.note_life, agreement.valid_until)
    note = types.CreditNote(request.serial, request.holder, request.amount, until)
    signed = sign_value(domain_of(agreement), note, merchant_signer(agreement.merchant))
    subject = f"note {to_hex(request.serial)}"
    record(actor=agreement.user, action="note.issued", subject=subject, person=agreement.user)
    return CreditNote.objects.create(
        serial=to_hex(note.serial),
        agreement=agreement,
        holder=to_hex(note.holder),
        amount=note.amount,
        valid_until=note.valid_until,
        merchant_signature=to_hex(signed.signature),
        receipt_signature=to_hex(receipt),
    )
