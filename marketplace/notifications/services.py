"""Telling people things, and what they say about being told."""

import base64
import binascii

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.accounts.errors import RefusedError
from marketplace.accounts.models import User
from marketplace.notifications.kinds import KINDS
from marketplace.notifications.models import Notice, Preference, PushDevice, Sending
from marketplace.notifications.outlets.pushing import is_push_service
from marketplace.notifications.selectors import devices_of, notices_of, wish_of
from marketplace.notifications.signals import noticed
from marketplace.notifications.tasks import send_what_is_due

MOST_DEVICES = 10
POINT_BYTES = 65
AUTH_BYTES = 16


def notify(*, user: User, kind: str, key: str, url: str = "", **details: str | int) -> Notice | None:
    """Tell a person something once, within the caller's transaction; None where `key` was told before.

    Args:
        user: Who is told.
        kind: One of `KINDS`.
        key: What it is about, such as an id and a state; the same key of a kind is told once.
        url: Path of the page where it can be dealt with.
        details: What the kind's words name; nothing personal. `partner` is an owner, whose name is looked up when read.

    Raises:
        KeyError: There is no such kind, or a detail that its words name is missing.
    """
    words = KINDS[kind]
    _checked = str(words.title).format(**details), str(words.text).format(**details)
    del _checked
    notice, is_new = Notice.objects.get_or_create(
        user=user, kind=kind, key=key, defaults={"url": url, "details": details}
    )
    if not is_new:
        return None
    if _put_on_its_way(notice):
        transaction.on_commit(send_what_is_due.enqueue)
    transaction.on_commit(lambda: noticed.send_robust(sender=Notice, notice=notice))
    return notice


def _put_on_its_way(notice: Notice) -> bool:
    wish = wish_of(notice.user, notice.kind)
    sendings = [Sending(notice=notice, outlet=Sending.Outlet.EMAIL)] if wish.email else []
    if wish.push:
        devices = devices_of(notice.user)
        sendings += [Sending(notice=notice, outlet=Sending.Outlet.PUSH, device=one) for one in devices]
    Sending.objects.bulk_create(sendings)
    return bool(sendings)


def mark_read(*, user: User, notice: int | None = None) -> int:
    """Mark one of a person's notices as read, or all; gives how many were unread."""
    unread = notices_of(user, unread=True)
    if notice is not None:
        unread = unread.filter(pk=notice)
    return unread.update(read_at=timezone.now())


@transaction.atomic
def prefer(*, user: User, kind: str, email: bool, push: bool) -> None:
    """Say where else than on the site to be told of a kind.

    Raises:
        RefusedError: There is no such kind (`unknown_kind`).
    """
    if kind not in KINDS:
        raise RefusedError("unknown_kind", _("There is no such kind of notice."))
    Preference.objects.update_or_create(user=user, kind=kind, defaults={"email": email, "push": push})


@transaction.atomic
def stop_emails(*, user: User, kind: str) -> None:
    """No more e-mails about a kind, as the link in one of them asks; about all, where `kind` is empty."""
    for name in [kind] if kind in KINDS else list(KINDS):
        prefer(user=user, kind=name, email=False, push=wish_of(user, name).push)


@transaction.atomic
def add_device(*, user: User, endpoint: str, p256dh: str, auth: str, name: str = "") -> PushDevice:
    """Let a browser show this person's notices; one that showed another's no longer does.

    Raises:
        RefusedError: Not a push service that browsers use (`no_push_service`), no keys (`bad_push_keys`), or too many
            devices (`too_many_devices`).
    """
    if not is_push_service(endpoint):
        raise RefusedError(
            "no_push_service", _("That address belongs to no push service that is allowed here.")
        )
    if _length(p256dh) != POINT_BYTES or _length(auth) != AUTH_BYTES:
        raise RefusedError("bad_push_keys", _("The browser's keys are no keys of RFC 8291."))
    PushDevice.objects.filter(endpoint=endpoint).exclude(user=user).delete()
    if devices_of(user).exclude(endpoint=endpoint).count() >= MOST_DEVICES:
        raise RefusedError("too_many_devices", _("Remove a device first: there are ten already."))
    said = {"user": user, "p256dh": p256dh, "auth": auth, "name": name[:60]}
    return PushDevice.objects.update_or_create(endpoint=endpoint, defaults=said)[0]


def _length(text: str) -> int:
    try:
        return len(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return -1


def drop_device(*, user: User, pk: str) -> bool:
    """A browser shows no more notices."""
    return bool(PushDevice.objects.filter(user=user, pk=pk).delete()[0])
