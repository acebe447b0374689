"""What the metering operator signed of trades that are not settled yet."""

from channels_engine.core.messages import SignedDelivery
from channels_engine.core.typed_data import digest
from channels_engine.core.types import Delivery, Domain
from channels_engine.store.models import TradeRecord
from marketplace.trading.replay.cast import metering_signer


def signed_deliveries(channel: str, place: Domain) -> list[SignedDelivery]:
    """Of one channel (0x-hex), under the channels' EIP-712 domain."""
    rows = TradeRecord.objects.filter(
        channel=channel, delivered_wh__isnull=False, settled_version__isnull=True
    )
    signer = metering_signer()
    found = (Delivery(_raw(row.channel), _raw(row.trade), row.delivered_wh or 0) for row in rows)
    return [SignedDelivery(one, signer.sign(digest(place, one))) for one in found]


def _raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])
