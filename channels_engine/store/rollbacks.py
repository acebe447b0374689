"""Taking back what the ledger said of a channel, and telling again what it still says.

An event that comes again after a reorganisation may be the very same transaction and log. So that it is no
repetition then, its key carries how often the channel's events were taken back before.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from django.db.models import QuerySet

from channels_engine.codec import json_form, parse_hex
from channels_engine.core.effects import LedgerDispute
from channels_engine.core.inputs import LedgerRolledBack
from channels_engine.relay import LEDGER, LEDGER_INPUTS, LedgerInput
from channels_engine.store.blobs import unpack_effect
from channels_engine.store.models import Channel, LedgerEvent, LogEntry, OutboxItem
from channels_engine.store.repository import log_numbers
from channels_engine.submissions import Fact

ROLLED_BACK = "ledger.rolled_back"
_ASKED_BY_US: Mapping[str, str] = MappingProxyType(
    {
        "ChannelOpened": "LedgerOpenChannel",
        "ChannelDisputed": "LedgerDispute",
        "OfferEnforced": "LedgerEnforceOffer",
        "ChannelCheckpointed": "LedgerCheckpoint",
    },
)
"""Events that nobody asks for again by himself. Answers and payouts follow anew from what the ledger says."""


def counted(channels: Iterable[bytes]) -> Mapping[bytes, int]:
    """How often the events of these channels were taken back; no entry for never."""
    logs = {number: channel for channel, number in log_numbers(channels).items()}
    if not logs:
        return {}
    rows = LogEntry.objects.filter(
        log__in=logs, sender=LEDGER, message_id__startswith="rollback:"
    ).values_list("log", flat=True)
    return Counter(logs[number] for number in rows)


def told(key: str, times: Mapping[bytes, int], channel: bytes) -> str:
    """Key of an event (transaction hash and log index) that is told after so many times."""
    return f"{key}:{times[channel]}" if times.get(channel) else key


def facts(channel: str, number: int) -> list[Fact]:
    """Take back a channel's events, then tell again those up to block `number`."""
    raw = parse_hex(channel, 32)
    before = counted([raw]).get(raw, 0)
    rows = LedgerEvent.objects.filter(channel=channel).order_by("block_number", "log_index")
    newest = rows.last()
    where = newest.block_hash if newest is not None else ""
    again = {raw: before + 1}
    return [
        Fact(raw, LedgerRolledBack(), f"rollback:{where}:{before}"),
        *(
            Fact(raw, event, told(key, again, raw))
            for key, event in _events(channel, rows.filter(block_number__lte=number))
        ),
    ]


def _events(channel: str, rows: Iterable[LedgerEvent]) -> Iterator[tuple[str, LedgerInput]]:
    """What these rows said to the channel, as its log has it."""
    log = Channel.objects.filter(channel=channel).values("number")
    entries = LogEntry.objects.filter(log__in=log, sender=LEDGER).exclude(type=ROLLED_BACK)
    said = {":".join(entry.message_id.split(":")[:2]): entry for entry in entries.order_by("seq")}
    for row in rows:
        key = f"{row.transaction_hash}:{row.log_index}"
        if key in said:
            yield key, json_form(LEDGER_INPUTS[said[key].type]).decode(said[key].body)


def bring_again(gone: "QuerySet[LedgerEvent]") -> None:
    """Make due what brought these events about, as far as it is still wanted."""
    for channel, name in gone.values_list("channel", "name").distinct():
        if name in _ASKED_BY_US:
            done = OutboxItem.objects.filter(channel=channel, kind=_ASKED_BY_US[name], done_at__isnull=False)
            wanted = [item.pk for item in done.order_by("-id")[:1] if _still_wanted(item)]
            OutboxItem.objects.filter(pk__in=wanted).update(done_at=None, next_at=0)


def _still_wanted(item: OutboxItem) -> bool:
    """A dispute with a state that was overtaken since would be a stale one."""
    effect = unpack_effect(item.kind, bytes(item.payload))
    if not isinstance(effect, LedgerDispute):
        return True
    versions = Channel.objects.filter(channel=item.channel).values_list("version", flat=True)
    return max(versions, default=0) <= effect.newest.state.version
