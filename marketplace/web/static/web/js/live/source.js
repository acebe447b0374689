/**
 * The running replay: pushed over a websocket, polled where there is none.
 */

import { get } from "../api.js";

/**
 * @typedef {object} LiveTrade
 * @property {string} id
 * @property {string} seller
 * @property {string} buyer
 * @property {number} quantity_wh
 * @property {string|number} price_per_kwh
 * @property {string|number} amount
 * @property {string} channel
 */
/**
 * @typedef {object} LiveSlot
 * @property {{id: string|number, scenario: string, status: string, paused: boolean, speed: number}|null} run
 * @property {number} slot_start
 * @property {number} slot_index
 * @property {number} slots_total
 * @property {number[]} vm_pu in the order of the feeder's nodes
 * @property {number[]} line_loading_percent in the order of its lines
 * @property {number[]} trafo_loading_percent
 * @property {number} traded_wh
 * @property {number|string|null} price_mean
 * @property {number} refused
 * @property {LiveTrade[]} trades
 * @property {{slot_start: number[], traded_wh: number[], import_wh: number[], export_wh: number[],
 *   price: (number|null)[]}} series
 */

const POLL_MS = 2000;
const RETRY_SOCKET_MS = 20_000;

/** @fires LiveSource#slot @fires LiveSource#idle */
export class LiveSource extends EventTarget {
  constructor() {
    super();
    this.pushed = false;
    this.last = "";
  }

  start() {
    this.connect();
    void this.poll();
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/live/`);
    socket.onopen = () => {
      this.pushed = true;
    };
    socket.onmessage = (event) => this.take(JSON.parse(event.data));
    socket.onclose = () => {
      this.pushed = false;
      setTimeout(() => this.connect(), RETRY_SOCKET_MS);
    };
  }

  async poll() {
    try {
      if (!this.pushed || !this.last) this.take(await get("feeder/live/"));
    } catch (error) {
      this.dispatchEvent(new CustomEvent("idle", { detail: error }));
    }
    setTimeout(() => void this.poll(), document.hidden ? POLL_MS * 5 : POLL_MS);
  }

  /** @param {LiveSlot & {kind?: string}} slot */
  take(slot) {
    if (!slot?.run || !slot.vm_pu?.length) {
      this.dispatchEvent(new CustomEvent("idle", { detail: null }));
      return;
    }
    const { id, status, paused, speed } = slot.run;
    const key = `${id}/${slot.slot_index}/${status}/${paused}/${speed}`;
    if (key === this.last) return;
    this.last = key;
    this.dispatchEvent(new CustomEvent("slot", { detail: slot }));
  }
}
