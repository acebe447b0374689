"""What a party can do in a dispute beside its machine: show a state that it kept, and ask for the payout."""

import msgspec
from django.utils.translation import gettext as _

from channels_engine import service
from channels_engine.codec import ShapeError, json_form
from channels_engine.core.messages import DisputeAnswer
from channels_engine.core.state import Endpoint as EndpointState
from channels_engine.core.state import Phase
from channels_engine.submissions import Refused, Shown
from contracts.bindings import EntityContracts
from contracts.records import ChannelStatus
from marketplace.accounts.errors import ConflictError, RefusedError
from marketplace.credit.issuing import raw
from marketplace.credit.ledger import read, relay, the_ledger
from marketplace.words import protocol


def show_state(*, endpoint: EndpointState, evidence: bytes) -> None:
    """Show both machines a co-signed state, as a browser keeps it; in a dispute the newer one goes to the ledger.

    Args:
        endpoint: The asker's side.
        evidence: JSON of `dispute.answer`: `state`, `signatureA`, `signatureB`.

    Raises:
        RefusedError: `malformed`; or what the machine says of it, such as `signature_invalid`.
    """
    try:
        answer = json_form(DisputeAnswer).decode(evidence)
    except (ShapeError, msgspec.DecodeError) as error:
        words = _("This is no co-signed state: %(why)s") % {"why": error}
        raise RefusedError("malformed", words) from error
    (outcome,) = service.runtime().process([Shown(endpoint.channel, answer)])
    if isinstance(outcome, Refused):
        raise RefusedError(outcome.code, protocol.refusal(outcome))


def finalise(*, endpoint: EndpointState, now: int) -> None:
    """Have the ledger pay out a dispute whose time is over; the machine asks for the same. Repeating it is harmless.

    Raises:
        ConflictError: `no_dispute`, `not_due`, or what the ledger said.
        AwayError: The ledger can't be reached.
    """
    if endpoint.phase is Phase.CLOSED:
        return
    dispute = endpoint.dispute
    if endpoint.phase is not Phase.DISPUTED or dispute is None:
        raise ConflictError("no_dispute", _("No dispute runs in this channel."))
    if now < dispute.deadline:
        raise ConflictError("not_due", _("The time to answer is not over yet: wait for the clock."))
    registry = EntityContracts(raw(the_ledger().registry))
    if read(registry.channel_of, endpoint.channel).status is not ChannelStatus.OPEN:
        return
    try:
        relay(registry.finalise_disputed(endpoint.terms, endpoint.opening))
    except ConflictError:
        if read(registry.channel_of, endpoint.channel).status is ChannelStatus.OPEN:
            raise
