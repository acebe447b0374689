/**
 * What other people ask of this one: proposals, answers, openings. Live, as the relay tells of them.
 */

import { get } from "../api.js";
import { RelaySocket } from "../channel/socket.js";
import { h, need, notice, replace } from "../ui/dom.js";
import { toastError } from "../ui/toast.js";
import { fill, gettext } from "../ui/language.js";

/** @typedef {{kind: "terms"|"answer"|"opening", id: string, partner: {owner: string, display_name: string, slug: string|null}}} Waiting */

/** @type {Record<Waiting["kind"], (name: string) => string>} */
const WORDS = {
  terms: (name) => fill(gettext("%(name)s would like to open a channel with you."), { name }),
  answer: (name) => fill(gettext("%(name)s accepted your terms. Sign the opening to go on."), { name }),
  opening: (name) => fill(gettext("%(name)s signed the opening of your channel. Your signature is missing."), { name }),
};

/**
 * @param {HTMLElement} place with `data-trade`, the address of a partner's page without its name
 * @param {string} [except] the partner whose page this is
 */
export async function showWaiting(place, except) {
  /** @type {Waiting[]} */
  const all = await get("channels/waiting/");
  const others = all.filter(({ partner }) => partner.slug && partner.owner !== except);
  const lines = others.map(({ kind, partner }) => notice("warn", WORDS[kind](partner.display_name), " ", h("a", { href: `${place.dataset.trade}${partner.slug}/` }, gettext("Look at it"))));
  replace(place, ...lines);
}

/** Keeps the notices of a page without a desk up to date. */
function watch() {
  const place = need("#waiting");
  const socket = new RelaySocket();
  const look = () => void showWaiting(place).catch(toastError);
  socket.addEventListener("hello", look);
  socket.addEventListener("message", (event) => {
    if (/^(esc|channel)\./.test(/** @type {CustomEvent} */ (event).detail.type)) look();
  });
  socket.connect();
}

if (document.querySelector("#waiting[data-live]")) watch();
