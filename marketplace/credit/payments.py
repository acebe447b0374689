"""What a participant pays in: debts, and more collateral; by its root key's signatures, sent by this site.

Two signatures: the token's permit says who may take how much (ERC-2612), the consent says for what.
"""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from channels_engine.core.errors import SignatureError
from channels_engine.core.signing import canonical
from contracts import consents
from contracts.bindings import MerchantContract, Stablecoin
from contracts.calls import Receipt
from contracts.consents import CONSENT_TYPES
from contracts.encoding import Payment, PermitProof
from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.services import record
from marketplace.credit.issuing import domain_of, raw
from marketplace.credit.ledger import DOMAIN_FIELDS, PERMIT_LIFE, read, relay, the_ledger
from marketplace.credit.models import Agreement
from marketplace.words import protocol

PAY, TOP_UP = "pay", "top_up"
_STRUCTURES = {PAY: "DebtPayment", TOP_UP: "CollateralTopUp"}


@dataclass(frozen=True, slots=True)
class SignedPayment:
    """What the participant's root key signed: consent and permit of the same amount."""

    amount: int
    signature: bytes
    permit_signature: bytes
    permit_deadline: int


def to_sign(*, agreement: Agreement, purpose: str, amount: int) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Consent and permit as `eth_signTypedData_v4` takes them, and the permit's deadline.

    Raises:
        RefusedError: the amount is nothing.
        AwayError: the ledger can't be reached.
    """
    _check(agreement, amount)
    message = {"sid": agreement.sid, "from": agreement.participant, "amount": str(amount)}
    domain = {"name": "Wattnote", "version": "1", "chainId": the_ledger().chain_id}
    message["nonce"] = str(_nonce(agreement))
    consent = _typed(_STRUCTURES[purpose], {**domain, "verifyingContract": agreement.msc}, message)
    deadline = int(timezone.now().timestamp()) + PERMIT_LIFE
    return consent, _permit(agreement, amount, deadline), deadline


def pay_in(*, agreement: Agreement, purpose: str, payment: SignedPayment) -> Receipt:
    """Bring a payment or a top-up to the ledger.

    Raises:
        RefusedError: the participant's root key did not sign it.
        ConflictError: the ledger refuses it, for example for lack of money.
        AwayError: the ledger can't be reached.
    """
    _check(agreement, payment.amount)
    message = _digest(agreement, purpose, payment.amount)
    owner = raw(agreement.participant)
    try:
        signature = canonical(message, payment.signature, owner)
    except SignatureError as error:
        words = protocol.refusal(error)
        raise RefusedError(error.code, words, {"signature": [words]}) from error
    permit = PermitProof(payment.permit_deadline, payment.permit_signature)
    contract = MerchantContract(raw(agreement.msc))
    send = contract.pay if purpose == PAY else contract.top_up_collateral
    receipt = relay(send(raw(agreement.sid), Payment(owner, payment.amount, signature, permit)))
    action = "debt.paid" if purpose == PAY else "collateral.topped_up"
    subject = f"agreement {agreement.sid}"
    record(
        actor=agreement.user,
        action=action,
        subject=subject,
        person=agreement.user,
        amount=str(payment.amount),
    )
    return receipt


def withdraw_collateral(*, agreement: Agreement) -> Receipt:
    """Have the collateral sent back to the participant's wallet; the ledger decides whether it may leave.

    Raises:
        ConflictError: it is locked still, a claim is open, or nothing is left of it.
        AwayError: the ledger can't be reached.
    """
    receipt = relay(MerchantContract(raw(agreement.msc)).withdraw_collateral(raw(agreement.sid)))
    subject = f"agreement {agreement.sid}"
    record(actor=agreement.user, action="collateral.withdrawn", subject=subject, person=agreement.user)
    return receipt


def _check(agreement: Agreement, amount: int) -> None:
    if amount <= 0:
        raise RefusedError("amount", _("Nothing would move."), {"amount": [_("Must be above 0.")]})
    if agreement.state != Agreement.State.ACTIVE:
        raise ConflictError("agreement_not_active", _("The agreement is not active on the ledger."))


def _nonce(agreement: Agreement) -> int:
    contract = MerchantContract(raw(agreement.msc))
    return int(read(contract.consent_nonce, raw(agreement.participant)))


def _digest(agreement: Agreement, purpose: str, amount: int) -> bytes:
    make = consents.debt_payment if purpose == PAY else consents.collateral_top_up
    owner, nonce = raw(agreement.participant), _nonce(agreement)
    return make(domain_of(agreement), sid=raw(agreement.sid), owner=owner, amount=amount, nonce=nonce)


def _permit(agreement: Agreement, amount: int, deadline: int) -> dict[str, Any]:
    ledger = the_ledger()
    nonce = read(Stablecoin(raw(ledger.token)).permit_nonce, raw(agreement.participant))
    message = {
        "owner": agreement.participant,
        "spender": agreement.msc,
        "value": str(amount),
        "nonce": str(nonce),
        "deadline": str(deadline),
    }
    domain = {"name": ledger.token_name, "version": ledger.token_version, "chainId": ledger.chain_id}
    return _typed("Permit", {**domain, "verifyingContract": ledger.token}, message)


def _typed(name: str, domain: dict[str, Any], message: dict[str, str]) -> dict[str, Any]:
    types = {"EIP712Domain": _fields(DOMAIN_FIELDS), name: _fields(CONSENT_TYPES[name].split(","))}
    return {"types": types, "primaryType": name, "domain": domain, "message": message}


def _fields(declarations: tuple[str, ...] | list[str]) -> list[dict[str, str]]:
    return [dict(zip(("type", "name"), declaration.split(" "), strict=True)) for declaration in declarations]
