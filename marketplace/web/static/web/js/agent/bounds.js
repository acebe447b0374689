/**
 * The bounds of a mandate, checked here before anything is signed: what the site plans is a proposal. What is bound
 * already is counted from the channels' own signed states, and from what this browser has signed.
 */

import { sellerOf } from "../channel/book.js";
import { reasonInWords } from "../channel/refusals.js";
import { tradeAmount } from "../protocol/amounts.js";
import { structId } from "../protocol/typed_data.js";

/** @typedef {import("./mandate.js").Rules} Rules */
/** @typedef {import("../channel/book.js").ChannelView} ChannelView */
/** @typedef {import("../channel/book.js").Offer} Offer */
/** @typedef {import("../channel/book.js").Side} Side */
/** @typedef {{id: string, slotStart: number, sells: boolean, wh: number, amount: bigint, until: number, traded?: boolean}} Promised */
/**
 * @typedef {object} Action of the site's plan
 * @property {"accept"|"counter"|"offer"} kind
 * @property {string} channel
 * @property {string} offer
 * @property {{owner: string, display_name: string}} partner
 * @property {boolean} sells
 * @property {number} quantity_wh
 * @property {string} price_per_kwh
 * @property {string} imbalance_per_kwh
 * @property {number} slot_start
 * @property {string} reason
 * @property {{surplus_wh: number, need_wh: number, stored_wh: number, sold_wh: number, bought_wh: number}} position
 * @property {string} spent
 */

const SLOT_S = 900;
const DAY_MINUTES = 1440;
/** After an offer's end its acceptance may still be on its way. */
const GRACE_S = 120;

/** A step is outside what the person signed for. */
export class BoundsError extends Error {
  /** @param {string} code of `refusals.js` */
  constructor(code) {
    super(reasonInWords(code));
    this.code = code;
  }
}

/**
 * @param {boolean} condition
 * @param {string} code
 */
function requireThat(condition, code) {
  if (!condition) throw new BoundsError(code);
}

/**
 * @param {number} at seconds since the epoch
 * @param {string} zone
 * @returns {{day: string, minute: number}}
 */
export function localTime(at, zone) {
  const form = new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const parts = Object.fromEntries(form.formatToParts(new Date(at * 1000)).map(({ type, value }) => [type, value]));
  return { day: `${parts.year}-${parts.month}-${parts.day}`, minute: Number(parts.hour) * 60 + Number(parts.minute) };
}

/**
 * @param {Rules} rules
 * @param {number} slotStart
 */
export function inHours({ from_minute: from, to_minute: to, zone }, slotStart) {
  const { minute } = localTime(slotStart, zone);
  return from < to ? minute >= from && minute < to : (minute >= from || minute < to) && minute < DAY_MINUTES;
}

/**
 * What binds this side by a channel's view: trades, a trade that one side has signed, own offers that may be accepted.
 *
 * @param {ChannelView} view
 * @returns {Promised[]}
 */
export function promisedIn(view) {
  const { side } = view;
  const found = view.openTrades.map((t) => ({ id: t.id, slotStart: Number(t.slotStart), sells: t.seller === side, wh: Number(t.quantityWh), amount: BigInt(t.amount), until: Infinity, traded: true }));
  for (const staged of [view.staged, view.dropped]) {
    if (staged?.offer) found.push({ ...promised(staged.offer.offer, staged.offer.offeror, side), until: Infinity, traded: true });
  }
  const own = view.offers.filter(({ offeror }) => offeror === side);
  return [...found, ...own.map(({ offer, offeror }) => promised(offer, offeror, side))];
}

/**
 * @param {Offer} offer
 * @param {Side} offeror
 * @param {Side} side
 * @returns {Promised}
 */
export function promised(offer, offeror, side) {
  return {
    id: structId("Offer", offer),
    slotStart: Number(offer.slotStart),
    sells: sellerOf(offer, offeror) === side,
    wh: Number(offer.quantityWh),
    amount: tradeAmount(BigInt(offer.quantityWh), BigInt(offer.pricePerKwh)),
    until: Number(offer.validUntil),
  };
}

/**
 * All that binds, each promise once: from the views, and what this browser signed that no view shows any more.
 *
 * @param {Iterable<ChannelView>} views
 * @param {Promised[]} signed
 * @param {number} now
 * @returns {Map<string, Promised>}
 */
export function bound(views, signed, now) {
  const all = new Map(signed.filter((p) => p.traded || p.until + GRACE_S > now).map((p) => [p.id, p]));
  for (const view of views) for (const one of promisedIn(view)) if (one.traded || one.until > now) all.set(one.id, one);
  return all;
}

/**
 * @param {Action} action
 * @param {Rules} rules
 * @param {{view: ChannelView, bound: Map<string, Promised>, now: number, until: number}} facts
 * @throws {BoundsError} it must not be signed
 */
export function requireBounds(action, rules, { view, bound: all, now, until }) {
  const { sells, slot_start: start, quantity_wh: wh, position } = action;
  const price = BigInt(action.price_per_kwh);
  requireThat(until > now, "mandate_over");
  requireThat(sells ? rules.sells : rules.buys, "side_not_allowed");
  requireThat(sells ? price >= BigInt(rules.sell_from) : price >= 0n && price <= BigInt(rules.buy_up_to), "price_not_allowed");
  requireThat(Number.isSafeInteger(wh) && wh > 0 && wh <= rules.most_wh, "more_than_allowed");
  requireThat(Number.isSafeInteger(start) && start % SLOT_S === 0 && inHours(rules, start), "hours_not_allowed");
  requireThat(rules.partners === "all" || Number(view.tree.size) > 0, "partner_not_allowed");
  requireUncovered(action, rules, position, all);
  if (!sells) requireBudget(action, rules, all);
}

/**
 * @param {Action} action
 * @param {Rules} rules
 * @param {Action["position"]} position
 * @param {Map<string, Promised>} all
 */
function requireUncovered({ sells, slot_start: start, quantity_wh: wh }, rules, position, all) {
  const mine = [...all.values()].filter((p) => p.slotStart === start && p.sells === sells);
  const own = mine.reduce((sum, p) => sum + p.wh, 0);
  const covered = Math.max(own, sells ? position.sold_wh : position.bought_wh);
  const kept = Math.max(0, rules.reserve_wh - position.stored_wh);
  const open = sells ? position.surplus_wh - kept - covered : position.need_wh - covered;
  requireThat(wh <= open, "slot_covered");
}

/**
 * @param {Action} action
 * @param {Rules} rules
 * @param {Map<string, Promised>} all
 */
function requireBudget({ slot_start: start, quantity_wh: wh, price_per_kwh: price, spent }, rules, all) {
  const { day } = localTime(start, rules.zone);
  const ours = [...all.values()].filter((p) => !p.sells && localTime(p.slotStart, rules.zone).day === day);
  const own = ours.reduce((sum, p) => sum + p.amount, 0n);
  const before = own > BigInt(spent) ? own : BigInt(spent);
  requireThat(before + tradeAmount(BigInt(wh), BigInt(price)) <= BigInt(rules.budget), "budget_passed");
}
