/**
 * What the codes of the protocol and of agents' answers mean to people; `marketplace/words/protocol.py` says the same.
 * On the wire a refusal has its code and an English text, an agent's answer its code alone: both are for programs.
 */

import { gettext } from "../ui/language.js";

/** @type {Map<string, () => string>} */
const REFUSALS = new Map(Object.entries({
  already_signed: () => gettext("You have signed this already; the other side is to answer."),
  bad_funding: () => gettext("The funding that was shown does not fit; ask for another one."),
  bad_price: () => gettext("The price is worse than the supplier’s."),
  bad_slot: () => gettext("Energy is delivered in whole quarter-hours; choose one."),
  bad_terms: () => gettext("These are not the terms that were proposed; propose them anew."),
  bad_times: () => gettext("The times of this opening are over, or in the wrong order; ask for a new one."),
  behind_ledger: () => gettext("The ledger knows a newer state than this side; wait until the other side sends it."),
  budget_passed: () => gettext("The day's budget would be passed."),
  cannot_pay: () => gettext("The buyer’s side of this channel can’t pay for that; open another one."),
  changing: () => gettext("A change of the funding waits for the ledger; try again after it."),
  channel_known: () => gettext("This channel was asked for before, with other terms; ask for a new one."),
  closing_down: () => gettext("The channel is closing, in dispute or expired; nothing new can be agreed on in it."),
  declined: () => gettext("no reason given"),
  delivered_too_much: () => gettext("The meter reading is more than what was traded."),
  dispute_outstanding: () => gettext("The ledger may still take something that this side sent it; wait for that."),
  dispute_pending: () => gettext("A dispute is raised; wait for its answer."),
  energy_overflow: () => gettext("The energy counter of this channel is full; open another channel."),
  expired: () => gettext("The channel has expired; only the ledger closes it."),
  fee_too_high: () => gettext("The grid fee is more than the energy is worth."),
  frame_too_large: () => gettext("The site could not read this message. Reload the page and try again."),
  gap: () => gettext("Messages of this channel are missing. Reload the page."),
  grid_limit: () => gettext("The grid has no room for all of it in this slot; trade less, or choose another slot."),
  history_lost: () => gettext("This side lost the trades of this channel; it can only be closed."),
  hours_not_allowed: () => gettext("The slot is outside the agent's hours."),
  id_reused: () => gettext("The id of this message is taken. Try again."),
  id_taken: () => gettext("The id of this message is taken. Try again."),
  insufficient_balance: () => gettext("The buyer’s side of this channel can’t pay for that; trade less, or open another channel."),
  internal: () => gettext("The site could not do this; nothing changed. Try again later."),
  lived_in: () => gettext("Somebody lives here now who trades in person."),
  machine_only: () => gettext("The site could not read this message. Reload the page and try again."),
  malformed: () => gettext("The site could not read this message. Reload the page and try again."),
  mandate_over: () => gettext("The mandate ran out."),
  market_closed: () => gettext("The market is not running; try again in a minute."),
  more_than_allowed: () => gettext("The quantity is more than the rules allow in one trade."),
  no_deliveries: () => gettext("A settlement needs at least one meter reading."),
  no_quantity: () => gettext("There is no energy in this offer; say how much."),
  not_accepted: () => gettext("There is no accepted offer that could be enforced now."),
  not_connected: () => gettext("One of you has no connection on this feeder."),
  not_conserved: () => gettext("The balances don’t add up to the funding; nothing was signed."),
  not_now: () => gettext("This can’t be done with the channel as it is now; look at its state."),
  not_open: () => gettext("The channel is not open yet; wait for the ledger."),
  not_staged: () => gettext("There is nothing to answer any more; look at the channel’s state."),
  nothing_else: () => gettext("The agent signs nothing else than what its mandate allows."),
  nothing_left: () => gettext("Nothing is left to trade in this slot."),
  nothing_to_buy: () => gettext("I need nothing more in this slot."),
  nothing_to_record: () => gettext("The ledger knows the newest state already."),
  nothing_to_sell: () => gettext("I have nothing to sell in this slot."),
  offer_expired: () => gettext("The offer has expired; ask for a new one."),
  offer_gone: () => gettext("The offer is gone, or is not the one that was planned for."),
  offer_known: () => gettext("This offer stands already."),
  open_trades: () => gettext("Some trades await their meter readings; settle them, then close."),
  partner_not_allowed: () => gettext("The rules allow known partners only."),
  price_not_allowed: () => gettext("The price is outside the rules."),
  recovery_id: () => gettext("The signature has a wrong form; sign again."),
  refunds_at_risk: () => gettext("What open trades may have to refund must stay in the channel; take out less."),
  restored: () => gettext("The channel comes from a backup, and newer states may exist; show the newest one first."),
  side_not_allowed: () => gettext("The rules don't allow this side."),
  signature_high_s: () => gettext("The signature has a wrong form; sign again."),
  signature_invalid: () => gettext("The signature has a wrong form; sign again."),
  signature_length: () => gettext("The signature has a wrong form; sign again."),
  signature_v: () => gettext("The signature has a wrong form; sign again."),
  signing: () => gettext("The signature has a wrong form; sign again."),
  slot_closed: () => gettext("This slot can't be traded now; choose one that is open."),
  slot_covered: () => gettext("The quantity is more than what is still open in this slot."),
  slot_length: () => gettext("A trade covers one quarter-hour."),
  staged_expired: () => gettext("The time to answer this is over; ask again."),
  stale_base: () => gettext("The channel has changed since this was made; make it anew."),
  stale_version: () => gettext("Another state of the channel is newer; look at it and try again."),
  stale_view: () => gettext("The channel has changed meanwhile; look at it again."),
  superseded: () => gettext("Another state of the channel is newer; look at it and try again."),
  too_late: () => gettext("The time for this is over; ask for a new one."),
  too_many_offers: () => gettext("Too many offers stand at once; withdraw one, or wait until one expires."),
  too_many_trades: () => gettext("Too many trades await their meter readings; settle them first."),
  too_much: () => gettext("The quantity is too large."),
  unanswered_proposal: () => gettext("An earlier proposal is unanswered; wait for its answer, or raise a dispute."),
  unavailable: () => gettext("The site can’t answer now; nothing changed. Try again in a minute."),
  unknown_channel: () => gettext("There is no such channel, or it is not yours."),
  unknown_contract: () => gettext("The opening names no terms that you agreed on; agree on terms first."),
  unknown_offer: () => gettext("This offer no longer stands; ask for a new one."),
  unknown_peer: () => gettext("Nobody has this public id; check it."),
  unknown_trade: () => gettext("The settlement names a trade that isn’t open in this channel."),
  unknown_type: () => gettext("The site could not read this message. Reload the page and try again."),
  version_leap: () => gettext("Another state of the channel is newer; look at it and try again."),
  version_parity: () => gettext("Another state of the channel is newer; look at it and try again."),
  version_used: () => gettext("Another state of the channel is newer; look at it and try again."),
  wrong_channel: () => gettext("This belongs to another channel."),
  wrong_consent: () => gettext("The consent names another state; sign it anew."),
  wrong_opening: () => gettext("The opening is not the one that was agreed on."),
  wrong_phase: () => gettext("This conversation is over, or the other side is to speak."),
  wrong_purpose: () => gettext("Something else awaits an answer; look at the channel’s state."),
  wrong_signer: () => gettext("The signature is not by the key that must sign this; sign with that one."),
  wrong_state: () => gettext("The state is not the one that follows from what was agreed."),
  wrong_terms: () => gettext("The opening is not the one that was agreed on."),
}));

/**
 * What the other side gave as its reason: a code in words, or as a person typed it.
 *
 * @param {string} said
 * @returns {string}
 */
export function reasonInWords(said) {
  return REFUSALS.get(said)?.() ?? said;
}

/**
 * @param {{code: string, message: string}} refused
 * @returns {string}
 */
export function refusalInWords({ code, message }) {
  return REFUSALS.get(code)?.() ?? message;
}
