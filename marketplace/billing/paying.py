"""What comes in for a bill: a signed transfer on the ledger, or money at the bank that an operator records.

A bill's energy is no debt on the ledger; so it is paid by a transfer of stablecoin to the merchant whose nonce is
made of the bill. What credit notes left unpaid is a debt there: `debts` has who pays that by bank.
"""

import hashlib
import time

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Sum
from django.urls import reverse
from django.utils.translation import gettext as _

from contracts.records import AuthorizedTransfer
from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.hexadecimal import to_hex
from marketplace.accounts.models import User, Wallet
from marketplace.accounts.services import record
from marketplace.billing.models import Bill, Payment
from marketplace.credit.issuing import raw
from marketplace.credit.keystores import merchant_signer
from marketplace.credit.rules import may
from marketplace.credit.transfers import relay_transfer
from marketplace.notifications.services import notify


def received(bill: Bill) -> int:
    """Micro-units that came for a bill."""
    return int(bill.payments.aggregate(sum=Sum("amount"))["sum"] or 0)


def open_amount(bill: Bill) -> int:
    """Micro-units that are still to come; below zero the merchant has still to pay them."""
    return bill.due - received(bill)


def transfer_nonce(bill: Bill) -> bytes:
    """Of the transfer that pays the rest of a bill: the ledger takes it once."""
    return hashlib.sha256(f"wattnote bill {bill.pk} {bill.payments.count()}".encode()).digest()


def payee_of(bill: Bill) -> str:
    """Address of the merchant's key."""
    return to_hex(merchant_signer(bill.merchant).address)


def pay_on_ledger(*, bill: Bill, wallet: Wallet, valid_before: int, signature: bytes) -> Payment:
    """Bring the payer's signed transfer of the open amount to the ledger, and book it. Harmless to repeat.

    Raises:
        ConflictError: nothing is open, or the ledger refuses.
        RefusedError: another key signed, or something else was signed.
        AwayError: the ledger can't be reached.
    """
    amount = open_amount(bill)
    if amount <= 0:
        raise ConflictError("bill_paid", _("Nothing of this bill is to be paid."))
    wanted = AuthorizedTransfer(
        source=raw(wallet.address),
        to=raw(payee_of(bill)),
        amount=amount,
        valid_before=valid_before,
        nonce=transfer_nonce(bill),
    )
    row = relay_transfer(user=bill.user, wallet=wallet, wanted=wanted, signature=signature)
    reference = row.transaction_hash or row.digest
    return _booked(bill, Payment.Way.LEDGER, amount, reference, int(time.time()), by=None)


def record_transfer(*, bill: Bill, operator: User, amount: int, reference: str, at: int) -> Payment:
    """Book money that came by bank, or went where the merchant owes it; the same reference again changes nothing.

    Raises:
        PermissionDenied: the operator is not the merchant's.
        RefusedError: no reference, or not an amount that is open.
    """
    if not may(operator, "credit.operate_merchant", bill.merchant):
        raise PermissionDenied
    said = reference.strip()
    if not said:
        problem = _("Say how the bank names it: the statement's entry must be found again.")
        raise RefusedError("reference", problem, {"reference": [problem]})
    known = Payment.objects.filter(bill=bill, way=Payment.Way.TRANSFER, reference=said[:140]).first()
    if known is not None:
        return known
    rest = open_amount(bill)
    if not 0 < amount <= abs(rest):
        problem = _(
            "Between a micro-unit and what is open; give back what is too much, or book it to another bill."
        )
        raise RefusedError("amount", problem, {"amount": [problem]})
    signed = amount if rest > 0 else -amount
    return _booked(bill, Payment.Way.TRANSFER, signed, said[:140], at, by=operator)


@transaction.atomic
def _booked(bill: Bill, way: str, amount: int, reference: str, at: int, *, by: User | None) -> Payment:
    locked = Bill.objects.select_for_update().get(pk=bill.pk)
    values = {"amount": amount, "at": at, "recorded_by": by}
    payment, is_new = Payment.objects.get_or_create(
        bill=locked, way=way, reference=reference, defaults=values
    )
    if is_new:
        _tell(locked, payment, by)
    return payment


def _tell(bill: Bill, payment: Payment, by: User | None) -> None:
    detail = {"amount": str(payment.amount), "way": payment.way, "payment": str(payment.pk)}
    record(
        actor=by or bill.user,
        action="bill.payment",
        subject=f"bill {bill.reference}",
        person=bill.user,
        **detail,
    )
    if bill.paid_at is None and not open_amount(bill):
        bill.paid_at = payment.at
        bill.save(update_fields=["paid_at"])
        url = reverse("web:bill", args=(bill.pk,))
        names = {"merchant": bill.merchant.name, "reference": bill.reference}
        notify(user=bill.user, kind="bill_paid", key=str(bill.pk), url=url, **names)
