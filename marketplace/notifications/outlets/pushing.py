"""Notices to browsers, by the push service of each browser's maker (RFC 8030)."""

import hashlib
import json
import time
from urllib.parse import urlsplit

import requests
from django.conf import settings

from marketplace.accounts.zones import written_to
from marketplace.notifications.kinds import KINDS
from marketplace.notifications.models import Notice, PushDevice
from marketplace.notifications.outlets.errors import GoneError, HopelessError, LaterError
from marketplace.notifications.outlets.webpush import (
    Receiver,
    authorization,
    decode64,
    encode64,
    encrypt,
    point_of,
    site_key,
)
from marketplace.notifications.wording import words_of

TIMEOUT_S = 10
LIVES_S = 24 * 3600
GONE = frozenset({404, 410})
TOO_MANY = 429
SERVER_FAULT = 500
BAD = 400


def is_push_service(endpoint: str) -> bool:
    """Whether this is an address of a push service; the site must not be made to call any other host."""
    where = urlsplit(endpoint)
    if where.username or where.password or where.fragment:
        return False
    if where.netloc in settings.PUSH_TEST_SERVICES:
        return True
    host = where.hostname or ""
    known = any(host == name or host.endswith(f".{name}") for name in settings.PUSH_SERVICES)
    return where.scheme == "https" and known and where.netloc == host


def public_key() -> str:
    """By which browsers know the site, base64url."""
    return encode64(point_of(site_key(settings.VAPID_SECRET)))


def push(notice: Notice, device: PushDevice) -> None:
    """Bring a notice to one browser; it holds the notice's words and the path of its page, nothing else.

    Raises:
        GoneError: The browser is no longer subscribed.
        LaterError: The service is away or busy.
        HopelessError: The service refuses for good.
    """
    if not is_push_service(device.endpoint):
        raise HopelessError("no push service that is allowed")
    body = encrypt(_payload(notice), Receiver(decode64(device.p256dh), decode64(device.auth)))
    contact = f"mailto:{settings.DEFAULT_FROM_EMAIL.rpartition('<')[2].rstrip('>')}"
    headers = {
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(LIVES_S),
        "Urgency": "high" if KINDS[notice.kind].urgent else "normal",
        "Topic": hashlib.sha256(f"{notice.kind}/{notice.key}".encode()).hexdigest()[:32],
        "Authorization": authorization(
            site_key(settings.VAPID_SECRET), device.endpoint, contact=contact, now=int(time.time())
        ),
    }
    try:
        answer = requests.post(
            device.endpoint, data=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False
        )
    except requests.RequestException as error:
        raise LaterError(type(error).__name__) from error
    _judge(answer.status_code)


def _payload(notice: Notice) -> bytes:
    with written_to(notice.user):
        words = words_of(notice)
    said = {
        "title": words.title[:120],
        "body": words.text[:400],
        "url": notice.url,
        "tag": f"{notice.kind}/{notice.pk}",
    }
    return json.dumps(said, ensure_ascii=False).encode()


def _judge(status: int) -> None:
    if status in GONE:
        raise GoneError(f"answered {status}")
    if status == TOO_MANY or status >= SERVER_FAULT:
        raise LaterError(f"answered {status}")
    if status >= BAD or status < 200 or status >= 300:  # noqa: PLR2004  HTTP's classes
        raise HopelessError(f"answered {status}")
