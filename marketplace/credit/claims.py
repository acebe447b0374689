"""What a merchant does under a running agreement: claims against the collateral, its limit, ending a note.

The merchant's key signs, the site brings it to the ledger; every verb is for the merchant's operators.
"""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from contracts import consents
from contracts.bindings import MerchantContract
from contracts.calls import Call, Receipt
from contracts.claims import MerchantClaims, accounts_of
from contracts.records import ClaimedNote, SignedReceipt
from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.models import User
from marketplace.accounts.services import record
from marketplace.credit import limits
from marketplace.credit.billing import NoteStanding, Statement
from marketplace.credit.books import fresh_statement_of
from marketplace.credit.first_words import FirstRaise
from marketplace.credit.issuing import domain_of, raw
from marketplace.credit.keystores import merchant_signer
from marketplace.credit.ledger import read, relay
from marketplace.credit.models import Agreement, CreditNote
from marketplace.credit.rules import may
from marketplace.notifications.services import notify


def start_claim(*, agreement: Agreement, operator: User) -> Receipt:
    """Claim what is due and not paid; the participant has the payment term to pay.

    Shows the ledger the participant's receipts of the notes that are due, and of no others.

    Raises:
        ConflictError: nothing is due, or a claim is open already.
        AwayError: the ledger can't be reached.
    """
    _may_operate(operator, agreement)
    books, now = fresh_statement_of(agreement), int(timezone.now().timestamp())
    if books.claim is not None:
        raise ConflictError("claim_open", _("A claim is open already: wait for its window, or drop it."))
    if not books.payable:
        raise ConflictError("nothing_due", _("Nothing is due that was not paid."))
    due = [note for note in books.notes if note.debt and now > note.due_at(books.terms)]
    receipts = _receipts(agreement, due)
    domain = domain_of(agreement)
    message = consents.claim_start(
        domain, sid=raw(agreement.sid), accounts=accounts_of(receipts), nonce=_nonce(agreement)
    )
    signature = _signed(agreement, message)
    call = _contract(agreement).start(raw(agreement.sid), receipts, signature)
    receipt = _done(agreement, operator, "claim.started", call, due=str(books.payable))
    key = f"{agreement.pk}/{now}"
    name = agreement.merchant.name
    notify(user=agreement.user, kind="claim_started", key=key, url=reverse("web:wallet"), merchant=name)
    return receipt


def execute_claim(*, agreement: Agreement, operator: User) -> Receipt:
    """After the window, take what is still owed out of payments and collateral.

    Raises:
        ConflictError: no claim is open, or its window is not over.
        AwayError: the ledger can't be reached.
    """
    _may_operate(operator, agreement)
    claim = _open_claim(fresh_statement_of(agreement))
    notes = [ClaimedNote(note.serial, note.holder, note.due) for note in claim.notes]
    call = _contract(agreement).execute(raw(agreement.sid), notes)
    return _done(agreement, operator, "claim.executed", call, to_pay=str(claim.to_pay))


def cancel_claim(*, agreement: Agreement, operator: User) -> Receipt:
    """Drop the open claim.

    Raises:
        ConflictError: no claim is open.
        AwayError: the ledger can't be reached.
    """
    _may_operate(operator, agreement)
    _open_claim(fresh_statement_of(agreement))
    domain = domain_of(agreement)
    message = consents.claim_cancellation(domain, sid=raw(agreement.sid), nonce=_nonce(agreement))
    signature = _signed(agreement, message)
    call = _contract(agreement).cancel(raw(agreement.sid), signature)
    return _done(agreement, operator, "claim.cancelled", call)


def hold_collateral(*, agreement: Agreement, operator: User) -> Receipt:
    """Keep the collateral of an ended agreement for two more terms, while its notes are in use or owed.

    Raises:
        ConflictError: the agreement has not ended, or nothing is open under it.
        AwayError: the ledger can't be reached.
    """
    _may_operate(operator, agreement)
    books = fresh_statement_of(agreement)
    receipts = _receipts(agreement, [note for note in books.notes if note.debt or note.reserved])
    domain = domain_of(agreement)
    message = consents.collateral_hold(
        domain, sid=raw(agreement.sid), accounts=accounts_of(receipts), nonce=_nonce(agreement)
    )
    signature = _signed(agreement, message)
    call = _contract(agreement).hold_collateral(raw(agreement.sid), receipts, signature)
    return _done(agreement, operator, "collateral.held", call)


def change_limit(*, agreement: Agreement, operator: User, limit: int) -> Receipt | None:
    """Change what the notes may add up to; channels that are open go on as they are.

    A raise by which the person's limits together come above the merchant's `four_eyes_above` takes two operators: the
    first one's word is kept, and None is given.

    Raises:
        RefusedError: the limit is above the merchant's largest.
        ConflictError: the ledger refuses it.
        AwayError: the ledger can't be reached.
    """
    _may_operate(operator, agreement)
    if not 0 <= limit <= agreement.merchant.max_limit:
        most = _("Between 0 and %(max_limit)s micro-units.") % {"max_limit": agreement.merchant.max_limit}
        raise RefusedError("limit", _("The limit is out of range."), {"limit": [most]})
    if not limits.may_change(agreement=agreement, operator=operator, limit=limit):
        return None
    domain = domain_of(agreement)
    message = consents.limit_change(
        domain, sid=raw(agreement.sid), credit_limit=limit, nonce=_nonce(agreement)
    )
    signature = _signed(agreement, message)
    call = _contract(agreement).change_limit(raw(agreement.sid), limit, signature)
    receipt = _done(agreement, operator, "limit.changed", call, limit=str(limit))
    agreement.changed_limit = limit
    agreement.save(update_fields=["changed_limit"])
    FirstRaise.objects.filter(agreement=agreement).delete()
    return receipt


def drop_raise(*, agreement: Agreement, operator: User) -> None:
    """Take back a raise that waits for a second operator.

    Raises:
        PermissionDenied: the operator is not the merchant's.
    """
    _may_operate(operator, agreement)
    limits.drop_raise(agreement=agreement, operator=operator)


def cancel_note(*, note: CreditNote, operator: User) -> Receipt:
    """End a note now: what it already funds stays funded, so that payees are paid.

    Raises:
        ConflictError: the note has ended.
        AwayError: the ledger can't be reached.
    """
    agreement = note.agreement
    _may_operate(operator, agreement)
    domain = domain_of(agreement)
    message = consents.note_cancellation(
        domain, serial=raw(note.serial), holder=raw(note.holder), nonce=_nonce(agreement)
    )
    signature = _signed(agreement, message)
    call = _contract(agreement).cancel_note(raw(note.serial), raw(note.holder), signature)
    receipt = _done(agreement, operator, "note.cancelled", call, note=note.serial)
    note.valid_until = int(timezone.now().timestamp()) - 1
    note.save(update_fields=["valid_until"])
    return receipt


def release_collateral(*, agreement: Agreement, operator: User) -> Receipt:
    """Free the collateral before its time; it ends a claim, and the agreement.

    Raises:
        ConflictError: it is released already.
        AwayError: the ledger can't be reached.
    """
    _may_operate(operator, agreement)
    message = consents.collateral_release(domain_of(agreement), sid=raw(agreement.sid))
    contract = MerchantContract(raw(agreement.msc))
    call = contract.release_collateral(raw(agreement.sid), _signed(agreement, message))
    return _done(agreement, operator, "collateral.released", call)


def _may_operate(operator: User, agreement: Agreement) -> None:
    if not may(operator, "credit.operate_merchant", agreement.merchant):
        raise PermissionDenied(_("Only the merchant's own operators may do this."))
    if agreement.state != Agreement.State.ACTIVE:
        raise ConflictError("agreement_not_active", _("The agreement is not active on the ledger."))


def _contract(agreement: Agreement) -> MerchantClaims:
    return MerchantClaims(raw(agreement.msc))


def _nonce(agreement: Agreement) -> int:
    signer = merchant_signer(agreement.merchant)
    return int(read(MerchantContract(raw(agreement.msc)).consent_nonce, signer.address))


def _signed(agreement: Agreement, message: bytes) -> bytes:
    return merchant_signer(agreement.merchant).sign(message)


def _open_claim(books: Statement) -> Any:
    if books.claim is None:
        raise ConflictError("no_claim", _("No claim is open."))
    return books.claim


def _receipts(agreement: Agreement, notes: Iterable[NoteStanding]) -> list[SignedReceipt]:
    wanted = {"0x" + note.note.serial.hex() for note in notes}
    rows = CreditNote.objects.filter(agreement=agreement, serial__in=wanted)
    return [
        SignedReceipt(raw(row.serial), raw(row.holder), row.amount, raw(row.receipt_signature))
        for row in rows
    ]


def _done(agreement: Agreement, operator: User, action: str, call: Call, **detail: object) -> Receipt:
    receipt = relay(call)
    subject = f"agreement {agreement.sid}"
    transaction = "0x" + receipt.transaction_hash.hex()
    record(
        actor=operator,
        action=action,
        subject=subject,
        person=agreement.user,
        transaction=transaction,
        **detail,
    )
    return receipt
