"""An agent's own copy of its channels, made from the log, and the agent that speaks over a websocket.

A copy trusts nobody: the peer's signatures are verified here, every entry goes through the same state
machine as at the relay, and what the relay left out or made up does not fit. Only the ledger's events are
taken at its word; who doubts them asks the ledger.
"""

from typing import Any

import msgspec

from channels_engine import agreements, frames, wire
from channels_engine.agent import Agent, Move
from channels_engine.agreements import Agreement, AgreementPhase
from channels_engine.codec import json_form, parse_hex, to_hex
from channels_engine.core import inputs
from channels_engine.core.errors import RemoteProtocolError
from channels_engine.core.messages import EscPropose, OpenRequest
from channels_engine.core.state import Endpoint, Policy
from channels_engine.core.transition import apply
from channels_engine.core.types import Domain, Side
from channels_engine.frames import Entry
from channels_engine.relay import CLOCK, LEDGER, LEDGER_INPUTS, MACHINE

ACK_EVERY = 64


class Replica:
    """One owner's side of all its channels, fed with their logs."""

    def __init__(self, owner: str, domain: Domain) -> None:
        self.agreements: dict[bytes, Agreement] = {}
        self.endpoints: dict[bytes, Endpoint] = {}
        self.peers: dict[bytes, str] = {}
        self.positions: dict[bytes, int] = {}
        self._owner = owner
        self._domain = domain

    def feed(self, entry: Entry) -> bool:
        """Take the next entry of a log; False where it was known.

        Raises:
            ProtocolError: It does not follow from the log so far, or is wrongly signed.
        """
        position = self.positions.get(entry.channel, 0)
        if entry.seq <= position:
            return False
        if entry.seq != position + 1:
            raise RemoteProtocolError("gap", f"Entry {entry.seq} follows {position}; resume from there.")
        if entry.type.startswith("esc."):
            self._talk(entry)
        elif entry.sender in (LEDGER, CLOCK):
            self._happen(entry)
        else:
            self._hear(entry)
        self.positions[entry.channel] = entry.seq
        return True

    def _talk(self, entry: Entry) -> None:
        body = frames.decode_body(entry.type, entry.body)
        message = frames.Message(entry.message_id, entry.channel, entry.type, body, entry.body)
        known = self.agreements.get(entry.channel)
        if known is None and isinstance(body, EscPropose):
            # The log does not name the proposer; whoever is not addressed is.
            proposer = self._owner if body.to != self._owner else ""
            self.agreements[entry.channel] = agreements.propose(message, proposer)
        elif known is not None:
            self.agreements[entry.channel] = agreements.converse(
                known, message, Side(entry.sender), self._domain
            )

    def _happen(self, entry: Entry) -> None:
        """The ledger's events concern both sides, a timer its own."""
        endpoint = self.endpoints[entry.channel]
        if entry.sender == LEDGER:
            self._run(entry, json_form(LEDGER_INPUTS[entry.type]).decode(entry.body))
        elif msgspec.json.decode(entry.body)["side"] == frames.SENDER_NAMES[endpoint.me]:
            self._run(entry, inputs.TimerElapsed())

    def _hear(self, entry: Entry) -> None:
        body, sender = frames.decode_body(entry.type, entry.body), Side(entry.sender)
        endpoint = self.endpoints.get(entry.channel)
        if isinstance(body, OpenRequest) and endpoint is None:
            both, me = self._opening(body, sender), self._agreement(body.open.scid)[1]
        elif endpoint is not None:
            me = endpoint.me
            both = wire.verify(
                body, endpoint if sender is me else msgspec.structs.replace(endpoint, me=sender)
            )
        else:
            raise RemoteProtocolError("unknown_channel", "The log of a channel begins with its request.")
        if sender is not me:
            self._run(entry, both.receive)
        elif both.action is not None and not entry.message_id.startswith(MACHINE):
            self._run(entry, both.action)  # what the own machine says by itself, the copy has said too

    def _opening(self, body: OpenRequest, sender: Side) -> wire.Inputs:
        agreement, _ = self._agreement(body.open.scid)
        return wire.verify_request(body, self._domain, agreement.terms, sender, (Policy(), Policy()))

    def _agreement(self, scid: bytes) -> tuple[Agreement, Side]:
        for agreement in self.agreements.values():
            side = agreement.side_of(self._owner)
            if agreement.scid == scid and agreement.phase is AgreementPhase.AGREED and side is not None:
                return agreement, side
        raise RemoteProtocolError("unknown_contract", "The opening names no agreed entity contract of ours.")

    def _run(self, entry: Entry, change: inputs.Input) -> None:
        self.endpoints[entry.channel], _ = apply(self.endpoints.get(entry.channel), change, entry.at)


class RemoteAgent:
    """An agent behind a websocket: frames in, frames out; who runs it moves them (see docs/messages.md)."""

    def __init__(self, agent: Agent, domain: Domain) -> None:
        self.replica = Replica(agent.owner, domain)
        self._agent = agent
        self._received = 0
        self._heads: dict[bytes, int] = {}
        self._said: dict[tuple[bytes, str], tuple[str, str]] = {}

    def handle(self, text: str) -> list[str]:
        """What to send in answer to one frame of the relay.

        Raises:
            ProtocolError: The relay or the peer broke the protocol; don't go on with this channel.
        """
        self._received += 1
        frame: dict[str, Any] = msgspec.json.decode(text)
        answers = [f'{{"kind":"ack","received":{self._received}}}'] if self._received % ACK_EVERY == 0 else []
        match frame["kind"]:
            case "hello":
                answers.append('{"kind":"list"}')
            case "channels":
                answers += self._resume_all(frame)
            case "message":
                answers += self._take(_entry(frame))
            case "accepted":
                answers += self._take(self._own(frame))
        return answers

    def _resume_all(self, frame: dict[str, Any]) -> list[str]:
        """Contracts first: an opening is understood by its contract."""
        heads = [(contract["conversation"], contract["seq"]) for contract in frame["contracts"]]
        heads += [(channel["channel"], channel["seq"]) for channel in frame["channels"]]
        self._heads.update((parse_hex(one, 32), seq) for one, seq in heads)
        return [self._resume(parse_hex(one, 32)) for one, _ in heads]

    def is_caught_up(self) -> bool:
        """Whether the copy has all that the relay listed."""
        return all(self.replica.positions.get(one, 0) >= seq for one, seq in self._heads.items())

    def _resume(self, channel: bytes) -> str:
        return frames.encode(
            {
                "kind": "resume",
                "channel": to_hex(channel),
                "afterSeq": self.replica.positions.get(channel, 0),
            },
        )

    def _own(self, frame: dict[str, Any]) -> Entry:
        channel = parse_hex(frame["channel"], 32)
        kind, body = self._said[channel, frame["id"]]
        return Entry(channel, frame["seq"], self._side(channel), frame["id"], kind, body, frame["at"])

    def _side(self, channel: bytes) -> int:
        endpoint = self.replica.endpoints.get(channel)
        agreement = self.replica.agreements.get(channel)
        side = agreement.side_of(self._agent.owner) if agreement else None
        return int(endpoint.me if endpoint else side or Side.A)

    def _take(self, entry: Entry) -> list[str]:
        if entry.seq > self.replica.positions.get(entry.channel, 0) + 1:
            return [self._resume(entry.channel)]
        if not self.replica.feed(entry) or entry.seq < self._heads.get(entry.channel, 0):
            return []  # of what is past by now nothing is answered, and nothing signed, once more
        endpoint, agreement = (
            self.replica.endpoints.get(entry.channel),
            self.replica.agreements.get(entry.channel),
        )
        moves: list[Move] = []
        if endpoint is not None:
            moves += self._agent.moves(endpoint, self._peer(endpoint))
        if agreement is not None:
            moves += self._agent.contract_moves(agreement)
        return [frame for move in moves for frame in self._say(entry.channel, move)]

    def _peer(self, endpoint: Endpoint) -> str:
        owners = [a.owners for a in self.replica.agreements.values() if a.scid == endpoint.opening.scid]
        return owners[0][endpoint.peer]

    def say(self, channel: bytes, move: Move) -> list[str]:
        """The frame that says something of the owner's own accord; nothing where the same was said before."""
        return self._say(channel, move)

    def _say(self, channel: bytes, move: Move) -> list[str]:
        """A `send` frame, once."""
        message_id, body = move
        if (channel, message_id) in self._said:
            return []
        kind, text = frames.type_of(body), frames.body_text(body)
        self._said[channel, message_id] = kind, text
        head = f'{{"kind":"send","id":"{message_id}","channel":"{to_hex(channel)}","type":"{kind}","body":'
        return [f"{head}{text}}}"]


def _entry(frame: dict[str, Any]) -> Entry:
    return Entry(
        parse_hex(frame["channel"], 32),
        frame["seq"],
        frames.SENDER_NAMES.index(frame["sender"]),
        frame["id"],
        frame["type"],
        msgspec.json.encode(frame["body"]).decode(),
        frame["at"],
    )
