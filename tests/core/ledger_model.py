"""The entity-contract registry as the core's tests need it: one channel, its dispute, its payout.

It recovers signatures as the real one does, so that a signature with a wrong v is worth nothing here.
"""

from typing import Any

from channels_engine.core import effects as fx
from channels_engine.core import inputs, signing
from channels_engine.core.rules import opening_state
from channels_engine.core.state import CoSigned
from channels_engine.core.typed_data import digest, struct_hash
from channels_engine.core.types import (
    ChannelOpen,
    ChannelState,
    DisputeRequest,
    Domain,
    EntityContract,
    Side,
)


class RevertError(Exception):
    """The contract refused."""


class LedgerModel:
    """One channel on the ledger; `events` is what an indexer would report."""

    def __init__(self, domain: Domain, terms: EntityContract, opening: ChannelOpen) -> None:
        self.domain, self.terms, self.opening = domain, terms, opening
        self.channel = struct_hash(opening)
        self.events: list[inputs.Input] = []
        self.known: ChannelState | None = None
        self.deadline = 0
        self.disputer: Side | None = None
        self.stale = [0, 0]
        self.payout: tuple[int, int] | None = None

    def submit(self, effect: fx.Effect, now: int) -> None:
        """Mine the transaction of an effect.

        Raises:
            RevertError: The contract refuses it.
        """
        handlers: dict[type, Any] = {
            fx.LedgerOpenChannel: self._open,
            fx.LedgerFinalise: self._finalise,
            fx.LedgerDispute: self._dispute,
            fx.LedgerResolve: self._resolve,
            fx.LedgerFinaliseDisputed: self._finalise_disputed,
        }
        handlers[type(effect)](effect, now)

    def _require(self, *, true: bool, why: str) -> None:
        if not true:
            raise RevertError(why)

    def _recovers(self, value: Any, signature: bytes, signer: bytes) -> None:
        self._require(
            true=signing.recover(digest(self.domain, value), signature) == signer, why="wrong signer"
        )

    def _open(self, effect: fx.LedgerOpenChannel, now: int) -> None:
        self._require(
            true=self.known is None and self.payout is None and now <= self.opening.open_by, why="late"
        )
        self._recovers(effect.opening, effect.signatures[0], self.terms.party_a)
        self._recovers(effect.opening, effect.signatures[1], self.terms.party_b)
        self.known = opening_state(self.channel, self.opening)
        self.events.append(inputs.LedgerOpened())

    def _co_signed(self, co_signed: CoSigned) -> ChannelState:
        state = co_signed.state
        self._require(true=self.known is not None and self.payout is None, why="not open")
        self._recovers(state, co_signed.signature_a, self.terms.party_a)
        self._recovers(state, co_signed.signature_b, self.terms.party_b)
        funded = self.opening.funding_a + self.opening.funding_b
        self._require(true=state.balance_a + state.balance_b == funded, why="balances")
        return state

    def _running(self) -> ChannelState:
        self._require(true=self.payout is None and self.deadline > 0, why="no dispute")
        assert self.known is not None
        return self.known

    def _finalise(self, effect: fx.LedgerFinalise, _: int) -> None:
        state = self._co_signed(effect.final)
        assert self.known is not None
        self._require(true=state.is_final and state.version >= self.known.version, why="old or not final")
        if self.deadline and state.version > self.known.version:
            self._answered(state, 0)
        self._pay(state)

    def _dispute(self, effect: fx.LedgerDispute, now: int) -> None:
        self._require(true=self.known is not None and self.payout is None and not self.deadline, why="no")
        assert self.known is not None
        newest = effect.newest.state.version
        if newest == effect.version > self.known.version and effect.consent:
            state = self._co_signed(effect.newest)
            self._require(true=not state.is_final, why="final")
        else:
            state = self.known
        self.disputer = self._disputer(effect.consent, state.version, now)
        self.known, self.deadline = state, now + self.terms.challenge_period
        self.events.append(inputs.LedgerDisputed(state.version, self.deadline))

    def _disputer(self, consent: bytes, version: int, now: int) -> Side | None:
        if now > self.opening.expiry:
            return None
        self._require(true=len(consent) == 65, why="no consent before expiry")
        signer = signing.recover(digest(self.domain, DisputeRequest(self.channel, version)), consent)
        parties = (self.terms.party_a, self.terms.party_b)
        self._require(true=signer in parties, why="not a party")
        return Side(parties.index(signer))

    def _resolve(self, effect: fx.LedgerResolve, now: int) -> None:
        disputed = self._running()
        self._require(true=now < self.deadline, why="challenge over")
        self._require(true=effect.newest.state.version > disputed.version, why="too old")
        state = self._co_signed(effect.newest)
        goes_on = not state.is_final and now > self.opening.expiry
        self._answered(state, self.deadline if goes_on else 0)
        if state.is_final:
            self._pay(state)

    def _answered(self, state: ChannelState, deadline: int) -> None:
        assert self.known is not None
        if self.disputer is not None and state.base > self.known.version:
            self.stale[self.disputer] += 1
        self.known, self.deadline, self.disputer = state, deadline, None
        self.events.append(inputs.LedgerResolved(state.version, deadline))

    def _finalise_disputed(self, _: fx.LedgerFinaliseDisputed, now: int) -> None:
        state = self._running()
        self._require(true=now >= self.deadline, why="challenge running")
        self._pay(state)

    def _pay(self, state: ChannelState) -> None:
        from_a = min(self.terms.stale_penalty * self.stale[Side.A], state.balance_a)
        from_b = min(self.terms.stale_penalty * self.stale[Side.B], state.balance_b)
        self.payout = (state.balance_a - from_a + from_b, state.balance_b - from_b + from_a)
        self.known, self.deadline = state, 0
        self.events.append(inputs.LedgerFinalised(state.version, *self.payout))
