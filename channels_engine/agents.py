"""Many agents beside a runtime, in any process that shares its database."""

import logging
from collections.abc import Iterator, Mapping, Sequence

from channels_engine.agent import Agent, Move
from channels_engine.core.errors import LocalProtocolError
from channels_engine.core.types import Side
from channels_engine.frames import message_of
from channels_engine.runtime import Runtime
from channels_engine.submissions import Refused, Said

logger = logging.getLogger(__name__)


class Agents:
    """Many agents beside a runtime, in any process that shares its database.

    They read the endpoints that the runtime keeps for them: the process that verified the peer's
    signatures is their own, so that verifying again would prove nothing more.
    """

    def __init__(self, runtime: Runtime, agents: Mapping[str, Agent]) -> None:
        self._runtime = runtime
        self._agents = dict(agents)
        self._looked_at: int | None = None
        self._seen: dict[bytes, int] = {}

    def add(self, agent: Agent) -> None:
        """Run one more."""
        self._agents[agent.owner] = agent

    def tick(self) -> int:
        """Do what the channels and conversations that changed since the last tick call for; returns how much it was.

        Reads one second back: a row may be written within the second that was read last.
        """
        started = self._runtime.clock.now()
        since = 0 if self._looked_at is None else self._looked_at - 1
        said = list(self._due(since))
        self._looked_at = started
        for one, outcome in zip(said, self._runtime.process(said), strict=True):
            if isinstance(outcome, Refused):
                logger.info("%s could not %s: %s", one.owner, one.message.type, outcome.message)
        return len(said)

    def _due(self, since: int) -> Iterator[Said]:
        changed = self._runtime.changed_since(list(self._agents), since)
        fresh = [channel for channel, seq in changed.items() if self._seen.get(channel) != seq]
        self._seen.update((channel, changed[channel]) for channel in fresh)
        for hosting in self._runtime.hostings(fresh).values():
            for side in Side:
                agent, endpoint = self._agents.get(hosting.owners[side]), hosting.endpoints[side]
                if agent is not None and endpoint is not None:
                    moves = _safely(agent.moves(endpoint, hosting.owners[side.other]))
                    yield from _said(agent.owner, hosting.channel, moves)
        for agreement in self._runtime.agreements(fresh).values():
            for owner in agreement.owners:
                agent = self._agents.get(owner)
                if agent is not None:
                    yield from _said(owner, agreement.conversation, _safely(agent.contract_moves(agreement)))


def _safely(moves: Iterator[Move]) -> Sequence[Move]:
    """What an agent wants; one that asks for what can't be done (an unknown key, a bad draft) does nothing."""
    try:
        return list(moves)
    except (LocalProtocolError, KeyError):
        logger.exception("An agent could not make its move.")
        return []


def _said(owner: str, channel: bytes, moves: Sequence[Move]) -> Iterator[Said]:
    for message_id, body in moves:
        yield Said(owner, message_of(message_id, channel, body))
