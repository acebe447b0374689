"""What must hold, whoever acts: of offers, states, signers and endpoints.

Functions raise `Violation`; `transition.apply` turns it into the error of whoever caused the input.
"""

from collections.abc import Callable, Mapping
from typing import Any

from channels_engine.core.amounts import amount_of
from channels_engine.core.errors import InvariantError, Violation
from channels_engine.core.inputs import Verified
from channels_engine.core.state import CoSigned, Endpoint, Phase, Staged
from channels_engine.core.types import (
    SLOT_SECONDS,
    ZERO_HASH,
    ChannelOpen,
    ChannelState,
    FundingChange,
    Offer,
    Side,
)

UINT64_MAX = 2**64 - 1
UINT96_MAX = 2**96 - 1
MAX_VERSION_LEAP = 2**20


def balance_of(state: ChannelState, side: Side) -> int:
    """Balance of a side in micro-units."""
    return state.balance_b if side else state.balance_a


def seller_of(offer: Offer, offeror: Side) -> Side:
    """Which side delivers energy."""
    return offeror if offer.offeror_sells else offeror.other


def opening_state(channel: bytes, opening: ChannelOpen) -> ChannelState:
    """Version 0: the state that follows from the opening itself, and is never signed as a state."""
    return ChannelState(channel, 0, 0, opening.funding_a, opening.funding_b, 0, 0, ZERO_HASH, is_final=False)


def changed_state(change: FundingChange) -> ChannelState:
    """The state that a change of the funding makes: never signed as a state, like version 0."""
    return ChannelState(
        change.channel,
        change.version,
        change.base,
        change.funding_a,
        change.funding_b,
        change.energy_to_a,
        change.energy_to_b,
        change.trades_root,
        is_final=False,
    )


def funded_total(endpoint: Endpoint) -> int:
    """Micro-units that the ledger holds for the channel: what all balances sum to."""
    funded, opening = endpoint.funded, endpoint.opening
    if funded is None:
        return opening.funding_a + opening.funding_b
    return funded.funding_a + funded.funding_b


def is_as_funded(endpoint: Endpoint) -> bool:
    """Whether the current state is one that the ledger made: the opening's, or that of a change of the funding."""
    current, funded = endpoint.current, endpoint.funded
    version = 0 if funded is None else funded.version
    return current is not None and current.state.version == version


def current_of(endpoint: Endpoint) -> CoSigned:
    """The newest co-signed state.

    Raises:
        Violation: The channel isn't open yet.
    """
    if endpoint.current is None:
        raise Violation("not_open", "The channel has no co-signed state yet; wait until it is open.")
    return endpoint.current


def disputed_version(endpoint: Endpoint) -> int:
    """The version that a dispute of ours would be about: the newest that we or the ledger know."""
    return max(current_of(endpoint).state.version, endpoint.ledger_version)


def require_signer(endpoint: Endpoint, signed: Verified[Any], side: Side) -> None:
    """Refuse a value that is signed by anyone but `side`'s session key."""
    if signed.signer != endpoint.terms.party(side):
        raise Violation(
            "wrong_signer", f"Signed by 0x{signed.signer.hex()}, which is not party {side.name}'s key."
        )


def own_proposals(endpoint: Endpoint) -> tuple[Staged, ...]:
    """All our signatures on next states that the peer may still complete, newest first."""
    known = (endpoint.staged, endpoint.dropped, *endpoint.refused[::-1])
    return tuple([item for item in known if item is not None and item.proposer is endpoint.me])


def own_version(endpoint: Endpoint, above: int = 0) -> int:
    """The version of our next proposal: above all known ones; odd for side A, even for side B.

    With a parity each, proposals that cross never share a version, so that no side is ever asked to sign
    a second state of one version, and of two crossing proposals the higher wins on both sides.
    """
    known = endpoint.current.state.version if endpoint.current else 0
    version = max(known, endpoint.highest_version, above) + 1
    return version + ((version + endpoint.me) & 1 ^ 1)


def require_own_version(endpoint: Endpoint, version: int) -> None:
    """Refuse a version of ours that is used or of the wrong parity; a client may have to skip some."""
    if version <= endpoint.highest_version:
        raise Violation("version_used", f"Version {version} is used; take {own_version(endpoint)}.")
    if (version + endpoint.me) & 1 == 0:
        raise Violation("version_parity", f"Version {version} is for the peer to propose; take the next one.")
    require_no_leap(endpoint, version)


def require_peer_version(endpoint: Endpoint, version: int) -> None:
    """Refuse a peer's version of the wrong parity, or one that leaps so far that versions would run out."""
    if (version + endpoint.peer) & 1 == 0:
        raise Violation(
            "version_parity", "Side A proposes odd versions and side B even ones; take the next of yours."
        )
    require_no_leap(endpoint, version)


def require_no_leap(endpoint: Endpoint, version: int) -> None:
    """Refuse a version far above all known ones: a peer could use up the 64 bits in one step."""
    if version > endpoint.highest_version + MAX_VERSION_LEAP:
        raise Violation(
            "version_leap",
            f"Version {version} leaps over more than {MAX_VERSION_LEAP} versions; count up.",
        )


def same_payout(one: ChannelState, other: ChannelState) -> bool:
    """Whether both states pay out the same money and energy."""
    return (one.balance_a, one.balance_b, one.energy_to_a, one.energy_to_b) == (
        other.balance_a,
        other.balance_b,
        other.energy_to_a,
        other.energy_to_b,
    )


def require_before_farewell(endpoint: Endpoint, state: ChannelState | None = None) -> None:
    """Refuse whatever would come after a final state that we signed, but the same payout again.

    The attack: a peer leaves our request to close unanswered or refuses it, trades on, and finalises with the
    old request when that pays better. No challenge period protects us there.
    """
    signed = endpoint.farewell
    if signed is None or (state is not None and state.is_final and same_payout(signed, state)):
        return
    raise Violation(
        "closing_down", "This side signed a final state; only the same payout may be signed again."
    )


def is_outstanding(endpoint: Endpoint, now: int) -> bool:
    """Whether the ledger may still take a dispute, or an accepted offer, that our user gave leave to bring."""
    return any(
        endpoint.ledger_version <= version and (until is None or now < until)
        for version, until in endpoint.outstanding
    )


def require_nothing_outstanding(endpoint: Endpoint, now: int) -> None:
    """Refuse to sign what a dispute of ours that may yet come would be stale against.

    The attack: the peer overtakes our dispute, so that it is refused, and public; trades on; and sends it again.
    """
    if endpoint.outstanding and is_outstanding(endpoint, now):
        raise Violation(
            "dispute_outstanding",
            "The ledger may still take a dispute, or an accepted offer, that we sent it; wait for it, have a "
            "newer state recorded, or dispute again, before anything else is signed.",
        )


def require_free(endpoint: Endpoint, now: int) -> None:
    """One proposal at a time: the peer can use each signature of ours that it holds (the free option)."""
    if endpoint.dropped is not None:
        raise Violation(
            "unanswered_proposal",
            f"The peer may still use our signature on version {endpoint.dropped.state.version}; "
            "wait for its answer or raise a dispute.",
        )
    if endpoint.dispute_due is not None:
        raise Violation("dispute_pending", "A dispute is raised; go on when it is answered.")
    require_nothing_outstanding(endpoint, now)
    if endpoint.ledger_version > current_of(endpoint).state.version:
        raise Violation(
            "behind_ledger", "The ledger knows a newer state than we do; wait for the peer to send it."
        )
    if now >= endpoint.opening.expiry:
        raise Violation("expired", "The channel has expired; it can only be closed by the ledger.")


def check_offer(endpoint: Endpoint, offer: Offer, offeror: Side, now: int) -> None:
    """Refuse an offer that could not be accepted now."""
    state = current_of(endpoint).state
    if offer.channel != endpoint.channel:
        raise Violation("wrong_channel", "The offer names another channel; sign it for this one.")
    check_still_valid(endpoint, offer, now)
    _check_slot(offer)
    _check_amount(state, offer, seller_of(offer, offeror))


def check_still_valid(endpoint: Endpoint, offer: Offer, now: int) -> None:
    """Refuse an offer whose version or time has passed; all else of a live offer stays as it was checked."""
    state = current_of(endpoint).state
    if offer.base_version != state.version:
        raise Violation(
            "stale_base",
            f"The offer is for version {offer.base_version}, the channel is at {state.version}; sign it anew.",
        )
    if now >= offer.valid_until or now >= endpoint.opening.expiry:
        raise Violation("offer_expired", f"The offer or the channel expired before {now}; sign a later one.")


def _check_slot(offer: Offer) -> None:
    whole = offer.slot_start % SLOT_SECONDS == 0 and offer.slot_end % SLOT_SECONDS == 0
    if not whole or offer.slot_start >= offer.slot_end:
        raise Violation(
            "bad_slot", f"A delivery slot is a span of whole {SLOT_SECONDS}-second steps; align it."
        )


def _check_amount(state: ChannelState, offer: Offer, seller: Side) -> None:
    if offer.quantity_wh <= 0:
        raise Violation("no_quantity", "An offer must be of at least one watt-hour.")
    received = state.energy_to_a if seller is Side.B else state.energy_to_b
    if received + offer.quantity_wh > UINT64_MAX:
        raise Violation(
            "energy_overflow", "The channel's energy counter would overflow; open another channel."
        )
    amount, balance = amount_of(offer.quantity_wh, offer.price_per_kwh), balance_of(state, seller.other)
    if amount > balance:
        raise Violation(
            "insufficient_balance",
            f"The trade costs {amount} micro-units and the buyer has {balance} in this channel; trade less.",
        )


_PLEDGED = frozenset({Phase.CLOSING, Phase.DISPUTED, Phase.REQUESTED, Phase.FUNDING, Phase.ABORTED})


def check_conservation(funded: int, state: ChannelState) -> None:
    """Raise if a state creates or destroys money.

    Raises:
        InvariantError: Balances are negative or don't sum to the funding (invariant 1).
    """
    if state.balance_a < 0 or state.balance_b < 0 or state.energy_to_a < 0 or state.energy_to_b < 0:
        raise InvariantError(
            f"Version {state.version} holds a negative balance or energy; nothing may be stored."
        )
    if state.balance_a + state.balance_b != funded:
        raise InvariantError(
            f"Version {state.version} sums to {state.balance_a + state.balance_b}, funded were {funded}; "
            "nothing may be stored.",
        )
    if funded > UINT96_MAX or max(state.energy_to_a, state.energy_to_b, state.version) > UINT64_MAX:
        raise InvariantError(f"Version {state.version} exceeds the ledger's integers; nothing may be stored.")


def check_invariants(before: Endpoint | None, after: Endpoint) -> None:
    """Raise if a step broke what must always hold. Only what changed is checked again.

    Raises:
        InvariantError: A bug of ours; nothing of `after` may be stored.
    """
    current, staged = after.current, after.staged
    if (staged is not None) != (after.phase is Phase.STAGED):
        raise InvariantError(
            f"Phase {after.phase.name} and a staged state exclude each other or belong together."
        )
    pledged = after.pledge is not None
    if pledged is not (after.phase is Phase.CHANGING) and after.phase not in _PLEDGED:
        raise InvariantError(f"A change of the funding is on its way, or none is: not in {after.phase.name}.")
    if before is None:
        return
    if current is not None and current is not before.current:
        _check_current(before, after, current)
    if staged is not None and staged is not before.staged:
        _check_staged(after, staged)
    if after.highest_version < before.highest_version:
        raise InvariantError("The highest known version went down.")


def _check_current(before: Endpoint, after: Endpoint, current: CoSigned) -> None:
    if before.staged is None or current.state is not before.staged.state or after.funded is not before.funded:
        check_conservation(funded_total(after), current.state)
    old = before.current
    told = after.funded is not before.funded  # the ledger's word counts, whatever we held
    if old is not None and current.state.version <= old.state.version and not told:
        raise InvariantError(f"Version {current.state.version} does not follow {old.state.version}.")
    if after.highest_version < current.state.version:
        raise InvariantError("The highest known version is below the current one.")


def _check_staged(after: Endpoint, staged: Staged) -> None:
    change = staged.change
    check_conservation(
        funded_total(after) if change is None else change.funding_a + change.funding_b, staged.state
    )
    if after.current is None or staged.state.base != after.current.state.version:
        raise InvariantError("A staged state must follow from the current one.")
    if staged.state.version > after.highest_version:
        raise InvariantError("A staged state's version must be among the known ones.")


def earliest_due(endpoint: Endpoint) -> int | None:
    """When the clock must be asked next: the earliest thing due, or None."""
    return _DUE[endpoint.phase](endpoint)


def _never(_: Endpoint) -> None:
    return None


def _opening_due(endpoint: Endpoint) -> int:
    grace = endpoint.policy.opening_grace_s if endpoint.phase is Phase.FUNDING else 0
    return endpoint.opening.open_by + grace


def _closing_due(endpoint: Endpoint) -> int | None:
    return endpoint.finalise_due


def _changing_due(endpoint: Endpoint) -> int:
    due, bring = _trading_due(endpoint), endpoint.finalise_due
    return due if bring is None or due < bring else bring


def _disputed_due(endpoint: Endpoint) -> int | None:
    dispute = endpoint.dispute
    return None if dispute is None or dispute.claimed else dispute.deadline


def _trading_due(endpoint: Endpoint) -> int:
    staged, raised = endpoint.staged, endpoint.dispute_due
    due = endpoint.opening.expiry + endpoint.policy.expiry_grace_s
    if staged is not None and (until := staged_until(endpoint, staged)) < due:
        due = until
    return due if raised is None or due < raised else raised


def staged_until(endpoint: Endpoint, staged: Staged) -> int:
    """When a staged state is given up: its proposer waits a little longer than its countersigner may sign."""
    grace = endpoint.policy.confirm_grace_s if staged.proposer is endpoint.me else 0
    return staged.expires_at + grace


_DUE: Mapping[Phase, Callable[[Endpoint], int | None]] = {
    Phase.REQUESTED: _opening_due,
    Phase.FUNDING: _opening_due,
    Phase.OPEN: _trading_due,
    Phase.STAGED: _trading_due,
    Phase.CHANGING: _changing_due,
    Phase.CLOSING: _closing_due,
    Phase.DISPUTED: _disputed_due,
    Phase.CLOSED: _never,
    Phase.ABORTED: _never,
}
