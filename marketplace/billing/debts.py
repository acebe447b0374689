"""Debts of credit notes that are paid by bank: the merchant's own key pays them on the ledger.

The stablecoin goes from the merchant's account into its contract's own treasury, and the participant's debt falls by it:
what an operator enters costs the merchant real money. So a bank's reference counts once for an agreement, no more is
taken than is owed, and above the merchant's limit for two operators a colleague must enter the same. What counts is the
sum of what an operator alone had paid for a person while a debt falls due: else two references would do what takes two people.
"""

import time
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max, Sum
from django.utils.translation import gettext as _

from contracts import consents
from contracts.bindings import MerchantContract, Stablecoin
from contracts.encoding import Payment as SignedPayment
from contracts.encoding import PermitProof
from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.hexadecimal import to_hex
from marketplace.accounts.models import User
from marketplace.accounts.services import record
from marketplace.billing.models import DebtPayment
from marketplace.credit.books import bring_up_to_date, fresh_statement_of
from marketplace.credit.issuing import domain_of, raw
from marketplace.credit.keystores import merchant_signer
from marketplace.credit.ledger import PERMIT_LIFE, lease, read, relay, the_ledger
from marketplace.credit.limits import needs_second
from marketplace.credit.models import Agreement, BookBlock, BookEvent
from marketplace.credit.money import shown
from marketplace.credit.rules import may

State = DebtPayment.State
MOST_LETTERS = 140


def pay_debt_for(*, agreement: Agreement, operator: User, amount: int, reference: str) -> DebtPayment:
    """Have a debt that came by bank paid on the ledger by the merchant's key; repeating it pays once.

    One at a time for a merchant: what is owed changes by it, and what its key signs is counted.

    Where it comes above the merchant's limit for two operators, together with what this one alone had paid for the same
    person lately, the entry waits, and another operator who enters the same amount and reference completes it.

    Raises:
        PermissionDenied: the operator is not the merchant's.
        RefusedError: no reference, or more than is owed.
        ConflictError: the reference stands for another amount, or the ledger refuses, for example because the
            merchant's account holds too little.
        AwayError: the ledger can't be reached; asked again, it looks whether the payment arrived.
    """
    _may_operate(agreement, operator)
    said = reference.strip()
    if not said or len(said) > MOST_LETTERS:
        problem = _("Say how the bank names it: the statement's entry must be found again.")
        raise RefusedError("reference", problem, {"reference": [problem]})
    with lease(f"debts of {agreement.merchant_id}"):
        owed = fresh_statement_of(agreement).owed
        row, is_new = _entered(agreement, operator, amount, said, owed)
        return _brought(row, operator, is_new=is_new) if row.state == State.SENDING else row


@transaction.atomic
def drop_debt_payment(*, agreement: Agreement, operator: User, reference: str) -> None:
    """Take back an entry that waits for a second operator; nothing was paid for it.

    Raises:
        PermissionDenied: the operator is not the merchant's.
        ConflictError: no such entry waits.
    """
    _may_operate(agreement, operator)
    waiting = DebtPayment.objects.select_for_update().filter(agreement=agreement, state=State.WAITING)
    row = waiting.filter(reference=reference.strip()).first()
    if row is None:
        raise ConflictError("nothing_waits", _("No such entry waits for a second operator."))
    _record(row, operator, "debt.dropped")
    row.delete()


def _may_operate(agreement: Agreement, operator: User) -> None:
    if not may(operator, "credit.operate_merchant", agreement.merchant):
        raise PermissionDenied(_("Only the merchant's own operators may do this."))
    if agreement.state != Agreement.State.ACTIVE:
        raise ConflictError("agreement_not_active", _("The agreement is not active on the ledger."))


@transaction.atomic
def _entered(
    agreement: Agreement, operator: User, amount: int, reference: str, owed: int
) -> tuple[DebtPayment, bool]:
    """The entry as it stands now, and whether it may be sent without looking whether it was."""
    Agreement.objects.select_for_update().get(pk=agreement.pk)
    row = DebtPayment.objects.filter(agreement=agreement, reference=reference).first()
    if row is not None and row.state != State.WAITING:
        _check_same(row, amount)
        return row, False
    _check_amount(amount, owed - _under_way(agreement))
    alone = paid_alone(agreement, operator)
    if row is None or row.amount != amount:
        row = _first(agreement, operator, amount, reference, alone)
    is_own = row.entered_by_id == operator.pk
    if is_own and needs_second(agreement.merchant, amount + alone):
        return row, False
    row.state, row.approved_by = State.SENDING, operator
    row.at = int(time.time()) if is_own else row.at  # or one that waited long would count as paid long ago
    row.after_block = BookBlock.objects.filter(msc=agreement.msc).aggregate(most=Max("number"))["most"]
    row.save(update_fields=["state", "approved_by", "at", "after_block"])
    return row, True


def paid_alone(agreement: Agreement, operator: User) -> int:
    """What an operator alone had paid for a person, under all agreements with the merchant, while a debt falls due."""
    since = int(time.time()) - agreement.billing_period - agreement.payment_term
    alone = DebtPayment.objects.filter(entered_by=operator, approved_by=operator, at__gte=since)
    rows = alone.filter(agreement__user=agreement.user_id, agreement__merchant=agreement.merchant_id)
    return int(rows.aggregate(sum=Sum("amount"))["sum"] or 0)


def _under_way(agreement: Agreement) -> int:
    """What may have arrived, since the ledger's answer was lost."""
    rows = DebtPayment.objects.filter(agreement=agreement, state=State.SENDING)
    return int(rows.aggregate(sum=Sum("amount"))["sum"] or 0)


def _check_same(row: DebtPayment, amount: int) -> None:
    if row.amount != amount:
        problem = _("This reference was entered with %(amount)s before.") % {"amount": shown(row.amount)}
        raise ConflictError("reference_used", problem, {"reference": [problem]})


def _check_amount(amount: int, owed: int) -> None:
    if not 0 < amount <= owed:
        problem = _("Between a micro-unit and what is owed, %(owed)s: give back what is too much.")
        words = problem % {"owed": shown(max(0, owed))}
        raise RefusedError("amount", words, {"amount": [words]})


def _first(agreement: Agreement, operator: User, amount: int, reference: str, alone: int) -> DebtPayment:
    values = {"amount": amount, "entered_by": operator, "at": int(time.time()), "alone_before": alone}
    row, _made = DebtPayment.objects.update_or_create(
        agreement=agreement, reference=reference, defaults=values
    )
    _record(row, operator, "debt.entered")
    return row


def _brought(row: DebtPayment, operator: User, *, is_new: bool) -> DebtPayment:
    sent = "" if is_new else _found(row)
    try:
        row.transaction_hash = sent or _sent(row)
    except ConflictError:
        _set_back(row)
        raise
    _paid(row, operator)
    return row


@transaction.atomic
def _paid(row: DebtPayment, operator: User) -> None:
    row.state = State.PAID
    row.save(update_fields=["state", "transaction_hash"])
    _record(row, operator, "debt.paid_for", transaction=row.transaction_hash)


def _found(row: DebtPayment) -> str:
    """The transaction of a payment whose answer was lost; empty where it never arrived."""
    agreement = row.agreement
    bring_up_to_date(agreement.msc)
    known = DebtPayment.objects.filter(agreement=agreement, state=State.PAID).values("transaction_hash")
    events = BookEvent.objects.filter(msc=agreement.msc, sid=agreement.sid, name="DebtPaid")
    since = events.filter(block_number__gt=row.after_block or 0).exclude(transaction_hash__in=known)
    wanted = {"amount": str(row.amount), "sender": to_hex(merchant_signer(agreement.merchant).address)}
    return next((one.transaction_hash for one in since if wanted.items() <= one.arguments.items()), "")


def _set_back(row: DebtPayment) -> None:
    """The ledger refused: nothing was paid, and it can be entered anew."""
    if row.approved_by_id == row.entered_by_id:
        row.delete()
        return
    row.state, row.approved_by = State.WAITING, None
    row.save(update_fields=["state", "approved_by"])


def _sent(row: DebtPayment) -> str:
    agreement = row.agreement
    signer, sid = merchant_signer(agreement.merchant), raw(agreement.sid)
    _provide(signer.address, row.amount)
    contract = MerchantContract(raw(agreement.msc))
    nonce = int(read(contract.consent_nonce, signer.address))
    message = consents.debt_payment(
        domain_of(agreement), sid=sid, owner=signer.address, amount=row.amount, nonce=nonce
    )
    permit = _permit(signer, contract.address, row.amount)
    payment = SignedPayment(signer.address, row.amount, signer.sign(message), permit)
    return to_hex(relay(contract.pay(sid, payment)).transaction_hash)


def _provide(account: bytes, amount: int) -> None:
    """On test networks the merchant's account is filled up to what it pays."""
    token = Stablecoin(raw(the_ledger().token))
    missing = amount - int(read(token.balance_of, account))
    if settings.TEST_MONEY and missing > 0:
        relay(token.mint(account, missing))


def _permit(signer: Any, spender: bytes, amount: int) -> PermitProof:
    token = Stablecoin(raw(the_ledger().token))
    deadline = int(time.time()) + PERMIT_LIFE
    message = consents.token_permit(
        read(token.domain),
        owner=signer.address,
        spender=spender,
        amount=amount,
        nonce=int(read(token.permit_nonce, signer.address)),
        deadline=deadline,
    )
    return PermitProof(deadline, signer.sign(message))


def _record(row: DebtPayment, operator: User, action: str, **detail: str) -> None:
    """Never the reference: a bank's words may name people."""
    subject, person = f"agreement {row.agreement.sid}", row.agreement.user
    record(actor=operator, action=action, subject=subject, person=person, amount=str(row.amount), **detail)
