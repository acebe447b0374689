/**
 * The agent at work in this tab: asks the site what to do, holds it against the mandate, signs, and tells what it did.
 * One tab of a browser at a time, and of the person's browsers and programs the one that the site names; it rests while the
 * wallet is locked.
 */

import * as api from "../api.js";
import { BookError } from "../channel/book.js";
import { RefusedError } from "../channel/socket.js";
import { structId } from "../protocol/typed_data.js";
import { WalletSigner } from "../wallet/signer.js";
import { BoundsError, requireBounds } from "./bounds.js";
import { AgentDesk } from "./desk.js";
import { hold, name } from "./holding.js";
import { MandateError, requireMandate } from "./mandate.js";

/** @typedef {import("./bounds.js").Action} Action */
/** @typedef {{doing: string, words?: string}} Doing */

const LOCKED_LOOK_MS = 3000;
const FAILED_LOOK_MS = 10_000;
const PRESENCE_MS = 20_000;
const RESTS = ["draft", "paused", "mandate"];
const ELSEWHERE = ["by_browser", "by_program"];
const FINISHED = ["closed", "aborted"];

/** @fires AgentRunner#doing what it does, or why nothing */
export class AgentRunner extends EventTarget {
  /**
   * @param {string} owner
   * @param {string} address of the wallet
   */
  constructor(owner, address) {
    super();
    this.owner = owner;
    this.desk = new AgentDesk(new WalletSigner(address));
    this.stopped = false;
    this.told = { doing: "", at: 0, mine: true };
    /** @type {Map<string, object>} offers of this agent that nobody has answered yet, as they were logged */
    this.open = new Map();
    this.wake = () => {};
    this.desk.addEventListener("view", () => this.wake());
    this.desk.addEventListener("entry", (e) => void this.hear(/** @type {CustomEvent} */ (e).detail));
    addEventListener("wattnote:lock", () => this.wake());
    this.desk.addEventListener("channels", (e) => this.follow(/** @type {CustomEvent} */ (e).detail.channels));
  }

  /** @param {Doing} doing */
  say(doing) {
    this.dispatchEvent(new CustomEvent("doing", { detail: doing }));
  }

  /** @param {{channel: string, phase: string}[]} channels */
  follow(channels) {
    for (const { channel, phase } of channels) {
      if (!FINISHED.includes(phase) && !this.desk.views.has(channel)) this.desk.socket.follow(channel);
    }
  }

  /** Works until the person pauses; waits for its turn where another tab is at it. */
  async start() {
    const name = `wattnote.agent/${this.owner}`;
    const isMine = await navigator.locks.request(name, { ifAvailable: true }, async (lock) => lock && (await this.work(), true));
    if (isMine) return;
    this.say({ doing: "elsewhere" });
    await navigator.locks.request(name, () => this.work());
  }

  /** The step in hand is not signed any more. */
  stop() {
    this.stopped = true;
    this.wake();
  }

  async work() {
    await this.desk.remember();
    while (!this.stopped) {
      const pause = await this.look().catch((error) => this.failed(error));
      if (!this.stopped) await this.sleep(pause);
    }
    this.desk.socket.close();
    if (this.told.at) await hold("busy", { leaves: true }).catch(() => false);
  }

  /** @param {number} ms */
  sleep(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
  }

  /** @param {any} error */
  failed(error) {
    if (error instanceof MandateError) this.stopped = true;
    this.say({ doing: error instanceof MandateError ? "mandate" : "away", words: error.message });
    return FAILED_LOOK_MS;
  }

  /** @returns {Promise<number>} milliseconds until the next look */
  async look() {
    if (!(await this.desk.signer.isOpen())) {
      await this.present("locked");
      return LOCKED_LOOK_MS;
    }
    const plan = await api.get(`agent/plan/?holder=${name()}`);
    if (RESTS.includes(plan.reason)) {
      this.stopped = true;
      this.say({ doing: plan.reason, words: plan.words });
      return 0;
    }
    if (ELSEWHERE.includes(plan.reason)) return this.rest(plan);
    const me = { owner: this.owner, address: this.desk.signer.address, newest: this.desk.memory.newest };
    const rules = requireMandate(plan, me);
    await this.desk.workBy(plan.version);
    if (!(await this.present(plan.reason, plan.words))) return plan.look_again_s * 1000;
    if (this.desk.socket.closed) this.desk.socket.reopen();
    else if (!this.desk.known && !this.desk.socket.socket) this.desk.start();
    if (plan.action && this.desk.views.has(plan.action.channel)) await this.step(plan, rules);
    else await this.keepOpen();
    if (plan.action && !this.desk.views.has(plan.action.channel) && this.desk.known) this.desk.socket.list();
    return plan.look_again_s * 1000;
  }

  /**
   * Another browser or program acts: this one signs nothing, and so listens to nothing.
   *
   * @param {{reason: string, words: string, look_again_s: number}} plan
   */
  rest({ reason, words, look_again_s }) {
    if (this.desk.socket.socket) this.desk.socket.close();
    this.told.doing = "";
    this.say({ doing: reason, words });
    return look_again_s * 1000;
  }

  /** While it works, the wallet doesn't lock for idleness: the person said so when it went live. */
  async keepOpen() {
    for (const { terms } of this.desk.views.values()) return void (await this.desk.signer.sessionAddress(/** @type {string} */ (terms.nonce)));
  }

  /**
   * @param {{action: Action, version: number, until: number}} plan
   * @param {import("./mandate.js").Rules} rules
   */
  async step({ action, version, until }, rules) {
    const view = this.desk.view(action.channel);
    const { channel, sells, slot_start, quantity_wh, price_per_kwh } = action;
    const told = { version, reason: action.reason, channel, sells, slot_start, quantity_wh, price_per_kwh };
    try {
      if (this.stopped) return;
      requireBounds(action, rules, { view, bound: this.desk.bound(), now: Date.now() / 1000, until });
      const offer = await this.desk.take(action);
      const made = { ...told, offer: offer.id, trade: structId("Offer", offer) };
      if (action.kind !== "accept") this.open.set(offer.id, made);
      await api.post("agent/steps/", { ...made, kind: action.kind });
    } catch (error) {
      if (!(error instanceof BoundsError || error instanceof RefusedError || error instanceof BookError)) throw error;
      const reason = error instanceof RefusedError && error.code === "grid_limit" ? "grid" : error instanceof BoundsError ? "bounds" : action.reason;
      await api.post("agent/steps/", { ...told, reason, kind: "refused", offer: action.offer || null, detail: (error instanceof BookError ? error.message : error.code).slice(0, 300) });
    }
    this.say({ doing: action.kind });
    dispatchEvent(new Event("wattnote:agent-step"));
  }

  /**
   * What partners said to own offers.
   *
   * @param {any} frame
   */
  async hear(frame) {
    const made = frame.type === "reject" && frame.sender !== "me" ? this.open.get(frame.body.offer) : undefined;
    if (!made) return;
    this.open.delete(frame.body.offer);
    await api.post("agent/steps/", { ...made, kind: "declined", detail: String(frame.body.reason ?? "").slice(0, 300) });
    dispatchEvent(new Event("wattnote:agent-step"));
  }

  /**
   * @param {string} doing
   * @param {string} [words]
   * @returns {Promise<boolean>} whether this browser acts
   */
  async present(doing, words) {
    this.say({ doing, words });
    if (this.told.doing === doing && Date.now() - this.told.at < PRESENCE_MS) return this.told.mine;
    const mine = await hold(doing);
    this.told = { doing, at: Date.now(), mine };
    return mine;
  }
}
