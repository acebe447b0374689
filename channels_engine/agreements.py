"""The conversation that leads to an entity contract (ESC): propose, accept, confirm, or abort. Pure.

The paper's sc-init, sc-success and sc-abort. A conversation's id is the nonce of its terms. The proposer
is party A; only the acceptor can name party B, since session keys are fresh for each contract.
"""

import enum

import msgspec

from channels_engine.core.errors import RemoteProtocolError
from channels_engine.core.messages import EscAbort, EscAccept, EscConfirm, EscPropose
from channels_engine.core.signing import verify
from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import ZERO_ADDRESS, Domain, EntityContract, Side
from channels_engine.frames import Message


class AgreementPhase(enum.Enum):
    """How far the conversation has come."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    AGREED = "agreed"
    ABORTED = "aborted"


class Agreement(msgspec.Struct, frozen=True):
    """An entity contract with the owners of both session keys; both signatures once it is agreed."""

    conversation: bytes
    owners: tuple[str, str]
    phase: AgreementPhase
    terms: EntityContract
    signature_a: bytes = b""
    signature_b: bytes = b""
    seq: int = 0

    @property
    def scid(self) -> bytes | None:
        """Struct hash of the completed terms; None while party B is unknown."""
        return None if self.terms.party_b == ZERO_ADDRESS else struct_hash(self.terms)

    def side_of(self, owner: str) -> Side | None:
        """The side that this owner holds, if any."""
        return Side(self.owners.index(owner)) if owner in self.owners else None


def propose(message: Message, owner: str) -> Agreement:
    """Begin a conversation.

    Raises:
        RemoteProtocolError: The terms are no proposal, or address the proposer.
    """
    body = message.body
    if not isinstance(body, EscPropose):
        raise RemoteProtocolError("unknown_channel", "There is no such conversation; propose terms first.")
    terms = body.terms
    if terms.nonce != message.channel:
        raise RemoteProtocolError("wrong_channel", "The envelope's channel must be the nonce of the terms.")
    if terms.party_b != ZERO_ADDRESS or terms.party_a == ZERO_ADDRESS:
        raise RemoteProtocolError("bad_terms", "Name your session key as partyA and leave partyB zero.")
    if body.to == owner:
        raise RemoteProtocolError("bad_terms", "A contract needs two participants; name somebody else.")
    return Agreement(message.channel, (owner, body.to), AgreementPhase.PROPOSED, terms, seq=1)


def converse(agreement: Agreement, message: Message, sender: Side, domain: Domain) -> Agreement:
    """The conversation after one more message.

    Raises:
        RemoteProtocolError: Not this side's turn, or other terms than proposed.
        SignatureError: Not signed by the session key that the terms name.
    """
    body = message.body
    if isinstance(body, EscAccept):
        return _accept(agreement, body, sender, domain)
    if isinstance(body, EscConfirm):
        return _confirm(agreement, body, sender, domain)
    if isinstance(body, EscAbort):
        return _abort(agreement)
    raise RemoteProtocolError("wrong_channel", f"{message.type} does not belong into this conversation.")


def _accept(agreement: Agreement, body: EscAccept, sender: Side, domain: Domain) -> Agreement:
    _require(agreement, AgreementPhase.PROPOSED, sender, Side.B)
    party_b = body.terms.party_b
    if body.terms != msgspec.structs.replace(agreement.terms, party_b=party_b):
        raise RemoteProtocolError(
            "bad_terms", "The terms differ from the proposed ones; only partyB is yours to fill."
        )
    if party_b in (ZERO_ADDRESS, body.terms.party_a):
        raise RemoteProtocolError("bad_terms", "Name a session key of your own as partyB.")
    verify(domain, body.terms, body.signature, party_b)
    return _next(agreement, AgreementPhase.ACCEPTED, terms=body.terms, signature_b=body.signature)


def _confirm(agreement: Agreement, body: EscConfirm, sender: Side, domain: Domain) -> Agreement:
    _require(agreement, AgreementPhase.ACCEPTED, sender, Side.A)
    verify(domain, agreement.terms, body.signature, agreement.terms.party_a)
    return _next(agreement, AgreementPhase.AGREED, signature_a=body.signature)


def _abort(agreement: Agreement) -> Agreement:
    if agreement.phase not in (AgreementPhase.PROPOSED, AgreementPhase.ACCEPTED):
        raise RemoteProtocolError(
            "wrong_phase", f"The contract is {agreement.phase.value}; nothing is left to abort."
        )
    return _next(agreement, AgreementPhase.ABORTED)


def _require(agreement: Agreement, phase: AgreementPhase, sender: Side, side: Side) -> None:
    if agreement.phase is not phase or sender is not side:
        raise RemoteProtocolError(
            "wrong_phase",
            f"The contract is {agreement.phase.value}; this message is not side {sender.name}'s to send now.",
        )


def _next(agreement: Agreement, phase: AgreementPhase, **changes: EntityContract | bytes) -> Agreement:
    return msgspec.structs.replace(agreement, phase=phase, seq=agreement.seq + 1, **changes)
