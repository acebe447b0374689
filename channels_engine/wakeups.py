"""Wake-ups over the channel layer: "look at these channels". They carry no message and may be lost."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TypeAlias

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer

from channels_engine.codec import to_hex

News: TypeAlias = Mapping[str, Mapping[bytes, int]]
Hear: TypeAlias = Callable[[Mapping[bytes, int]], None]
logger = logging.getLogger(__name__)


def group_of(owner: str) -> str:
    """Group of an owner's sockets (ASCII letters, digits, hyphen, period, under 100)."""
    return f"engine.{owner}"


class LayerTransport:
    """`ports.Transport`: sockets of this process are called directly, those of others through the channel layer.

    Callable from any thread. The sockets' event loop makes itself known by `listen`; a process without
    sockets has nobody to call in itself. The in-memory layer reaches no other process and is left out.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._sockets: dict[str, set[Hear]] = {}

    def listen(self, owner: str, hear: Hear) -> None:
        """Call `hear` in this loop whenever an owner's channels have news."""
        self._loop = asyncio.get_running_loop()
        self._sockets.setdefault(owner, set()).add(hear)

    def forget(self, owner: str, hear: Hear) -> None:
        """Stop calling."""
        sockets = self._sockets.get(owner, set())
        sockets.discard(hear)
        if not sockets:
            self._sockets.pop(owner, None)

    def hears(self, owner: str) -> bool:
        """Whether an owner has a socket in this process."""
        return owner in self._sockets

    def wake(self, news: News) -> None:
        """Tell the owners' sockets, in this process and others."""
        loop, elsewhere = self._loop, not isinstance(get_channel_layer(), InMemoryChannelLayer)
        if loop is not None and loop.is_running():
            loop.call_soon_threadsafe(self._call, news, elsewhere)
        elif elsewhere:
            async_to_sync(self._tell)(news)

    def _call(self, news: News, elsewhere: bool) -> None:  # noqa: FBT001  call_soon takes positions only
        for owner, channels in news.items():
            for hear in self._sockets.get(owner, ()):
                hear(channels)
        if elsewhere:
            task = asyncio.get_running_loop().create_task(self._tell(news))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _tell(self, news: News) -> None:
        layer = get_channel_layer()
        try:
            for owner, channels in news.items():
                look = {"type": "look", "news": {to_hex(channel): seq for channel, seq in channels.items()}}
                await layer.group_send(group_of(owner), look)
        except OSError:
            logger.warning(
                "The channel layer is away; sockets will find the news on their next sweep.", exc_info=True
            )
