"""Messages to verified inputs: the only place that trusts a signature.

A body says what somebody claims. `verify` checks it against what the sender's endpoint knows (session
keys, the staged state, the domain) and gives both inputs that follow from it: the sender's own `Action*`
and the peer's `Receive*`. They share the proof, so that a signature is checked once however many
endpoints are hosted here.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from channels_engine.core import inputs, messages
from channels_engine.core.errors import RemoteProtocolError
from channels_engine.core.inputs import Input, Verified
from channels_engine.core.messages import Body
from channels_engine.core.negotiation import accepted_offer, change_of_version, state_of_version
from channels_engine.core.signing import verify as verify_signature
from channels_engine.core.state import Endpoint, Policy, Purpose
from channels_engine.core.typed_data import Signable
from channels_engine.core.types import DisputeRequest, Domain, EntityContract, Side

S = TypeVar("S", bound=Signable)


class Inputs(NamedTuple):
    """What a message is to its sender, and to its receiver. Machine-made messages are no action of a user."""

    action: Input | None
    receive: Input


def verify_request(
    body: messages.OpenRequest,
    domain: Domain,
    terms: EntityContract,
    sender: Side,
    policies: tuple[Policy, Policy],
) -> Inputs:
    """Verify the request for a channel, which has no endpoint yet.

    Raises:
        SignatureError: Not signed by the sender's session key.
    """
    proof = verify_signature(domain, body.open, body.signature, terms.party(sender))
    action = inputs.ActionRequestOpen(domain, terms, sender, proof, body.funding, policies[sender])
    peer = sender.other
    return Inputs(action, inputs.ReceiveOpenRequest(domain, terms, peer, proof, body.funding, policies[peer]))


def verify(body: Body, sender: Endpoint) -> Inputs:
    """Verify a message of `sender`'s owner (or of its machine) on an existing channel.

    Raises:
        SignatureError: Not signed by the sender's session key for this value, chain and contract.
        RemoteProtocolError: `wrong_channel`, `not_staged`, or a type that belongs elsewhere.
    """
    check = _CHECKS.get(type(body))
    if check is None:
        raise RemoteProtocolError(
            "wrong_channel", "This message opens something new; use a new channel id for it."
        )
    return check(body, sender)


def _signed(sender: Endpoint, value: S, signature: bytes) -> Verified[S]:
    if getattr(value, "channel", sender.channel) != sender.channel:
        raise RemoteProtocolError(
            "wrong_channel", "The signed structure names another channel than the envelope."
        )
    return verify_signature(sender.domain, value, signature, sender.terms.party(sender.me))


def _open_confirm(body: messages.OpenConfirm, sender: Endpoint) -> Inputs:
    proof = verify_signature(sender.domain, sender.opening, body.signature, sender.terms.party(sender.me))
    return Inputs(
        inputs.ActionConfirmOpen(proof, body.funding), inputs.ReceiveOpenConfirm(proof, body.funding)
    )


def _open_abort(body: messages.OpenAbort, _: Endpoint) -> Inputs:
    return Inputs(inputs.ActionAbortOpen(body.reason), inputs.ReceiveOpenAbort(body.reason))


def _offer(body: messages.OfferMade, sender: Endpoint) -> Inputs:
    proof = _signed(sender, body.offer, body.signature)
    return Inputs(inputs.ActionOffer(proof), inputs.ReceiveOffer(proof))


def _counter(body: messages.Counter, sender: Endpoint) -> Inputs:
    proof = _signed(sender, body.offer, body.signature)
    return Inputs(inputs.ActionOffer(proof, body.answers), inputs.ReceiveOffer(proof, body.answers))


def _reject(body: messages.Reject, _: Endpoint) -> Inputs:
    return Inputs(inputs.ActionReject(body.offer, body.reason), inputs.ReceiveReject(body.offer, body.reason))


def _withdraw(body: messages.Withdraw, _: Endpoint) -> Inputs:
    return Inputs(inputs.ActionWithdraw(body.offer), inputs.ReceiveWithdraw(body.offer))


def _update_request(body: messages.UpdateRequest, sender: Endpoint) -> Inputs:
    proof = _signed(sender, body.state, body.signature)
    return Inputs(inputs.ActionAccept(body.offer, proof), inputs.ReceiveUpdateRequest(body.offer, proof))


def _settle_request(body: messages.SettleRequest, sender: Endpoint) -> Inputs:
    deliveries = tuple(_delivery(signed, sender) for signed in body.deliveries)
    proof = _signed(sender, body.state, body.signature)
    return Inputs(inputs.ActionSettle(deliveries, proof), inputs.ReceiveSettleRequest(deliveries, proof))


def _delivery(signed: messages.SignedDelivery, sender: Endpoint) -> Verified[Any]:
    if signed.delivery.channel != sender.channel:
        raise RemoteProtocolError("wrong_channel", "A delivery names another channel than the envelope.")
    return verify_signature(sender.domain, signed.delivery, signed.signature, sender.terms.metering)


def _close_request(body: messages.CloseRequest, sender: Endpoint) -> Inputs:
    proof = _signed(sender, body.state, body.signature)
    return Inputs(inputs.ActionClose(proof), inputs.ReceiveCloseRequest(proof))


def _countersign(purpose: Purpose) -> Callable[[Any, Endpoint], Inputs]:
    def check(body: messages.UpdateConfirm, sender: Endpoint) -> Inputs:
        state, staged = state_of_version(sender, body.version), sender.staged
        if state is None:
            raise RemoteProtocolError(
                "not_staged", f"No state of version {body.version} awaits your signature."
            )
        if staged is not None and staged.state is state and staged.purpose is not purpose:
            raise RemoteProtocolError(
                "wrong_purpose",
                f"Version {body.version} is staged as a {staged.purpose.value}; confirm it as that.",
            )
        proof = _signed(sender, state, body.signature)
        return Inputs(inputs.ActionConfirm(proof), inputs.ReceiveConfirm(proof))

    return check


def _funding_request(body: messages.FundingRequest, sender: Endpoint) -> Inputs:
    proof = _signed(sender, body.change, body.signature)
    return Inputs(
        inputs.ActionRequestFunding(proof, body.permit), inputs.ReceiveFundingRequest(proof, body.permit)
    )


def _funding_confirm(body: messages.FundingConfirm, sender: Endpoint) -> Inputs:
    change = change_of_version(sender, body.version)
    if change is None:
        raise RemoteProtocolError(
            "not_staged", f"No change of the funding of version {body.version} awaits your signature."
        )
    proof = _signed(sender, change, body.signature)
    return Inputs(
        inputs.ActionConfirmFunding(proof, body.permit), inputs.ReceiveFundingConfirm(proof, body.permit)
    )


def _funding_answer(body: messages.FundingAnswer, sender: Endpoint) -> Inputs:
    by_a, by_b = _signed_by_both(sender, body.change, body.signature_a, body.signature_b)
    return Inputs(None, inputs.ReceiveFundingAnswer(by_a, by_b))


def _signed_by_both(
    sender: Endpoint, value: S, signature_a: bytes, signature_b: bytes
) -> tuple[Verified[S], Verified[S]]:
    if getattr(value, "channel", sender.channel) != sender.channel:
        raise RemoteProtocolError("wrong_channel", "The answer is about another channel.")
    terms, domain = sender.terms, sender.domain
    by_a = verify_signature(domain, value, signature_a, terms.party_a)
    return by_a, verify_signature(domain, value, signature_b, terms.party_b)


def _enforce_offer(body: messages.EnforceOffer, sender: Endpoint) -> Inputs:
    live = accepted_offer(sender, body.offer)
    if live is None:
        raise RemoteProtocolError(
            "not_accepted", "No offer of the peer that you accepted with this id awaits its signature."
        )
    proof = _signed(sender, live.offer, body.signature)
    return Inputs(inputs.ActionEnforceOffer(proof), inputs.ReceiveEnforceOffer(proof))


def _enforce_delivery(body: messages.EnforceDelivery, sender: Endpoint) -> Inputs:
    deliveries = tuple(_delivery(signed, sender) for signed in body.deliveries)
    return Inputs(inputs.ActionEnforceDelivery(deliveries), inputs.ReceiveEnforceDelivery(deliveries))


def _checkpoint(body: messages.Checkpoint, _: Endpoint) -> Inputs:
    return Inputs(inputs.ActionCheckpoint(body.version), inputs.ReceiveCheckpoint(body.version))


def _update_abort(body: messages.UpdateAbort, _: Endpoint) -> Inputs:
    return Inputs(
        inputs.ActionAbortUpdate(body.version, body.reason),
        inputs.ReceiveUpdateAbort(body.version, body.reason),
    )


def _update_fallback(body: messages.UpdateFallback, _: Endpoint) -> Inputs:
    return Inputs(None, inputs.ReceiveUpdateFallback(body.version))


def _dispute_raise(body: messages.DisputeRaise, sender: Endpoint) -> Inputs:
    request = DisputeRequest(sender.channel, body.version)
    consent = None if body.signature is None else _signed(sender, request, body.signature)
    return Inputs(
        inputs.ActionDispute(body.reason, consent), inputs.ReceiveDisputeRaise(body.version, body.reason)
    )


def _dispute_answer(body: messages.DisputeAnswer, sender: Endpoint) -> Inputs:
    by_a, by_b = _signed_by_both(sender, body.state, body.signature_a, body.signature_b)
    return Inputs(None, inputs.ReceiveDisputeAnswer(by_a, by_b))


_CHECKS: Mapping[type[Body], Callable[[Any, Endpoint], Inputs]] = MappingProxyType(
    {
        messages.OpenConfirm: _open_confirm,
        messages.OpenAbort: _open_abort,
        messages.OfferMade: _offer,
        messages.Counter: _counter,
        messages.Reject: _reject,
        messages.Withdraw: _withdraw,
        messages.UpdateRequest: _update_request,
        messages.UpdateConfirm: _countersign(Purpose.TRADE),
        messages.UpdateAbort: _update_abort,
        messages.UpdateFallback: _update_fallback,
        messages.SettleRequest: _settle_request,
        messages.SettleConfirm: _countersign(Purpose.SETTLE),
        messages.CloseRequest: _close_request,
        messages.CloseConfirm: _countersign(Purpose.CLOSE),
        messages.DisputeRaise: _dispute_raise,
        messages.DisputeAnswer: _dispute_answer,
        messages.FundingRequest: _funding_request,
        messages.FundingConfirm: _funding_confirm,
        messages.FundingAnswer: _funding_answer,
        messages.EnforceOffer: _enforce_offer,
        messages.EnforceDelivery: _enforce_delivery,
        messages.Checkpoint: _checkpoint,
    },
)
