/**
 * Between two people the meter's word is settled by whichever browser is there with an unlocked wallet: it proposes,
 * the other one countersigns. An agent does that by itself.
 */

import * as api from "../api.js";
import { requireSignature } from "../protocol/signing.js";
import { sameHex } from "../protocol/bytes.js";
import { deed } from "../wallet/deeds.js";
import { stateAfterSettlement } from "./book.js";
import { RefusedError } from "./socket.js";

/** @typedef {import("./desk.js").ChannelDesk} ChannelDesk */
/** @typedef {import("./book.js").ChannelView} ChannelView */
/** @typedef {{delivery: Record<string, string>, signature: string}} SignedDelivery */

const LOOK_MS = 3000;
/** Side b leaves side a the first word, so that two browsers rarely cross. */
const POLITE_LOOKS = 4;
const FIRST_PAUSE = 4;
const LONGEST_PAUSE = 100;

/**
 * @param {ChannelView} view
 * @param {SignedDelivery[]} deliveries
 * @returns {SignedDelivery[]} those of trades that are open in this view
 */
export function settleable(view, deliveries) {
  return deliveries.filter(({ delivery }) => sameHex(delivery.channel ?? "", view.channel) && view.openTrades.some((t) => sameHex(t.id, delivery.trade ?? "")));
}

/**
 * Proposes the settlement of what was metered.
 *
 * @param {ChannelDesk} desk
 * @param {ChannelView} view
 * @param {SignedDelivery[]} deliveries
 */
async function propose(desk, view, deliveries) {
  for (const { delivery, signature } of deliveries) {
    requireSignature(desk.domain, "Delivery", delivery, signature, /** @type {string} */ (view.terms.metering));
  }
  const rows = deliveries.map(({ delivery }) => ({ trade: delivery.trade ?? "", deliveredWh: delivery.deliveredWh ?? "0" }));
  const state = stateAfterSettlement(view, rows);
  const signature = await desk.signState(view, state, { agreed: deed("metered", { partner: desk.nameOf(view.peer) }) });
  await desk.socket.send(view.channel, "settle.request", { deliveries, state, signature });
}

/** Looks after one channel as long as its page is open. */
export class Settler {
  /** @param {ChannelDesk} desk */
  constructor(desk) {
    this.desk = desk;
    /** @type {number|null} looks until the next proposal */
    this.pause = null;
    /** Looks between two proposals: a partner who is away doesn't answer the second one either. */
    this.longer = FIRST_PAUSE;
    this.busy = false;
  }

  /** Nothing is open: the next trade is settled without delay. */
  rest() {
    this.pause = null;
    this.longer = FIRST_PAUSE;
  }

  /** @param {() => string} channel the page's channel, "" while there is none */
  start(channel) {
    setInterval(() => void this.look(channel()), LOOK_MS);
  }

  /** @param {string} channel */
  async look(channel) {
    const view = this.desk.views.get(channel);
    if (!view?.openTrades.length) this.rest();
    if (this.busy || view?.phase !== "open" || view.staged || !view.openTrades.length || !(await this.desk.signer.isOpen())) return;
    this.busy = true;
    try {
      await this.settle(view);
    } catch (error) {
      // Refused: the partner spoke first, or has not answered the last proposal. There is another look.
      if (!(error instanceof RefusedError)) this.desk.tell("problem", { channel, error });
    } finally {
      this.busy = false;
    }
  }

  /** @param {ChannelView} view */
  async settle(view) {
    const metered = settleable(view, await api.get(`channels/${view.channel}/deliveries/`));
    if (!metered.length) return;
    this.pause ??= view.side === "b" ? POLITE_LOOKS : 0;
    this.pause -= 1;
    if (this.pause >= 0) return;
    this.pause = this.longer;
    this.longer = Math.min(2 * this.longer, LONGEST_PAUSE);
    await propose(this.desk, view, metered);
  }
}
