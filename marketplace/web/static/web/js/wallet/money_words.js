/**
 * What a signature that moves money does, in words, before it is made.
 */

import { money } from "../ui/format.js";
import { fill, gettext } from "../ui/language.js";
import { deed } from "./deeds.js";

/** @typedef {import("../ui/dialogs.js").SigningQuestion} SigningQuestion */
/** @typedef {Record<string, any>} Message */

/**
 * @param {Message} transfer
 * @param {string} partner
 * @returns {SigningQuestion}
 */
export function depositInWords(transfer, partner) {
  return {
    deed: deed("deposit", { amount: transfer.value }),
    sentence: fill(gettext("%(amount)s goes from your wallet to your own key for %(partner)s. It is locked when the channel opens. When the channel closes, what is yours then lies at that key, and you bring it back."), { amount: money(transfer.value, { exact: true }), partner }),
    facts: [
      [gettext("Amount"), money(transfer.value, { exact: true })],
      [gettext("Goes to"), gettext("Your own key for this channel")],
      [gettext("Who can see it"), gettext("The ledger shows that your wallet paid this deposit")],
    ],
    action: gettext("Sign transfer"),
    raw: transfer,
  };
}

/**
 * @param {Message} transfer
 * @param {string} partner
 * @returns {SigningQuestion}
 */
export function returnInWords(transfer, partner) {
  return {
    deed: deed("bring_back", { amount: transfer.value }),
    sentence: fill(gettext("%(amount)s goes from your key for %(partner)s to your wallet."), { amount: money(transfer.value, { exact: true }), partner }),
    facts: [[gettext("Amount"), money(transfer.value, { exact: true })], [gettext("Goes to"), gettext("Your wallet")]],
    action: gettext("Sign transfer"),
    raw: transfer,
  };
}

/**
 * @param {Message} withdrawal
 * @param {bigint} amount
 * @param {string} partner
 * @returns {SigningQuestion}
 */
export function withdrawalInWords(withdrawal, amount, partner) {
  return {
    deed: deed("earnings", { amount }),
    sentence: fill(gettext("What you earned with your credit note in the channel with %(partner)s goes from the merchant’s contract to your wallet."), { partner }),
    facts: [[gettext("Amount"), money(amount, { exact: true })], [gettext("Goes to"), gettext("Your wallet")]],
    action: gettext("Sign withdrawal"),
    raw: withdrawal,
  };
}
