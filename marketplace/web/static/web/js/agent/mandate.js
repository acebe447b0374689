/**
 * What the person signed when its agent went live: the text is built here from the rules, so that nobody can put looser
 * ones into its place (marketplace/trading/own_agent/rules.py builds the same).
 */

import { sameHex } from "../protocol/bytes.js";
import { recover, textDigest } from "../protocol/signing.js";
import { gettext } from "../ui/language.js";

/**
 * @typedef {object} Rules as the API gives them: money, prices as decimal strings
 * @property {boolean} sells
 * @property {string} sell_from
 * @property {boolean} buys
 * @property {string} buy_up_to
 * @property {number} reserve_wh
 * @property {string} budget
 * @property {number} most_wh
 * @property {"all"|"known"} partners
 * @property {number} from_minute
 * @property {number} to_minute
 * @property {string} zone
 */

/** The rules are not those that this wallet signed for. */
export class MandateError extends Error {}

/**
 * @param {Rules} rules
 * @param {{version: number, owner: string, until: number}} of
 * @returns {string}
 */
export function mandateText(rules, { version, owner, until }) {
  return [
    "My Wattnote agent may trade for me by these rules, and by no others.",
    "",
    `Account: ${owner}`,
    `Rules: ${version}`,
    `Sell: ${rules.sells ? `from ${rules.sell_from} micro-units per kWh` : "never"}`,
    `Buy: ${rules.buys ? `up to ${rules.buy_up_to} micro-units per kWh` : "never"}`,
    `Reserve: ${rules.reserve_wh} Wh`,
    `Budget for a day of delivery: ${rules.budget} micro-units`,
    `Most in one trade: ${rules.most_wh} Wh`,
    `Partners: ${rules.partners}`,
    `Hours: ${rules.from_minute} to ${rules.to_minute} minutes of the day, ${rules.zone}`,
    `Until: ${new Date(until * 1000).toISOString().slice(0, 19)}Z`,
  ].join("\n");
}

/**
 * @param {{rules: Rules|null, version: number|null, mandate: string|null, until: number|null}} plan
 * @param {{owner: string, address: string, newest: number}} me the wallet, and the highest version it ever worked by
 * @param {number} [now] seconds since the epoch
 * @returns {Rules}
 * @throws {MandateError}
 */
export function requireMandate({ rules, version, mandate, until }, { owner, address, newest }, now = Date.now() / 1000) {
  if (!rules || !version || !mandate || !until) throw new MandateError(gettext("There is no mandate."));
  if (until <= now) throw new MandateError(gettext("The mandate ran out."));
  if (version < newest) throw new MandateError(gettext("These rules are older than the ones that you signed last."));
  const signer = recover(textDigest(mandateText(rules, { version, owner, until })), mandate);
  if (!sameHex(signer, address)) throw new MandateError(gettext("These rules are not signed by your wallet."));
  return rules;
}
