/**
 * What a signature does, in words, before it is made.
 */

import { tradeAmount } from "../protocol/amounts.js";
import { fill, gettext } from "../ui/language.js";
import { duration, energy, money as shownMoney, price, slot, told } from "../ui/format.js";
import { deed } from "./deeds.js";

/**
 * What is signed is said to the micro-unit.
 *
 * @param {string|bigint|number} microUnits
 */
const money = (microUnits) => shownMoney(microUnits, { exact: true });

/** @typedef {import("../ui/dialogs.js").SigningQuestion} SigningQuestion */
/** @typedef {Record<string, any>} Message */

/** @param {string} seconds */
const moment = (seconds) => told(Number(seconds));

/**
 * @param {Message} offer
 * @param {string} partner
 * @param {bigint} [before] the signer's balance in the channel
 * @returns {SigningQuestion}
 */
export function offerInWords(offer, partner, before) {
  const amount = tradeAmount(BigInt(offer.quantityWh), BigInt(offer.pricePerKwh));
  const sells = offer.offerorSells;
  const values = { partner, time: moment(offer.validUntil), amount: money(amount) };
  const after = before === undefined ? undefined : before + (sells ? amount : -amount);
  /** @type {[string, string][]} */
  const effect = after === undefined ? [] : [[gettext("Your balance would go"), fill(gettext("%(before)s → %(after)s"), { before: money(before ?? 0n), after: money(after) })]];
  return {
    deed: deed(sells ? "offer_to_sell" : "offer_to_buy", { quantity: offer.quantityWh }),
    sentence: fill(
      sells
        ? gettext("If %(partner)s accepts before %(time)s, you receive %(amount)s. Until then nothing moves, and you can withdraw it.")
        : gettext("If %(partner)s accepts before %(time)s, you pay %(amount)s. Until then nothing moves, and you can withdraw it."),
      values,
    ),
    facts: [
      [gettext("Quantity"), energy(offer.quantityWh)],
      [gettext("Price"), price(offer.pricePerKwh)],
      [sells ? gettext("You receive") : gettext("You pay"), money(amount)],
      [gettext("Delivered in"), slot(Number(offer.slotStart), Number(offer.slotEnd))],
      ...effect,
      [gettext("If not delivered"), fill(gettext("%(price)s on the missing energy"), { price: price(offer.imbalancePerKwh) })],
    ],
    action: gettext("Sign and send"),
    raw: offer,
  };
}

/**
 * @param {Message} offer the offer that is accepted
 * @param {Message} next the state that follows
 * @param {{side: "a"|"b", partner: string, before: bigint}} view
 * @returns {SigningQuestion}
 */
export function acceptanceInWords(offer, next, { side, partner, before }) {
  const after = BigInt(side === "a" ? next.balanceA : next.balanceB);
  const change = after - before;
  const buys = change < 0n;
  return {
    deed: deed(buys ? "buy" : "sell", { quantity: offer.quantityWh, partner }),
    sentence: fill(gettext("Your balance in this channel goes from %(before)s to %(after)s. Energy and money change in one signed state, or not at all."), { before: money(before), after: money(after) }),
    facts: [
      [gettext("Quantity"), energy(offer.quantityWh)],
      [gettext("Price"), price(offer.pricePerKwh)],
      [buys ? gettext("You pay") : gettext("You receive"), money(buys ? -change : change)],
      [gettext("Delivered in"), slot(Number(offer.slotStart), Number(offer.slotEnd))],
      [gettext("If not delivered"), fill(gettext("%(price)s on the missing energy"), { price: price(offer.imbalancePerKwh) })],
    ],
    action: gettext("Accept and sign"),
    raw: next,
  };
}

/**
 * @param {Message} state
 * @param {{side: "a"|"b", partner: string, penalty?: bigint}} view with what the ledger adds to this side for old
 *   states, or takes from it, as far as there is money
 * @returns {SigningQuestion}
 */
export function closingInWords(state, { side, partner, penalty = 0n }) {
  const [a, b] = [BigInt(state.balanceA ?? "0"), BigInt(state.balanceB ?? "0")];
  const [held, others] = side === "a" ? [a, b] : [b, a];
  const moved = penalty > others ? others : -penalty > held ? -held : penalty;
  const [mine, theirs] = [money(held + moved), money(others - moved)];
  return {
    deed: deed("close", { partner }),
    sentence: fill(gettext("The ledger pays out %(mine)s to you and %(theirs)s to %(partner)s, as soon as both have signed. No more trades in this channel after that."), { mine, theirs, partner }),
    facts: [
      [gettext("You get"), mine],
      [fill(gettext("%(partner)s gets"), { partner }), theirs],
      ...(moved ? [/** @type {[string, string]} */ ([gettext("Of that, penalty for an old state"), money(moved)])] : []),
      [gettext("State"), fill(gettext("version %(version)s, final"), { version: state.version })],
    ],
    action: gettext("Sign and close"),
    raw: state,
  };
}

/**
 * @param {Message} terms
 * @param {string} partner
 * @returns {SigningQuestion}
 */
export function termsInWords(terms, partner) {
  return {
    deed: deed("terms", { partner }),
    sentence: gettext("These are the rules for all channels between the two of you. Both sides sign with a fresh key, so the ledger can’t tell who you are."),
    facts: [
      [gettext("Time to answer a wrong closing"), duration(Number(terms.challengePeriod))],
      [gettext("Penalty for showing an old state"), money(terms.stalePenalty)],
      [gettext("Lost disputes until no new channel"), String(terms.disputeLimit)],
    ],
    action: gettext("Sign terms"),
    raw: terms,
  };
}

/**
 * @param {Message} open
 * @param {{side: "a"|"b", partner: string, byNote: boolean}} view
 * @returns {SigningQuestion}
 */
export function openingInWords(open, { side, partner, byNote }) {
  const [mine, theirs] = side === "a" ? [open.fundingA, open.fundingB] : [open.fundingB, open.fundingA];
  return {
    deed: deed("open", { partner }),
    sentence: byNote
      ? fill(gettext("Your merchant vouches for up to %(mine)s with a credit note. None of your money is locked; what you spend is billed later."), { mine: money(mine) })
      : fill(gettext("%(mine)s of your money is locked until the channel closes."), { mine: money(mine) }),
    facts: [
      [gettext("Your side"), fill(byNote ? gettext("%(amount)s by credit note") : gettext("%(amount)s as a deposit"), { amount: money(mine) })],
      [fill(gettext("%(partner)s’s side"), { partner }), money(theirs)],
      [gettext("Opens before"), moment(open.openBy)],
      [gettext("Ends at the latest"), moment(open.expiry)],
    ],
    action: gettext("Sign and open"),
    raw: open,
  };
}

/**
 * @param {Message} receipt
 * @param {string} merchant
 * @returns {SigningQuestion}
 */
export function receiptInWords(receipt, merchant) {
  return {
    deed: deed("receipt", { amount: receipt.amount }),
    sentence: fill(gettext("%(merchant)s vouches for %(amount)s of your trades. You sign that you have received the note; it counts against your limit until it is settled."), { merchant, amount: money(receipt.amount) }),
    facts: [[gettext("Amount"), money(receipt.amount)], [gettext("Issued by"), merchant]],
    action: gettext("Sign receipt"),
    raw: receipt,
  };
}

/**
 * @param {Message} agreement
 * @param {string} merchant
 * @returns {SigningQuestion}
 */
export function agreementInWords(agreement, merchant) {
  return {
    deed: deed("agreement", { merchant }),
    sentence: fill(gettext("You may trade on credit up to %(limit)s. %(collateral)s of your money is kept as collateral and comes back when the agreement ends without debt."), { limit: money(agreement.creditLimit), collateral: money(agreement.collateral) }),
    facts: [
      [gettext("Limit"), money(agreement.creditLimit)],
      [gettext("Collateral"), money(agreement.collateral)],
      [gettext("Billed every"), duration(Number(agreement.billingPeriod))],
      [gettext("Time to pay a bill"), duration(Number(agreement.paymentTerm))],
      [gettext("Valid until"), moment(agreement.validUntil)],
    ],
    action: gettext("Sign agreement"),
    raw: agreement,
  };
}

/**
 * @param {Message} change
 * @param {{side: "a"|"b", partner: string}} view
 * @returns {SigningQuestion}
 */
export function refundingInWords(change, { side, partner }) {
  const [before, after] = side === "a" ? [change.balanceA, change.fundingA] : [change.balanceB, change.fundingB];
  const [theirsBefore, theirs] = side === "a" ? [change.balanceB, change.fundingB] : [change.balanceA, change.fundingA];
  return {
    deed: deed("refund", { partner }),
    sentence: gettext("The ledger settles the channel at today’s balances, and it stays open with the new ones. Until then, or until the time below, nothing else can be traded in it."),
    facts: [
      [gettext("Your side"), fill(gettext("%(before)s → %(after)s"), { before: money(before), after: money(after) })],
      [fill(gettext("%(partner)s’s side"), { partner }), fill(gettext("%(before)s → %(after)s"), { before: money(theirsBefore), after: money(theirs) })],
      [gettext("At the latest"), moment(change.validUntil)],
    ],
    action: gettext("Sign"),
    raw: change,
  };
}

/**
 * @param {Message} request
 * @param {string} partner
 * @returns {SigningQuestion}
 */
export function disputeInWords(request, partner) {
  return {
    deed: deed("dispute", { partner }),
    sentence: gettext("Your partner is asked once more for its signature or a newer state. If nothing comes, the ledger decides by the newest state that both signed."),
    facts: [[gettext("Your newest state"), fill(gettext("version %(version)s"), { version: request.version })]],
    action: gettext("Sign and dispute"),
    raw: request,
  };
}

/**
 * @param {Message} payment
 * @param {string} merchant
 * @returns {SigningQuestion}
 */
export function paymentInWords(payment, merchant) {
  return {
    deed: deed("debt", { amount: payment.amount, merchant }),
    sentence: fill(gettext("%(amount)s from your wallet goes towards what you owe %(merchant)s. The ledger shows your wallet and the amount, and none of your session keys."), { amount: money(payment.amount), merchant }),
    facts: [[gettext("Amount"), money(payment.amount)], [gettext("To"), merchant]],
    action: gettext("Sign payment"),
    raw: payment,
  };
}

/**
 * @param {Message} permit
 * @param {string} merchant
 * @returns {SigningQuestion}
 */
export function permitInWords(permit, merchant) {
  return {
    deed: deed("permit"),
    sentence: fill(gettext("The contract of %(merchant)s may take exactly %(amount)s from your wallet, once."), { merchant, amount: money(permit.value) }),
    facts: [[gettext("Amount"), money(permit.value)], [gettext("To"), merchant]],
    action: gettext("Sign permit"),
    raw: permit,
  };
}
