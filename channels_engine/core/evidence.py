"""Co-signed states in the form in which the ledger and other clients take them.

Off the ledger a signature is checked against a known key, which says nothing about its v. The ledger
recovers, so that v is put right before anything leaves (`signing.canonical`).
"""

from msgspec.structs import replace

from channels_engine.core import effects as fx
from channels_engine.core.errors import InvariantError
from channels_engine.core.rules import is_as_funded
from channels_engine.core.signing import canonical
from channels_engine.core.state import CoSigned, Endpoint, Pledge
from channels_engine.core.typed_data import Signable, digest
from channels_engine.core.types import ChannelOpen, ChannelState, FundingChange, Side


def _both(
    endpoint: Endpoint, value: ChannelOpen | ChannelState | FundingChange, by_a: bytes, by_b: bytes
) -> tuple[bytes, bytes]:
    message, terms = digest(endpoint.domain, value), endpoint.terms
    return (
        canonical(message, by_a, terms.party_a) if by_a else by_a,
        canonical(message, by_b, terms.party_b) if by_b else by_b,
    )


def recoverable(endpoint: Endpoint, value: Signable, signature: bytes, side: Side) -> bytes:
    """The signature of one side with the v by which the ledger recovers it."""
    return canonical(digest(endpoint.domain, value), signature, endpoint.terms.party(side))


def ledger_ready(endpoint: Endpoint) -> CoSigned:
    """The newest co-signed state with signatures from which the ledger recovers both parties.

    What the ledger itself made, version 0 or a change of the funding, keeps the signatures of its own structure,
    of which one may be missing: the ledger has seen them.
    """
    current = endpoint.current
    if current is None:
        raise InvariantError("Nothing co-signed can go to the ledger before the channel is open.")
    value: ChannelOpen | ChannelState | FundingChange = current.state
    if is_as_funded(endpoint):
        value = endpoint.funded or endpoint.opening
    by_a, by_b = _both(endpoint, value, current.signature_a, current.signature_b)
    return replace(current, signature_a=by_a, signature_b=by_b)


def ledger_ready_change(endpoint: Endpoint, pledge: Pledge) -> fx.LedgerChangeFunding:
    """The transaction that settles the channel and funds it anew."""
    return fx.LedgerChangeFunding(
        pledge.change, _both(endpoint, pledge.change, *pledge.signatures), pledge.permits
    )


def bring_again(endpoint: Endpoint) -> tuple[fx.Effect, ...]:
    """The change for the ledger, if both signatures are here."""
    pledge = endpoint.pledge
    if pledge is None or not all(pledge.signatures):
        return ()
    return (ledger_ready_change(endpoint, pledge),)


def ledger_ready_opening(endpoint: Endpoint) -> fx.LedgerOpenChannel:
    """The transaction that opens and funds the channel."""
    first, second = endpoint.fundings
    if first is None or second is None:
        raise InvariantError("A channel can't be opened before both sides named their funding.")
    signatures = _both(endpoint, endpoint.opening, *endpoint.opening_signatures)
    return fx.LedgerOpenChannel(endpoint.terms, endpoint.opening, signatures, (first, second))
