"""Opening of a channel: request, confirmation, abort, and what the ledger says of it."""

from msgspec.structs import replace

from channels_engine.core import effects as fx
from channels_engine.core import inputs
from channels_engine.core.errors import Violation
from channels_engine.core.evidence import ledger_ready_opening
from channels_engine.core.messages import DepositFunding, Funding, OpenAbort, OpenConfirm, OpenRequest
from channels_engine.core.reorganisation import reopened
from channels_engine.core.rules import UINT96_MAX, opening_state, require_signer
from channels_engine.core.state import CoSigned, Endpoint, Phase
from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import ZERO_ADDRESS, ZERO_HASH, ChannelOpen, EntityContract, Side

Step = tuple[Endpoint, tuple[fx.Effect, ...]]


def request(
    endpoint: Endpoint | None,
    change: inputs.ActionRequestOpen | inputs.ReceiveOpenRequest,
    now: int,
) -> Step:
    """Begin: one side has signed the opening."""
    mine = isinstance(change, inputs.ActionRequestOpen)
    opening, sender = change.opening.value, change.me if mine else change.me.other
    if endpoint is not None:
        return _repeated(endpoint, opening)
    _check_opening(change.terms, opening, now)
    _check_funding(change.terms, opening, change.funding, sender)
    fresh = Endpoint(
        change.domain,
        struct_hash(opening),
        change.me,
        change.terms,
        opening,
        Phase.REQUESTED,
        change.policy,
    )
    require_signer(fresh, change.opening, sender)
    asked = _signed(fresh, change.opening.signature, change.funding, sender)
    return asked, (
        fx.SendMessage(OpenRequest(opening, change.opening.signature, change.funding)),
    ) if mine else ()


def _repeated(endpoint: Endpoint, opening: ChannelOpen) -> Step:
    if endpoint.opening != opening:
        raise Violation("channel_known", "This channel was requested with other terms; use a new index.")
    return endpoint, ()


def _signed(endpoint: Endpoint, signature: bytes, funding: Funding, side: Side) -> Endpoint:
    signatures, fundings = list(endpoint.opening_signatures), list(endpoint.fundings)
    signatures[side], fundings[side] = signature, funding
    return replace(
        endpoint,
        opening_signatures=(signatures[0], signatures[1]),
        fundings=(fundings[0], fundings[1]),
    )


def _check_opening(terms: EntityContract, opening: ChannelOpen, now: int) -> None:
    if opening.scid != struct_hash(terms):
        raise Violation("wrong_terms", "The opening names another entity contract; sign it for these terms.")
    if not now < opening.open_by < opening.expiry:
        raise Violation("bad_times", f"At {now} an opening needs now < openBy < expiry; sign later times.")
    if not 0 < opening.funding_a + opening.funding_b <= UINT96_MAX:
        raise Violation("bad_funding", "The two fundings must sum to 1 to 2**96-1 micro-units.")


def _check_funding(terms: EntityContract, opening: ChannelOpen, funding: Funding, side: Side) -> None:
    source, note = (
        (opening.source_a, opening.note_a) if side is Side.A else (opening.source_b, opening.note_b)
    )
    amount = opening.funding_a if side is Side.A else opening.funding_b
    if isinstance(funding, DepositFunding):
        if source != ZERO_ADDRESS or note != ZERO_HASH:
            raise Violation("bad_funding", "A deposit has neither source nor note; leave both zero.")
        return
    held = funding.note
    if (
        source == ZERO_ADDRESS
        or held.serial != note
        or held.holder != terms.party(side)
        or held.amount < amount
    ):
        raise Violation(
            "bad_funding", "The note's serial, holder or amount does not fit the opening; show that note."
        )


def confirm(
    endpoint: Endpoint,
    change: inputs.ActionConfirmOpen | inputs.ReceiveOpenConfirm,
    now: int,
) -> Step:
    """Complete the signatures; who completes them brings the opening to the ledger."""
    mine = isinstance(change, inputs.ActionConfirmOpen)
    sender = endpoint.me if mine else endpoint.peer
    if endpoint.opening_signatures[sender]:
        raise Violation("already_signed", "This side has signed the opening; the other one must confirm it.")
    if change.opening.value != endpoint.opening:
        raise Violation("wrong_opening", "Confirm the very opening that was requested.")
    if now >= endpoint.opening.open_by:
        raise Violation("too_late", "The opening's openBy has passed; request a new one.")
    require_signer(endpoint, change.opening, sender)
    _check_funding(endpoint.terms, endpoint.opening, change.funding, sender)
    funding = replace(
        _signed(endpoint, change.opening.signature, change.funding, sender), phase=Phase.FUNDING
    )
    told = fx.NotifyPhase("both signed the opening")
    if not mine:
        return funding, (told,)
    answer = OpenConfirm(change.opening.signature, change.funding)
    return funding, (fx.SendMessage(answer), ledger_ready_opening(funding), told)


def abort(endpoint: Endpoint, change: inputs.ActionAbortOpen | inputs.ReceiveOpenAbort, _: int) -> Step:
    """Decline or withdraw. Not binding on who holds both signatures: the ledger's word revives the channel."""
    aborted = replace(endpoint, phase=Phase.ABORTED)
    told = fx.NotifyPhase(change.reason)
    if isinstance(change, inputs.ActionAbortOpen):
        return aborted, (fx.SendMessage(OpenAbort(change.reason)), told)
    return aborted, (told,)


def opened(endpoint: Endpoint, _: inputs.LedgerOpened, __: int) -> Step:
    """The ledger holds the funds: version 0 is current. Also if we gave up, or never saw the confirmation.

    What proved the funding has done its work, and would be stored with each update.
    """
    told = fx.NotifyPhase("opened on the ledger")
    if endpoint.current is not None:
        after, effects = reopened(endpoint)
        return after, (*effects, told)
    state = opening_state(endpoint.channel, endpoint.opening)
    current = CoSigned(state, *endpoint.opening_signatures)
    after = replace(endpoint, phase=Phase.OPEN, current=current, fundings=(None, None))
    return after, (told,)


def elapsed(endpoint: Endpoint, _: int) -> Step:
    """Nobody opened the channel in time."""
    return replace(endpoint, phase=Phase.ABORTED), (fx.NotifyPhase("not opened in time"),)
