"""What the codes of the channel protocol and of agents' answers mean to people; `channel/refusals.js` says the same.

On the wire a refusal has its code and an English text, an agent's answer its code alone: both are for programs.
"""

from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from channels_engine.core.errors import ProtocolError
from channels_engine.submissions import Refused

REFUSALS: dict[str, str | Promise] = {
    "already_signed": _("You have signed this already; the other side is to answer."),
    "bad_funding": _("The funding that was shown does not fit; ask for another one."),
    "bad_price": _("The price is worse than the supplier’s."),
    "bad_slot": _("Energy is delivered in whole quarter-hours; choose one."),
    "bad_terms": _("These are not the terms that were proposed; propose them anew."),
    "bad_times": _("The times of this opening are over, or in the wrong order; ask for a new one."),
    "behind_ledger": _("The ledger knows a newer state than this side; wait until the other side sends it."),
    "budget_passed": _("The day's budget would be passed."),
    "cannot_pay": _("The buyer’s side of this channel can’t pay for that; open another one."),
    "changing": _("A change of the funding waits for the ledger; try again after it."),
    "channel_known": _("This channel was asked for before, with other terms; ask for a new one."),
    "closing_down": _("The channel is closing, in dispute or expired; nothing new can be agreed on in it."),
    "declined": _("no reason given"),
    "delivered_too_much": _("The meter reading is more than what was traded."),
    "dispute_outstanding": _("The ledger may still take something that this side sent it; wait for that."),
    "dispute_pending": _("A dispute is raised; wait for its answer."),
    "energy_overflow": _("The energy counter of this channel is full; open another channel."),
    "expired": _("The channel has expired; only the ledger closes it."),
    "fee_too_high": _("The grid fee is more than the energy is worth."),
    "frame_too_large": _("The site could not read this message. Reload the page and try again."),
    "gap": _("Messages of this channel are missing. Reload the page."),
    "grid_limit": _("The grid has no room for all of it in this slot; trade less, or choose another slot."),
    "history_lost": _("This side lost the trades of this channel; it can only be closed."),
    "hours_not_allowed": _("The slot is outside the agent's hours."),
    "id_reused": _("The id of this message is taken. Try again."),
    "id_taken": _("The id of this message is taken. Try again."),
    "insufficient_balance": _(
        "The buyer’s side of this channel can’t pay for that; trade less, or open another channel."
    ),
    "internal": _("The site could not do this; nothing changed. Try again later."),
    "lived_in": _("Somebody lives here now who trades in person."),
    "machine_only": _("The site could not read this message. Reload the page and try again."),
    "malformed": _("The site could not read this message. Reload the page and try again."),
    "mandate_over": _("The mandate ran out."),
    "market_closed": _("The market is not running; try again in a minute."),
    "more_than_allowed": _("The quantity is more than the rules allow in one trade."),
    "no_deliveries": _("A settlement needs at least one meter reading."),
    "no_quantity": _("There is no energy in this offer; say how much."),
    "not_accepted": _("There is no accepted offer that could be enforced now."),
    "not_connected": _("One of you has no connection on this feeder."),
    "not_conserved": _("The balances don’t add up to the funding; nothing was signed."),
    "not_now": _("This can’t be done with the channel as it is now; look at its state."),
    "not_open": _("The channel is not open yet; wait for the ledger."),
    "not_staged": _("There is nothing to answer any more; look at the channel’s state."),
    "nothing_else": _("The agent signs nothing else than what its mandate allows."),
    "nothing_left": _("Nothing is left to trade in this slot."),
    "nothing_to_buy": _("I need nothing more in this slot."),
    "nothing_to_record": _("The ledger knows the newest state already."),
    "nothing_to_sell": _("I have nothing to sell in this slot."),
    "offer_expired": _("The offer has expired; ask for a new one."),
    "offer_gone": _("The offer is gone, or is not the one that was planned for."),
    "offer_known": _("This offer stands already."),
    "open_trades": _("Some trades await their meter readings; settle them, then close."),
    "partner_not_allowed": _("The rules allow known partners only."),
    "price_not_allowed": _("The price is outside the rules."),
    "recovery_id": _("The signature has a wrong form; sign again."),
    "refunds_at_risk": _("What open trades may have to refund must stay in the channel; take out less."),
    "restored": _("The channel comes from a backup, and newer states may exist; show the newest one first."),
    "side_not_allowed": _("The rules don't allow this side."),
    "signature_high_s": _("The signature has a wrong form; sign again."),
    "signature_invalid": _("The signature has a wrong form; sign again."),
    "signature_length": _("The signature has a wrong form; sign again."),
    "signature_v": _("The signature has a wrong form; sign again."),
    "signing": _("The signature has a wrong form; sign again."),
    "slot_closed": _("This slot can't be traded now; choose one that is open."),
    "slot_covered": _("The quantity is more than what is still open in this slot."),
    "slot_length": _("A trade covers one quarter-hour."),
    "staged_expired": _("The time to answer this is over; ask again."),
    "stale_base": _("The channel has changed since this was made; make it anew."),
    "stale_version": _("Another state of the channel is newer; look at it and try again."),
    "stale_view": _("The channel has changed meanwhile; look at it again."),
    "superseded": _("Another state of the channel is newer; look at it and try again."),
    "too_late": _("The time for this is over; ask for a new one."),
    "too_many_offers": _("Too many offers stand at once; withdraw one, or wait until one expires."),
    "too_many_trades": _("Too many trades await their meter readings; settle them first."),
    "too_much": _("The quantity is too large."),
    "unanswered_proposal": _("An earlier proposal is unanswered; wait for its answer, or raise a dispute."),
    "unavailable": _("The site can’t answer now; nothing changed. Try again in a minute."),
    "unknown_channel": _("There is no such channel, or it is not yours."),
    "unknown_contract": _("The opening names no terms that you agreed on; agree on terms first."),
    "unknown_offer": _("This offer no longer stands; ask for a new one."),
    "unknown_peer": _("Nobody has this public id; check it."),
    "unknown_trade": _("The settlement names a trade that isn’t open in this channel."),
    "unknown_type": _("The site could not read this message. Reload the page and try again."),
    "version_leap": _("Another state of the channel is newer; look at it and try again."),
    "version_parity": _("Another state of the channel is newer; look at it and try again."),
    "version_used": _("Another state of the channel is newer; look at it and try again."),
    "wrong_channel": _("This belongs to another channel."),
    "wrong_consent": _("The consent names another state; sign it anew."),
    "wrong_opening": _("The opening is not the one that was agreed on."),
    "wrong_phase": _("This conversation is over, or the other side is to speak."),
    "wrong_purpose": _("Something else awaits an answer; look at the channel’s state."),
    "wrong_signer": _("The signature is not by the key that must sign this; sign with that one."),
    "wrong_state": _("The state is not the one that follows from what was agreed."),
    "wrong_terms": _("The opening is not the one that was agreed on."),
}


def refusal(refused: ProtocolError | Refused) -> str:
    """A refusal in the reader's language. The engine's own words are English, and hold its figures."""
    known = REFUSALS.get(refused.code)
    if known is None or (get_language() or "en").startswith("en"):
        return refused.message
    return str(known)


def reason(said: str) -> str:
    """What the other side gave as its reason: a code in words, or as a person typed it."""
    return str(REFUSALS.get(said, said))
