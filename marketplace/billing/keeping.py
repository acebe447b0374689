"""Documents of bills, and how long who may read them.

A bill's statement and document are sealed under the person's data key: erasure destroys them here, at once. The law
asks the merchant to keep invoices for years; so the document is also sealed to the merchant's archive key, whose
private half this site never has: it keeps what it can't read, until the law no longer asks for it.
"""

import base64
import hashlib
import time
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.db import transaction
from django.utils.translation import override

from marketplace.accounts.crypto import open_sealed, seal
from marketplace.accounts.errors import ConflictError
from marketplace.accounts.models import User
from marketplace.billing.gathering import Frozen
from marketplace.billing.models import Bill, Biller, DebtPayment, KeptBill, Payment, Supply

YEAR = 365 * 24 * 3600
PUBLIC_BYTES = 32


def content_of(bill: Bill) -> dict[str, Any] | None:
    """What an issued bill says; None once its person is erased or its time is over."""
    text = bill.content
    if text is None:
        return None
    heads = {"reference": bill.reference, "issued_at": bill.issued_at, "due_at": bill.due_at}
    return {**Frozen(text).content, **heads}


def document_of(bill: Bill) -> bytes | None:
    """The bill's PDF, made now where it was not yet."""
    if bill.document is None and bill.content is not None:
        keep_document(bill)
    return None if bill.document is None else base64.b64decode(bill.document)


def keep_documents() -> int:
    """Make the documents that are missing, for example after a kill between number and document."""
    made = 0
    for bill in Bill.objects.filter(document__isnull=True, document_sha256=""):
        if bill.content is not None:
            keep_document(bill)
            made += 1
    return made


def keep_document(bill: Bill) -> None:
    """Make a bill's document, once: who comes second keeps the first one's."""
    content = content_of(bill)
    if content is None:
        return
    language = getattr(bill.user, "language", "") or "en"
    with override(language):
        from marketplace.billing.documents.pdf import render  # noqa: PLC0415  fonts take every start 0.2 s

        pdf = render(content, language=language)
    with transaction.atomic():
        locked = Bill.objects.select_for_update().get(pk=bill.pk)
        if locked.document is None:
            locked.document = base64.b64encode(pdf).decode()
            locked.document_sha256 = hashlib.sha256(pdf).hexdigest()
            locked.save(update_fields=["document", "document_sha256"])
            _archive(locked, pdf)
    bill.document, bill.document_sha256 = locked.document, locked.document_sha256


def _archive(bill: Bill, pdf: bytes) -> None:
    biller = Biller.objects.get(merchant=bill.merchant_id)
    if biller.archive_key:
        public = bytes.fromhex(biller.archive_key.removeprefix("0x"))
        until = bill.issued_at + biller.retention_years * YEAR
        KeptBill.objects.create(bill=bill, sealed=seal_to(public, pdf, bill.reference), until=until)


def seal_to(public: bytes, plain: bytes, reference: str) -> bytes:
    """Seal to an X25519 key: ephemeral public key, then AES-256-GCM under HKDF-SHA256 of the shared secret."""
    ephemeral = X25519PrivateKey.generate()
    mine = ephemeral.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    return mine + seal(_key(shared, mine, public), plain, aad=reference.encode())


def open_archived(private: bytes, blob: bytes, reference: str) -> bytes:
    """Open what `seal_to` made; for the merchant, at its own desk (`manage.py bill open`)."""
    key = X25519PrivateKey.from_private_bytes(private)
    mine = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    theirs = blob[:PUBLIC_BYTES]
    shared = key.exchange(X25519PublicKey.from_public_bytes(theirs))
    return open_sealed(_key(shared, theirs, mine), blob[PUBLIC_BYTES:], aad=reference.encode())


def _key(shared: bytes, ephemeral: bytes, public: bytes) -> bytes:
    kdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=ephemeral + public, info=b"wattnote bill archive")
    return kdf.derive(shared)


def drop_old(*, now: int | None = None) -> int:
    """Destroy what the law no longer asks for; figures without a name stay in the books."""
    moment = int(time.time()) if now is None else now
    gone, _ = KeptBill.objects.filter(until__lte=moment).delete()
    for biller in Biller.objects.all():
        before = moment - biller.retention_years * YEAR
        old = Bill.objects.filter(merchant=biller.merchant_id, issued_at__lte=before)
        gone += old.filter(content__isnull=False).update(content=None, document=None)
    return gone


def forget(*, user: User, **_signal: object) -> None:
    """A person is being erased: its bills lose statement and document, payments the bank's words.

    Raises:
        ConflictError: A bill is not paid, by whomever it is to be.
    """
    if Bill.objects.filter(user=user, paid_at__isnull=True).exists():
        raise ConflictError("bill_unpaid", "A bill is still open: it must be paid before the erasure.")
    Supply.objects.filter(user=user).update(closed=True)
    Bill.objects.filter(user=user).update(content=None, document=None)
    transfers = Payment.objects.filter(bill__user=user, way=Payment.Way.TRANSFER)
    rows: list[Payment | DebtPayment] = [*transfers, *DebtPayment.objects.filter(agreement__user=user)]
    for row in rows:
        row.reference = hashlib.sha256(f"{row.pk} {row.reference}".encode()).hexdigest()[:32]
        row.save(update_fields=["reference"])
