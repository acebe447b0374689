"""Which meter stands where, and who may bring its readings. Every verb owns its transaction."""

import hashlib
import secrets

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from grid.assets import SLOT_SECONDS
from marketplace.accounts.errors import RefusedError
from marketplace.accounts.hexadecimal import ADDRESS_BYTES, HASH_BYTES, from_hex
from marketplace.trading.models import Meter, MeterToken

TOKEN_PREFIX = "wnm_"  # noqa: S105  what a token begins with, no token
MOST_DIGITS = 15


@transaction.atomic
def register_meter(*, meter: Meter) -> Meter:
    """Keep a new meter; the one whose place it takes counts until then, and no longer.

    Raises:
        RefusedError: what is wrong, by field.
    """
    wrong = faults_of(meter)
    if wrong:
        raise RefusedError("meter", _("The meter can't be registered as it is."), wrong)
    meter.serial, meter.key = meter.serial.lower(), meter.key.lower()
    meter.save()
    if meter.replaces is not None:
        Meter.objects.filter(pk=meter.replaces.pk).update(removed_at=meter.installed_at)
    return meter


def faults_of(meter: Meter) -> dict[str, list[str]]:
    """What is wrong with a meter's data, by field; empty where nothing is."""
    wrong: dict[str, list[str]] = {}
    for field, length in (("serial", HASH_BYTES), ("key", ADDRESS_BYTES)):
        try:
            from_hex(getattr(meter, field), length=length, field=field)
        except RefusedError as error:
            wrong[field] = error.fields[field]
    if not 1 <= meter.digits <= MOST_DIGITS:
        wrong["digits"] = [_("Between 1 and %(most)s.") % {"most": MOST_DIGITS}]
    if meter.installed_at < 0 or meter.installed_at % SLOT_SECONDS:
        wrong["installed_at"] = [_("At a full quarter-hour: readings are slots of 900 s.")]
    for field in ("installed_import_wh", "installed_export_wh"):
        if not 0 <= getattr(meter, field) < 10**MOST_DIGITS:
            wrong[field] = [_("What its register showed then, in Wh.")]
    old = meter.replaces
    if old is not None and (old.prosumer_id != meter.prosumer_id or old.installed_at >= meter.installed_at):
        wrong["replaces"] = [_("An older meter of the same prosumer.")]
    return wrong


@transaction.atomic
def issue_token(*, token: MeterToken) -> str:
    """Keep a new token's hash; the token itself, which nobody can show again."""
    secret = TOKEN_PREFIX + secrets.token_hex(32)
    token.digest = digest_of(secret)
    token.save()
    return secret


def revoke_tokens(*, tokens: list[MeterToken]) -> None:
    """From now on they open nothing."""
    rows = MeterToken.objects.filter(pk__in=[token.pk for token in tokens], revoked_at__isnull=True)
    rows.update(revoked_at=timezone.now())


def digest_of(secret: str) -> str:
    """What is kept of a token: 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
