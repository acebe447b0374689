"""Writes around a person: the audit log, profile, wallet. Every verb owns its transaction."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from channels_engine.core.errors import SignatureError
from channels_engine.core.signing import recover
from marketplace.accounts import siwe
from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.hexadecimal import to_hex
from marketplace.accounts.models import AuditEvent, Participant, SignInNonce, User, Wallet
from marketplace.words import protocol

CHALLENGE_LIFE = timedelta(minutes=5)
PROFILE_FIELDS = (
    "display_name",
    "legal_name",
    "birth_date",
    "street",
    "postcode",
    "city",
    "country",
    "meter_number",
)


def record(
    *, actor: User | None, action: str, subject: str, person: User | None = None, **detail: object
) -> None:
    """Add to the audit log; `detail` must hold nothing personal."""
    AuditEvent.objects.create(actor=actor, action=action, subject=subject, person=person, detail=detail)


@transaction.atomic
def update_profile(*, user: User, changes: Mapping[str, str | None]) -> Participant:
    """Change the given fields of a participant's profile, made now where there is none."""
    participant = Participant.objects.filter(user=user).first()
    if participant is None:
        participant = Participant(user=user, display_name=f"Home {secrets.token_hex(2)}")
    for name in PROFILE_FIELDS:
        if name in changes:
            setattr(participant, name, changes[name])
    participant.save()
    return participant


@dataclass(frozen=True, slots=True)
class Challenge:
    """A message to be signed by the wallet, until `expires_at`."""

    message: str
    nonce: str
    expires_at: datetime


def issue_challenge(*, user: User, address: bytes, site: siwe.Site) -> Challenge:
    """Make the EIP-4361 message by which `user` proves to hold `address` (20 bytes)."""
    now = timezone.now().replace(microsecond=0)
    nonce, expires_at = secrets.token_hex(12), now + CHALLENGE_LIFE
    SignInNonce.objects.filter(user=user, expires_at__lt=now).delete()
    SignInNonce.objects.create(value=nonce, user=user, expires_at=expires_at)
    message = siwe.SignInMessage(site.domain, address, site.uri, site.chain_id, nonce, now, expires_at)
    return Challenge(message.text(), nonce, expires_at)


def prove_wallet(*, user: User, text: str, signature: bytes, site: siwe.Site) -> Wallet:
    """Check a signed message and keep the wallet as the user's root address, in place of an earlier one.

    The nonce is used up by any attempt, also by one that fails.

    Raises:
        RefusedError: form, site, chain, time, nonce or signature are wrong.
        ConflictError: somebody else has proven this address.
    """
    message = siwe.parse(text)
    siwe.check(message, site=site, now=timezone.now())
    _use_up(nonce=message.nonce, user=user)
    if _signer(text, signature) != message.address:
        raise RefusedError("wrong_signer", _("The signature is by another key than the message names."))
    return _keep_wallet(user=user, address=to_hex(message.address), text=text, signature=to_hex(signature))


def _use_up(*, nonce: str, user: User) -> None:
    now = timezone.now()
    unused = SignInNonce.objects.filter(value=nonce, user=user, used_at__isnull=True, expires_at__gt=now)
    if unused.update(used_at=now) != 1:
        raise RefusedError("siwe_nonce", _("The message was used before or is not yours: ask for a new one."))


def _signer(text: str, signature: bytes) -> bytes:
    try:
        return recover(siwe.personal_digest(text), signature)
    except SignatureError as error:
        words = protocol.refusal(error)
        raise RefusedError(error.code, words, {"signature": [words]}) from error


def _keep_wallet(*, user: User, address: str, text: str, signature: str) -> Wallet:
    proof = {"address": address, "message": text, "signature": signature, "proven_at": timezone.now()}
    try:
        with transaction.atomic():
            wallet, _new = Wallet.objects.update_or_create(user=user, defaults=proof)
            record(actor=user, action="wallet.proven", subject=f"wallet {address}", person=user)
    except IntegrityError as error:
        raise ConflictError("wallet_taken", _("Another account has proven this wallet already.")) from error
    return wallet
