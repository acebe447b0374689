"""Doing what is due. A process that dies at it loses its turn after `HOLD_S`; what fails is tried again sooner."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator

from django.db import Error, close_old_connections, connection

from marketplace.upkeep.models import Duty
from marketplace.upkeep.registry import WORKS, Work

logger = logging.getLogger(__name__)
HOLD_S = 600
RETRY_S = 60
LOOK_EVERY_S = 5


def run_due(now: float) -> list[str]:
    """Do all work that is due and that no other process is at; gives the names of what was done."""
    Duty.objects.bulk_create([Duty(name=name) for name in WORKS], ignore_conflicts=True)
    due = Duty.objects.filter(name__in=WORKS, due_at__lte=now, taken_until__lte=now)
    return [name for name in due.order_by("name").values_list("name", flat=True) if _do(WORKS[name], now)]


def _do(work: Work, now: float) -> bool:
    duty = Duty.objects.filter(name=work.name)
    if not duty.filter(due_at__lte=now, taken_until__lte=now).update(taken_until=now + HOLD_S):
        return False
    try:
        work.do()
    except Exception as error:
        logger.exception("Periodic work %s failed; it is tried again", work.name)
        wait_s = min(work.every_s, RETRY_S)
        duty.update(due_at=now + wait_s, taken_until=0, failure=f"{type(error).__name__}: {error}"[:300])
        return False
    duty.update(due_at=now + work.every_s, taken_until=0, done_at=now, failure="")
    return True


@contextlib.contextmanager
def upkeeping() -> Iterator[None]:
    """Do what is due, in a thread, until the block ends. A grown site runs `manage.py upkeep` instead."""
    stop = threading.Event()
    thread = threading.Thread(target=keep_up, args=(stop,), name="upkeep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LOOK_EVERY_S)


def keep_up(stop: threading.Event) -> None:
    """Do what is due until told to stop."""
    while not stop.wait(LOOK_EVERY_S):
        close_old_connections()
        try:
            run_due(time.time())
        except Error:
            logger.exception("Upkeep lost its database; it goes on when that is back")
    connection.close()
