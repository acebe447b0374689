"""Top-ups and withdrawals for participants whose keys are at hand (server-side agents, replays).

As `drivers.Floor` does for trades: the very messages that browsers send, in a few group commits.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from channels_engine.core import messages as m
from channels_engine.core.errors import LocalProtocolError, ProtocolError
from channels_engine.core.negotiation import next_change
from channels_engine.core.state import Endpoint
from channels_engine.core.typed_data import digest
from channels_engine.core.types import FundingChange, Side
from channels_engine.drivers import SignerOf
from channels_engine.frames import message_of
from channels_engine.runtime import Runtime
from channels_engine.submissions import Accepted, Outcome, Refused, Said


class Refunding(msgspec.Struct, frozen=True):
    """A change of a channel's funding: the new balances, asked for by `proposer` until `valid_until`.

    A side whose deposit grows shows a permit for the difference.
    """

    channel: bytes
    proposer: str
    funding_a: int
    funding_b: int
    valid_until: int
    permit_a: m.Permit | None = None
    permit_b: m.Permit | None = None


Line: TypeAlias = tuple[Side, m.FundingRequest | m.FundingConfirm]
Step: TypeAlias = Callable[[Refunding, Endpoint | None, Endpoint | None], Line]


class FundingDesk:
    """Signs for both sides of changes of the funding; use one a thread."""

    def __init__(self, runtime: Runtime, signer_of: SignerOf) -> None:
        self._runtime = runtime
        self._signer_of = signer_of

    def change_many(self, changes: Sequence[Refunding]) -> list[Outcome]:
        """Request and confirm; the outbox then brings the changes to the ledger. At most one for each channel."""
        asked = self._say(changes, self._request)
        agreed = [one for one, outcome in zip(changes, asked, strict=True) if isinstance(outcome, Accepted)]
        confirmed = iter(self._say(agreed, self._confirm))
        return [next(confirmed) if isinstance(outcome, Accepted) else outcome for outcome in asked]

    def _say(self, changes: Sequence[Refunding], step: Step) -> list[Outcome]:
        hostings = self._runtime.hostings({one.channel for one in changes})
        results: dict[int, Outcome] = {}
        said: dict[int, Said] = {}
        for index, one in enumerate(changes):
            hosting = hostings.get(one.channel)
            side = None if hosting is None else hosting.side_of(one.proposer)
            if hosting is None or side is None:
                results[index] = Refused("unknown_channel", f"{one.proposer} has no such channel.")
                continue
            try:
                speaker, body = step(one, hosting.endpoints[side], hosting.endpoints[side.other])
            except ProtocolError as error:
                results[index] = Refused(error.code, error.message)
                continue
            version = body.change.version if isinstance(body, m.FundingRequest) else body.version
            message = message_of(f"{type(body).__name__}:{version}", one.channel, body)
            said[index] = Said(hosting.owners[speaker], message)
        results.update(zip(said, self._runtime.process(list(said.values())), strict=True))
        return [results[index] for index in range(len(changes))]

    def _request(self, one: Refunding, mine: Endpoint | None, _: Endpoint | None) -> Line:
        endpoint = _hosted(mine)
        change = next_change(endpoint, one.funding_a, one.funding_b, one.valid_until)
        body = m.FundingRequest(change, self._sign(endpoint, change), _permit(one, endpoint.me))
        return endpoint.me, body

    def _confirm(self, one: Refunding, _: Endpoint | None, theirs: Endpoint | None) -> Line:
        endpoint = _hosted(theirs)
        staged = endpoint.staged
        if staged is None or staged.change is None:
            raise LocalProtocolError("not_staged", "The other side's request is gone; ask again.")
        signature = self._sign(endpoint, staged.change)
        return endpoint.me, m.FundingConfirm(staged.change.version, signature, _permit(one, endpoint.me))

    def _sign(self, endpoint: Endpoint, change: FundingChange) -> bytes:
        return self._signer_of(endpoint.terms.party(endpoint.me)).sign(digest(self._runtime.domain, change))


def _hosted(endpoint: Endpoint | None) -> Endpoint:
    if endpoint is None:
        raise LocalProtocolError("unknown_channel", "This side is hosted elsewhere; it signs there.")
    return endpoint


def _permit(one: Refunding, side: Side) -> m.Permit | None:
    return one.permit_a if side is Side.A else one.permit_b
