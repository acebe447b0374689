"""An accepted offer binds although its offeror vanished: the ledger applies it. And checkpoints."""

from msgspec.structs import replace

from channels_engine.core import effects as fx
from channels_engine.core import inputs
from channels_engine.core.adoption import answer_dispute, answer_with_newest
from channels_engine.core.deliveries import enforce_deliveries
from channels_engine.core.disputes import ask_for_newer, halted, overruled, seen
from channels_engine.core.drafts import trade_of
from channels_engine.core.errors import Violation
from channels_engine.core.evidence import ledger_ready, recoverable
from channels_engine.core.messages import Checkpoint, EnforceOffer
from channels_engine.core.rules import current_of, disputed_version, is_as_funded, require_signer
from channels_engine.core.state import Dispute, Endpoint, LiveOffer, Phase, Staged
from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import Offer

Step = tuple[Endpoint, tuple[fx.Effect, ...]]


def enforce(endpoint: Endpoint, change: inputs.ActionEnforceOffer, now: int) -> Step:
    """Our user accepted an offer, and its offeror neither countersigned nor answered: the ledger is asked.

    What both sign later beats what the ledger makes of the offer. But our acceptance is public from now on, and
    counts as a dispute of ours: until the ledger took it, or its time is over, we sign nothing that would make it
    a stale one (the peer could countersign late, trade on, and only then have the offer enforced).
    """
    proof = change.acceptance
    require_signer(endpoint, proof, endpoint.me)
    proposal = _unanswered(endpoint, proof.value)
    live = proposal.offer
    if live is None or proof.value.base_version != current_of(endpoint).state.version:
        raise Violation(
            "stale_base", "The offer is for another version than the current one; it binds nobody any more."
        )
    if now > live.offer.valid_until:
        raise Violation(
            "offer_expired", f"The offer bound its offeror until {live.offer.valid_until}; it is too late."
        )
    until = live.offer.valid_until + endpoint.policy.expiry_grace_s
    waiting = (*endpoint.outstanding, (proof.value.base_version, until))
    return replace(endpoint, enforcing=live, outstanding=waiting), (
        fx.SendMessage(EnforceOffer(live.offer.id, proof.signature)),
        fx.LedgerEnforceOffer(
            ledger_ready(endpoint),
            live.offer,
            recoverable(endpoint, live.offer, live.signature, endpoint.peer),
            recoverable(endpoint, live.offer, proof.signature, endpoint.me),
        ),
    )


def _unanswered(endpoint: Endpoint, offer: Offer) -> Staged:
    for proposal in (endpoint.dropped, *endpoint.refused):
        if proposal is not None and proposal.offer is not None and proposal.offer.offer == offer:
            return proposal
    raise Violation(
        "not_accepted", "Only an offer that was accepted, and not countersigned in time, can be enforced."
    )


def told(endpoint: Endpoint, change: inputs.ReceiveEnforceOffer, _: int) -> Step:
    """The peer goes to the ledger with an offer of ours. If more was co-signed since, it gets that."""
    require_signer(endpoint, change.acceptance, endpoint.peer)
    offer = change.acceptance.value
    if offer.channel != endpoint.channel:
        raise Violation("wrong_channel", "The offer names another channel.")
    known = replace(endpoint, enforcing=LiveOffer(offer, b"", endpoint.me))
    if offer.base_version < current_of(endpoint).state.version:
        return known, answer_with_newest(endpoint)
    return known, ()


def offer_enforced(endpoint: Endpoint, change: inputs.LedgerOfferEnforced, _: int) -> Step:
    """The ledger applied an offer: a co-signed state of the same version or above beats it, else it is paid out."""
    known = endpoint.dispute
    if known is not None and (known.enforced, known.deadline) == (change.trade, change.deadline):
        return endpoint, ()
    found = _offer_of(endpoint, change.trade)
    stopped, effects = halted(endpoint)
    dispute = Dispute(change.version, change.deadline, enforced=change.trade)
    after = seen(replace(stopped, dispute=dispute, enforcing=found), change.version)
    after, answer = answer_dispute(after)
    note = fx.NotifyPhase(f"an accepted offer was enforced on the ledger as version {change.version}")
    made = () if found is None else (fx.NotifyApplied(trade_of(found), change.version),)
    return after, (*effects, *answer, *enforce_deliveries(after), *overruled(endpoint), *made, note)


def _offer_of(endpoint: Endpoint, trade: bytes) -> LiveOffer | None:
    proposals = (endpoint.staged, endpoint.dropped, *endpoint.refused)
    accepted = [item.offer for item in proposals if item is not None]
    known = (endpoint.enforcing, *accepted, *endpoint.offers)
    return next((live for live in known if live is not None and struct_hash(live.offer) == trade), None)


def checkpoint(endpoint: Endpoint, change: inputs.ActionCheckpoint, _: int) -> Step:
    """Have the ledger record our newest co-signed state: whoever loses data later loses no more than this."""
    state = current_of(endpoint).state
    if change.version != state.version:
        raise Violation("stale_version", f"Version {state.version} is the newest; have that one recorded.")
    if is_as_funded(endpoint) or state.is_final or state.version <= endpoint.ledger_version:
        raise Violation(
            "nothing_to_record", "The ledger knows this state already, or can close with it; trade on."
        )
    effects = (
        fx.SendMessage(Checkpoint(state.version)),
        fx.LedgerCheckpoint(ledger_ready(endpoint)),
    )
    return endpoint, effects


def checkpointed(endpoint: Endpoint, change: inputs.LedgerCheckpointed, _: int) -> Step:
    """The ledger knows this version: nothing older can be shown. If it is above ours, we lost data.

    A dispute of ours that the ledger has not taken yet may just have become impossible, and its consent void:
    nobody else would tell us, so that we would wait for it for ever.
    """
    after = seen(endpoint, change.version)
    if change.version > disputed_version(endpoint):
        after = replace(after, dispute_due=None, consent=b"")
        if after.phase is Phase.DISPUTED and after.dispute is None:
            after = replace(after, phase=Phase.OPEN if after.pledge is None else Phase.CHANGING)
    return after, ask_for_newer(after)
