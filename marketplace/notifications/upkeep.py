"""What comes round by itself: another try at what did not go out, and the end of old notices."""

import time
from datetime import timedelta

from django.utils import timezone

from marketplace.notifications.models import Notice
from marketplace.notifications.sending import is_any_due
from marketplace.notifications.tasks import send_what_is_due
from marketplace.upkeep import registry

KEPT = timedelta(days=365)
"""Notices are news: what they tell of has a record of its own."""


def look() -> None:
    """Have what is due sent."""
    if is_any_due(time.time()):
        send_what_is_due.enqueue()


def forget_old() -> None:
    """Delete old notices, with what was sent of them."""
    Notice.objects.filter(created_at__lt=timezone.now() - KEPT).delete()


def register() -> None:
    """Name the works."""
    registry.register("notifications.send", every_s=20, do=look)
    registry.register("notifications.forget", every_s=24 * 3600, do=forget_old)
