"""The live market's telemetry over a websocket: each slot once, only the newest one to a slow reader."""

import asyncio
import contextlib
import json
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from marketplace.trading.live.telemetry import Mark, mark, telemetry
from marketplace.trading.live.view import live_run

LOOK_EVERY_S = 1.0


@database_sync_to_async  # type: ignore[untyped-decorator]  # channels ships no types
def _mark() -> Mark:
    return mark(live_run())


@database_sync_to_async  # type: ignore[untyped-decorator]  # channels ships no types
def _telemetry() -> dict[str, Any]:
    return telemetry()


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """Open to everybody: there is nothing personal in it. Whatever a client sends is ignored."""

    async def connect(self) -> None:
        """Begin to watch."""
        await self.accept()
        self._watch = asyncio.create_task(self._follow())

    async def disconnect(self, code: int) -> None:
        """Stop watching."""
        del code
        self._watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watch

    async def _follow(self) -> None:
        seen: Mark | None = None
        while True:
            now = await _mark()
            if now != seen:
                seen = now
                await self.send(json.dumps({"kind": "slot", **await _telemetry()}))
            await asyncio.sleep(LOOK_EVERY_S)
