"""Lock channels -> apply -> save state, log and outbox in one transaction -> after the commit, wake who listens.

`Runtime.process` takes a batch of submissions and commits it as a whole (group commit: one fsync for all).
Each submission succeeds or is refused by itself: the machines are pure, so that a refusal leaves no trace.
A batch may hold several messages of one channel; they apply in their order, on top of each other.
It may be called from any thread and from several processes on one database. `writer.Writer` makes batches
of what many threads and sockets submit at the same time; `drivers.Floor` makes them for whole markets.
"""

import logging
from collections.abc import Iterable, Sequence

from django.db import DatabaseError, transaction

from channels_engine.agreements import Agreement
from channels_engine.batch import Batch
from channels_engine.core.errors import ProtocolError, RemoteProtocolError
from channels_engine.core.messages import UpdateRequest
from channels_engine.core.offers import find_offer
from channels_engine.core.state import Policy
from channels_engine.core.types import Domain, Side
from channels_engine.frames import Entry
from channels_engine.ports import Clock, Directory, Gate, TradeDraft, Transport
from channels_engine.recent import Recent
from channels_engine.relay import Hosting
from channels_engine.stopwatch import phase
from channels_engine.store import conversations, repository
from channels_engine.store.repository import Known, MessageKey
from channels_engine.submissions import Due, Outcome, Said, Submission

logger = logging.getLogger(__name__)
MAX_ATTEMPTS = 3


class Runtime:
    """The engine of one process. Thread-safe: all that is shared is in the database, or replaced at once.

    With `notices`, what listeners are to be told is kept for them (`outbox.Outbox`): leave it out only where
    no process has any.
    """

    def __init__(
        self,
        *,
        domain: Domain,
        clock: Clock,
        transport: Transport | None = None,
        gate: Gate | None = None,
        directory: Directory | None = None,
        notices: bool = True,
        policy: Policy | None = None,
    ) -> None:
        self.domain = domain
        self.clock = clock
        self.cache = repository.Cache()
        self.recent = Recent()
        self._transport = transport
        self._gate = gate
        self._directory = directory
        self._notices = notices
        self._policy = policy or Policy()

    def process(self, batch: Sequence[Submission]) -> list[Outcome]:
        """Apply and commit a batch; one outcome for each submission, in order.

        Raises:
            DatabaseError: Nothing was committed (the database is away, or stayed locked); submit again.
        """
        barred = self._ask_gate(batch)
        for _ in range(MAX_ATTEMPTS - 1):
            try:
                return self._commit(batch, barred)
            except (
                DatabaseError
            ):  # a deadlock with another process: nothing was written, all of it runs again
                logger.warning(
                    "A batch of %d could not be committed; trying again.", len(batch), exc_info=True
                )
        return self._commit(batch, barred)

    def _commit(self, batch: Sequence[Submission], barred: dict[int, ProtocolError]) -> list[Outcome]:
        work = Batch(
            self.domain,
            self.clock.now(),
            self.cache,
            self.knows,
            barred,
            notices=self._notices,
            policy=self._policy,
        )
        with phase("storage"), transaction.atomic():
            outcomes = work.run(batch)
        self._committed(work)
        return outcomes

    def _committed(self, work: Batch) -> None:
        self.cache.keep(work.hostings.values())
        self.recent.add(work.entries)
        if self._transport is not None and work.entries:
            self._transport.wake(work.news())

    def tick(self) -> int:
        """Bring the timers that are due; returns how many there were."""
        due = [Due(channel, Side(side)) for channel, side in repository.due(self.clock.now())]
        if due:
            self.process(due)
        return len(due)

    def hosting(self, channel: bytes) -> Hosting | None:
        """A channel as it is now."""
        return repository.latest_hosting(channel, self.cache)

    def hostings(self, channels: Iterable[bytes]) -> dict[bytes, Hosting]:
        """Several channels as they are now."""
        channels = list(channels)
        return repository.load_hostings(channels, self.cache, lock=False) if channels else {}

    def peek(self, channels: Iterable[bytes]) -> dict[bytes, Hosting]:
        """Several channels as this process saw them last: no query where it has seen them.

        Good for drafting: what follows from a stale view is refused, and refreshes the view.
        """
        seen = {channel: self.cache.get(channel) for channel in channels}
        found = {channel: hosting for channel, hosting in seen.items() if hosting is not None}
        return found | self.hostings([channel for channel, hosting in seen.items() if hosting is None])

    def agreements(self, ids: Iterable[bytes]) -> dict[bytes, Agreement]:
        """Several conversations as they are now."""
        return conversations.load(ids, lock=False)

    def changed_since(self, owners: Sequence[str], then: int) -> dict[bytes, int]:
        """Channels and conversations of these owners that were written since `then`, with their last numbers."""
        return repository.changed_since(owners, then)

    def find_known(self, keys: Sequence[MessageKey]) -> dict[MessageKey, Known]:
        """Which of these messages (channel, sender's side, id) are in the log."""
        return repository.find_known(keys, repository.log_numbers({channel for channel, _, _ in keys}))

    def entries_after(self, channel: bytes, seq: int, known_last: int = 0, limit: int = 256) -> list[Entry]:
        """The log after `seq`: from memory where that holds all up to `known_last`, else from the database."""
        recent = self.recent.after(channel, seq, known_last)
        return repository.entries_after(channel, seq, limit) if recent is None else recent[:limit]

    def knows(self, owner: str) -> bool:
        """Whether this owner may be addressed."""
        return self._directory is None or self._directory.knows(owner)

    def _ask_gate(self, batch: Sequence[Submission]) -> dict[int, ProtocolError]:
        """Ask the grid gate about the acceptances in a batch, outside the transaction (a power flow takes time)."""
        if self._gate is None:
            return {}
        barred: dict[int, ProtocolError] = {}
        for index, submission in enumerate(batch):
            if isinstance(submission, Said) and isinstance(submission.message.body, UpdateRequest):
                try:
                    self._gate.check(self._draft(submission, submission.message.body))
                except ProtocolError as error:
                    barred[index] = error
        return barred

    def _draft(self, said: Said, body: UpdateRequest) -> TradeDraft:
        """The trade that an acceptance makes. Nothing passes that the gate has not seen: no offer, no acceptance."""
        for look in (self.cache.get, self.hosting):
            hosting = look(said.channel)
            side = None if hosting is None else hosting.side_of(said.owner)
            if hosting is None or side is None:
                continue
            live = find_offer(hosting.endpoint(side), body.offer, side.other)
            if live is not None:
                seller = side.other if live.offer.offeror_sells else side
                return TradeDraft(
                    said.channel, live.offer, hosting.owners[seller], hosting.owners[seller.other]
                )
        raise RemoteProtocolError("unknown_offer", "No such offer of the peer is live in a channel of yours.")
