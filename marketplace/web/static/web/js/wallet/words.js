/**
 * What a signature does, in words, before it is made.
 */

import { tradeAmount } from "../protocol/amounts.js";
import { duration, energy, money as shownMoney, price, slot, utcOffset, when } from "../ui/format.js";

/**
 * What is signed is said to the micro-unit.
 *
 * @param {string|bigint|number} microUnits
 */
const money = (microUnits) => shownMoney(microUnits, { exact: true });

/** @typedef {import("../ui/dialogs.js").SigningQuestion} SigningQuestion */
/** @typedef {Record<string, any>} Message */

/** @param {string} seconds */
const moment = (seconds) => `${when(Number(seconds))} ${utcOffset(new Date(Number(seconds) * 1000))}`;

/**
 * @param {Message} offer
 * @param {string} partner
 * @returns {SigningQuestion}
 */
export function offerInWords(offer, partner) {
  const amount = tradeAmount(BigInt(offer.quantityWh), BigInt(offer.pricePerKwh));
  const verb = offer.offerorSells ? "sell" : "buy";
  const gain = offer.offerorSells ? `you receive ${money(amount)}` : `you pay ${money(amount)}`;
  return {
    title: `Offer to ${verb} ${energy(offer.quantityWh)}`,
    sentence: `If ${partner} accepts before ${moment(offer.validUntil)}, ${gain}. Until then nothing moves, and you can withdraw it.`,
    facts: [
      ["Quantity", energy(offer.quantityWh)],
      ["Price", price(offer.pricePerKwh)],
      [offer.offerorSells ? "You receive" : "You pay", money(amount)],
      ["Delivered in", slot(Number(offer.slotStart), Number(offer.slotEnd))],
      ["If not delivered", `${price(offer.imbalancePerKwh)} on the missing energy`],
    ],
    action: "Sign and send",
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
  const verb = change < 0n ? "Buy" : "Sell";
  return {
    title: `${verb} ${energy(offer.quantityWh)} ${change < 0n ? "from" : "to"} ${partner}`,
    sentence: `Your balance in this channel goes from ${money(before)} to ${money(after)}. Energy and money change in one signed state, or not at all.`,
    facts: [
      ["Quantity", energy(offer.quantityWh)],
      ["Price", price(offer.pricePerKwh)],
      [change < 0n ? "You pay" : "You receive", money(change < 0n ? -change : change)],
      ["Delivered in", slot(Number(offer.slotStart), Number(offer.slotEnd))],
    ],
    action: "Accept and sign",
    raw: next,
  };
}

/**
 * @param {Message} state
 * @param {{side: "a"|"b", partner: string}} view
 * @returns {SigningQuestion}
 */
export function closingInWords(state, { side, partner }) {
  const [mine, theirs] = side === "a" ? [state.balanceA, state.balanceB] : [state.balanceB, state.balanceA];
  return {
    title: `Close the channel with ${partner}`,
    sentence: `The ledger pays out ${money(mine)} to you and ${money(theirs)} to ${partner}, as soon as both have signed. No more trades in this channel after that.`,
    facts: [
      ["You get", money(mine)],
      [`${partner} gets`, money(theirs)],
      ["State", `version ${state.version}, final`],
    ],
    action: "Sign and close",
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
    title: `Agree on terms with ${partner}`,
    sentence: "These are the rules for all channels between the two of you. Both sides sign with a fresh key, so the ledger can't tell who you are.",
    facts: [
      ["Time to answer a wrong closing", duration(Number(terms.challengePeriod))],
      ["Penalty for showing an old state", money(terms.stalePenalty)],
      ["Lost disputes until no new channel", String(terms.disputeLimit)],
    ],
    action: "Sign terms",
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
    title: `Open a channel with ${partner}`,
    sentence: byNote
      ? `Your merchant vouches for up to ${money(mine)} with a credit note. None of your money is locked; what you spend is billed later.`
      : `${money(mine)} of your money is locked until the channel closes.`,
    facts: [
      ["Your side", `${money(mine)} ${byNote ? "by credit note" : "deposit"}`],
      [`${partner}’s side`, money(theirs)],
      ["Opens before", moment(open.openBy)],
      ["Ends at the latest", moment(open.expiry)],
    ],
    action: "Sign and open",
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
    title: `Take a credit note of ${money(receipt.amount)}`,
    sentence: `${merchant} vouches for ${money(receipt.amount)} of your trades. You sign that you have received the note; it counts against your limit until it is settled.`,
    facts: [["Amount", money(receipt.amount)], ["Issued by", merchant]],
    action: "Sign receipt",
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
    title: `Credit agreement with ${merchant}`,
    sentence: `You may trade on credit up to ${money(agreement.creditLimit)}. ${money(agreement.collateral)} of your money is kept as collateral and comes back when the agreement ends without debt.`,
    facts: [
      ["Limit", money(agreement.creditLimit)],
      ["Collateral", money(agreement.collateral)],
      ["Billed every", duration(Number(agreement.billingPeriod))],
      ["Time to pay a bill", duration(Number(agreement.paymentTerm))],
      ["Valid until", moment(agreement.validUntil)],
    ],
    action: "Sign agreement",
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
    title: `Change the funding of the channel with ${partner}`,
    sentence: "The ledger settles the channel at today’s balances, and it stays open with the new ones. Until then, or until the time below, nothing else can be traded in it.",
    facts: [
      ["Your side", `${money(before)} → ${money(after)}`],
      [`${partner}’s side`, `${money(theirsBefore)} → ${money(theirs)}`],
      ["At the latest", moment(change.validUntil)],
    ],
    action: "Sign",
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
    title: `Dispute with ${partner}`,
    sentence: "Your partner is asked once more for its signature or a newer state. If nothing comes, the ledger decides by the newest state that both signed.",
    facts: [["Your newest state", `version ${request.version}`]],
    action: "Sign and dispute",
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
    title: `Pay ${money(payment.amount)} to ${merchant}`,
    sentence: `${money(payment.amount)} from your wallet goes towards what you owe ${merchant}. The ledger shows your wallet and the amount, and none of your session keys.`,
    facts: [["Amount", money(payment.amount)], ["To", merchant]],
    action: "Sign payment",
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
    title: "Allow the payment",
    sentence: `The contract of ${merchant} may take exactly ${money(permit.value)} from your wallet, once.`,
    facts: [["Amount", money(permit.value)], ["To", merchant]],
    action: "Sign permit",
    raw: permit,
  };
}
