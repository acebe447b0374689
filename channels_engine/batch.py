"""One transaction's work: load what the batch names, apply one submission after the other, save.

Everything but loading and saving is in memory; a submission that is refused leaves no trace in it.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import get_args

import msgspec

from channels_engine import agreements, relay
from channels_engine.agreements import Agreement, AgreementPhase
from channels_engine.core.errors import ProtocolError, RemoteProtocolError
from channels_engine.core.messages import EscBody, OpenRequest
from channels_engine.core.state import Policy
from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import Domain, Side
from channels_engine.frames import Entry
from channels_engine.relay import LEDGER, Change, Hosting, shown_text
from channels_engine.stopwatch import phase
from channels_engine.store import conversations, repository
from channels_engine.store.repository import Known, MessageKey
from channels_engine.submissions import Accepted, Fact, Outcome, Refused, Said, Shown, Submission

_ESC_BODIES = frozenset(get_args(EscBody))
logger = logging.getLogger(__name__)


def _is_conversation(submission: Submission) -> bool:
    return isinstance(submission, Said) and type(submission.message.body) in _ESC_BODIES


class Batch:
    """The working set of one transaction."""

    def __init__(
        self,
        domain: Domain,
        now: int,
        cache: repository.Cache,
        knows: Callable[[str], bool],
        barred: Mapping[int, ProtocolError],
        *,
        notices: bool,
        policy: Policy,
    ) -> None:
        self.hostings: dict[bytes, Hosting] = {}
        self.entries: list[Entry] = []
        self._domain = domain
        self._now = now
        self._cache = cache
        self._knows = knows
        self._barred = barred
        self._notices = notices
        self._policy = policy
        self._keys: list[MessageKey | None] = []
        self._known: dict[MessageKey, Known] = {}
        self._agreements: dict[bytes, Agreement] = {}
        self._by_scid: dict[bytes, Agreement] = {}
        self._changes: list[Change] = []
        self._talked: dict[bytes, Agreement] = {}
        self._numbers: dict[bytes, int] = {}
        self._taken: Collection[bytes] = ()

    def run(self, batch: Sequence[Submission]) -> list[Outcome]:
        """Do all of it; the caller holds the transaction."""
        self._load(batch)
        with phase("messages"):
            outcomes = [self._outcome(index, submission) for index, submission in enumerate(batch)]
        self._number_new_logs()
        repository.save(
            self._changes, self.entries, self.hostings, self._numbers, self._now, notices=self._notices
        )
        conversations.save(self._talked.values(), self._numbers, self._now)
        return outcomes

    def _number_new_logs(self) -> None:
        """Give each channel and conversation that began in this batch the number of its log."""
        opened = {change.after.channel for change in self._changes if not change.after.number}
        begun = [*opened, *(name for name in self._talked if name not in self._numbers)]
        self._numbers.update(zip(begun, repository.allocate(len(begun)), strict=True))
        for channel in opened:
            hosting = msgspec.structs.replace(self.hostings[channel], number=self._numbers[channel])
            self.hostings[channel] = hosting

    def news(self) -> dict[str, dict[bytes, int]]:
        """For each owner, the channels with something new and the last number of their logs."""
        news: dict[str, dict[bytes, int]] = {}
        for change in self._changes:
            _tell(news, change.after.owners, change.after.channel, change.after.seq)
        for agreement in self._talked.values():
            _tell(news, agreement.owners, agreement.conversation, agreement.seq)
        return news

    def _load(self, batch: Sequence[Submission]) -> None:
        talks: set[bytes] = set()
        channels: set[bytes] = set()
        for submission in batch:
            (talks if _is_conversation(submission) else channels).add(submission.channel)
        self._agreements = conversations.load(talks, lock=True)
        self.hostings = repository.load_hostings(channels, self._cache, lock=True)
        unknown = (talks - self._agreements.keys()) | (channels - self.hostings.keys())
        self._taken = repository.log_numbers(unknown).keys()
        self._by_scid = conversations.load_by_scid(_wanted_contracts(batch))
        self._numbers = conversations.load_numbers(self._agreements)
        self._numbers.update((channel, hosting.number) for channel, hosting in self.hostings.items())
        self._keys = [self._key(submission) for submission in batch]
        self._known = repository.find_known([key for key in self._keys if key is not None], self._numbers)

    def _key(self, submission: Submission) -> MessageKey | None:
        """What makes a submission's repetition recognisable."""
        if isinstance(submission, Said):
            side = self._side(submission)
            return None if side is None else (submission.channel, int(side), submission.message.id)
        return (submission.channel, LEDGER, submission.key) if isinstance(submission, Fact) else None

    def _side(self, said: Said) -> Side | None:
        """The sender's side of the conversation or channel, as far as it exists or can begin."""
        if _is_conversation(said):
            agreement = self._agreements.get(said.channel)
            return agreement.side_of(said.owner) if agreement else Side.A
        hosting = self.hostings.get(said.channel)
        if hosting is not None:
            return hosting.side_of(said.owner)
        contract = self._contract_of(said)
        return contract.side_of(said.owner) if contract else None

    def _contract_of(self, said: Said) -> Agreement | None:
        body = said.message.body
        return self._by_scid.get(body.open.scid) if isinstance(body, OpenRequest) else None

    def _outcome(self, index: int, submission: Submission) -> Outcome:
        try:
            known = self._repeated(submission, self._keys[index] or self._key(submission))
            if known is not None:
                return known
            barred = self._barred.get(index)
            return self._apply(submission) if barred is None else Refused(barred.code, barred.message)
        except ProtocolError as error:
            return Refused(error.code, error.message)
        except Exception:
            logger.exception("A submission broke an invariant; nothing of it was kept: %r", submission)
            return Refused(
                "internal", "The relay could not process this; nothing changed. It has been logged."
            )

    def _repeated(self, submission: Submission, key: MessageKey | None) -> Outcome | None:
        """The first answer to a message that came before."""
        known = None if key is None else self._known.get(key)
        if known is None:
            return None
        if isinstance(submission, Said) and (known.type, known.body) != _said(submission):
            raise RemoteProtocolError("id_reused", "This id came with another body; use a fresh id.")
        return Accepted(known.seq, known.at, repeated=True)

    def _apply(self, submission: Submission) -> Accepted:
        if isinstance(submission, Said):
            if _is_conversation(submission):
                return self._converse(submission)
            return self._keep(self._message(submission))
        hosting = self._hosting(submission.channel)
        if isinstance(submission, Fact):
            return self._keep(relay.report(submission.event, submission.key, hosting, self._now))
        if isinstance(submission, Shown):
            return self._keep(relay.show(submission.evidence, hosting, self._now))
        return self._keep(relay.wake(submission.side, hosting, self._now))

    def _message(self, said: Said) -> Change:
        hosting = self.hostings.get(said.channel)
        side = self._side(said)
        if hosting is not None and side is not None:
            return relay.deliver(said.message, hosting, side, self._now)
        if hosting is None and isinstance(said.message.body, OpenRequest):
            return self._open(said, said.message.body, side)
        raise RemoteProtocolError("unknown_channel", "You have no such channel; list shows those you have.")

    def _open(self, said: Said, body: OpenRequest, side: Side | None) -> Change:
        contract = self._by_scid.get(body.open.scid)
        if contract is None or side is None or contract.phase is not AgreementPhase.AGREED:
            raise RemoteProtocolError(
                "unknown_contract", "The opening names no agreed entity contract of yours."
            )
        if struct_hash(body.open) != said.channel:
            raise RemoteProtocolError(
                "wrong_channel", "The envelope's channel must be the struct hash of the opening."
            )
        self._require_new(said.channel, self._agreements)
        hosting = Hosting(said.channel, body.open.scid, contract.owners)
        return relay.open_channel(
            said.message,
            hosting,
            side,
            self._now,
            domain=self._domain,
            terms=contract.terms,
            policy=self._policy,
        )

    def _hosting(self, channel: bytes) -> Hosting:
        hosting = self.hostings.get(channel)
        if hosting is None:
            raise RemoteProtocolError("unknown_channel", f"Channel 0x{channel.hex()} is not hosted here.")
        return hosting

    def _keep(self, change: Change) -> Accepted:
        self.hostings[change.after.channel] = change.after
        self._changes.append(change)
        self._log(change.entries)
        return Accepted(change.entries[0].seq if change.entries else change.after.seq, self._now)

    def _converse(self, said: Said) -> Accepted:
        agreement = self._agreements.get(said.channel)
        side = self._side(said)
        if side is None:
            raise RemoteProtocolError(
                "unknown_channel", "You have no such conversation; list shows those you have."
            )
        if agreement is None:
            self._require_new(said.channel, self.hostings)
            after = agreements.propose(said.message, said.owner)
            self._require_known(after.owners[Side.B])
        else:
            after = agreements.converse(agreement, said.message, side, self._domain)
        self._agreements[said.channel] = self._talked[said.channel] = after
        if after.scid is not None:
            self._by_scid[after.scid] = after
        kind, text = _said(said)
        self._log([Entry(said.channel, after.seq, int(side), said.message.id, kind, text, self._now)])
        return Accepted(after.seq, self._now)

    def _require_new(self, log: bytes, others: Collection[bytes]) -> None:
        """Refuse to begin a second log under one id.

        The attack: a proposal whose nonce is a channel's id. Their entries would meet in one log, and fail with
        everything that is committed with them.
        """
        if log in self._taken or log in others:
            raise RemoteProtocolError("id_taken", "This id names another log; choose a fresh random nonce.")

    def _require_known(self, owner: str) -> None:
        if not self._knows(owner):
            raise RemoteProtocolError("unknown_peer", "Nobody has this public id; check it.")

    def _log(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.entries.append(entry)
            known = Known(entry.seq, entry.at, entry.type, entry.body)
            self._known[entry.channel, entry.sender, entry.message_id] = known


def _said(said: Said) -> tuple[str, str]:
    return said.message.type, shown_text(said.message)


def _wanted_contracts(batch: Sequence[Submission]) -> set[bytes]:
    bodies = (submission.message.body for submission in batch if isinstance(submission, Said))
    return {body.open.scid for body in bodies if isinstance(body, OpenRequest)}


def _tell(news: dict[str, dict[bytes, int]], owners: Iterable[str], channel: bytes, seq: int) -> None:
    for owner in filter(None, owners):
        news.setdefault(owner, {})[channel] = seq
