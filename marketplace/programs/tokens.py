"""Tokens of people's programs. Every verb owns its transaction."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.accounts.errors import RefusedError
from marketplace.accounts.models import User
from marketplace.accounts.services import record
from marketplace.programs.models import ProgramToken
from marketplace.programs.scopes import every

PREFIX = "wnp_"
LONGEST_DAYS = 366
MOST_TOKENS = 20
USED_EVERY = timedelta(minutes=1)


def live_tokens(user: User) -> QuerySet[ProgramToken]:
    """The person's tokens that still open something."""
    return user.program_tokens.filter(revoked_at=None, expires_at__gt=timezone.now())


def own_tokens(user: User) -> QuerySet[ProgramToken]:
    """All of the person's, also those that ended."""
    return user.program_tokens.all()


@transaction.atomic
def make_token(*, user: User, label: str, scopes: Collection[str], days: int) -> tuple[ProgramToken, str]:
    """Make a token; the secret is in no other place than this answer.

    Raises:
        RefusedError: label, scopes or days are wrong, or there are too many tokens.
    """
    wrong = _faults(label, scopes, days)
    if wrong:
        raise RefusedError("token", _("The token can't be made as it is."), wrong)
    if live_tokens(User.objects.select_for_update().get(pk=user.pk)).count() >= MOST_TOKENS:
        raise RefusedError(
            "too_many_tokens", _("At most %(most)d tokens: revoke one first.") % {"most": MOST_TOKENS}
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ProgramToken.objects.create(
        user=user,
        label=label.strip(),
        digest=_digest(secret),
        begins=secret[:8],
        scopes=sorted(set(scopes)),
        expires_at=timezone.now() + timedelta(days=days),
    )
    record(actor=user, action="token.made", subject=f"token {token.pk}", person=user, scopes=token.scopes)
    return token, secret


def _faults(label: str, scopes: Collection[str], days: int) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = {}
    if not 1 <= len(label.strip()) <= 60 or not label.isprintable():  # noqa: PLR2004  the field's length
        wrong["label"] = [_("Name what the token is for, in at most 60 characters.")]
    if not scopes or not set(scopes) <= set(every()):
        wrong["scopes"] = [_("Choose at least one of the list.")]
    if not 1 <= days <= LONGEST_DAYS:
        wrong["days"] = [_("Choose between 1 and %(most)d days.") % {"most": LONGEST_DAYS}]
    return wrong


@transaction.atomic
def revoke_token(*, token: ProgramToken) -> None:
    """End a token at once; again is harmless."""
    if ProgramToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        record(actor=token.user, action="token.revoked", subject=f"token {token.pk}", person=token.user)


def find_token(secret: str) -> ProgramToken | None:
    """The live token of this secret, with its active user; None where there is none. Notes that it was used."""
    now = timezone.now()
    found = ProgramToken.objects.select_related("user").filter(
        digest=_digest(secret), revoked_at=None, expires_at__gt=now, user__is_active=True
    )
    token = found.first()
    if token is not None and (token.used_at is None or token.used_at < now - USED_EVERY):
        stale = Q(used_at=None) | Q(used_at__lt=now - USED_EVERY)
        ProgramToken.objects.filter(stale, pk=token.pk).update(used_at=now)
    return token


def is_live(token: ProgramToken) -> bool:
    """Whether a token that was found some time ago still opens something."""
    return live_tokens(token.user).filter(pk=token.pk, user__is_active=True).exists()


def _digest(secret: str) -> str:
    """A plain hash will do: the secret has 256 bits of chance."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def for_export(user: User) -> list[dict[str, Any]]:
    """What the site keeps of the person's tokens."""
    rows = own_tokens(user).values(
        "label", "begins", "scopes", "created_at", "expires_at", "used_at", "revoked_at"
    )
    return [{**row} for row in rows]
