"""What merchants sign first: credit agreements. `notes` has what they sign under these."""

import secrets
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from channels_engine.core import types
from channels_engine.core.keccak import keccak256
from channels_engine.core.signing import sign_value
from channels_engine.core.typed_data import (
    DOMAIN_NAME,
    DOMAIN_TYPE,
    DOMAIN_VERSION,
    TYPE_STRINGS,
    struct_hash,
)
from marketplace.accounts.errors import AwayError, ConflictError
from marketplace.accounts.hexadecimal import to_hex
from marketplace.accounts.selectors import wallet_of
from marketplace.credit.keystores import merchant_signer
from marketplace.credit.models import Agreement, CreditApplication


def raw(text: str) -> bytes:
    """Bytes of 0x-hex that this app wrote itself."""
    return bytes.fromhex(text.removeprefix("0x"))


def domain_of(agreement: Agreement) -> types.Domain:
    """EIP-712 domain of an agreement, its notes and receipts: the merchant's contract."""
    return types.Domain(settings.LEDGER_CHAIN_ID, raw(agreement.msc))


def terms_of(agreement: Agreement) -> types.CreditAgreement:
    """The signed structure of an agreement."""
    return types.CreditAgreement(
        participant=raw(agreement.participant),
        credit_limit=agreement.credit_limit,
        collateral=agreement.collateral,
        billing_period=agreement.billing_period,
        payment_term=agreement.payment_term,
        valid_until=agreement.valid_until,
        documents_hash=raw(agreement.documents_hash),
        nonce=raw(agreement.nonce),
    )


def documents_commitment(application: CreditApplication, salt: bytes) -> bytes:
    """Salted commitment to the documents of an application: without the salt no guess can be tested."""
    digests = sorted(document.digest or "" for document in application.documents.all())
    return keccak256(salt + "".join(digests).encode())


def sign_agreement(*, application: CreditApplication, limit: int, collateral: int) -> Agreement:
    """Sign and keep the agreement of an approved application; called within the approval's transaction.

    Raises:
        AwayError: the merchant has no key or no contract yet.
        ConflictError: the applicant has no wallet any more.
    """
    merchant, wallet = application.merchant, wallet_of(application.user)
    if not merchant.msc:
        raise AwayError(
            "no_merchant_contract", _("%(name)s has no contract on the ledger yet.") % {"name": merchant.name}
        )
    if wallet is None:
        raise ConflictError("no_wallet", _("The applicant has no proven wallet: ask for one."))
    salt = secrets.token_bytes(32)
    agreement = Agreement(
        application=application,
        merchant=merchant,
        user=application.user,
        msc=merchant.msc,
        participant=wallet.address,
        credit_limit=limit,
        collateral=collateral,
        billing_period=merchant.billing_period,
        payment_term=merchant.payment_term,
        valid_until=int(timezone.now().timestamp()) + merchant.agreement_life,
        documents_hash=to_hex(documents_commitment(application, salt)),
        documents_salt=to_hex(salt),
        nonce=to_hex(secrets.token_bytes(32)),
    )
    terms = terms_of(agreement)
    agreement.sid = to_hex(struct_hash(terms))
    agreement.merchant_signature = to_hex(
        sign_value(domain_of(agreement), terms, merchant_signer(merchant)).signature
    )
    agreement.save(force_insert=True)
    return agreement


def agreement_to_sign(agreement: Agreement) -> dict[str, Any]:
    """The agreement as `eth_signTypedData_v4` takes it, for the participant's wallet."""
    declared = TYPE_STRINGS[types.CreditAgreement].partition("(")[2].rstrip(")").split(",")
    terms = terms_of(agreement)
    fields = [dict(zip(("type", "name"), text.split(" "), strict=True)) for text in declared]
    values = (getattr(terms, name) for name in terms.__struct_fields__)
    message = {field["name"]: _shown(value) for field, value in zip(fields, values, strict=True)}
    own = DOMAIN_TYPE.partition("(")[2].rstrip(")").split(",")
    domain = {
        "name": DOMAIN_NAME,
        "version": DOMAIN_VERSION,
        "chainId": settings.LEDGER_CHAIN_ID,
        "verifyingContract": agreement.msc,
    }
    return {
        "types": {
            "EIP712Domain": [dict(zip(("type", "name"), text.split(" "), strict=True)) for text in own],
            "CreditAgreement": fields,
        },
        "primaryType": "CreditAgreement",
        "domain": domain,
        "message": message,
    }


def _shown(value: bytes | int) -> str:
    return to_hex(value) if isinstance(value, bytes) else str(value)
