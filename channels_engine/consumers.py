"""The websocket of all of an owner's channels: decode -> runtime -> answer; wake-ups -> log entries.

One socket's frames are handled one after the other; many sockets share commits (`writer.Writer`).
The channel layer only says where to look; a sweep finds what a lost wake-up missed.
"""

import asyncio
import contextlib
import logging
import time
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from channels_engine import frames, service, views
from channels_engine.codec import parse_hex
from channels_engine.frames import Ack, AskList, AskState, FrameError, Resume, Send
from channels_engine.mailbox import Mailbox
from channels_engine.submissions import Accepted, Refused, Said
from channels_engine.wakeups import group_of

SWEEP_SECONDS = 5
UNAUTHORIZED = 4401
NOT_ACKNOWLEDGED = 4429
UNAVAILABLE = ("unavailable", "The relay can't answer this now; it has been logged. Send it again.")
logger = logging.getLogger(__name__)
_read = database_sync_to_async


class ChannelsConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """See docs/messages.md."""

    owner: str = ""
    mailbox: Mailbox

    async def __call__(self, *args: Any) -> None:
        """Serve one socket; some servers never call `disconnect`, so that cleaning up stands here."""
        try:
            await super().__call__(*args)
        finally:
            if self.owner:
                self._sweeper.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._sweeper
                await self.channel_layer.group_discard(group_of(self.owner), self.channel_name)

    async def connect(self) -> None:
        """Let signed-in owners in and greet them."""
        owner = await _read(service.owner_of)(self.scope.get("user"))
        await self.accept()
        if not owner:
            await self.close(UNAUTHORIZED)
            return
        service.transport().attach()
        await self.channel_layer.group_add(group_of(owner), self.channel_name)
        self._lock = asyncio.Lock()  # a sweep must not run in between the frames of an answer
        self._swept_at = int(time.time())
        self.mailbox = Mailbox(await _read(views.positions)(owner))
        self.owner = owner
        self._sweeper = asyncio.create_task(self._sweep())
        runtime = service.runtime()
        await self._put(frames.hello_frame(owner, runtime.domain, runtime.clock.now()))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One frame of the client."""
        if not self.owner:
            return
        if self.mailbox.is_abused:
            await self.close(NOT_ACKNOWLEDGED)
            return
        async with self._lock:
            try:
                await self._handle(
                    frames.decode_frame(text_data if text_data is not None else bytes_data or b"")
                )
            except FrameError as error:
                await self._put(frames.refused_frame(error.message_id, error.code, error.message))
            except Exception:
                logger.exception("A frame of %s could not be handled.", self.owner)
                await self._put(frames.refused_frame(None, *UNAVAILABLE))

    async def _handle(self, frame: frames.ClientFrame) -> None:
        if isinstance(frame, Send):
            await self._send_message(frame)
        elif isinstance(frame, Ack):
            if not self.mailbox.acknowledge(frame.received):
                raise FrameError(
                    "malformed", "`received` counts the frames of this socket; it can't be that number."
                )
            await self._deliver()
        elif isinstance(frame, Resume):
            await self._resume(frame)
        elif isinstance(frame, AskState):
            await self._put_state(frames.decode_channel(frame.channel))
        elif isinstance(frame, AskList):
            await self._put(frames.encode(await _read(views.channel_list)(self.owner)))

    async def _send_message(self, frame: Send) -> None:
        message = frames.decode_message(frame)
        outcome = await asyncio.wrap_future(service.writer().submit(Said(self.owner, message)))
        if isinstance(outcome, Refused):
            await self._put(frames.refused_frame(message.id, outcome.code, outcome.message))
            return
        await self._put_accepted(message, outcome)
        await self._deliver()

    async def _put_accepted(self, message: frames.Message, outcome: Accepted) -> None:
        """Answer in the log's order: what came before it first, unless the window is full."""
        channel, seq = message.channel, outcome.seq
        if not outcome.repeated:
            self.mailbox.hear(channel, seq)
            if self.mailbox.positions.get(channel, 0) < seq - 1:
                await self._deliver_channel(channel, seq - 1)
            if self.mailbox.positions.get(channel, 0) == seq - 1:
                self.mailbox.reach(channel, seq)
        await self._put(frames.accepted_frame(message.id, channel, seq, outcome.at))

    async def _resume(self, frame: Resume) -> None:
        channel = frames.decode_channel(frame.channel)
        last = await _read(views.last_seq)(self.owner, channel)
        if last is None:
            raise FrameError("unknown_channel", "You have no such channel; list shows those you have.")
        self.mailbox.rewind(channel, min(frame.after_seq, last), last, states=frame.states)
        await self._deliver()

    async def look(self, event: dict[str, Any]) -> None:
        """A wake-up: some channels have new entries."""
        async with self._lock:
            for channel, seq in event["news"].items():
                self.mailbox.hear(parse_hex(channel, 32), seq)
            await self._deliver()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            started = int(time.time())
            news = await _read(views.changed_since)(self.owner, self._swept_at - SWEEP_SECONDS)
            self._swept_at = started
            await self.look({"news": news})

    async def _deliver(self) -> None:
        """Deliver what is pending while there is room, then the states that changed."""
        for channel in list(self.mailbox.pending):
            await self._deliver_channel(channel, self.mailbox.latest[channel])
        for channel in self.mailbox.take_changed():
            await self._put_state(channel)

    async def _deliver_channel(self, channel: bytes, last: int) -> None:
        box, runtime = self.mailbox, service.runtime()
        while box.has_room and (position := box.positions.get(channel, 0)) < last:
            entries = runtime.recent.after(channel, position, last)
            if entries is None:
                entries = await _read(runtime.entries_after)(channel, position)
            if not entries:
                return
            for entry in entries:
                if not box.has_room or entry.seq > last:
                    return
                box.reach(channel, entry.seq)
                await self._put(frames.message_frame(entry))

    async def _put_state(self, channel: bytes) -> None:
        view = await _read(views.state)(self.owner, channel)
        if view is None:
            raise FrameError("unknown_channel", "You have no such channel; list shows those you have.")
        await self._put(frames.encode(view))

    async def _put(self, text: str) -> None:
        self.mailbox.count()
        await self.send(text_data=text)
