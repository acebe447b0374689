"""Answers kept by idempotency key (draft-ietf-httpapi-idempotency-key-header), so that a repeated request does nothing twice.

A key is claimed before the work, in a transaction of its own: of two requests at once one works, the other is told to
wait. The answer is stored in the work's own transaction: after a crash either both are there, or neither. A claim
whose worker died is free again after `LEASE_S`.
"""

import secrets
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.models import User
from marketplace.programs.models import KeptAnswer

KEPT_S = 24 * 3600
LEASE_S = 120
LOOKS = 3


class KeyReusedError(RefusedError):
    """The key came with another request before."""

    status = 422


class ClaimLostError(ConflictError):
    """The work took so long that somebody else took it over; it was not done here."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with a key."""

    user: User
    asker: str
    key: str
    fingerprint: str


def claim(asked: Asked, *, now: float) -> tuple[KeptAnswer, bool]:
    """The key's row, and whether the work is the caller's; if not, the row holds the answer.

    Raises:
        KeyReusedError: another request came with this key.
        ConflictError: somebody is at work on it.
    """
    for _look in range(LOOKS):
        made = _made(asked, now)
        if made is not None:
            return made, True
        row = KeptAnswer.objects.filter(asker=asked.asker, key=asked.key).first()
        if row is None:
            continue
        if row.created_at <= now - KEPT_S:
            KeptAnswer.objects.filter(pk=row.pk, created_at=row.created_at).delete()
            continue
        return _found(row, asked, now)
    raise _busy()


def _made(asked: Asked, now: float) -> KeptAnswer | None:
    try:
        with transaction.atomic():
            return KeptAnswer.objects.create(
                user=asked.user,
                asker=asked.asker,
                key=asked.key,
                fingerprint=asked.fingerprint,
                worker=secrets.token_hex(16),
                taken_until=now + LEASE_S,
                created_at=now,
            )
    except IntegrityError:
        return None


def _found(row: KeptAnswer, asked: Asked, now: float) -> tuple[KeptAnswer, bool]:
    if row.fingerprint != asked.fingerprint:
        raise KeyReusedError(
            "idempotency_key_reused",
            _("This Idempotency-Key came with another request before: take a new one for each thing."),
        )
    if row.status is not None:
        return row, False
    mine = KeptAnswer.objects.filter(pk=row.pk, worker=row.worker, taken_until__lte=now, status=None)
    row.worker = secrets.token_hex(16)
    if not mine.update(worker=row.worker, taken_until=now + LEASE_S):
        raise _busy()
    return row, True


def _busy() -> ConflictError:
    return ConflictError(
        "idempotency_in_progress",
        _("The request with this Idempotency-Key is still being worked on; ask again soon."),
    )


@transaction.atomic
def finish(row: KeptAnswer, *, status: int, headers: dict[str, str], body: str) -> None:
    """Store the answer, best within the work's own transaction.

    Raises:
        ClaimLostError: the work took longer than `LEASE_S`, and somebody else took it over.
    """
    held = KeptAnswer.objects.select_for_update().filter(pk=row.pk, worker=row.worker, status=None).first()
    if held is None:
        raise ClaimLostError(
            "idempotency_lost", _("This took too long, and another attempt took over; ask again.")
        )
    held.status, held.headers, held.body = status, headers, body
    held.save(update_fields=["status", "headers", "body"])


def release(row: KeptAnswer) -> None:
    """Let the key be tried again: nothing was done."""
    KeptAnswer.objects.filter(pk=row.pk, worker=row.worker, status=None).delete()


def forget(*, now: float) -> int:
    """Delete what is older than a day; gives how many."""
    return KeptAnswer.objects.filter(created_at__lte=now - KEPT_S).delete()[0]
