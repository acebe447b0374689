/**
 * All running conversations beside each other: with whom, in which state, and whose turn it is.
 */

import { list } from "../api.js";
import { chip, h, replace } from "../ui/dom.js";
import { fill, gettext, ngettext } from "../ui/language.js";
import { draftOf } from "./drafts.js";
import { awaitsMe } from "./people.js";

/** @typedef {import("./book.js").ChannelView} ChannelView */
/** @typedef {import("./desk.js").ChannelDesk} ChannelDesk */
/** @typedef {{channel: string, peer: string, phase: string, seq: number}} Line */
/** @typedef {{rank: number, word: string, kind: string}} Turn what is first wants the person most */

const SHOWN = 24;
const OVER = ["closed", "aborted"];
const LOOK_MS = 5000;

/**
 * Whose turn it is.
 *
 * @param {ChannelView} view
 * @param {number} [now] seconds since the epoch
 * @returns {Turn}
 */
export function turnOf(view, now = Date.now() / 1000) {
  if (view.phase === "disputed") return { rank: 0, word: gettext("In dispute"), kind: "bad" };
  if (view.phase === "requested") return awaitsMe(view) ? { rank: 0, word: gettext("Sign the opening"), kind: "warn" } : { rank: 3, word: gettext("Not open yet"), kind: "plain" };
  if (view.staged) {
    const mine = view.staged.proposer === view.side;
    return mine ? { rank: 2, word: gettext("Waits for a signature"), kind: "plain" } : { rank: 0, word: gettext("Your signature"), kind: "warn" };
  }
  const standing = view.offers.filter(({ offer }) => Number(offer.validUntil) > now);
  const theirs = standing.filter(({ offeror }) => offeror !== view.side).length;
  if (theirs) return { rank: 1, word: fill(ngettext("Your turn: %(n)s offer", "Your turn: %(n)s offers", theirs), { n: theirs }), kind: "warn" };
  if (standing.length) return { rank: 2, word: gettext("Your offer stands"), kind: "plain" };
  return view.phase === "open" ? { rank: 3, word: gettext("Open"), kind: "good" } : { rank: 3, word: gettext("In work"), kind: "plain" };
}

/** The list in its place. */
export class Running {
  /**
   * @param {HTMLElement} place with `data-trade`, the address of a partner's page without its name
   * @param {ChannelDesk} desk
   * @param {string} here owner of the partner whose page this is
   */
  constructor(place, desk, here) {
    this.place = place;
    this.desk = desk;
    this.here = here;
    this.me = document.body.dataset.owner ?? "";
    /** @type {Line[]} */
    this.lines = [];
    /** @type {Map<string, {display_name: string, slug: string|null}>} */
    this.partners = new Map();
    this.followed = new Set();
    this.drawn = "";
  }

  start() {
    this.desk.addEventListener("channels", (event) => void this.take(/** @type {CustomEvent} */ (event).detail));
    this.desk.addEventListener("view", () => this.show());
    setInterval(() => this.show(), LOOK_MS);
  }

  /**
   * Follows the other conversations from now on: what this person's own signed offers oblige to is signed there too.
   *
   * @param {{channels: Line[]}} known
   */
  async take({ channels }) {
    this.lines = channels.filter(({ phase }) => !OVER.includes(phase)).slice(0, SHOWN);
    if (this.lines.some(({ peer }) => !this.partners.has(peer))) await this.learnNames();
    for (const { channel, peer, seq } of this.lines) {
      if (peer === this.here || this.followed.has(channel)) continue;
      this.followed.add(channel);
      this.desk.socket.follow(channel, seq);
    }
    this.show();
  }

  async learnNames() {
    for (const { partner } of await list("channels/")) {
      this.partners.set(partner.owner, partner);
      this.desk.names.set(partner.owner, partner.display_name);
    }
  }

  show() {
    const rows = this.lines.map((line) => this.row(line)).sort((a, b) => a.turn.rank - b.turn.rank);
    const key = JSON.stringify(rows);
    if (key === this.drawn) return;
    this.drawn = key;
    this.place.hidden = rows.length < 2 && rows.every(({ peer }) => peer === this.here);
    const focused = document.activeElement instanceof HTMLElement && this.place.contains(document.activeElement) ? document.activeElement.dataset.peer : undefined;
    replace(this.place.querySelector("ul") ?? this.place, ...rows.map((row) => this.item(row)));
    if (focused) /** @type {HTMLElement|null} */ (this.place.querySelector(`[data-peer="${focused}"]`))?.focus();
  }

  /** @param {Line} line */
  row({ channel, peer, phase }) {
    const view = this.desk.views.get(channel);
    const turn = view ? turnOf(view) : { rank: 4, word: phase === "open" ? gettext("Open") : gettext("In work"), kind: "plain" };
    const partner = this.partners.get(peer);
    return { peer, turn, name: partner?.display_name ?? peer, slug: partner?.slug ?? "", draft: Boolean(draftOf(this.me, peer)) };
  }

  /** @param {ReturnType<Running["row"]>} row */
  item({ peer, turn, name, slug, draft }) {
    const parts = [h("span", { class: "running__name" }, name), h("span", { class: "running__state" }, draft ? chip(gettext("Draft"), "plain") : null, chip(turn.word, turn.kind))];
    const current = peer === this.here;
    if (!slug) return h("li", {}, h("span", { class: "running__link" }, ...parts));
    return h("li", {}, h("a", { class: "running__link", href: `${this.place.dataset.trade}${slug}/`, "data-peer": peer, "aria-current": current ? "page" : undefined }, ...parts));
  }
}
