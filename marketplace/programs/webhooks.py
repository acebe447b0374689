"""Webhooks of people's programs. Every verb owns its transaction."""

from collections.abc import Collection
from datetime import timedelta
from uuid import uuid4

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.accounts.models import User
from marketplace.accounts.services import record
from marketplace.programs import events as happenings
from marketplace.programs.models import Delivery, Webhook
from marketplace.programs.posting import check_url
from marketplace.programs.signing import new_secret

MOST_WEBHOOKS = 5
OLD_SECRET_LIFE = timedelta(days=1)


def own_webhooks(user: User) -> QuerySet[Webhook]:
    """The person's, the newest first."""
    return user.webhooks.all()


def deliveries_of(webhook: Webhook) -> QuerySet[Delivery]:
    """What was sent there or is on its way, the newest first."""
    return webhook.deliveries.all()


@transaction.atomic
def add_webhook(*, user: User, url: str, events: Collection[str]) -> tuple[Webhook, str]:
    """Register an address; the secret is shown this once.

    Raises:
        RefusedError: address or events are wrong, or there are too many.
    """
    check_url(url)
    _check_events(events)
    if own_webhooks(User.objects.select_for_update().get(pk=user.pk)).count() >= MOST_WEBHOOKS:
        raise RefusedError("too_many_webhooks", _("At most %(most)d webhooks.") % {"most": MOST_WEBHOOKS})
    secret = new_secret()
    webhook = Webhook.objects.create(user=user, url=url, events=sorted(set(events)), secret=secret)
    _record(webhook, "webhook.added")
    return webhook, secret


def _check_events(events: Collection[str]) -> None:
    if not events or not set(events) <= {happenings.ALL, *happenings.names()}:
        words = _("Choose at least one of the list.")
        raise RefusedError("webhook_events", words, {"events": [words]})


def _record(webhook: Webhook, action: str) -> None:
    record(actor=webhook.user, action=action, subject=f"webhook {webhook.pk}", person=webhook.user)


@transaction.atomic
def change_webhook(
    *,
    webhook: Webhook,
    url: str | None = None,
    events: Collection[str] | None = None,
    enabled: bool | None = None,
) -> None:
    """Change where and what is sent; switch it off, or on again.

    Raises:
        RefusedError: address or events are wrong.
    """
    if url is not None:
        webhook.url = check_url(url)
    if events is not None:
        _check_events(events)
        webhook.events = sorted(set(events))
    if enabled is not None:
        webhook.failing_since = None
        webhook.disabled_at = None if enabled else webhook.disabled_at or timezone.now()
    webhook.save(update_fields=["url", "events", "failing_since", "disabled_at"])
    _record(webhook, "webhook.changed")


@transaction.atomic
def rotate_secret(*, webhook: Webhook) -> str:
    """A new secret, shown this once; for a day both sign."""
    secret = new_secret()
    webhook.old_secret, webhook.old_until = webhook.secret, timezone.now() + OLD_SECRET_LIFE
    webhook.secret = secret
    webhook.save(update_fields=["secret", "old_secret", "old_until"])
    _record(webhook, "webhook.rotated")
    return secret


@transaction.atomic
def remove_webhook(*, webhook: Webhook) -> None:
    """Forget it with all that was sent there."""
    _record(webhook, "webhook.removed")
    webhook.delete()


def _require_enabled(webhook: Webhook) -> None:
    if webhook.disabled_at is not None:
        raise ConflictError("webhook_off", _("The webhook is switched off: switch it on first."))


@transaction.atomic
def ping(*, webhook: Webhook) -> Delivery:
    """Send a test.

    Raises:
        ConflictError: it is switched off.
    """
    _require_enabled(webhook)
    return Delivery.objects.create(webhook=webhook, event=happenings.PING, key=f"ping:{uuid4()}", data={})


@transaction.atomic
def resend(*, delivery: Delivery) -> None:
    """Send it once more, whatever became of it.

    Raises:
        ConflictError: the webhook is switched off.
    """
    _require_enabled(delivery.webhook)
    delivery.state, delivery.attempts, delivery.due_at = Delivery.State.WAITING, 0, 0
    delivery.save(update_fields=["state", "attempts", "due_at"])
