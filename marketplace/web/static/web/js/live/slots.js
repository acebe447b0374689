/**
 * The slots that can be traded, in a select: market time, which a replay takes from its profiles. They move on as the
 * market plays, at whatever pace it does.
 */

import { get } from "../api.js";
import { h } from "../ui/dom.js";
import { slot } from "../ui/format.js";

export const SLOT_S = 900;
const SLOTS_AHEAD = 24;
const HANDS_S = 30;
const LOOK_AGAIN_S = { least: 2, most: 30 };

/** @typedef {{open: number[], seconds_per_slot: number, tariff: {retail_per_kwh: string, feed_in_per_kwh: string, imbalance_per_kwh: string}}} Market */

/**
 * @fires SlotChoice#change another slot is chosen, by hand or because the chosen one closed
 */
export class SlotChoice extends EventTarget {
  /**
   * @param {HTMLSelectElement} select
   * @param {number} wished slot to choose if it is open, 0 for none
   */
  constructor(select, wished) {
    super();
    this.select = select;
    this.wished = wished;
    select.addEventListener("change", () => this.dispatchEvent(new Event("change")));
  }

  /** @returns {number} start of the chosen slot */
  get value() {
    return Number(this.select.value);
  }

  /** @returns {Promise<Market|null>} null while no market runs: the slots are the clock's then */
  async start() {
    const market = await get("market/").catch(() => null);
    this.offer(market);
    const pace = market?.seconds_per_slot ?? LOOK_AGAIN_S.most;
    const wait = Math.min(Math.max(pace, LOOK_AGAIN_S.least), LOOK_AGAIN_S.most);
    setInterval(() => void this.look(), wait * 1000);
    return market;
  }

  /** A market that can't be reached now has the slots that it had. */
  async look() {
    const market = document.hidden ? null : await get("market/").catch(() => null);
    if (market) this.offer(market);
  }

  /** @param {Market|null} market */
  offer(market) {
    const clock = Math.ceil(Date.now() / 1000 / SLOT_S) * SLOT_S;
    const [first = clock, last = clock + SLOTS_AHEAD * SLOT_S] = market?.open ?? [];
    const chosen = this.value;
    for (const option of [...this.select.options]) if (Number(option.value) < first) option.remove();
    for (let start = first; start <= last; start += SLOT_S) this.add(start);
    if (chosen >= first) return;
    const lead = Math.ceil(HANDS_S / (market?.seconds_per_slot || SLOT_S));
    const fallback = Math.min(first + lead * SLOT_S, last);
    this.choose(!chosen && this.wished >= first && this.wished <= last ? this.wished : fallback);
  }

  /** @param {number} start to be chosen once the open slots are known, if it is among them */
  wish(start) {
    this.wished = start;
  }

  /** @param {number} start */
  add(start) {
    if (this.select.querySelector(`option[value="${start}"]`)) return;
    this.select.append(h("option", { value: start }, slot(start, start + SLOT_S)));
  }

  /** @param {number} start */
  choose(start) {
    this.add(start);
    this.select.value = String(start);
    this.dispatchEvent(new Event("change"));
  }
}
