/**
 * What a signature that moves money does, in words, before it is made.
 */

import { money } from "../ui/format.js";

/** @typedef {import("../ui/dialogs.js").SigningQuestion} SigningQuestion */
/** @typedef {Record<string, any>} Message */

/**
 * @param {Message} transfer
 * @param {string} partner
 * @returns {SigningQuestion}
 */
export function depositInWords(transfer, partner) {
  return {
    title: `Put ${money(transfer.value)} into a deposit`,
    sentence: `${money(transfer.value, { exact: true })} goes from your wallet to your own key for ${partner}. It is locked when the channel opens. When the channel closes, what is yours then lies at that key, and you bring it back.`,
    facts: [
      ["Amount", money(transfer.value, { exact: true })],
      ["Goes to", "Your own key for this channel"],
      ["Who can see it", "The ledger shows that your wallet paid this deposit"],
    ],
    action: "Sign transfer",
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
    title: `Bring ${money(transfer.value)} back`,
    sentence: `${money(transfer.value, { exact: true })} goes from your key for ${partner} to your wallet.`,
    facts: [["Amount", money(transfer.value, { exact: true })], ["Goes to", "Your wallet"]],
    action: "Sign transfer",
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
    title: `Take out ${money(amount)} of earnings`,
    sentence: `What you earned with your credit note in the channel with ${partner} goes from the merchant’s contract to your wallet.`,
    facts: [["Amount", money(amount, { exact: true })], ["Goes to", "Your wallet"]],
    action: "Sign withdrawal",
    raw: withdrawal,
  };
}
