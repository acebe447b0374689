"""Co-signed states in the form in which the ledger and other clients take them.

Off the ledger a signature is checked against a known key, which says nothing about its v. The ledger
recovers, so that v is put right before anything leaves (`signing.canonical`).
"""

from msgspec.structs import replace

from channels_engine.core import effects as fx
from channels_engine.core.errors import InvariantError
from channels_engine.core.signing import canonical
from channels_engine.core.state import CoSigned, Endpoint
from channels_engine.core.typed_data import digest
from channels_engine.core.types import ChannelOpen, ChannelState


def _both(
    endpoint: Endpoint, value: ChannelOpen | ChannelState, by_a: bytes, by_b: bytes
) -> tuple[bytes, bytes]:
    message, terms = digest(endpoint.domain, value), endpoint.terms
    return (
        canonical(message, by_a, terms.party_a) if by_a else by_a,
        canonical(message, by_b, terms.party_b) if by_b else by_b,
    )


def ledger_ready(endpoint: Endpoint) -> CoSigned:
    """The newest co-signed state with signatures from which the ledger recovers both parties.

    Version 0 keeps the opening's signatures, one of which may be missing: the ledger has seen it.
    """
    current = endpoint.current
    if current is None:
        raise InvariantError("Nothing co-signed can go to the ledger before the channel is open.")
    value = current.state if current.state.version else endpoint.opening
    by_a, by_b = _both(endpoint, value, current.signature_a, current.signature_b)
    return replace(current, signature_a=by_a, signature_b=by_b)


def ledger_ready_opening(endpoint: Endpoint) -> fx.LedgerOpenChannel:
    """The transaction that opens and funds the channel."""
    first, second = endpoint.fundings
    if first is None or second is None:
        raise InvariantError("A channel can't be opened before both sides named their funding.")
    signatures = _both(endpoint, endpoint.opening, *endpoint.opening_signatures)
    return fx.LedgerOpenChannel(endpoint.terms, endpoint.opening, signatures, (first, second))
