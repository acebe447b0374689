"""Wake-ups over the channel layer: "look at these channels". They carry no message and may be lost."""

import asyncio
import logging
from collections.abc import Mapping

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

from channels_engine.codec import to_hex

logger = logging.getLogger(__name__)


def group_of(owner: str) -> str:
    """Group of an owner's sockets (ASCII letters, digits, hyphen, period, under 100)."""
    return f"engine.{owner}"


class LayerTransport:
    """`ports.Transport` over the default channel layer; callable from any thread.

    The in-memory layer belongs to one event loop, which the sockets make known by `attach`; a process
    without sockets has nobody to wake in itself, and reaches the others through Redis.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: set[asyncio.Task[None]] = set()

    def attach(self) -> None:
        """Use the running loop from now on."""
        self._loop = asyncio.get_running_loop()

    def wake(self, news: Mapping[str, Mapping[bytes, int]]) -> None:
        """Tell the owners' sockets, in this process and others."""
        loop = self._loop
        if loop is not None and loop.is_running():
            loop.call_soon_threadsafe(self._start, news)
        elif not isinstance(get_channel_layer(), InMemoryChannelLayer):
            async_to_sync(self._tell)(news)

    def _start(self, news: Mapping[str, Mapping[bytes, int]]) -> None:
        task = asyncio.get_running_loop().create_task(self._tell(news))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _tell(self, news: Mapping[str, Mapping[bytes, int]]) -> None:
        layer = get_channel_layer()
        if layer is None:
            return
        try:
            for owner, channels in news.items():
                look = {"type": "look", "news": {to_hex(channel): seq for channel, seq in channels.items()}}
                await layer.group_send(group_of(owner), look)
        except OSError:
            logger.warning(
                "The channel layer is away; sockets will find the news on their next sweep.", exc_info=True
            )
