"""What a watchtower does beside telling events: the ledger's time, and what meters signed, brought to disputes."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from channels_engine.codec import parse_hex, to_hex
from channels_engine.core.inputs import LedgerTimePassed
from channels_engine.core.messages import EnforceDelivery, SignedDelivery
from channels_engine.core.state import Endpoint, Phase
from channels_engine.core.types import Side
from channels_engine.frames import message_of
from channels_engine.relay import Hosting
from channels_engine.runtime import Runtime
from channels_engine.store.models import Endpoint as EndpointRow
from channels_engine.submissions import Fact, Said
from contracts.indexer import Header

Deliveries: TypeAlias = Callable[[bytes], Sequence[SignedDelivery]]
"""What meters signed of a channel's open trades."""


def no_deliveries(_: bytes) -> Sequence[SignedDelivery]:
    """Nobody meters here."""
    return ()


def lapses(runtime: Runtime, head: Header) -> list[Fact]:
    """The ledger's time, for channels that wait for a change of the funding which can't come any more."""
    waiting = EndpointRow.objects.filter(phase__in=(Phase.CHANGING.value, Phase.DISPUTED.value))
    channels = {parse_hex(text, 32) for text in waiting.values_list("channel", flat=True)}
    told = LedgerTimePassed(head.timestamp)
    return [
        Fact(channel, told, f"time:{head.hash.hex()}")
        for channel, hosting in runtime.hostings(channels).items()
        if any(_has_lapsed(endpoint, head.timestamp) for endpoint in hosting.endpoints)
    ]


def _has_lapsed(endpoint: Endpoint | None, time: int) -> bool:
    pledge = None if endpoint is None else endpoint.pledge
    return pledge is not None and pledge.change.valid_until < time


def evidence(hosting: Hosting, known: Sequence[SignedDelivery]) -> list[Said]:
    """What a hosted side in a dispute shows the ledger of its open trades."""
    for side in Side:
        endpoint = hosting.endpoints[side]
        if endpoint is None or endpoint.phase is not Phase.DISPUTED or endpoint.dispute is None:
            continue
        trades = {trade.id for trade in endpoint.open_trades}
        shown = tuple(signed for signed in known if signed.delivery.trade in trades)
        if not shown:
            return []
        message_id = f"tower:{endpoint.dispute.deadline}:{to_hex(shown[0].delivery.trade)[:34]}"
        return [Said(hosting.owners[side], message_of(message_id, hosting.channel, EnforceDelivery(shown)))]
    return []
