"""Sending what is due. A server that is away holds up nothing: what it did not take is due again later, ever later."""

import logging
import time
from collections.abc import Iterator

from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend

from marketplace.notifications.models import Sending
from marketplace.notifications.outlets import emailing, pushing
from marketplace.notifications.outlets.errors import GoneError, HopelessError, LaterError

logger = logging.getLogger(__name__)
HOLD_S = 120
"""So long a row is its taker's: whoever crashed with it leaves it to the next."""
FIRST_WAIT_S = 30
LONGEST_WAIT_S = 6 * 3600
MOST_ATTEMPTS = 16
"""About two days of trying."""
BATCH = 100
AT_ONCE = 3
"""Failures in a row after which a server counts as away, and the rest waits unasked."""


def is_any_due(now: float) -> bool:
    """Whether there is something to send."""
    return Sending.objects.filter(done_at__isnull=True, next_at__lte=now).exists()


def send_due(now: float | None = None) -> int:
    """Send what is due; gives how many went out."""
    now = time.time() if now is None else now
    connection = get_connection()
    away: dict[str, int] = {}
    sent = 0
    try:
        for sending in _taken(now):
            server = _server(sending)
            if away.get(server, 0) >= AT_ONCE:
                _later(sending, now, "its server is away")
                continue
            reached = _try(sending, connection, now)
            away[server] = 0 if reached else away.get(server, 0) + 1
            sent += sending.done_at is not None and not sending.failure
    finally:
        connection.close()
    return sent


def _server(sending: Sending) -> str:
    return sending.device.endpoint.split("/")[2] if sending.device else sending.outlet


def _taken(now: float) -> Iterator[Sending]:
    due = Sending.objects.filter(done_at__isnull=True, next_at__lte=now)
    rows = due.select_related("notice__user", "device").order_by("next_at", "pk")[:BATCH]
    for row in list(rows):
        if due.filter(pk=row.pk, attempts=row.attempts).update(next_at=now + HOLD_S):
            yield row


def _try(sending: Sending, connection: BaseEmailBackend, now: float) -> bool:
    """Whether the server was there."""
    try:
        if not sending.notice.user.is_active:
            raise HopelessError("the account is closed")  # noqa: TRY301  one place for every end
        if sending.device:
            pushing.push(sending.notice, sending.device)
        else:
            emailing.send(sending.notice, connection)
    except LaterError as error:
        _later(sending, now, str(error))
        return False
    except GoneError:
        if sending.device:
            sending.device.delete()
        return True
    except (HopelessError, ValueError) as error:
        logger.warning("Notice %s does not go out by %s: %s", sending.notice_id, sending.outlet, error)
        _done(sending, now, str(error))
        return True
    _done(sending, now, "")
    return True


def _done(sending: Sending, now: float, failure: str) -> None:
    sending.done_at, sending.failure = now, failure[:200]
    sending.save(update_fields=["done_at", "failure"])


def _later(sending: Sending, now: float, failure: str) -> None:
    sending.attempts += 1
    if sending.attempts >= MOST_ATTEMPTS:
        _done(sending, now, failure)
    sending.failure = failure[:200]
    sending.next_at = now + min(FIRST_WAIT_S * 2**sending.attempts, LONGEST_WAIT_S)
    sending.save(update_fields=["attempts", "failure", "next_at"])
