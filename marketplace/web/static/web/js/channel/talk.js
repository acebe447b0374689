/**
 * A channel's log as a conversation: offers, answers, what was traded, what the grid refused.
 */

import { tradeAmount } from "../protocol/amounts.js";
import { h, replace } from "../ui/dom.js";
import { duration, energy, money, price, slot, when } from "../ui/format.js";

/** @typedef {import("./book.js").ChannelView} ChannelView */
/** @typedef {import("./book.js").LiveOffer} LiveOffer */
/** @typedef {{accept: (live: LiveOffer) => void, counter: (live: LiveOffer) => void, reject: (live: LiveOffer) => void,
 *   withdraw: (live: LiveOffer) => void}} Answers */
/** @typedef {{frame: any, outcome: string}} Bid */

/** The conversation in its container. */
export class TalkLog {
  /**
   * @param {HTMLElement} container
   * @param {string} partner
   * @param {Answers} answers
   */
  constructor(container, partner, answers) {
    this.container = container;
    this.partner = partner;
    this.answers = answers;
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
    if (type === "counter") this.close(body.answers, "Countered");
    if (type === "offer" || type === "counter") return this.addBid(frame, mine);
    if (type === "reject") return this.close(body.offer, mine ? "You declined" : `Declined${body.reason ? `: ${body.reason}` : ""}`);
    if (type === "withdraw") return this.close(body.offer, "Withdrawn");
    if (type === "update.request") return this.close(body.offer, mine ? "You accepted" : "Accepted");
    this.addEvent(type, body, mine, frame.at);
  }

  /**
   * @param {string} type
   * @param {any} body
   * @param {boolean} mine
   * @param {number} at
   */
  addEvent(type, body, mine, at) {
    const who = mine ? "You" : this.partner;
    if (type === "update.confirm") this.append(h("p", { class: "outcome" }, `Traded and signed by both, state ${body.version}`));
    else if (type === "settle.request") this.metered.set(body.state.version, body.deliveries);
    else if (type === "settle.confirm") this.note(`Meter readings settled, state ${body.version}${this.counted(body.version)}.`);
    else if (type === "update.abort") this.append(h("p", { class: "outcome outcome--bad" }, `${who} refused: ${body.reason}`));
    else if (type === "update.fallback") this.append(h("p", { class: "outcome outcome--bad" }, "No signature came in time. Nothing moved."));
    else if (type === "channel.open_request") this.note(`${who} asked to open the channel, ${when(at)}.`);
    else if (type === "ledger.opened") this.note(`Opened on the ledger, ${when(at)}.`);
    else if (type === "ledger.rolled_back") this.append(h("p", { class: "outcome outcome--bad" }, "The ledger took back its last blocks. What still holds comes again."));
    else if (type === "funding.request") this.note(`${who} asked to change the funding of the channel.`);
    else if (type === "ledger.funding_changed") this.note(`Funded anew on the ledger, ${when(at)}.`);
    else if (type === "enforce.offer") this.note(`${who} brings an accepted offer to the ledger.`);
    else if (type === "ledger.offer_enforced") this.append(h("p", { class: "outcome outcome--bad" }, `The ledger applied an accepted offer. It is paid out by that after ${when(Number(body.deadline))}.`));
    else if (type === "ledger.delivery_enforced") this.note("The ledger refunded what was not delivered.");
    else if (type === "close.request") this.note(`${who} asked to close the channel.`);
    else if (type === "ledger.finalised") this.note(`Closed and paid out by the ledger, ${when(at)}.`);
    else if (type === "ledger.disputed") this.append(h("p", { class: "outcome outcome--bad" }, `In dispute on the ledger until ${when(Number(body.deadline))}.`));
  }

  /**
   * @param {string} version of a settlement
   * @returns {string} what its meter readings say
   */
  counted(version) {
    const deliveries = this.metered.get(version);
    if (!deliveries) return "";
    const wh = deliveries.reduce((sum, { delivery }) => sum + BigInt(delivery.deliveredWh ?? 0), 0n);
    return `: ${energy(wh)} delivered`;
  }

  /**
   * @param {any} frame
   * @param {boolean} mine
   */
  addBid(frame, mine) {
    const { offer } = frame.body;
    const element = h("article", { class: `bid${mine ? " bid--mine" : ""}`, "data-offer": offer.id });
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
    if (!this.started && view.phase === "open") this.invite("The channel is open. Make the first offer.");
  }

  /** @param {string} id */
  paint(id) {
    const bid = /** @type {Bid} */ (this.bids.get(id));
    const element = /** @type {HTMLElement} */ (this.shown.get(id));
    const { offer } = bid.frame.body;
    const { mine } = bid.frame;
    const verb = offer.offerorSells ? (mine ? "You sell" : "Sells") : mine ? "You buy" : "Buys";
    const live = this.view?.offers.find((o) => o.offer.id === id);
    const left = Number(offer.validUntil) - Math.floor(Date.now() / 1000);
    const over = bid.outcome || (left <= 0 ? "Expired" : this.view && !live ? "No longer stands" : "");
    element.classList.toggle("bid--over", Boolean(over));
    replace(
      element,
      h("div", { class: "bid__what" }, h("span", { class: "num" }, `${verb} ${energy(offer.quantityWh)}`), h("span", { class: "num" }, price(offer.pricePerKwh))),
      h("div", { class: "bid__meta" }, h("span", {}, slot(Number(offer.slotStart), Number(offer.slotEnd))), h("b", { class: "num" }, money(tradeAmount(BigInt(offer.quantityWh), BigInt(offer.pricePerKwh)), { exact: true }))),
      h("div", { class: "bid__meta" }, over || `Stands for ${duration(left)}`),
      !over && live ? this.actions(live, mine) : null,
    );
  }

  /**
   * @param {LiveOffer} live
   * @param {boolean} mine
   */
  actions(live, mine) {
    const button = (/** @type {string} */ word, /** @type {string} */ kind, /** @type {(l: LiveOffer) => void} */ act) =>
      h("button", { type: "button", class: `button button--small ${kind}`, onclick: () => act(live) }, word);
    const { accept, counter, reject, withdraw } = this.answers;
    return mine
      ? h("div", { class: "bid__actions" }, button("Withdraw", "button--quiet", withdraw))
      : h("div", { class: "bid__actions" }, button("Accept", "button--primary", accept), button("Counter", "", counter), button("Decline", "button--quiet", reject));
  }
}
