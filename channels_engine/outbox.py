"""Does what was committed to be done: transactions for the ledger, news for listeners. At least once.

Any number of processes may run it: a row is claimed for a minute by whoever comes first, and whoever
crashes in between leaves it to the next. Both receivers are idempotent.
"""

import logging
from collections.abc import Sequence

from django.db import transaction
from django.db.models import F

from channels_engine.codec import parse_hex
from channels_engine.ports import Clock, Ledger, LedgerRejectedError, Listener, Notice
from channels_engine.store import unseen
from channels_engine.store.blobs import unpack_effect
from channels_engine.store.models import Endpoint, OutboxItem

logger = logging.getLogger(__name__)
CLAIM_SECONDS = 60
UNSEEN_SECONDS = 120
"""So long after a transaction was mined its event must have come; else it is sent again, which is harmless."""
LOOK_BACK_SECONDS = 86_400
"""How far back a process that starts looks for transactions without an event."""
LEDGER_BATCH = 200
NOTICE_BATCH = 2000
MAX_PAUSE_SECONDS = 60
IDS_PER_QUERY = 500
"""Below the number of variables that any SQLite takes in one statement."""


class Outbox:
    """Empties both lanes, one `tick` at a time."""

    def __init__(
        self, clock: Clock, ledger: Ledger | None = None, listeners: Sequence[Listener] = ()
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._listeners = listeners
        self._looked_for = clock.now() - LOOK_BACK_SECONDS

    def tick(self) -> int:
        """Do what is due in both lanes; returns how many items there were."""
        self._bring_unseen_again()
        return self.tell_listeners() + self.feed_ledger()

    def _bring_unseen_again(self) -> None:
        """A transaction whose event has not come may have been mined in a block that the chain has left since."""
        until = self._clock.now() - UNSEEN_SECONDS
        if self._ledger is None or until < self._looked_for + UNSEEN_SECONDS // 4:
            return
        again = unseen.among(since=self._looked_for, until=until)
        if again:
            logger.warning("%d transactions were mined and left no event; they are sent again.", len(again))
            OutboxItem.objects.filter(id__in=again).update(done_at=None, next_at=self._clock.now())
        self._looked_for = until

    def reclaim(self) -> int:
        """Make all that is open due at once; for the start of a process, after whoever claimed it may have crashed.

        What another process is at work on is done twice, which both receivers bear.
        """
        now = self._clock.now()
        return OutboxItem.objects.filter(done_at__isnull=True, next_at__gt=now).update(next_at=now)

    def feed_ledger(self) -> int:
        """Hand the due `Ledger*` effects to the ledger."""
        if self._ledger is None:
            return 0
        items = self._claim(OutboxItem.Lane.LEDGER, LEDGER_BATCH)
        if items:
            answers = self._ledger.submit([unpack_effect(item.kind, bytes(item.payload)) for item in items])
            for item, answer in zip(items, answers, strict=True):
                self._answered(item, answer)
            _tell_of_absence(answers)
        return len(items)

    def _answered(self, item: OutboxItem, answer: Exception | None) -> None:
        if answer is None or isinstance(answer, LedgerRejectedError):
            item.done_at = self._clock.now()
        else:
            item.next_at = self._clock.now() + min(2**item.attempts, MAX_PAUSE_SECONDS)
        item.error = "" if answer is None else str(answer)
        if isinstance(answer, LedgerRejectedError):
            logger.warning("The ledger did not do %s: %s", item.key, item.error)
        item.save(update_fields=["done_at", "next_at", "error"])

    def tell_listeners(self) -> int:
        """Tell every listener what is due; items that all have heard are deleted."""
        if not self._listeners:
            return self._drop_unheard()
        items = self._claim(OutboxItem.Lane.NOTICE, NOTICE_BATCH)
        if not items:
            return 0
        notices = _notices(items)
        try:
            for listener in self._listeners:
                listener(notices)
        except Exception:
            logger.exception("A listener failed on %d notices; they come again.", len(notices))
            self._postpone(items)
        else:
            OutboxItem.objects.filter(id__in=[item.id for item in items]).delete()
        return len(items)

    def _drop_unheard(self) -> int:
        """All listeners have heard what nobody listens to; deleted in one statement."""
        unheard = OutboxItem.objects.filter(lane=OutboxItem.Lane.NOTICE, done_at__isnull=True)
        return unheard.delete()[0] if unheard.exists() else 0

    def _postpone(self, items: Sequence[OutboxItem]) -> None:
        pause = min(2 ** items[0].attempts, MAX_PAUSE_SECONDS)
        OutboxItem.objects.filter(id__in=[item.id for item in items]).update(
            next_at=self._clock.now() + pause
        )

    def _claim(self, lane: OutboxItem.Lane, limit: int) -> list[OutboxItem]:
        """Due items of a lane, ours for a minute. An idle tick reads only: SQLite has one writer at a time."""
        now = self._clock.now()
        due = OutboxItem.objects.filter(lane=lane, done_at__isnull=True, next_at__lte=now).order_by("id")
        if not due.exists():
            return []
        with transaction.atomic():
            items = list(due.select_for_update(skip_locked=True)[:limit])
            for start in range(0, len(items), IDS_PER_QUERY):
                claimed = [item.id for item in items[start : start + IDS_PER_QUERY]]
                OutboxItem.objects.filter(id__in=claimed).update(
                    attempts=F("attempts") + 1, next_at=now + CLAIM_SECONDS
                )
        for item in items:
            item.attempts += 1
            item.next_at = now + CLAIM_SECONDS
        return items


def _tell_of_absence(answers: Sequence[Exception | None]) -> None:
    """One line for all that wait: they wait for the same ledger."""
    waiting = [a for a in answers if a is not None and not isinstance(a, LedgerRejectedError)]
    if waiting:
        logger.warning("%d transactions wait for the ledger: %s", len(waiting), waiting[0])


def _notices(items: Sequence[OutboxItem]) -> list[Notice]:
    rows = Endpoint.objects.filter(channel__in={item.channel for item in items})
    owners: dict[str, list[str]] = {}
    for channel, side, owner, peer in rows.values_list("channel", "side", "owner", "peer"):
        owners[channel] = [peer, owner] if side else [owner, peer]
    return [
        Notice(
            item.key,
            parse_hex(item.channel, 32),
            (owners[item.channel][0], owners[item.channel][1]),
            unpack_effect(item.kind, bytes(item.payload)),
            item.at,
        )
        for item in items
    ]
