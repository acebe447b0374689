"""The websocket of all of an owner's channels: decode -> runtime -> answer; wake-ups -> log entries.

One socket's frames are handled one after the other; many sockets share commits (`writer.Writer`).
The channel layer only says where to look; a sweep finds what a lost wake-up missed.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from typing import Any

from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer

from channels_engine import frames, presence, service, views
from channels_engine.codec import parse_hex
from channels_engine.frames import Ack, AskList, AskState, FrameError, Resume, Send
from channels_engine.mailbox import Mailbox
from channels_engine.ports import Pass
from channels_engine.submissions import Accepted, Refused, Said
from channels_engine.wakeups import group_of

SWEEP_SECONDS = 5
UNAUTHORIZED = 4401
FORBIDDEN = 4403
NOT_ACKNOWLEDGED = 4429
UNAVAILABLE = ("unavailable", "The relay can't answer this now; it has been logged. Send it again.")
READING_ONLY = ("insufficient_scope", "This token may read only; send it with one that may write.")
logger = logging.getLogger(__name__)
_read = database_sync_to_async


def _positions_of(owner: str) -> dict[bytes, int]:
    presence.note(owner)
    return views.positions(owner)


def _changes_seen_by(owner: str, then: int) -> dict[str, int]:
    presence.note(owner)
    return views.changed_since(owner, then)


class ChannelsConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """See docs/messages.md."""

    owner: str = ""
    mailbox: Mailbox
    permit: Pass | None = None

    async def __call__(self, *args: Any) -> None:
        """Serve one socket; some servers never call `disconnect`, so that cleaning up stands here."""
        try:
            await super().__call__(*args)
        finally:
            if self.owner:
                service.transport().forget(self.owner, self._hear)
                self._pusher.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._pusher
                await self.channel_layer.group_discard(group_of(self.owner), self.channel_name)

    async def connect(self) -> None:
        """Let owners in who are signed in, or whose program shows a pass, and greet them."""
        owner = await _read(service.owner_of)(self.scope.get("user"))
        self.permit = self.scope.get("pass")
        await self.accept()
        if not owner or (self.permit is not None and not self.permit.may_read):
            await self.close(FORBIDDEN if owner else UNAUTHORIZED)
            return
        await self.channel_layer.group_add(group_of(owner), self.channel_name)
        self._lock = asyncio.Lock()  # a delivery must not run in between the frames of an answer
        self._news = asyncio.Event()
        self._swept_at = int(time.time())
        self.mailbox = Mailbox(await _read(_positions_of)(owner))
        self.owner = owner
        service.transport().listen(owner, self._hear)
        self._pusher = asyncio.create_task(self._push())
        runtime = service.runtime()
        await self._put(frames.hello_frame(owner, runtime.domain, runtime.clock.now()))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One frame of the client."""
        if not self.owner or not await self._still_opens():
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

    async def _still_opens(self) -> bool:
        """Whether the pass holds, if there is one; where it was revoked or ran out, the socket is closed."""
        if self.permit is None or await _read(self.permit.holds)():
            return True
        await self.close(UNAUTHORIZED)
        return False

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
        if self.permit is not None and not self.permit.may_say:
            raise FrameError(*READING_ONLY, message.id)
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

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As the base class does, but without a visit to the database's thread for each frame: reads see to that."""
        await getattr(self, get_handler_name(message))(message)

    async def look(self, event: dict[str, Any]) -> None:
        """A wake-up from another process: some channels have new entries."""
        self._hear({parse_hex(channel, 32): seq for channel, seq in event["news"].items()})

    def _hear(self, news: Mapping[bytes, int]) -> None:
        for channel, seq in news.items():
            self.mailbox.hear(channel, seq)
        self._news.set()

    async def _push(self) -> None:
        """Deliver what was heard of; every few seconds look for what was not."""
        while True:
            try:
                await asyncio.wait_for(self._news.wait(), SWEEP_SECONDS)
            except TimeoutError:
                await self._sweep()
            self._news.clear()
            if not await self._still_opens():
                return
            async with self._lock:
                await self._deliver()

    async def _sweep(self) -> None:
        started = int(time.time())
        news = await _read(_changes_seen_by)(self.owner, self._swept_at - SWEEP_SECONDS)
        self._swept_at = started
        self._hear({parse_hex(channel, 32): seq for channel, seq in news.items()})

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
                entries = await _read(runtime.entries_after)(channel, position, last)
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
