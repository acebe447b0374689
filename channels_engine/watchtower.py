"""Brings the ledger's events to all hosted endpoints, whether anybody is connected or not.

The machines answer: a stale state that somebody disputes with is met by the newest co-signed one
(`LedgerResolve` in the outbox). The tower needs no client, no web process and no memory of its own:
each tick goes on where the stored blocks end.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from types import MappingProxyType
from typing import Any, TypeAlias

from django.db import transaction

from channels_engine.codec import to_hex
from channels_engine.core import inputs
from channels_engine.lookout import Deliveries, evidence, lapses, no_deliveries
from channels_engine.relay import LedgerInput
from channels_engine.runtime import Runtime
from channels_engine.store import block_times, rollbacks
from channels_engine.store.lease import sole
from channels_engine.store.models import Endpoint, LedgerBlock, LedgerEvent
from channels_engine.submissions import Fact, Refused
from contracts import events
from contracts.indexer import KEPT_HASHES, IndexedBlock, IndexedEvent, Indexer, Progress, RpcBlockSource

logger = logging.getLogger(__name__)
NOTHING = Progress(applied=0, rolled_back=0, head=-1, tip=-1)

ChannelEvent: TypeAlias = (
    events.ChannelOpened
    | events.ChannelFinalised
    | events.ChannelDisputed
    | events.DisputeResolved
    | events.DisputeFinalised
    | events.ChannelCheckpointed
    | events.FundingChanged
    | events.OfferEnforced
    | events.DeliveryEnforced
)
Seen: TypeAlias = IndexedEvent[ChannelEvent]
_DISPUTING = (events.ChannelDisputed, events.DisputeResolved, events.OfferEnforced)


class DatabaseIndex:
    """`contracts.indexer.IndexStore` in the engine's database; applying a block tells the runtime of its events.

    The blocks come last: a crash in between brings the same events again, which are recognised. Should the
    chain have left these blocks meanwhile, their events are found when the next process applies its first.
    """

    def __init__(self, runtime: Runtime, deliveries: Deliveries = no_deliveries) -> None:
        self._runtime = runtime
        self._deliveries = deliveries
        self._strays_may_be = True

    def recent(self) -> list[tuple[int, bytes]]:
        """As the protocol says."""
        rows = LedgerBlock.objects.order_by("-number").values_list("number", "hash")[:KEPT_HASHES]
        return [(number, bytes.fromhex(text[2:])) for number, text in rows]

    def apply(self, blocks: Sequence[IndexedBlock[ChannelEvent]]) -> None:
        """As the protocol says."""
        self._drop_strays(blocks)
        seen = self._hosted([event for block in blocks for event in block.events])
        # Before the runtime, which wakes whoever looks at the channel: they must find the event.
        made = {block.header.hash: block.header.timestamp for block in blocks}
        LedgerEvent.objects.bulk_create(_rows(seen, made), ignore_conflicts=True)
        times = rollbacks.counted(item.event.channel for item in seen)
        self._tell(
            [
                Fact(
                    item.event.channel,
                    _INPUTS[type(item.event)](item.event),
                    rollbacks.told(_key(item), times, item.event.channel),
                )
                for item in seen
            ]
        )
        self._tell(lapses(self._runtime, blocks[-1].header))
        self._show_deliveries({item.event.channel for item in seen if isinstance(item.event, _DISPUTING)})
        with transaction.atomic():
            LedgerBlock.objects.bulk_create(_block_rows(blocks), ignore_conflicts=True)
            last = blocks[-1].header.number
            LedgerBlock.objects.filter(number__lt=last - 2 * KEPT_HASHES).delete()

    def roll_back(self, number: int) -> None:
        """As the protocol says. The endpoints hear first; a crash before the rows are gone takes back twice."""
        gone = LedgerEvent.objects.filter(block_number__gt=number)
        for channel in sorted(set(gone.values_list("channel", flat=True))):
            self._tell(rollbacks.facts(channel, number))
        rollbacks.bring_again(gone)
        with transaction.atomic():
            gone.delete()
            LedgerBlock.objects.filter(number__gt=number).delete()

    def _tell(self, facts: Sequence[Fact]) -> None:
        for fact, outcome in zip(facts, self._runtime.process(facts), strict=True):
            if isinstance(outcome, Refused):
                logger.error("Channel 0x%s refuses %r: %s", fact.channel.hex(), fact.event, outcome.message)

    def _show_deliveries(self, disputed: set[bytes]) -> None:
        """In a dispute, show what the meter signed: it needs no user, and the ledger refunds by it."""
        for hosting in self._runtime.hostings(disputed).values():
            said = evidence(hosting, self._deliveries(hosting.channel))
            for outcome in self._runtime.process(said):
                if isinstance(outcome, Refused):
                    logger.warning(
                        "Deliveries in 0x%s are not shown: %s", hosting.channel.hex(), outcome.message
                    )

    def _drop_strays(self, blocks: Sequence[IndexedBlock[ChannelEvent]]) -> None:
        """Take back events that were told of blocks which were not stored before a crash, and are none any more."""
        if not self._strays_may_be:
            return
        head, kept = blocks[0].header.number - 1, [to_hex(block.header.hash) for block in blocks]
        if LedgerEvent.objects.filter(block_number__gt=head).exclude(block_hash__in=kept).exists():
            self.roll_back(head)
        self._strays_may_be = False

    def _hosted(self, seen: Sequence[Seen]) -> list[Seen]:
        wanted = {to_hex(item.event.channel) for item in seen}
        hosted = set(Endpoint.objects.filter(channel__in=wanted).values_list("channel", flat=True))
        return [item for item in seen if to_hex(item.event.channel) in hosted]


class Watchtower:
    """Watches one registry for one runtime."""

    def __init__(
        self,
        runtime: Runtime,
        source: RpcBlockSource,
        *,
        start: int = 0,
        confirmations: int = 0,
        deliveries: Deliveries = no_deliveries,
    ) -> None:
        self._source, self._times_known = source, False
        self._indexer = Indexer(
            source,
            DatabaseIndex(runtime, deliveries),
            channel_event,
            start=start,
            confirmations=confirmations,
        )

    def tick(self) -> Progress:
        """Take what is new on the ledger; nothing where another process of this database is at it.

        Raises:
            LedgerError: It can't be reached, or does not answer as one; try again.
        """
        with sole("watchtower") as mine:
            if not mine:
                return NOTHING
            if not self._times_known:
                block_times.fill(self._source)
                self._times_known = True
            return self._indexer.catch_up()


def channel_event(log: Any) -> ChannelEvent | None:
    """The event of a channel in a log of the registry, or None."""
    event = events.decode_log(log)
    return event if isinstance(event, ChannelEvent) else None


_INPUTS: Mapping[type[ChannelEvent], Callable[[Any], LedgerInput]] = MappingProxyType(
    {
        events.ChannelOpened: lambda _: inputs.LedgerOpened(),
        events.ChannelDisputed: lambda e: inputs.LedgerDisputed(e.version, e.deadline),
        events.DisputeResolved: lambda e: inputs.LedgerResolved(e.version, e.deadline),
        events.ChannelFinalised: lambda e: inputs.LedgerFinalised(e.version, e.balance_a, e.balance_b),
        events.DisputeFinalised: lambda e: inputs.LedgerFinalised(e.version, e.balance_a, e.balance_b),
        events.ChannelCheckpointed: lambda e: inputs.LedgerCheckpointed(e.version, e.balance_a, e.balance_b),
        events.FundingChanged: lambda e: inputs.LedgerFundingChanged(
            e.version, e.balance_a, e.balance_b, e.funding_a, e.funding_b
        ),
        events.OfferEnforced: lambda e: inputs.LedgerOfferEnforced(
            e.trade, e.version, e.balance_a, e.balance_b, e.deadline
        ),
        events.DeliveryEnforced: lambda e: inputs.LedgerDeliveryEnforced(
            e.trade, e.delivered_wh, e.refund, e.balance_a, e.balance_b
        ),
    }
)


def _key(item: Seen) -> str:
    return f"{to_hex(item.log.transaction_hash)}:{item.log.log_index}"


def _rows(seen: Sequence[Seen], made: Mapping[bytes, int]) -> list[LedgerEvent]:
    scids = dict(Endpoint.objects.filter(channel__in=_channels(seen)).values_list("channel", "scid"))
    return [_row(item, scids, made[item.log.block_hash]) for item in seen]


def _channels(seen: Sequence[Seen]) -> set[str]:
    return {to_hex(item.event.channel) for item in seen}


def _row(item: Seen, scids: Mapping[str, str], at: int) -> LedgerEvent:
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
        at=at,
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
