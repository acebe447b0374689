/**
 * What signatures do, one line each: the title of the question before it, and a line of the wallet's journal after it. A
 * journal keeps the code and the figures, so that each line is read in the language of whoever reads it.
 */

import { energy, money } from "../ui/format.js";
import { fill, gettext } from "../ui/language.js";

/** @typedef {Record<string, string>} Values names as they are; `amount` in micro-units and `quantity` in Wh, in decimal */
/** @typedef {{code: string, values: Values}} Deed */

/** @type {Map<string, () => string>} */
const TITLES = new Map(Object.entries({
  offer_to_sell: () => gettext("Offer to sell %(quantity)s"),
  offer_to_buy: () => gettext("Offer to buy %(quantity)s"),
  buy: () => gettext("Buy %(quantity)s from %(partner)s"),
  sell: () => gettext("Sell %(quantity)s to %(partner)s"),
  own_offer: () => gettext("Your own offer, accepted by %(partner)s"),
  offer_kept: () => gettext("The offer that you accepted, kept in case %(partner)s vanishes"),
  metered: () => gettext("What the meter read for your trades with %(partner)s"),
  by_mandate: () => gettext("Your agent, by the rules that you signed"),
  mandate: () => gettext("Let your agent trade by these rules"),
  terms: () => gettext("Agree on terms with %(partner)s"),
  terms_completed: () => gettext("The terms that you proposed, completed by your partner"),
  open: () => gettext("Open a channel with %(partner)s"),
  refund: () => gettext("Change the funding of the channel with %(partner)s"),
  close: () => gettext("Close the channel with %(partner)s"),
  dispute: () => gettext("Dispute with %(partner)s"),
  agreement: () => gettext("Credit agreement with %(merchant)s"),
  collateral: () => gettext("Allow the collateral"),
  receipt: () => gettext("Take a credit note of %(amount)s"),
  deposit: () => gettext("Put %(amount)s into a deposit"),
  deposit_locked: () => gettext("The deposit of %(amount)s may be locked in the channel"),
  bring_back: () => gettext("Bring %(amount)s back"),
  earnings: () => gettext("Take out %(amount)s of earnings"),
  bill: () => gettext("Pay bill %(reference)s"),
  debt: () => gettext("Pay %(amount)s to %(merchant)s"),
  permit: () => gettext("Allow the payment"),
  link: () => gettext("Link this wallet to your account"),
}));

/**
 * @param {string} code
 * @param {Record<string, string|bigint|number>} [values]
 * @returns {Deed} that a journal can keep
 */
export function deed(code, values = {}) {
  if (!TITLES.has(code)) throw new Error(`No words for the deed "${code}"`);
  return { code, values: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)])) };
}

/**
 * @param {Deed} deed
 * @returns {string} in the page's language; the code itself where a later version of the site kept it
 */
export function deedInWords({ code, values }) {
  const { amount, quantity, ...names } = values;
  const title = TITLES.get(code)?.();
  if (!title) return code;
  return fill(title, { ...names, ...(amount ? { amount: money(amount, { exact: true }) } : {}), ...(quantity ? { quantity: energy(quantity) } : {}) });
}

/**
 * @param {{deed?: Deed, words?: string}} line of the journal; lines of earlier versions have their words alone
 * @returns {string}
 */
export function lineInWords({ deed: kept, words = "" }) {
  return kept ? deedInWords(kept) : words;
}
