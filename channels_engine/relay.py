"""What one submission does to a channel's hosted endpoints: pure, and all or nothing.

A `Hosting` is the pair of endpoints of one channel as the relay holds them. The functions here apply one
message, ledger event or timer to both sides and give a `Change`, or refuse and leave everything as it was.
"""

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import msgspec

from channels_engine import wire
from channels_engine.codec import json_form
from channels_engine.core import effects as fx
from channels_engine.core import inputs
from channels_engine.core.errors import InvariantError, RemoteProtocolError
from channels_engine.core.messages import Body, DisputeAnswer, DisputeRaise, OpenRequest
from channels_engine.core.state import Endpoint, Policy
from channels_engine.core.transition import apply
from channels_engine.core.types import Domain, EntityContract, Side
from channels_engine.frames import Entry, Message, body_text, type_of

LEDGER = 2
CLOCK = 3
MAX_MACHINE_MESSAGES = 8
MACHINE = "machine/"
"""Ids of what the machines say begin so; a client's id can't hold a slash."""

LedgerInput: TypeAlias = (
    inputs.LedgerRolledBack
    | inputs.LedgerOpened
    | inputs.LedgerDisputed
    | inputs.LedgerResolved
    | inputs.LedgerFinalised
    | inputs.LedgerFundingChanged
    | inputs.LedgerTimePassed
    | inputs.LedgerOfferEnforced
    | inputs.LedgerDeliveryEnforced
    | inputs.LedgerCheckpointed
)
Endpoints: TypeAlias = tuple[Endpoint | None, Endpoint | None]
Wakes: TypeAlias = tuple[int | None, int | None]


class Hosting(msgspec.Struct, frozen=True, gc=False):
    """A channel as hosted here. An owner is "" and its endpoint None where the peer is on another relay.

    `number` stands for the channel in the rows of its log; 0 until it is stored.
    `wakes` is when to look at each side's timer. It may be early, never late: a timer that moves away with
    each trade would otherwise be written, and its index moved, with each trade.
    """

    channel: bytes
    scid: bytes
    owners: tuple[str, str]
    endpoints: Endpoints = (None, None)
    seq: int = 0
    staged_seq: int = 0
    wakes: Wakes = (None, None)
    number: int = 0

    def side_of(self, owner: str) -> Side | None:
        """The side that this owner holds, if any."""
        if owner == self.owners[0]:
            return Side.A
        return Side.B if owner == self.owners[1] else None

    def endpoint(self, side: Side) -> Endpoint:
        """The endpoint of a hosted side.

        Raises:
            InvariantError: It isn't hosted here.
        """
        endpoint = self.endpoints[side]
        if endpoint is None:
            raise InvariantError(f"Side {side.name} of 0x{self.channel.hex()} has no endpoint here.")
        return endpoint


class SidedEffect(NamedTuple):
    """An effect and the side whose machine wants it."""

    side: Side
    effect: fx.Effect


class Change(NamedTuple):
    """What a submission does: before, after, new log entries, effects; `body` is the message that did it."""

    before: Hosting
    after: Hosting
    entries: tuple[Entry, ...]
    effects: tuple[SidedEffect, ...]
    body: Body | None


def _shown(body: Body) -> Body:
    """What the peer gets to see of a message: all but a consent, with which it could dispute in our user's name."""
    return (
        msgspec.structs.replace(body, signature=None)
        if isinstance(body, DisputeRaise) and body.signature
        else body
    )


def shown_text(message: Message) -> str:
    """What is logged of a message, for both sides to read."""
    shown = _shown(message.body)
    return message.text if shown is message.body else body_text(shown)


class _Turn:
    """The endpoints while one submission runs; becomes a `Change` when all of it went well."""

    __slots__ = ("_before", "_effects", "_endpoints", "_entries", "_now", "_outgoing")

    def __init__(self, hosting: Hosting, now: int) -> None:
        self._before = hosting
        self._now = now
        self._endpoints: list[Endpoint | None] = list(hosting.endpoints)
        self._entries: list[Entry] = []
        self._effects: list[SidedEffect] = []
        self._outgoing: deque[tuple[Side, Body]] = deque()

    def run(self, side: Side, change: inputs.Input) -> None:
        """Feed one input to one side's machine."""
        if not self._before.owners[side]:
            return
        endpoint, wanted = apply(self._endpoints[side], change, self._now)
        self._endpoints[side] = endpoint
        for effect in wanted:
            if isinstance(effect, fx.SendMessage):
                self._outgoing.append((side, effect.body))
            else:
                self._effects.append(SidedEffect(side, effect))

    def log(self, sender: int, message_id: str, kind: str, text: str) -> None:
        """Append an entry."""
        seq = self._before.seq + len(self._entries) + 1
        self._entries.append(Entry(self._before.channel, seq, sender, message_id, kind, text, self._now))

    def log_machine(self, side: Side, body: Body) -> None:
        """Append what a machine says by itself."""
        kind, seq = type_of(body), self._before.seq + len(self._entries) + 1
        self.log(side, f"{MACHINE}{kind}/{seq}", kind, body_text(body))

    def say(self, side: Side, message: Message, both: wire.Inputs) -> None:
        """A user's message: its own machine agrees first, then the peer's gets it."""
        if both.action is None:
            raise RemoteProtocolError("machine_only", f"{message.type} is sent by the state machine alone.")
        self.run(side, both.action)
        shown = _shown(message.body)
        if self._take_own(side, message.body) != shown:
            raise RemoteProtocolError(
                "stale_view", "Your machine would say this otherwise; look at the channel again."
            )
        self.log(side, message.id, message.type, shown_text(message))
        self.run(side.other, both.receive)

    def _take_own(self, side: Side, body: Body) -> Body:
        """The machine's own word for what its user says."""
        for index, (sender, said) in enumerate(self._outgoing):
            if sender is side and type(said) is type(body):
                del self._outgoing[index]
                return said
        raise InvariantError(f"The machine took a {type_of(body)} and sent nothing.")

    def deliver_machine_messages(self) -> None:
        """Bring what the machines say on their own to the other side, until they are silent."""
        for _ in range(MAX_MACHINE_MESSAGES):
            if not self._outgoing:
                return
            side, body = self._outgoing.popleft()
            endpoint = self._endpoints[side]
            if endpoint is None:
                raise InvariantError("A machine without endpoint can't speak.")
            self.log_machine(side, body)
            self.run(side.other, wire.verify(body, endpoint).receive)
        if self._outgoing:
            raise InvariantError("Two machines answer each other without end.")

    def finish(self, body: Body | None = None) -> Change:
        """The change as a whole."""
        before = self._before
        first, second = self._endpoints
        seq = before.seq + len(self._entries)
        after = Hosting(
            before.channel,
            before.scid,
            before.owners,
            (first, second),
            seq,
            _staged_seq(before, (first, second), self._entries),
            (_sooner(before.wakes[0], first), _sooner(before.wakes[1], second)),
            before.number,
        )
        return Change(before, after, tuple(self._entries), tuple(self._effects), body)


def _sooner(known: int | None, endpoint: Endpoint | None) -> int | None:
    wake_at = None if endpoint is None else endpoint.wake_at
    if known is None or wake_at is None:
        return wake_at if known is None else known
    return min(known, wake_at)


def _staged_seq(before: Hosting, after: Endpoints, entries: list[Entry]) -> int:
    """Number of the entry that proposed what is staged now (or was last)."""
    for old, new in zip(before.endpoints, after, strict=True):
        if new is None or new.staged is None or (old is not None and old.staged is new.staged):
            continue
        if old is None or old.staged != new.staged:
            return entries[0].seq
    return before.staged_seq


def open_channel(
    message: Message,
    hosting: Hosting,
    sender: Side,
    now: int,
    *,
    domain: Domain,
    terms: EntityContract,
    policy: Policy,
) -> Change:
    """Begin a channel: `hosting` is still without endpoints; both machines here keep to `policy`.

    Raises:
        ProtocolError: Refused.
    """
    body = message.body
    if not isinstance(body, OpenRequest):
        raise RemoteProtocolError("unknown_channel", "There is no such channel; open it first.")
    turn = _Turn(hosting, now)
    turn.say(sender, message, wire.verify_request(body, domain, terms, sender, (policy, policy)))
    turn.deliver_machine_messages()
    return turn.finish(body)


def deliver(message: Message, hosting: Hosting, sender: Side, now: int) -> Change:
    """A user's message on an existing channel.

    Raises:
        ProtocolError: Refused by its sender's machine or the peer's.
    """
    turn = _Turn(hosting, now)
    turn.say(sender, message, wire.verify(message.body, hosting.endpoint(sender)))
    turn.deliver_machine_messages()
    return turn.finish(message.body)


def report(fact: LedgerInput, message_id: str, hosting: Hosting, now: int) -> Change:
    """A confirmed event of the ledger, for both sides.

    Raises:
        ProtocolError: It can't follow from what a machine knows.
    """
    turn = _Turn(hosting, now)
    text = json_form(type(fact)).encode(fact).decode()
    turn.log(LEDGER, message_id, _LEDGER_TYPES[type(fact)], text)
    turn.run(Side.A, fact)
    turn.run(Side.B, fact)
    turn.deliver_machine_messages()
    return turn.finish()


def show(evidence: DisputeAnswer, hosting: Hosting, now: int) -> Change:
    """A co-signed state that somebody brought along; each side hears it as the answer of the other.

    Raises:
        ProtocolError: It is not signed by both, or not of this channel.
    """
    turn = _Turn(hosting, now)
    for side in Side:
        endpoint = hosting.endpoints[side]
        if endpoint is not None:
            both = wire.verify(evidence, endpoint)
            turn.log_machine(side, evidence)
            turn.run(side.other, both.receive)
    turn.deliver_machine_messages()
    return turn.finish()


def wake(side: Side, hosting: Hosting, now: int) -> Change:
    """Bring the timer to one side; where nothing is due yet, only put right when to look again."""
    wake_at = hosting.endpoint(side).wake_at
    if wake_at is None or wake_at > now:
        wakes = (wake_at, hosting.wakes[1]) if side is Side.A else (hosting.wakes[0], wake_at)
        return Change(hosting, msgspec.structs.replace(hosting, wakes=wakes), (), (), None)
    turn = _Turn(hosting, now)
    turn.log(CLOCK, f"clock/{hosting.seq + 1}", "timer.elapsed", f'{{"side":"{"ab"[side]}"}}')
    turn.run(side, inputs.TimerElapsed())
    turn.deliver_machine_messages()
    change = turn.finish()
    both = (change.after.endpoints[0], change.after.endpoints[1])
    exact = (both[0].wake_at if both[0] else None, both[1].wake_at if both[1] else None)
    return change._replace(after=msgspec.structs.replace(change.after, wakes=exact))


LEDGER_INPUTS: Mapping[str, type[LedgerInput]] = MappingProxyType(
    {
        "ledger.rolled_back": inputs.LedgerRolledBack,
        "ledger.opened": inputs.LedgerOpened,
        "ledger.disputed": inputs.LedgerDisputed,
        "ledger.resolved": inputs.LedgerResolved,
        "ledger.finalised": inputs.LedgerFinalised,
        "ledger.funding_changed": inputs.LedgerFundingChanged,
        "ledger.time_passed": inputs.LedgerTimePassed,
        "ledger.offer_enforced": inputs.LedgerOfferEnforced,
        "ledger.delivery_enforced": inputs.LedgerDeliveryEnforced,
        "ledger.checkpointed": inputs.LedgerCheckpointed,
    },
)
_LEDGER_TYPES: Mapping[type[LedgerInput], str] = {kind: name for name, kind in LEDGER_INPUTS.items()}
