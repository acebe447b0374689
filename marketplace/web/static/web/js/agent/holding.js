/**
 * Of a person's browsers and programs one acts at a time: who said so to the site within the last minute.
 */

import * as api from "../api.js";

const NAME = "wattnote.agent-name";

/** By which the site tells this browser, all its tabs, from the person's others and from programs. */
export function name() {
  const known = localStorage.getItem(NAME) ?? crypto.randomUUID();
  localStorage.setItem(NAME, known);
  return known;
}

/**
 * @param {string} doing a reason of the site's plan, or `locked`
 * @param {{takes_over?: boolean, leaves?: boolean}} [how] the person said that this browser is to act, whoever does now; or it ends
 * @returns {Promise<boolean>} whether this browser acts
 */
export async function hold(doing, how = {}) {
  return (await api.post("agent/presence/", { doing, holder: name(), ...how })).mine;
}
