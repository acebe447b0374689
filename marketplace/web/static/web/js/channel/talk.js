/**
 * A channel's log as a conversation: offers, answers, what was traded, what the grid refused.
 */

import { tradeAmount } from "../protocol/amounts.js";
import { h, replace } from "../ui/dom.js";
import { energy, money, price, slot, when } from "../ui/format.js";
import { fill, gettext } from "../ui/language.js";
import { clock } from "./clock.js";
import { reasonInWords } from "./refusals.js";
import { gateWords, roomInWords } from "./room.js";

/** @typedef {import("./book.js").ChannelView} ChannelView */
/** @typedef {import("./book.js").LiveOffer} LiveOffer */
/** @typedef {{accept: (live: LiveOffer) => void, counter: (live: LiveOffer) => void, reject: (live: LiveOffer) => void,
 *   withdraw: (live: LiveOffer) => void}} Answers */
/** @typedef {(offer: import("./book.js").Offer, mine: boolean) => Promise<import("./room.js").Room>} AskGrid */
/** @typedef {{frame: any, outcome: string}} Bid */

/** Keys that answer the offer which has the focus. */
const KEYS = new Map([["a", "accept"], ["c", "counter"], ["d", "reject"], ["w", "withdraw"]]);

/** The conversation in its container. */
export class TalkLog {
  /**
   * @param {HTMLElement} container
   * @param {string} partner
   * @param {Answers} answers
   * @param {AskGrid} askGrid
   */
  constructor(container, partner, answers, askGrid) {
    this.container = container;
    this.partner = partner;
    this.answers = answers;
    this.askGrid = askGrid;
    /** @type {Map<string, Bid>} */
    this.bids = new Map();
    /** @type {Map<string, HTMLElement>} */
    this.shown = new Map();
    /** @type {Map<string, {delivery: Record<string, string>}[]>} */
    this.metered = new Map();
    /** @type {ChannelView|null} */
    this.view = null;
    this.started = false;
  }

  /** The clocks of the offers that stand. */
  start() {
    setInterval(() => this.tick(), 1000);
  }

  tick() {
    const now = Date.now() / 1000;
    for (const timer of this.container.querySelectorAll("[role=timer]")) {
      const until = Number(/** @type {HTMLElement} */ (timer).dataset.until);
      const bid = timer.closest("[data-offer]");
      if (until > now) timer.textContent = clock(until - now);
      else if (bid instanceof HTMLElement) this.paint(bid.dataset.offer ?? "");
    }
  }

  /** @param {HTMLElement} element */
  append(element) {
    if (!this.started) this.container.replaceChildren();
    this.started = true;
    this.container.append(element);
    element.scrollIntoView({ block: "nearest" });
  }

  /**
   * What stands there while nothing was said; the first word takes its place.
   *
   * @param {string} text
   */
  invite(text) {
    replace(this.container, h("p", { class: "talk__note" }, text));
    this.started = false;
  }

  /** @param {string} text */
  note(text) {
    this.append(h("p", { class: "talk__note" }, text));
  }

  /** @param {HTMLElement} element */
  problem(element) {
    this.append(element);
  }

  /**
   * One entry of the channel's log.
   *
   * @param {any} frame
   * @param {"a"|"b"|undefined} side
   */
  add(frame, side) {
    const mine = frame.sender === "me" || (side !== undefined && frame.sender === side);
    const { type, body } = frame;
    if (type === "counter") this.close(body.answers, gettext("Countered"));
    if (type === "offer" || type === "counter") return this.addBid(frame, mine);
    if (type === "reject") return this.decline(body.offer, mine, body.reason);
    if (type === "withdraw") return this.close(body.offer, gettext("Withdrawn"));
    if (type === "update.request") return this.close(body.offer, mine ? gettext("You accepted") : gettext("Accepted"));
    if (type.startsWith("ledger.")) return this.addLedgerEvent(type, body, frame.at);
    this.addEvent(type, body, mine, frame.at);
  }

  /**
   * @param {string} offer
   * @param {boolean} mine
   * @param {string} [reason]
   */
  decline(offer, mine, reason) {
    this.close(offer, this.declined(mine, reason));
    if (mine || reason !== "grid_limit") return;
    void gateWords(offer).then((words) => words && this.close(offer, this.declined(mine, words)));
  }

  /**
   * @param {boolean} mine
   * @param {string} [reason] a code, or the other one's own words
   */
  declined(mine, reason) {
    if (mine) return gettext("You declined");
    if (!reason || reason === "declined") return gettext("Declined");
    return fill(gettext("Declined: %(reason)s"), { reason: reasonInWords(reason) });
  }

  /** @param {string} text */
  bad(text) {
    this.append(h("p", { class: "outcome outcome--bad" }, text));
  }

  /**
   * @param {string} type
   * @param {any} body
   * @param {boolean} mine
   * @param {number} at
   */
  addEvent(type, body, mine, at) {
    const values = { who: this.partner, version: body.version ?? "", reason: reasonInWords(body.reason ?? ""), when: when(at) };
    if (type === "update.confirm") this.append(h("p", { class: "outcome" }, fill(gettext("Traded and signed by both, state %(version)s"), values)));
    else if (type === "settle.request") this.metered.set(body.state.version, body.deliveries);
    else if (type === "settle.confirm") this.settled(body.version);
    else if (type === "update.abort") this.bad(fill(this.refusal(mine, body.reason), values));
    else if (type === "update.fallback") this.bad(gettext("No signature came in time. Nothing moved."));
    else if (type === "channel.open_request") this.note(fill(mine ? gettext("You asked to open the channel, %(when)s.") : gettext("%(who)s asked to open the channel, %(when)s."), values));
    else if (type === "funding.request") this.note(fill(mine ? gettext("You asked to change the funding of the channel.") : gettext("%(who)s asked to change the funding of the channel."), values));
    else if (type === "enforce.offer") this.note(fill(mine ? gettext("You bring an accepted offer to the ledger.") : gettext("%(who)s brings an accepted offer to the ledger."), values));
    else if (type === "close.request") this.note(fill(mine ? gettext("You asked to close the channel.") : gettext("%(who)s asked to close the channel."), values));
    else if (type === "dispute.raise") this.bad(fill(mine ? gettext("You raised a dispute, %(when)s.") : gettext("%(who)s raised a dispute, %(when)s."), values));
  }

  /**
   * @param {boolean} mine
   * @param {string} reason of the machine, in one word, or the other one's own words
   */
  refusal(mine, reason) {
    if (reason === "expired" && mine) return gettext("You did not sign in time. Nothing moved.");
    if (reason === "expired") return gettext("%(who)s did not sign in time. Nothing moved. The channel’s page says what you can do then.");
    return mine ? gettext("You refused: %(reason)s") : gettext("%(who)s refused: %(reason)s");
  }

  /**
   * @param {string} type
   * @param {any} body
   * @param {number} at
   */
  addLedgerEvent(type, body, at) {
    const values = { when: when(at), until: body.deadline ? when(Number(body.deadline)) : "", version: body.version ?? "" };
    if (type === "ledger.opened") this.note(fill(gettext("Opened on the ledger, %(when)s."), values));
    else if (type === "ledger.rolled_back") this.bad(gettext("The ledger took back its last blocks. What still holds comes again."));
    else if (type === "ledger.funding_changed") this.note(fill(gettext("Funded anew on the ledger, %(when)s."), values));
    else if (type === "ledger.offer_enforced") this.bad(fill(gettext("The ledger applied an accepted offer. It is paid out by that after %(until)s."), values));
    else if (type === "ledger.delivery_enforced") this.note(gettext("The ledger refunded what was not delivered."));
    else if (type === "ledger.checkpointed") this.note(fill(gettext("The ledger recorded state %(version)s."), values));
    else if (type === "ledger.resolved") this.note(fill(gettext("The dispute was answered with state %(version)s."), values));
    else if (type === "ledger.finalised") this.note(fill(gettext("Closed and paid out by the ledger, %(when)s."), values));
    else if (type === "ledger.disputed") this.bad(fill(gettext("In dispute on the ledger until %(until)s."), values));
  }

  /** @param {string} version of a settlement */
  settled(version) {
    const deliveries = this.metered.get(version);
    if (!deliveries) return this.note(fill(gettext("Meter readings settled, state %(version)s."), { version }));
    const wh = deliveries.reduce((sum, { delivery }) => sum + BigInt(delivery.deliveredWh ?? 0), 0n);
    this.note(fill(gettext("Meter readings settled, state %(version)s: %(energy)s delivered."), { version, energy: energy(wh) }));
  }

  /**
   * @param {any} frame
   * @param {boolean} mine
   */
  addBid(frame, mine) {
    const { offer } = frame.body;
    const element = h("article", { class: `bid${mine ? " bid--mine" : ""}`, "data-offer": offer.id, tabindex: "0", onkeydown: (/** @type {KeyboardEvent} */ event) => this.onKey(event, offer.id) });
    this.bids.set(offer.id, { frame: { ...frame, mine }, outcome: "" });
    this.shown.set(offer.id, element);
    this.paint(offer.id);
    this.append(element);
  }

  /**
   * @param {string} id
   * @param {string} outcome
   */
  close(id, outcome) {
    const bid = this.bids.get(id);
    if (!bid) return;
    bid.outcome = outcome;
    this.paint(id);
  }

  /** @param {ChannelView} view */
  update(view) {
    this.view = view;
    for (const id of this.bids.keys()) this.paint(id);
    if (!this.started && view.phase === "open") this.invite(gettext("The channel is open. Make the first offer."));
  }

  /** @param {string} id */
  paint(id) {
    const bid = /** @type {Bid} */ (this.bids.get(id));
    const element = /** @type {HTMLElement} */ (this.shown.get(id));
    const { offer } = bid.frame.body;
    const { mine } = bid.frame;
    const live = this.view?.offers.find((o) => o.offer.id === id);
    const left = Number(offer.validUntil) - Date.now() / 1000;
    const over = bid.outcome || (left <= 0 ? gettext("Expired") : this.view && !live ? gettext("No longer stands") : "");
    const amount = money(tradeAmount(BigInt(offer.quantityWh), BigInt(offer.pricePerKwh)), { exact: true });
    const focused = element.contains(document.activeElement) && element !== document.activeElement;
    element.classList.toggle("bid--over", Boolean(over));
    replace(
      element,
      h("div", { class: "bid__what" }, h("span", { class: "num" }, `${this.verb(offer, mine)} ${energy(offer.quantityWh)}`), h("span", { class: "num" }, price(offer.pricePerKwh))),
      h("div", { class: "bid__meta" }, h("span", {}, slot(Number(offer.slotStart), Number(offer.slotEnd))), h("b", { class: "num" }, amount)),
      h("div", { class: "bid__meta" }, ...(over ? [h("span", {}, over)] : this.standing(left, offer.validUntil))),
      over ? null : this.gridLine(offer, mine),
      !over && live ? this.actions(live, mine) : null,
    );
    if (focused) element.focus();
  }

  /**
   * @param {number} left seconds
   * @param {string} until
   */
  standing(left, until) {
    return [h("span", {}, gettext("Stands for"), " ", h("b", { class: "num", role: "timer", "aria-live": "off", "data-until": until }, clock(left)))];
  }

  /**
   * @param {import("./book.js").Offer} offer
   * @param {boolean} mine
   */
  verb(offer, mine) {
    if (offer.offerorSells) return mine ? gettext("You sell") : gettext("Sells");
    return mine ? gettext("You buy") : gettext("Buys");
  }

  /**
   * What the grid says to an offer that stands; nothing where it can't be asked.
   *
   * @param {import("./book.js").Offer} offer
   * @param {boolean} mine
   */
  gridLine(offer, mine) {
    const line = h("p", { class: "bid__grid small" });
    this.askGrid(offer, mine).then(
      (room) => {
        line.dataset.fits = String(room.fits);
        line.textContent = roomInWords(room);
      },
      () => line.remove(),
    );
    return line;
  }

  /**
   * @param {KeyboardEvent} event
   * @param {string} id
   */
  onKey(event, id) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const does = KEYS.get(event.key.toLowerCase());
    const button = does && this.shown.get(id)?.querySelector(`[data-does="${does}"]`);
    if (!(button instanceof HTMLButtonElement)) return;
    event.preventDefault();
    button.click();
  }

  /**
   * @param {LiveOffer} live
   * @param {boolean} mine
   */
  actions(live, mine) {
    const button = (/** @type {keyof Answers} */ does, /** @type {string} */ word, /** @type {string} */ kind) =>
      h("button", { type: "button", class: `button button--small ${kind}`, "data-does": does, onclick: () => this.answers[does](live) }, word);
    return mine
      ? h("div", { class: "bid__actions" }, button("withdraw", gettext("Withdraw"), "button--quiet"))
      : h("div", { class: "bid__actions" }, button("accept", gettext("Accept"), "button--primary"), button("counter", gettext("Counter"), ""), button("reject", gettext("Decline"), "button--quiet"));
  }
}
