"""Brings the ledger's events to all hosted endpoints, whether anybody is connected or not.

The machines answer: a stale state that somebody disputes with is met by the newest co-signed one
(`LedgerResolve` in the outbox). The tower needs no client, no web process and no memory of its own:
each tick goes on where the stored blocks end.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeAlias

from django.db import transaction

from channels_engine.codec import to_hex
from channels_engine.core import inputs
from channels_engine.relay import LedgerInput
from channels_engine.runtime import Runtime
from channels_engine.store.models import Endpoint, LedgerBlock, LedgerEvent
from channels_engine.submissions import Fact, Refused
from contracts import events
from contracts.indexer import KEPT_HASHES, IndexedBlock, IndexedEvent, Indexer, Progress, RpcBlockSource

logger = logging.getLogger(__name__)

ChannelEvent: TypeAlias = (
    events.ChannelOpened
    | events.ChannelFinalised
    | events.ChannelDisputed
    | events.DisputeResolved
    | events.DisputeFinalised
)
Seen: TypeAlias = IndexedEvent[ChannelEvent]


class DatabaseIndex:
    """`contracts.indexer.IndexStore` in the engine's database; applying a block tells the runtime of its events.

    The blocks come last: a crash in between brings the same events again, which are recognised.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def recent(self) -> list[tuple[int, bytes]]:
        """As the protocol says."""
        rows = LedgerBlock.objects.order_by("-number").values_list("number", "hash")[:KEPT_HASHES]
        return [(number, bytes.fromhex(text[2:])) for number, text in rows]

    def apply(self, blocks: Sequence[IndexedBlock[ChannelEvent]]) -> None:
        """As the protocol says."""
        seen = self._hosted([event for block in blocks for event in block.events])
        # Before the runtime, which wakes whoever looks at the channel: they must find the event.
        LedgerEvent.objects.bulk_create(_rows(seen), ignore_conflicts=True)
        facts = [Fact(item.event.channel, _input(item.event), _key(item)) for item in seen]
        for fact, outcome in zip(facts, self._runtime.process(facts), strict=True):
            if isinstance(outcome, Refused):
                logger.error("Channel 0x%s refuses %r: %s", fact.channel.hex(), fact.event, outcome.message)
        with transaction.atomic():
            LedgerBlock.objects.bulk_create(_block_rows(blocks), ignore_conflicts=True)
            last = blocks[-1].header.number
            LedgerBlock.objects.filter(number__lt=last - 2 * KEPT_HASHES).delete()

    def roll_back(self, number: int) -> None:
        """As the protocol says. Endpoints keep what they learned: the same events come again on the new fork."""
        with transaction.atomic():
            LedgerEvent.objects.filter(block_number__gt=number).delete()
            LedgerBlock.objects.filter(number__gt=number).delete()

    def _hosted(self, seen: Sequence[Seen]) -> list[Seen]:
        wanted = {to_hex(item.event.channel) for item in seen}
        hosted = set(Endpoint.objects.filter(channel__in=wanted).values_list("channel", flat=True))
        return [item for item in seen if to_hex(item.event.channel) in hosted]


class Watchtower:
    """Watches one registry for one runtime."""

    def __init__(
        self, runtime: Runtime, source: RpcBlockSource, *, start: int = 0, confirmations: int = 0
    ) -> None:
        self._indexer = Indexer(
            source,
            DatabaseIndex(runtime),
            channel_event,
            start=start,
            confirmations=confirmations,
        )

    def tick(self) -> Progress:
        """Take what is new on the ledger.

        Raises:
            LedgerError: It can't be reached, or does not answer as one; try again.
        """
        return self._indexer.catch_up()


def channel_event(log: Any) -> ChannelEvent | None:
    """The event of a channel in a log of the registry, or None."""
    event = events.decode_log(log)
    return event if isinstance(event, ChannelEvent) else None


def _input(event: ChannelEvent) -> LedgerInput:
    match event:
        case events.ChannelOpened():
            return inputs.LedgerOpened()
        case events.ChannelDisputed():
            return inputs.LedgerDisputed(event.version, event.deadline)
        case events.DisputeResolved():
            return inputs.LedgerResolved(event.version, event.deadline)
        case events.ChannelFinalised() | events.DisputeFinalised():
            return inputs.LedgerFinalised(event.version, event.balance_a, event.balance_b)


def _key(item: Seen) -> str:
    return f"{to_hex(item.log.transaction_hash)}:{item.log.log_index}"


def _rows(seen: Sequence[Seen]) -> list[LedgerEvent]:
    scids = dict(Endpoint.objects.filter(channel__in=_channels(seen)).values_list("channel", "scid"))
    return [_row(item, scids) for item in seen]


def _channels(seen: Sequence[Seen]) -> set[str]:
    return {to_hex(item.event.channel) for item in seen}


def _row(item: Seen, scids: Mapping[str, str]) -> LedgerEvent:
    channel = to_hex(item.event.channel)
    return LedgerEvent(
        channel=channel,
        scid=scids[channel],
        name=type(item.event).__name__,
        block_number=item.log.block_number,
        block_hash=to_hex(item.log.block_hash),
        transaction_hash=to_hex(item.log.transaction_hash),
        log_index=item.log.log_index,
        arguments=dict(_arguments(item.event)),
    )


def _arguments(event: ChannelEvent) -> Iterator[tuple[str, Any]]:
    """An event's members as JSON: bytes as 0x-hex, integers as decimal strings."""
    for field in fields(event):
        value = getattr(event, field.name)
        if isinstance(value, bytes):
            yield field.name, to_hex(value)
        else:
            yield field.name, value if isinstance(value, bool) else str(int(value))


def _block_rows(blocks: Sequence[IndexedBlock[ChannelEvent]]) -> list[LedgerBlock]:
    return [LedgerBlock(number=block.header.number, hash=to_hex(block.header.hash)) for block in blocks]
