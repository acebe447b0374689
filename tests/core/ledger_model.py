"""The entity-contract registry as the core's tests need it: one channel, its dispute, its payout.

It recovers signatures as the real one does, so that a signature with a wrong v is worth nothing here.
"""

from typing import Any

from msgspec.structs import replace

from channels_engine.core import effects as fx
from channels_engine.core import inputs, merkle, signing
from channels_engine.core.amounts import amount_of, refund_of
from channels_engine.core.errors import SignatureError
from channels_engine.core.keccak import keccak256
from channels_engine.core.rules import balance_of, changed_state, opening_state, seller_of
from channels_engine.core.state import CoSigned
from channels_engine.core.typed_data import digest, struct_hash
from channels_engine.core.types import (
    ChannelOpen,
    ChannelState,
    DisputeRequest,
    Domain,
    EntityContract,
    FundingChange,
    Offer,
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
        self.funded: FundingChange | None = None
        self.enforced = b""
        self.delivered: set[tuple[bytes, int]] = set()
        self.flows: list[int] = []
        self.proven: ChannelState | None = None  # what both signed, or the ledger made of their fundings
        self.applied: Offer | None = None

    @property
    def held(self) -> int:
        """Micro-units that the ledger holds for the channel."""
        if self.funded is None:
            return self.opening.funding_a + self.opening.funding_b
        return self.funded.funding_a + self.funded.funding_b

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
            fx.LedgerChangeFunding: self._change_funding,
            fx.LedgerEnforceOffer: self._enforce_offer,
            fx.LedgerEnforceDelivery: self._enforce_delivery,
            fx.LedgerCheckpoint: self._checkpoint,
        }
        handlers[type(effect)](effect, now)

    def _require(self, *, true: bool, why: str) -> None:
        if not true:
            raise RevertError(why)

    def _recovers(self, value: Any, signature: bytes, signer: bytes) -> None:
        try:
            signed_by = signing.recover(digest(self.domain, value), signature)
        except SignatureError as error:
            raise RevertError(error.message) from error
        self._require(true=signed_by == signer, why="wrong signer")

    def _open(self, effect: fx.LedgerOpenChannel, now: int) -> None:
        self._require(
            true=self.known is None and self.payout is None and now <= self.opening.open_by, why="late"
        )
        self._recovers(effect.opening, effect.signatures[0], self.terms.party_a)
        self._recovers(effect.opening, effect.signatures[1], self.terms.party_b)
        self.known = self.proven = opening_state(self.channel, self.opening)
        self.events.append(inputs.LedgerOpened())

    def _co_signed(self, co_signed: CoSigned) -> ChannelState:
        state = co_signed.state
        self._require(true=self.known is not None and self.payout is None, why="not open")
        self._recovers(state, co_signed.signature_a, self.terms.party_a)
        self._recovers(state, co_signed.signature_b, self.terms.party_b)
        self._require(true=state.balance_a + state.balance_b == self.held, why="balances")
        return state

    def _running(self) -> ChannelState:
        self._require(true=self.payout is None and self.deadline > 0, why="no dispute")
        assert self.known is not None
        return self.known

    def _finalise(self, effect: fx.LedgerFinalise, _: int) -> None:
        state = self._co_signed(effect.final)
        assert self.known is not None
        self._require(true=state.is_final and state.version >= self.known.version, why="old or not final")
        self.proven, self.applied = state, None
        if self.deadline and state.version > self.known.version:
            self._answered(state, 0)
        self._pay(state)

    def _dispute(self, effect: fx.LedgerDispute, now: int) -> None:
        self._require(true=self.known is not None and self.payout is None and not self.deadline, why="no")
        assert self.known is not None
        newest = effect.newest.state.version
        if newest == effect.version > self.known.version and effect.consent:
            state = self.proven = self._co_signed(effect.newest)
            self._require(true=not state.is_final, why="final")
        else:
            state = self.known
        self.disputer = self._disputer(effect.consent, state.version, now)
        self.enforced = b""
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
        least = disputed.version + (not self.enforced)
        self._require(true=effect.newest.state.version >= least, why="too old")
        state = self._co_signed(effect.newest)
        goes_on = not state.is_final and now > self.opening.expiry
        self._answered(state, self.deadline if goes_on else 0)
        if state.is_final:
            self._pay(state)

    def _answered(self, state: ChannelState, deadline: int) -> None:
        assert self.known is not None
        if self.disputer is not None and state.base > self.known.version:
            self.stale[self.disputer] += 1
        self.known, self.deadline, self.disputer, self.enforced = state, deadline, None, b""
        self.proven, self.applied = state, None
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

    def _change_funding(self, effect: fx.LedgerChangeFunding, now: int) -> None:
        change = effect.change
        self._require(
            true=self.known is not None and self.payout is None and not self.deadline, why="not now"
        )
        assert self.known is not None
        self._recovers(change, effect.signatures[0], self.terms.party_a)
        self._recovers(change, effect.signatures[1], self.terms.party_b)
        self._require(true=change.version > self.known.version, why="too old")
        self._require(true=change.balance_a + change.balance_b == self.held, why="balances")
        self._require(true=now <= change.valid_until and now < self.opening.expiry, why="late")
        self._require(true=change.funding_a + change.funding_b > 0, why="nothing left")
        self.flows.append(change.funding_a + change.funding_b - self.held)
        self.funded, self.known = change, changed_state(change)
        self.proven = self.known
        self.events.append(
            inputs.LedgerFundingChanged(
                change.version, change.balance_a, change.balance_b, change.funding_a, change.funding_b
            )
        )

    def _enforce_offer(self, effect: fx.LedgerEnforceOffer, now: int) -> None:
        offer, shown = effect.offer, effect.newest.state
        self._require(true=self.known is not None and self.payout is None, why="not open")
        assert self.known is not None
        state = shown if self._as_funded(shown) else self._co_signed(effect.newest)
        self._require(true=shown.version >= self.known.version and not self.enforced, why="too old")
        self._require(true=not self.deadline or now < self.deadline, why="over")
        self._require(true=offer.channel == self.channel and offer.base_version == shown.version, why="base")
        self._require(true=now <= offer.valid_until, why="late")
        message = digest(self.domain, offer)
        parties = [self.terms.party_a, self.terms.party_b]
        signers = [
            signing.recover(message, signature)
            for signature in (effect.offeror_signature, effect.acceptor_signature)
        ]
        self._require(true=set(signers) == set(parties), why="signers")
        offeror = Side(parties.index(signers[0]))
        made = _applied(state, offer, offeror)
        self._require(true=min(made.balance_a, made.balance_b) >= 0, why="buyer short")
        self.known, self.deadline = made, now + self.terms.challenge_period
        self.proven, self.applied = state, offer
        self.disputer, self.enforced = offeror.other, struct_hash(offer)
        self.events.append(
            inputs.LedgerOfferEnforced(
                self.enforced, made.version, made.balance_a, made.balance_b, self.deadline
            )
        )

    def _as_funded(self, state: ChannelState) -> bool:
        made = changed_state(self.funded) if self.funded else opening_state(self.channel, self.opening)
        return state == made == self.known

    def _enforce_delivery(self, effect: fx.LedgerEnforceDelivery, now: int) -> None:
        record, offer, signed = self._running(), effect.offer, effect.delivery
        trade, delivery = struct_hash(offer), effect.delivery.delivery
        self._require(true=now < self.deadline, why="over")
        self._recovers(delivery, signed.signature, self.terms.metering)
        fits = delivery.channel == self.channel and delivery.trade == trade
        self._require(true=fits and delivery.delivered_wh <= offer.quantity_wh, why="delivery")
        self._require(true=(trade, record.version) not in self.delivered, why="twice")
        if not self.enforced or trade != self.enforced:
            self._listed(effect, trade, record.version - bool(self.enforced))
        due = refund_of(
            offer.quantity_wh - delivery.delivered_wh,
            offer.price_per_kwh,
            offer.imbalance_per_kwh,
            balance_of(record, effect.seller),
        )
        self.delivered.add((trade, record.version))
        self.known = _moved(record, due if effect.seller is Side.B else -due)
        self.events.append(
            inputs.LedgerDeliveryEnforced(
                trade, delivery.delivered_wh, due, self.known.balance_a, self.known.balance_b
            )
        )

    def _listed(self, effect: fx.LedgerEnforceDelivery, trade: bytes, version: int) -> None:
        shown = effect.newest.state
        if not (self.funded is not None and shown == changed_state(self.funded)):
            self._co_signed(effect.newest)
        listed = effect.open_list
        root = keccak256(effect.history_root + merkle.open_hash(listed))
        entries = [listed[at : at + 33] for at in range(0, len(listed), 33)]
        self._require(true=shown.version == version and root == shown.trades_root, why="root")
        self._require(true=merkle.entry_of(trade, effect.seller) in entries, why="not open")

    def _checkpoint(self, effect: fx.LedgerCheckpoint, _: int) -> None:
        state = self._co_signed(effect.newest)
        assert self.known is not None
        self._require(true=not self.deadline and not state.is_final, why="not now")
        self._require(true=state.version > self.known.version, why="too old")
        self.known = self.proven = state
        self.events.append(inputs.LedgerCheckpointed(state.version, state.balance_a, state.balance_b))


def _moved(state: ChannelState, to_a: int) -> ChannelState:
    return replace(state, balance_a=state.balance_a + to_a, balance_b=state.balance_b - to_a)


def _applied(state: ChannelState, offer: Offer, offeror: Side) -> ChannelState:
    """What the contract makes of a state and an accepted offer."""
    amount = amount_of(offer.quantity_wh, offer.price_per_kwh)
    moved = _moved(state, amount if seller_of(offer, offeror) is Side.A else -amount)
    return replace(moved, version=state.version + 1, base=state.version)
