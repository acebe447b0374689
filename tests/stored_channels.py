"""Rows of a channel as the engine stores it, for tests of what reads them."""

from channels_engine.core.state import Endpoint
from channels_engine.core.types import Side
from channels_engine.relay import Hosting
from channels_engine.store import bulk, models, repository, rows


def store_endpoints(
    *endpoints: Endpoint, owners: tuple[str, str], seq: int = 1, at: int = 1
) -> models.Endpoint:
    """Store the hosted sides of one channel of `owners` (of A and B); returns the first one's row."""
    by_side = {endpoint.me: endpoint for endpoint in endpoints}
    channel, scid = endpoints[0].channel, endpoints[0].opening.scid
    before = Hosting(channel, scid, owners)
    (number,) = repository.allocate(1)
    both = (by_side.get(Side.A), by_side.get(Side.B))
    hosting = Hosting(channel, scid, owners, both, seq, number=number)
    bulk.write(rows.CHANNELS, [rows.channel_row(hosting, at)])
    bulk.write(rows.ENDPOINTS, list(rows.endpoint_rows(before, hosting)))
    stored = models.Endpoint.objects.select_related("channel_row")
    return stored.get(channel="0x" + channel.hex(), side=int(endpoints[0].me))
