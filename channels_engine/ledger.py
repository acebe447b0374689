"""Brings `Ledger*` effects to the registry of entity contracts: `ports.Ledger` over the bindings and a sender.

Sending is tried first and looked into only where it is refused: what the ledger shows as done is done,
whoever did it. Closings of one batch share transactions.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

from channels_engine.agreements import Agreement
from channels_engine.core import effects as fx
from channels_engine.core.messages import DepositFunding, Funding, Permit
from channels_engine.core.signing import canonical
from channels_engine.core.state import CoSigned, Endpoint
from channels_engine.core.typed_data import digest, struct_hash
from channels_engine.ports import LedgerRejectedError, LedgerUnavailableError
from channels_engine.runtime import Runtime
from channels_engine.store import conversations
from contracts.bindings import EntityContracts, SignedState
from contracts.calls import Call, Receipt
from contracts.connection import LedgerError
from contracts.connection import LedgerRejectedError as Rejected
from contracts.encoding import FundingProof, NoteProof, PermitProof
from contracts.gateway import Sender
from contracts.records import ChannelStatus
from contracts.registry import MeteredTrade

logger = logging.getLogger(__name__)
CLOSINGS_PER_CALL = 20
WAIT_SECONDS = 60.0

GAS_LIMITS: Mapping[type[fx.Effect], int] = MappingProxyType(
    {
        fx.LedgerOpenChannel: 500_000,
        fx.LedgerFinalise: 250_000,
        fx.LedgerDispute: 200_000,
        fx.LedgerResolve: 150_000,
        fx.LedgerFinaliseDisputed: 250_000,
        fx.LedgerChangeFunding: 500_000,
        fx.LedgerEnforceOffer: 300_000,
        fx.LedgerEnforceDelivery: 450_000,
        fx.LedgerCheckpoint: 200_000,
    }
)
"""Twice what contracts/gas.json says. Asking the ledger for each would run each several times before it is sent."""

Answer: TypeAlias = Exception | None
Plan: TypeAlias = tuple[Call, list[int]]
"""A call, and the positions of the effects that it does."""


class RegistryLedger:
    """`ports.Ledger` over one registry. Its sender pays the gas; the authority is in the signatures."""

    def __init__(self, runtime: Runtime, registry: EntityContracts, sender: Sender) -> None:
        self._runtime = runtime
        self._registry = registry
        self._sender = sender

    def submit(self, effects: Sequence[fx.Effect]) -> list[Answer]:
        """As the port says. A call for several effects is answered alike for all of them."""
        try:
            return self._submit(effects)
        except LedgerError as error:
            return [LedgerUnavailableError(str(error))] * len(effects)

    def _submit(self, effects: Sequence[fx.Effect]) -> list[Answer]:
        endpoints = self._endpoints(effects)
        planned = self._plan(effects, endpoints)
        answers: list[Answer] = [None] * len(effects)
        for (_, indices), outcome in zip(planned, self._send([call for call, _ in planned]), strict=True):
            for index in [] if isinstance(outcome, Receipt) else indices:
                effect = effects[index]
                if len(indices) > 1:  # a bundle may be refused for the sake of one of it
                    alone = _limited(self._call(effect, endpoints[_channel(effect)]), [effect])
                    (outcome,) = self._send([alone])  # noqa: PLW2901  its own
                answers[index] = self._look_into(effect, outcome)
        return answers

    def _endpoints(self, effects: Sequence[fx.Effect]) -> dict[bytes, Endpoint]:
        """One side's view of each channel."""
        hostings = self._runtime.hostings({_channel(effect) for effect in effects})
        sides = ((key, hosting.endpoints[0] or hosting.endpoints[1]) for key, hosting in hostings.items())
        return {key: endpoint for key, endpoint in sides if endpoint is not None}

    def _plan(self, effects: Sequence[fx.Effect], endpoints: Mapping[bytes, Endpoint]) -> list[Plan]:
        agreements = conversations.load_by_scid(
            effect.opening.scid for effect in effects if isinstance(effect, fx.LedgerOpenChannel)
        )
        closing = [index for index, effect in enumerate(effects) if isinstance(effect, fx.LedgerFinalise)]
        planned: list[Plan] = []
        for index, effect in enumerate(effects):
            if isinstance(effect, fx.LedgerOpenChannel):
                planned.append((_limited(self._open(effect, agreements), [effect]), [index]))
            elif not isinstance(effect, fx.LedgerFinalise):
                planned.append((_limited(self._call(effect, endpoints[_channel(effect)]), [effect]), [index]))
        for start in range(0, len(closing), CLOSINGS_PER_CALL):
            part = closing[start : start + CLOSINGS_PER_CALL]
            states = [_signed_state(endpoints[_channel(effects[i])], _newest(effects[i])) for i in part]
            call = (
                self._registry.finalise_many(states) if len(part) > 1 else self._registry.finalise(states[0])
            )
            planned.append((_limited(call, [effects[i] for i in part]), part))
        return planned

    def _send(self, calls: Sequence[Call]) -> list[Receipt | LedgerError]:
        sent = self._sender.send_many(calls)
        hashes = [one for one in sent if isinstance(one, bytes)]
        outcomes = iter(self._sender.wait_many(hashes, timeout=WAIT_SECONDS))
        return [next(outcomes) if isinstance(one, bytes) else one for one in sent]

    def _open(self, effect: fx.LedgerOpenChannel, agreements: Mapping[bytes, Agreement]) -> Call:
        """The pair, unless it is there already, and the channel in one transaction."""
        agreement = agreements[effect.opening.scid]
        terms, message = effect.terms, digest(self._runtime.domain, effect.terms)
        return self._registry.create_and_open(
            terms=terms,
            terms_a=canonical(message, agreement.signature_a, terms.party_a),
            terms_b=canonical(message, agreement.signature_b, terms.party_b),
            opening=effect.opening,
            signature_a=effect.signatures[0],
            signature_b=effect.signatures[1],
            funding_a=_proof(effect.fundings[0]),
            funding_b=_proof(effect.fundings[1]),
        )

    def _call(self, effect: fx.Effect, endpoint: Endpoint) -> Call:
        registry, terms, opening = self._registry, endpoint.terms, endpoint.opening
        match effect:
            case fx.LedgerFinalise(final):
                return registry.finalise(_signed_state(endpoint, final))
            case fx.LedgerDispute(newest, consent, version) if _is_known(endpoint, newest, consent, version):
                return registry.dispute_known(terms, opening, consent or None)
            case fx.LedgerDispute(newest, consent):
                return registry.dispute(_signed_state(endpoint, newest), consent or None)
            case fx.LedgerResolve(newest):
                return registry.resolve(_signed_state(endpoint, newest))
            case fx.LedgerFinaliseDisputed():
                return registry.finalise_disputed(terms, opening)
            case _:
                return self._enforcing_call(effect, endpoint)

    def _enforcing_call(self, effect: fx.Effect, endpoint: Endpoint) -> Call:
        registry = self._registry
        match effect:
            case fx.LedgerChangeFunding(change, signatures, permits):
                first, second = map(_permit, permits)
                return registry.change_funding(
                    endpoint.terms,
                    endpoint.opening,
                    change,
                    *signatures,
                    funding_a=first,
                    funding_b=second,
                )
            case fx.LedgerEnforceOffer(newest, offer, by_offeror, by_acceptor):
                return registry.enforce_offer(_signed_state(endpoint, newest), offer, by_offeror, by_acceptor)
            case fx.LedgerEnforceDelivery(newest, offer, seller, root, listed, signed):
                metered = MeteredTrade(offer, seller, signed.delivery, signed.signature, root, listed)
                return registry.enforce_delivery(_signed_state(endpoint, newest), metered)
            case fx.LedgerCheckpoint(newest):
                return registry.checkpoint(_signed_state(endpoint, newest))
            case _:
                raise TypeError(f"{type(effect).__name__} is no business of the ledger.")

    def _look_into(self, effect: fx.Effect, outcome: Receipt | LedgerError) -> Answer:
        """What the ledger shows, where it refused or did not answer in time."""
        if isinstance(outcome, Receipt) or (isinstance(outcome, Rejected) and self._is_done(effect)):
            return None
        kind = LedgerRejectedError if isinstance(outcome, Rejected) else LedgerUnavailableError
        return kind(str(outcome))

    def _is_done(self, effect: fx.Effect) -> bool:
        """Whether the ledger is where the effect would bring it, or beyond."""
        call, channel = self._sender.client.call, _channel(effect)
        shown = self._registry.channel_of(call, channel)
        if isinstance(effect, fx.LedgerOpenChannel):
            return shown.status is not ChannelStatus.UNKNOWN
        if shown.status is not ChannelStatus.OPEN:
            return True
        if not shown.recorded or isinstance(effect, fx.LedgerFinalise):
            return False
        record = self._registry.record_of(call, channel)
        wanted = _recorded_version(effect)
        if wanted is not None:
            return record.version >= wanted
        return isinstance(effect, fx.LedgerDispute) and record.deadline != 0


def _recorded_version(effect: fx.Effect) -> int | None:
    """The version that the ledger knows once this is done; None where the version doesn't tell."""
    match effect:
        case fx.LedgerResolve(newest) | fx.LedgerCheckpoint(newest):
            return newest.state.version
        case fx.LedgerChangeFunding(change):
            return change.version
        case fx.LedgerEnforceOffer(offer=offer):
            return offer.base_version + 1
        case _:
            return None


def _is_known(endpoint: Endpoint, newest: CoSigned, consent: bytes, version: int) -> bool:
    """Whether to dispute with what the ledger knows by itself.

    That is all that anybody may do without consent, after the expiry; a newer state follows as the answer. And it
    is all there is where no state was signed: for the opening, and for what a change of the funding left.
    """
    made = 0 if endpoint.funded is None else endpoint.funded.version
    return not consent or newest.state.version == made or version > newest.state.version


def _limited(call: Call, effects: Sequence[fx.Effect]) -> Call:
    """The call with the gas limit of what it does."""
    return replace(call, gas=sum(GAS_LIMITS[type(effect)] for effect in effects))


def _channel(effect: fx.Effect) -> bytes:
    match effect:
        case fx.LedgerOpenChannel(opening=opening):
            return struct_hash(opening)
        case fx.LedgerFinaliseDisputed(channel):
            return channel
        case fx.LedgerChangeFunding(change):
            return change.channel
        case _:
            return _newest(effect).state.channel


def _newest(effect: fx.Effect) -> CoSigned:
    match effect:
        case fx.LedgerFinalise(state) | fx.LedgerDispute(state) | fx.LedgerResolve(state):
            return state
        case fx.LedgerEnforceOffer(state) | fx.LedgerEnforceDelivery(state) | fx.LedgerCheckpoint(state):
            return state
        case _:
            raise TypeError(f"{type(effect).__name__} shows no state.")


def _signed_state(endpoint: Endpoint, shown: CoSigned) -> SignedState:
    return SignedState(endpoint.terms, endpoint.opening, shown.state, shown.signature_a, shown.signature_b)


def _permit(shown: Permit | None) -> PermitProof | None:
    return None if shown is None else PermitProof(shown.deadline, shown.signature)


def _proof(funding: Funding) -> FundingProof:
    if isinstance(funding, DepositFunding):
        return PermitProof(funding.permit_deadline, funding.permit_signature)
    return NoteProof(funding.note, funding.merchant_signature)
