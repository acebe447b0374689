"""Bringing events to webhooks: signed, at least once, again later where they were not taken, off after days of failures."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from uuid import UUID

from django.db import transaction
from django.urls import reverse

from marketplace.notifications.services import notify
from marketplace.programs.models import Delivery, Webhook
from marketplace.programs.posting import Answer, post
from marketplace.programs.signing import headers

logger = logging.getLogger(__name__)
AT_ONCE = 100
AT_A_TIME = 8
WAITS_S = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""After each attempt, as the specification proposes; then it is given up."""
PATIENCE = timedelta(days=5)
LOG_LIFE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class _Letter:
    delivery: Delivery
    url: str
    body: bytes
    headers: dict[str, str]


def deliver_due(now: float) -> int:
    """Send what is due; gives how many were tried. What dies after sending is sent again, with the same id."""
    due = Delivery.objects.filter(state=Delivery.State.WAITING, due_at__lte=now, webhook__disabled_at=None)
    letters = [_letter(one, now) for one in due.select_related("webhook__user").order_by("due_at")[:AT_ONCE]]
    if not letters:
        return 0
    with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="webhook") as pool:
        answers = list(pool.map(lambda letter: post(letter.url, letter.body, letter.headers), letters))
    for letter, answer in zip(letters, answers, strict=True):
        note(letter.delivery, answer, now)
    return len(letters)


def _letter(delivery: Delivery, now: float) -> _Letter:
    hook = delivery.webhook
    said = {"type": delivery.event, "timestamp": delivery.created_at.isoformat(), "data": delivery.data}
    body = json.dumps(said, separators=(",", ":")).encode()
    message = f"msg_{delivery.pk.hex}"
    return _Letter(
        delivery, hook.url, body, headers(_secrets(hook, now), message=message, timestamp=int(now), body=body)
    )


def _secrets(hook: Webhook, now: float) -> list[str]:
    old = hook.old_until is not None and hook.old_until.timestamp() > now
    return [secret for secret in (hook.secret, hook.old_secret if old else None) if secret]


@transaction.atomic
def note(delivery: Delivery, answer: Answer, now: float) -> None:
    """Write down what became of an attempt."""
    moment = datetime.fromtimestamp(now, UTC)
    delivery.attempts += 1
    delivery.status, delivery.failure = answer.status, answer.failure
    if answer.taken:
        delivery.state, delivery.done_at = Delivery.State.TAKEN, moment
        Webhook.objects.filter(pk=delivery.webhook_id).update(failing_since=None)
    elif delivery.attempts > len(WAITS_S):
        delivery.state, delivery.done_at = Delivery.State.FAILED, moment
    else:
        delivery.due_at = now + WAITS_S[delivery.attempts - 1]
    fields = ["attempts", "status", "failure", "state", "done_at", "due_at"]
    Delivery.objects.filter(pk=delivery.pk).update(**{name: getattr(delivery, name) for name in fields})
    if not answer.taken:
        _suffer(delivery.webhook_id, moment, gone=answer.status == HTTPStatus.GONE)


def _suffer(pk: UUID, moment: datetime, *, gone: bool) -> None:
    """Count a failure against the webhook, and switch it off where that goes on."""
    hook = Webhook.objects.select_for_update().select_related("user").filter(pk=pk, disabled_at=None).first()
    if hook is None:
        return
    if hook.failing_since is None:
        Webhook.objects.filter(pk=pk).update(failing_since=moment)
    if gone or (hook.failing_since is not None and moment - hook.failing_since >= PATIENCE):
        Webhook.objects.filter(pk=pk).update(disabled_at=moment)
        hook.deliveries.filter(state=Delivery.State.WAITING).update(
            state=Delivery.State.FAILED, done_at=moment
        )
        page = reverse("web:webhook", args=[hook.pk])
        notify(user=hook.user, kind="webhook_off", key=f"{hook.pk}:{moment.isoformat()}", url=page)


def forget(now: float) -> int:
    """Delete what is long done; gives how many."""
    old = datetime.fromtimestamp(now, UTC) - LOG_LIFE
    return Delivery.objects.filter(created_at__lte=old).exclude(state=Delivery.State.WAITING).delete()[0]
